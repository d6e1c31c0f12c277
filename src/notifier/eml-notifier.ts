/** Keeps mails as .eml files, one for each outage, for whoever has no mail server. */
import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { WhcbError } from "../domain/errors.js";
import type { Mail } from "../domain/mail.js";
import { checkedId, DEFAULT_SENDER, messageOf } from "./message.js";
import type { Notifier } from "./notifier.js";

export interface EmlNotifierOptions {
  /** Made with mode 0700 if it isn't there. */
  readonly directory: string;
  readonly from?: string;
}

export function createEmlNotifier(options: EmlNotifierOptions): Notifier {
  const from = options.from ?? DEFAULT_SENDER;
  return {
    async send(mail) {
      const bytes = await compose(mail, from);
      try {
        await writeWhole(options.directory, `outage-${checkedId(mail.outageId)}.eml`, bytes);
      } catch (error) {
        throw new WhcbError("unavailable", `The mail can't be written to ${options.directory}: ${reasonOf(error)}.`, {
          cause: error,
        });
      }
    },
    async close() {},
  };
}

async function compose(mail: Mail, from: string): Promise<Buffer> {
  const message = messageOf(mail, from);
  const { createTransport } = await import("nodemailer");
  const { message: bytes } = await createTransport({ streamTransport: true, buffer: true, newline: "windows" }).sendMail(message);
  if (!Buffer.isBuffer(bytes)) throw new WhcbError("unavailable", "The mail could not be composed.");
  return bytes;
}

/** A reader sees the old file, or the whole new one, also after a crash. The fixed name of the draft lets a later try clear it. */
async function writeWhole(directory: string, name: string, bytes: Buffer): Promise<void> {
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
  // Windows opens no directory; there a rename is as durable as it gets.
  const opened = await open(directory, "r").catch(() => null);
  await opened?.sync().catch(() => undefined);
  await opened?.close();
}

function reasonOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
}
