/** A service with its store, on which operations are performed, and the rows that they leave. */
import type { FastifyInstance } from "fastify";
import type { DeliveryResult } from "../../../src/domain/attempt.js";
import type { Callback } from "../../../src/domain/callback.js";
import { NEW_ENDPOINT } from "../../../src/domain/endpoint.js";
import { createApp } from "../../../src/server/app.js";
import type { Store } from "../../../src/store/open-store.js";
import { TABLES } from "../../../src/store/schema.js";
import { aGroup, attempt, DAY, hold, MINUTE } from "../../contract/store-support.js";
import { serverDeps } from "../server/server-fixture.js";
import { seededRandom } from "../time/seeded-random.js";
import type { VirtualClock } from "../time/virtual-clock.js";
import type { Operation } from "./arbitrary-operations.js";

/** Reads a table past the store. */
export type ReadTable = (table: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/** A page that is longer is followed no further. */
const MOST_PAGES = 5;

export class OperatedStore {
  readonly #store: Store;
  readonly #app: FastifyInstance;
  readonly #clock: VirtualClock;
  readonly #readTable: ReadTable;

  private constructor(store: Store, app: FastifyInstance, clock: VirtualClock, readTable: ReadTable) {
    this.#store = store;
    this.#app = app;
    this.#clock = clock;
    this.#readTable = readTable;
  }

  /** The service makes the same ids each time. */
  static async open(store: Store, clock: VirtualClock, readTable: ReadTable): Promise<OperatedStore> {
    const app = await createApp(serverDeps(store, { clock, random: seededRandom(1), localUser: "local@desk" }));
    return new OperatedStore(store, app, clock, readTable);
  }

  /** Ends the service, but not its store. */
  close(): Promise<void> {
    return this.#app.close();
  }

  /** Resolves to what it answers. */
  async perform(operation: Operation): Promise<unknown> {
    const store = this.#store;
    const now = this.#clock.now();
    switch (operation.kind) {
      case "advance":
        return null;
      case "request":
        return this.#request(operation);
      case "purge":
        return [
          await removeAll(() => store.retention.purgeDeleted(operation.limit), operation.limit),
          await removeAll(() => store.retention.purgeExpired(now, operation.limit), operation.limit),
        ];
      case "sendMails": {
        const mails = await store.mails.fetchQueued(now, 10);
        for (const { outageId } of mails) await store.mails.recordSent(outageId, now, "file");
        return mails;
      }
    }
    const callback = await store.callbacks.find(operation.callback);
    if (callback === null) return null;
    const [record] = await store.endpoints.list([callback.id]);
    const outage = record?.outage ?? null;
    const endpoint = record?.endpoint ?? NEW_ENDPOINT;
    switch (operation.kind) {
      case "attempt":
        await attempt(store, callback, await this.#known(callback, operation.calls), {
          ...{ startedAt: now, result: resultOf(operation.statusCode) },
          outageId: outage?.id ?? null,
        });
        // A key is never encrypted twice to the same bytes.
        return (await store.endpoints.list()).map((one) => ({ ...one, callback: { ...one.callback, targetVersion: "" } }));
      case "hold":
        await hold(store, callback, await this.#known(callback, operation.calls), now, outage?.id);
        return store.calls.countWaiting();
      case "beginOutage": {
        const begun = outage ?? { id: `${callback.id}-${now}`, startedAt: now, failedCalls: 1, quietSince: null };
        const text = { to: callback.email, subject: callback.name, text: "It fails." };
        await store.outcomes.commit(
          aGroup({
            endpoints: [{ callbackId: callback.id, endpoint, outage: begun }],
            mails: [{ outageId: begun.id, callbackId: callback.id, createdAt: now, ...text }],
          }),
        );
        return store.activity.list(callback.id, { since: now - DAY, until: now + MINUTE, maxPoints: 100 });
      }
      case "endOutage":
        if (outage === null) return null;
        await store.outcomes.commit(
          aGroup({
            endpoints: [{ callbackId: callback.id, endpoint, outage: null }],
            closedOutages: [{ ...outage, callbackId: callback.id, endedAt: now }],
          }),
        );
        return store.outages.readCalls(outage.id);
    }
  }

  /** Resolves to the rows of all tables, without what is encrypted: that is never the same. */
  async readRows(): Promise<Readonly<Record<string, readonly string[]>>> {
    const keys = sortedNumbers(await this.#readTable("callbacks"), "key");
    const callSeqs = sortedNumbers(await this.#readTable("calls"), "seq");
    const tables: Record<string, readonly string[]> = {};
    for (const [table, columns] of Object.entries(TABLES)) {
      const rows = await this.#readTable(table);
      const numbers = { key: keys, callback_key: keys, call_seq: callSeqs, seq: sortedNumbers(rows, "seq") };
      tables[table] = rows.map((row) => JSON.stringify(plainRow(row, columns, numbers))).sort();
    }
    return tables;
  }

  /** Follows the pages of a list. */
  async #request({ method, path, body }: Extract<Operation, { kind: "request" }>): Promise<readonly unknown[]> {
    const answers: unknown[] = [];
    for (let next: string | null = path; next !== null && answers.length < MOST_PAGES; ) {
      const sent = body === undefined ? {} : { payload: JSON.stringify(body), headers: { "content-type": "application/json" } };
      const answer = await this.#app.inject({ method, url: next, ...sent });
      // A cursor has a call's number.
      answers.push({ status: answer.statusCode, text: answer.body.replace(/cursor=[\w-]+/g, "cursor") });
      next = nextPage(answer.body);
    }
    return answers;
  }

  async #known(callback: Callback, calls: readonly string[]): Promise<readonly string[]> {
    const found = await Promise.all(calls.map((id) => this.#store.calls.find(callback.id, id)));
    return [...new Set(found.flatMap((call) => (call === null ? [] : [call.id])))];
  }
}

function resultOf(statusCode: number | null): DeliveryResult {
  if (statusCode === null) return { kind: "unreachable", reason: "refused", detail: "" };
  return { kind: "answered", statusCode, statusMessage: `as ${statusCode}`, body: "Busy: große Überlast" };
}

function nextPage(text: string): string | null {
  const { link }: { link?: readonly { rel: string; uri: string }[] } = text.startsWith("{") ? JSON.parse(text) : {};
  const next = link?.find(({ rel }) => rel === "next");
  return next === undefined ? null : next.uri.replace(/^https?:\/\/[^/]+/, "");
}

/** PostgreSQL leaves out numbers of rows that conflicted, so only their order counts. */
function sortedNumbers(rows: readonly Readonly<Record<string, unknown>>[], column: string): readonly number[] {
  return rows.map((row) => Number(row[column])).sort((a, b) => a - b);
}

/** The drivers don't read numbers and JSON alike. */
function plainRow(
  row: Readonly<Record<string, unknown>>,
  columns: Readonly<Record<string, { readonly type: string }>>,
  numbers: Readonly<Record<string, readonly number[]>>,
): readonly unknown[] {
  return Object.entries(columns).map(([name, { type }]) => {
    const value = row[name];
    if (value === null || type === "bytea") return null;
    const numbered = numbers[name];
    if (numbered !== undefined) return numbered.indexOf(Number(value));
    if (type === "bigint") return Number(value);
    return type === "json" && typeof value === "string" ? JSON.parse(value) : value;
  });
}

/** What goes first isn't promised. Resolves to how much was removed each time. */
async function removeAll(removeChunk: () => Promise<number>, limit: number): Promise<readonly number[]> {
  const removed = [await removeChunk()];
  while ((removed.at(-1) ?? 0) >= limit) removed.push(await removeChunk());
  return removed;
}
