/** Erases one person's content and addresses (docs/operations.md, Personal data). Ids and counts stay. */
import { sql } from "kysely";
import type { Author } from "../domain/audit/audit-entry.js";
import { type CallStatus, eraseCall, isErased } from "../domain/call.js";
import type { ReplaySelection } from "../domain/callback.js";
import { WhcbError } from "../domain/errors.js";
import { replaceAddresses } from "../domain/message-response.js";
import type { Mail } from "../domain/outage.js";
import type { Clock } from "../platform/clock.js";
import { eraseInFilters, findInFilters, writeAudit } from "./audit.js";
import { lockKeys } from "./callbacks/callback-row.js";
import { requireNoRuns } from "./callbacks/run-leases.js";
import { eraseAttempts } from "./calls/attempts.js";
import { eraseResponses, SENDER_INDEXES } from "./calls/call-row.js";
import { readStatesBySeq, writeStates } from "./calls/call-state.js";
import { countSent, listMails, type MailText, saveMailTexts } from "./outcomes/mails.js";
import { requireRewritable, waitForSnapshots } from "./postgres/rewrite-tables.js";
import type { Db, Row } from "./schema.js";
import { readSetting } from "./settings-store.js";
import { isPostgres, jsonPart } from "./sql/per-database.js";
import { transact } from "./sql/transactions.js";

export interface SenderErasure {
  /** Returns whether it is one of the sender's addresses, and false for "". */
  readonly isSender: (address: string) => boolean;
  /** Returns the mail without what belongs to the sender or to these calls, and the addresses that it named, or null if nothing does. */
  readonly eraseMail: (mail: Mail, callIds: ReadonlySet<string>) => (MailText & { readonly addresses: readonly string[] }) | null;
  /** Erases the e-mails' files, or counts them in a dry run. Returns how many they are. */
  readonly eraseFiles: (found: FoundMails) => Promise<number>;
  readonly dryRun: boolean;
  readonly now: number;
  readonly author?: Author;
}

/** The mails are as they will be. */
export interface FoundMails {
  readonly mails: readonly Mail[];
  /** These mails were erased before. A file of theirs may have been left, as in another node's folder. */
  readonly erasedMails: readonly Mail[];
  /** These calls are the sender's, or were erased before. */
  readonly callIds: ReadonlySet<string>;
}

export interface ErasedSender {
  readonly callIds: ReadonlySet<string>;
  /** So many of these calls were FAILED. */
  readonly failed: number;
  /** So many of these calls had something still to be sent. */
  readonly waiting: number;
  readonly attempts: number;
  /** The addresses are as they were stored, each with the number of its calls. */
  readonly addresses: ReadonlyMap<string, number>;
  /** The mails are as they are now. */
  readonly mails: readonly Mail[];
  readonly sentMails: number;
  readonly filedMails: number;
  readonly mailFiles: number;
}

const ROWS_AT_ONCE = 500;

/**
 * Erases the sender while nothing serves the database, as a dispatcher has responses in memory. It is many transactions, and the
 * next call completes what was cut off. Throws `locked` while a run sends, `config` if the user may not rewrite PostgreSQL's tables,
 * and `unavailable` if another process keeps the file from being rewritten.
 */
export async function eraseSender(
  db: Db,
  clock: Clock,
  { isSender, eraseMail, eraseFiles, dryRun, now, author }: SenderErasure,
): Promise<ErasedSender> {
  const { calls, addresses, others, erasedIds } = await findCalls(db, isSender);
  const callIds = new Set(calls.map(({ id }) => id));
  const mails: Mail[] = [];
  const erasedMails: Mail[] = [];
  const found = { mails, erasedMails, callIds: new Set([...callIds, ...erasedIds]) };
  for await (const mail of listMails(db, ROWS_AT_ONCE)) {
    const erased = eraseMail(mail, found.callIds);
    if (erased === null) continue;
    const { subject, text } = erased;
    const isSame = subject === mail.subject && text === mail.text;
    (isSame ? erasedMails : mails).push({ ...mail, subject, text });
    for (const address of erased.addresses) others.add(address.toLowerCase());
  }
  const isTheirs = (address: string) => isSender(address) || others.has(address.toLowerCase());
  const isAbout = (value: string) => isTheirs(value) || replaceAddresses(value, isTheirs, "") !== value;
  const replays = await findReplays(db, isAbout);
  const audited = await findInFilters(db, isAbout);
  if (isPostgres(db)) await requireRewritable(db, ["calls", "attempts", "mails", "replays", "audit"]);
  let mailFiles: number;
  if (dryRun) mailFiles = await eraseFiles(found);
  else {
    await requireNoRuns(db, now);
    const details = { mails: mails.length, filters: replays.length + audited.length };
    const change = { action: "sender-erased", count: calls.length, details } as const;
    if (calls.length + details.mails + details.filters > 0) {
      await setUnfinished(db, true, (trx) => writeAudit(trx, author, change));
    }
    mailFiles = await eraseFiles(found);
    await saveMailTexts(db, mails);
    await eraseSelections(db, replays);
    await eraseInFilters(db, audited, isAbout);
    // The calls are last, as the next run finds the rest by their addresses.
    for (let start = 0; start < calls.length; start += ROWS_AT_ONCE)
      await eraseCalls(db, calls.slice(start, start + ROWS_AT_ONCE), now, author?.user ?? null);
    // In a file of SQLite there may also be bytes of rows that were removed before.
    if (!isPostgres(db) || (await readSetting(db, UNFINISHED_ERASURE)) !== null) await rewriteFile(db, clock);
    await setUnfinished(db, false);
  }
  return {
    callIds,
    failed: calls.filter(({ status }) => status === "FAILED").length,
    waiting: calls.filter(({ status, due_at }) => status === "PENDING" || due_at !== null).length,
    attempts: calls.reduce((sum, { attempt_count }) => sum + attempt_count, 0),
    addresses,
    mails,
    sentMails: await countSent(db, mails, "smtp"),
    filedMails: await countSent(db, mails, "file"),
    mailFiles,
  };
}

