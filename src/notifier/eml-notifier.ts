import { open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { createTransport } from "nodemailer";
import { isWhcbError, systemErrorCode, WhcbError } from "../domain/errors.js";
import type { Mail, NewMail } from "../domain/outage.js";
import { createOwnFolder, flushFolder } from "../platform/files/durable-folders.js";
import { requireNoStrangers } from "../platform/files/is-own.js";
import { checkOutageId, DEFAULT_SENDER, mailMessage, type Notifier } from "./notifier.js";

export interface EmlNotifierOptions {
  /** The directory is created with mode 0700. */
  readonly directory: string;
  readonly from?: string;
}

/** Throws `config` if a stranger made the folder, or a link that leads to it, where others may write. */
export function createEmlNotifier(options: EmlNotifierOptions): Notifier {
  requireNoStrangers(options.directory);
  const from = options.from ?? DEFAULT_SENDER;
  return {
    channel: "file",
    async send(mail) {
      const bytes = await composeMessage(mail, from);
      try {
        const name = fileNameOf(mail);
        await writeAtomically(options.directory, name, bytes);
        return join(options.directory, name);
      } catch (error) {
        const reason = isWhcbError(error) ? error.message : systemErrorCode(error) || "unknown reason";
        throw new WhcbError("unavailable", `The mail can't be written to ${options.directory}: ${reason}.`, { cause: error });
      }
    },
    async close() {},
  };
}

/** `MAIL_FILE` matches the name of an e-mail's file, or of a draft of one. */
const MAIL_FILE = /^(outage-[\w-]+\.eml|\.outage-[\w-]+\.eml\.draft)$/;

function fileNameOf({ outageId }: NewMail): string {
  return `outage-${checkOutageId(outageId)}.eml`;
}

/** Returns the folder beside the database, for e-mails if no folder is named. */
export function mailDirectoryOf(database: string): string {
  return join(dirname(resolve(database)), "mail");
}

export interface MailFileErasure {
  /** The e-mails of the outages that are still known, without the sender's data. Their files are written again. */
  readonly mails: readonly Mail[];
  /** These e-mails were erased before. A file of theirs is written again if it isn't erased yet. */
  readonly erasedMails: readonly Mail[];
  /** Whether an e-mail's text has something to erase. Such a file is removed if its outage isn't known any more. */
  readonly isAbout: (text: string) => boolean;
  readonly dryRun: boolean;
}

/** Returns how many files it changed or removed. Throws as `createEmlNotifier`. */
export async function eraseMailFiles(
  directory: string,
  { mails, erasedMails, isAbout, dryRun }: MailFileErasure,
): Promise<number> {
  const notifier = createEmlNotifier({ directory });
  const changing = new Set(mails.map(fileNameOf));
  const known = new Map([...mails, ...erasedMails].map((mail) => [fileNameOf(mail), mail]));
  let changed = 0;
  for (const name of await readdir(directory).catch(() => [])) {
    if (!MAIL_FILE.test(name)) continue;
    const path = join(directory, name);
    requireNoStrangers(path);
    const mail = known.get(name);
    if (!changing.has(name) && !isAbout(textOf(await readFile(path, "latin1")))) continue;
    changed += 1;
    if (dryRun) continue;
    const { atime, mtime } = await stat(path);
    if (mail === undefined) await rm(path);
    else {
      await notifier.send(mail);
      // The file's age counts for its retention.
      await utimes(path, atime, mtime);
    }
  }
  return changed;
}

/** Returns the body of a message that composeMessage made. */
function textOf(message: string): string {
  const [, head = "", body = ""] = /^([\s\S]*?)\r?\n\r?\n([\s\S]*)$/.exec(message) ?? [];
  const bytes = /^Content-Transfer-Encoding: quoted-printable/im.test(head)
    ? body.replace(/=\r?\n/g, "").replace(/=([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : body;
  return Buffer.from(bytes, "latin1").toString("utf8").replaceAll("\r\n", "\n");
}

/** Removes e-mails that were last written before this (epoch ms), and drafts that a crash left. Other files stay. Throws as `createEmlNotifier`. */
export async function removeMailFiles(directory: string, before: number): Promise<void> {
  requireNoStrangers(directory);
  for (const name of await readdir(directory).catch(() => [])) {
    const path = join(directory, name);
    if (!MAIL_FILE.test(name)) continue;
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: before }));
    if (mtimeMs < before) await rm(path, { force: true });
  }
}

async function composeMessage(mail: NewMail, from: string): Promise<Buffer> {
  const message = mailMessage(mail, from);
  const { message: bytes } = await createTransport({ streamTransport: true, buffer: true, newline: "windows" }).sendMail(message);
  if (!Buffer.isBuffer(bytes)) throw new WhcbError("unavailable", "The mail couldn't be composed.");
  return bytes;
}

/** Writes a whole file or none, even in a crash. The draft's name is fixed, so the next try removes it. */
async function writeAtomically(directory: string, name: string, bytes: Buffer): Promise<void> {
  await createOwnFolder(directory);
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
  await flushFolder(directory);
}
