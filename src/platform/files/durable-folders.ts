/** A new name survives a power cut only once the folder that has it is on disk. */
import { mkdir, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { requireNoStrangers } from "./is-own.js";

/** Creates a folder, and those above it, for their owner only (0700). Returns the first that it has created, once all are on disk. */
export async function createFolder(path: string): Promise<string | undefined> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return undefined;
  for (let created = resolve(path); created.length >= first.length; created = dirname(created))
    await flushFolder(dirname(created));
  return first;
}

/** Creates a folder as `createFolder` does. Throws `config` if a stranger may have made it meanwhile. */
export async function createOwnFolder(path: string): Promise<void> {
  await createFolder(path);
  requireNoStrangers(path);
}

/** Resolves when the names in the folder are on disk, where the system can do that: Windows can't open a folder. */
export async function flushFolder(path: string): Promise<void> {
  try {
    const handle = await open(path, "r");
    await handle.sync().finally(() => handle.close());
  } catch {}
}