interface FoundCall {
  readonly seq: number;
  readonly callback_key: number;
  readonly id: string;
  readonly status: CallStatus;
  readonly due_at: number | null;
  readonly attempt_count: number;
}

/** `ADDRESSES` are in the order of SENDER_INDEXES. */
const ADDRESSES = ["name", "mri", "mobile", "email", "voice"] as const;
type Addresses = Readonly<Record<(typeof ADDRESSES)[number], string>>;

/**
 * Reads every call's addresses, as no index has them. `others` are all addresses of the sender's calls, in lower case. The calls of
 * `erasedIds` were erased before.
 */
async function findCalls(db: Db, isSender: SenderErasure["isSender"]) {
  const calls: FoundCall[] = [];
  const addresses = new Map<string, number>();
  const others = new Set<string>();
  const erasedIds = new Set<string>();
  const addressColumns = ADDRESSES.map(
    (name, index) => sql`${jsonPart("response", SENDER_INDEXES[index] ?? 0)} AS ${sql.ref(name)}`,
  );
  for (let after = -1; ; ) {
    const { rows } = await sql<FoundCall & Addresses & { status_code: number | null; status_message: string | null }>`
      SELECT status_code, status_message, seq, callback_key, id, status, due_at, attempt_count, ${sql.join(addressColumns)}
      FROM calls WHERE seq > ${after} ORDER BY seq LIMIT ${ROWS_AT_ONCE}`.execute(db);
    for (const { name, mri, mobile, email, voice, status_code, status_message, ...call } of rows) {
      if (isErased({ statusCode: status_code, statusMessage: status_message })) erasedIds.add(call.id);
      const matching = new Set([mobile, email, voice, mri, name].filter(isSender));
      if (matching.size === 0) continue;
      calls.push(call);
      for (const address of [mobile, email, voice, mri]) if (address !== "") others.add(address.toLowerCase());
      for (const address of matching) addresses.set(address, (addresses.get(address) ?? 0) + 1);
    }
    const last = rows.at(-1);
    if (last === undefined) return { calls, addresses, others, erasedIds };
    after = last.seq;
  }
}

function eraseCalls(db: Db, calls: readonly FoundCall[], now: number, user: string | null): Promise<void> {
  const seqs = calls.map(({ seq }) => seq);
  return transact(db, async (trx) => {
    await lockKeys(
      trx,
      calls.map(({ callback_key }) => callback_key),
    );
    const states = await readStatesBySeq(trx, seqs);
    for (const state of states.values()) {
      state.after = eraseCall(state.before, now);
      if (state.before.status !== "SUCCESS") state.settledByUser = user;
    }
    await writeStates(trx, states.values());
    await eraseResponses(trx, seqs);
    await eraseAttempts(trx, seqs);
  });
}

type ReplayKey = Pick<Row<"replays">, "callback_key" | "requested_at">;

/** Finds the replays whose filter has a text of this kind. An endpoint's answer may name the sender too. */
async function findReplays(db: Db, isWanted: (text: string) => boolean): Promise<ReplayKey[]> {
  const rows = await db.selectFrom("replays").select(["callback_key", "requested_at", "selection"]).execute();
  return rows.filter(({ selection }) => {
    const known: ReplaySelection | null = selection === null ? null : JSON.parse(selection);
    if (known === null || "callIds" in known) return false;
    return Object.values(known.filter).some((value) => typeof value === "string" && isWanted(value));
  });
}

async function eraseSelections(db: Db, replays: readonly ReplayKey[]): Promise<void> {
  for (const { callback_key, requested_at } of replays) {
    const replay = db.updateTable("replays").where("callback_key", "=", callback_key).where("requested_at", "=", requested_at);
    await replay.set({ selection: null }).execute();
  }
}

const UNFINISHED_ERASURE = "unfinished-erasure";

/** The database has this mark while erased bytes may still be in its file. */
async function setUnfinished(db: Db, isUnfinished: boolean, also?: (trx: Db) => Promise<unknown>): Promise<void> {
  await transact(db, async (trx) => {
    await also?.(trx);
    await trx.deleteFrom("settings").where("name", "=", UNFINISHED_ERASURE).execute();
    if (isUnfinished) await trx.insertInto("settings").values({ name: UNFINISHED_ERASURE, value: new Uint8Array() }).execute();
  });
}

/** Changed and deleted rows leave their bytes in free pages and in the write-ahead log, also those of earlier changes. */
async function rewriteFile(db: Db, clock: Clock): Promise<void> {
  if (isPostgres(db)) {
    await waitForSnapshots(db, clock);
    await db.connection().execute(async (connection) => {
      // The user or the database may have a limit.
      await sql`SET statement_timeout = 0`.execute(connection);
      await sql`VACUUM (FULL, ANALYZE) calls, attempts, mails, replays, audit`.execute(connection);
      await sql`RESET statement_timeout`.execute(connection);
    });
    return;
  }
  await sql`VACUUM`.execute(db);
  const { rows } = await sql<{ busy: number }>`PRAGMA wal_checkpoint(TRUNCATE)`.execute(db);
  if (rows[0]?.busy === 0) return;
  throw new WhcbError(
    "unavailable",
    "another process is reading the database, so erased bytes are still in its write-ahead log",
    {
      hint: "end that process, then run this again",
    },
  );
}
