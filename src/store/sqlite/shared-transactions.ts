/** SQLite has one writer: works that come while another one is going on share its transaction, and so its flush to disk. */
import { sql } from "kysely";
import type { Db } from "../schema.js";

type Work<Result> = (trx: Db) => Promise<Result>;

interface Member {
  readonly work: Work<unknown>;
  resolve(result: never): void;
  reject(error: unknown): void;
}

/** The first one's answer waits for the others. */
const MAX_MEMBERS = 4;

/** Those that wait for a database. It has no entry while no transaction is going on. */
const waiting = new WeakMap<Db, Member[]>();

/** Resolves, or rejects, once the transaction has ended. A work that fails changes nothing, and the others don't notice. */
export function shareTransaction<Result>(db: Db, work: Work<Result>): Promise<Result> {
  return new Promise<Result>((resolve, reject) => {
    const member: Member = { work, resolve, reject };
    const others = waiting.get(db);
    if (others === undefined) void runAll(db, member);
    else others.push(member);
  });
}

async function runAll(db: Db, first: Member): Promise<void> {
  const members: Member[] = [];
  waiting.set(db, members);
  for (let next: Member | undefined = first; next !== undefined; next = members.shift()) await runGroup(db, next, members);
  waiting.delete(db);
}

async function runGroup(db: Db, first: Member, others: Member[]): Promise<void> {
  const group = [first];
  const outcomes: PromiseSettledResult<unknown>[] = [];
  try {
    await db.transaction().execute(async (trx) => {
      outcomes.push({ status: "fulfilled", value: await first.work(trx) });
      for (let next = others.shift(); next !== undefined; next = group.length < MAX_MEMBERS ? others.shift() : undefined) {
        group.push(next);
        outcomes.push(await runInSavepoint(trx, next.work));
      }
    });
  } catch (error) {
    for (const { reject } of group) reject(error);
    return;
  }
  for (const [index, { resolve, reject }] of group.entries()) {
    const outcome = outcomes[index];
    if (outcome?.status === "fulfilled") resolve(outcome.value as never);
    else reject(outcome?.reason);
  }
}

/** Rejects with the work's error if that has ended the transaction, as a full disk does. */
async function runInSavepoint(trx: Db, work: Work<unknown>): Promise<PromiseSettledResult<unknown>> {
  await sql`SAVEPOINT member`.execute(trx);
  const [outcome] = await Promise.allSettled([work(trx)]);
  if (outcome.status === "rejected") {
    await sql`ROLLBACK TO member`.execute(trx).catch(() => Promise.reject(outcome.reason));
  }
  await sql`RELEASE member`.execute(trx);
  return outcome;
}
