/** One .eml file per outage, without a mail server. */
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { createTransport } from "nodemailer";
import { systemErrorCode, WhcbError } from "../domain/errors.js";
import type { Mail } from "../domain/outage.js";
import { checkOutageId, DEFAULT_SENDER, mailMessage, type Notifier } from "./notifier.js";

export interface EmlNotifierOptions {
  /** Created with mode 0700. */
  readonly directory: string;
  readonly from?: string;
}

export function createEmlNotifier(options: EmlNotifierOptions): Notifier {
  const from = options.from ?? DEFAULT_SENDER;
  return {
    channel: "file",
    async send(mail) {
      const bytes = await composeMessage(mail, from);
      try {
        await writeAtomically(options.directory, `outage-${checkOutageId(mail.outageId)}.eml`, bytes);
      } catch (error) {
        const reason = systemErrorCode(error) || "unknown reason";
        throw new WhcbError("unavailable", `The mail can't be written to ${options.directory}: ${reason}.`, { cause: error });
      }
    },
    async close() {},
  };
}

/** Beside the database, if no folder is named. */
export function mailDirectoryOf(database: string): string {
  return join(dirname(resolve(database)), "mail");
}

/** Those last written before this (epoch ms); drafts that a crash left behind, too. Other files stay. */
export async function removeMailFiles(directory: string, before: number): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    const path = join(directory, name);
    if (!/^(outage-[\w-]+\.eml|\.outage-[\w-]+\.eml\.draft)$/.test(name)) continue;
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: before }));
    if (mtimeMs < before) await rm(path, { force: true });
  }
}

async function composeMessage(mail: Mail, from: string): Promise<Buffer> {
  const message = mailMessage(mail, from);
  const { message: bytes } = await createTransport({ streamTransport: true, buffer: true, newline: "windows" }).sendMail(message);
  if (!Buffer.isBuffer(bytes)) throw new WhcbError("unavailable", "The mail couldn't be composed.");
  return bytes;
}

/** Atomic, even in a crash. The draft's name is fixed, so the next try removes it. */
async function writeAtomically(directory: string, name: string, bytes: Buffer): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const draft = join(directory, `.${name}.draft`);
  await rm(draft, { force: true });
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, join(directory, name));
  await syncDirectory(directory);
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows can't open a directory.
  const opened = await open(directory, "r").catch(() => null);
  await opened?.sync().catch(() => undefined);
  await opened?.close();
}
