/** Keeps the callbacks in people's order of their names, which databases don't have, and reads only those that have changed. */
import { type RawBuilder, type SqlBool, sql } from "kysely";
import { type HealthFacts, nameOrder, type Pause } from "../../domain/callback.js";
import type { Clock } from "../../platform/clock.js";
import { changeStore } from "../change-log.js";
import type { Db } from "../schema.js";
import { inList } from "../sql/batches.js";
import { readRows } from "../sql/json-rows.js";
import { pauseOf } from "./callback-row.js";

export interface NamedCallback {
  readonly key: number;
  readonly id: string;
  readonly name: string;
  readonly nameOrder: string;
  readonly events: HealthFacts["events"];
  readonly pause: Pause | null;
}

interface Known {
  /** All were read then, by the monotonic clock. */
  readonly readAtMs: number;
  /** All changes up to here are known. */
  readonly position: string;
  readonly byId: ReadonlyMap<string, NamedCallback>;
  readonly inOrder: readonly NamedCallback[];
}

/** Reading so many by their ids takes about as long as reading 10 000 at once. */
const MOST_CHANGES = 1_000;
/** After PostgreSQL was promoted or restored, positions in the log may be given again. */
const LONGEST_MS = 60_000;

/** Returns the function that reads the callbacks that aren't deleted. */
export function namedCallbacks(db: Db, clock: Clock): () => Promise<readonly NamedCallback[]> {
  let known: Known | null = null;
  return async () => {
    const recent: Known | null = known !== null && clock.monotonicMs() - known.readAtMs < LONGEST_MS ? known : null;
    const read: Known = (recent && (await readChanges(db, recent))) ?? (await readAll(db, clock));
    known = read;
    return read.inOrder;
  };
}

async function readAll(db: Db, clock: Clock): Promise<Known> {
  const position = await changeStore(db).readLatest();
  const callbacks = await readNamed(db, sql`true`);
  // Reading and sorting 10 000 take some milliseconds each.
  await clock.nextTurn();
  return inOrder({ readAtMs: clock.monotonicMs(), position }, callbacks);
}

/** Resolves to null if all have to be read. */
async function readChanges(db: Db, known: Known): Promise<Known | null> {
  const { callbackIds, position } = await changeStore(db).read(known.position, MOST_CHANGES);
  if (callbackIds.length >= MOST_CHANGES) return null;
  const isChanged = sql<SqlBool>`id ${inList(callbackIds, "text")}`;
  const next = callbackIds.length === 0 ? known : withChanges(known, position, callbackIds, await readNamed(db, isChanged));
  // The log doesn't have new callbacks.
  const { rows } = await sql<{ live: number }>`SELECT count(*) AS live FROM callbacks WHERE deleted_at IS NULL`.execute(db);
  return rows[0]?.live === next.byId.size ? next : null;
}

/** Most changes are of calls, so the names stay. */
function withChanges(known: Known, position: string, ids: readonly string[], read: readonly NamedCallback[]): Known {
  const isSame = read.length === ids.length && read.every((callback) => isSameAs(callback, known.byId.get(callback.id)));
  if (isSame) return { ...known, position };
  const changed = new Set(ids);
  return inOrder({ readAtMs: known.readAtMs, position }, [...known.inOrder.filter(({ id }) => !changed.has(id)), ...read]);
}

function isSameAs({ name, events, pause }: NamedCallback, before: NamedCallback | undefined): boolean {
  if (name !== before?.name || pause?.at !== before.pause?.at || pause?.until !== before.pause?.until) return false;
  return events.reply === before.events.reply && events.undeliverable === before.events.undeliverable;
}

function inOrder(read: Pick<Known, "readAtMs" | "position">, callbacks: readonly NamedCallback[]): Known {
  const sorted = callbacks.toSorted((one, other) => {
    const [first, second] = one.nameOrder === other.nameOrder ? [one.name, other.name] : [one.nameOrder, other.nameOrder];
    return first < second ? -1 : 1;
  });
  return { ...read, byId: new Map(sorted.map((callback) => [callback.id, callback])), inOrder: sorted };
}

async function readNamed(db: Db, which: RawBuilder<SqlBool>): Promise<readonly NamedCallback[]> {
  const columns = ["key", "id", "name", "on_reply", "on_undeliverable", "paused_at", "paused_until", "paused_by"] as const;
  const cells = await readRows(db, "callbacks", columns, sql`FROM callbacks WHERE deleted_at IS NULL AND ${which}`);
  return cells.map(([key, id, name, reply, undeliverable, paused_at, paused_until, paused_by]) => ({
    key,
    id,
    name,
    nameOrder: nameOrder(name),
    events: { reply: reply === 1, undeliverable: undeliverable === 1 },
    pause: pauseOf({ paused_at, paused_until, paused_by }),
  }));
}
