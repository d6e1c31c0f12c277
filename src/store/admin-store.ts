/** What commands on the database itself need. */
import type { Mail } from "../domain/outage.js";
import type { CredentialStore } from "./credentials.js";
import type { MemberStore } from "./nodes/node-store.js";

export interface SenderErasure {
  /** Whether it is one of the sender's addresses; false for "". */
  readonly isSender: (address: string) => boolean;
  /** Without what belongs to the sender or to these calls; null: nothing does. */
  readonly eraseMail: (mail: Mail, callIds: ReadonlySet<string>) => Pick<Mail, "subject" | "text"> | null;
  /** Only find. */
  readonly dryRun: boolean;
  readonly now: number;
}

export interface ErasedSender {
  readonly callIds: ReadonlySet<string>;
  /** Of these calls: had something still to be sent. */
  readonly waiting: number;
  readonly attempts: number;
  /** As they were stored, with the number of calls. */
  readonly addresses: ReadonlyMap<string, number>;
  /** As they are now. */
  readonly mails: readonly Mail[];
  /** Of these: sent to a mail server. */
  readonly sentMails: number;
  /** Of these: written to a file. */
  readonly filedMails: number;
}

export interface AdminStore extends CredentialStore {
  /** While nothing serves the database: a dispatcher has responses in memory. */
  eraseSender(erasure: SenderErasure): Promise<ErasedSender>;
  /** Of PostgreSQL; null: a lock on the file keeps others out. */
  readonly members: MemberStore | null;
  close(): Promise<void>;
}
