/** The system loads a native module only from a file, so the one that the executable contains is unpacked. What is in that file is run. */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorMessage, WhcbError } from "../../domain/errors.js";
import { cacheFolder } from "../paths.js";
import { isOwn, requireOwnFolder } from "./is-own.js";

/**
 * Returns what the module exports. The file stays in the cache folder for later starts. If that can't be used, it is a temporary one, unless
 * `WHCB_CACHE_DIR` names the folder. Throws `config` if the module can't be loaded.
 */
export function loadNativeModule(content: Buffer): unknown {
  const { env, platform } = process;
  const attempts = [() => load(cachedFile(content, cacheFolder(env, platform)))];
  if (!env.WHCB_CACHE_DIR) attempts.push(() => loadOnce(content));
  const failures: string[] = [];
  for (const attempt of attempts) {
    try {
      return attempt();
    } catch (error) {
      failures.push(errorMessage(error));
    }
  }
  throw new WhcbError("config", `the native module for SQLite can't be loaded from a file: ${failures.join("; ")}`, {
    hint: "Set WHCB_CACHE_DIR to a folder of this user's that others can't write to or exchange, on a file system that isn't mounted noexec.",
  });
}

function load(path: string): unknown {
  const loaded = { exports: {} };
  process.dlopen(loaded, path);
  return loaded.exports;
}

/** The name says what is in the file. A file with other content, or of another owner, is replaced; so processes may do this at once. */
function cachedFile(content: Buffer, cache: string): string {
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const folder = requireOwnFolder(cache);
  const path = join(folder, `${createHash("sha256").update(content).digest("hex").slice(0, 32)}.node`);
  if (isIntact(path, content)) return path;
  const unfinished = mkdtempSync(join(folder, "new-"));
  try {
    writeFileSync(join(unfinished, "module"), content, { mode: 0o600 });
    renameSync(join(unfinished, "module"), path);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return path;
}

function isIntact(path: string, content: Buffer): boolean {
  const file = lstatSync(path, { throwIfNoEntry: false });
  return file?.isFile() === true && isOwn(file) && file.size === content.length && readFileSync(path).equals(content);
}

/** The folder has a name that nobody can guess, and a loaded module needs its file no more. */
function loadOnce(content: Buffer): unknown {
  const folder = mkdtempSync(join(tmpdir(), "whcb-"));
  try {
    const path = join(requireOwnFolder(folder), "module.node");
    writeFileSync(path, content, { mode: 0o600 });
    return load(path);
  } finally {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // Windows keeps the file of a loaded module.
    }
  }
}
