/** Reads what a level shows, as far as it is shown. */

import type { CallPage } from "../../../client/call-requests.js";
import type { Client, ListedCall } from "../../../client/client.js";
import type { GroupCallsQuery } from "../../../client/group-requests.js";
import { KeptMemory } from "../../../client/list-walker.js";
import { CallGroups } from "../../../domain/call-groups.js";
import { isWhcbError } from "../../../domain/errors.js";
import { senderAddress } from "../../../domain/message-response.js";
import { isUnsent } from "../../../wire/json/call-json.js";
import { readDetails } from "../calls/get-call.js";
import {
  type CallLevel,
  type CallLine,
  type CallsLevel,
  type CountedGroups,
  DIMENSION_NAMES,
  DIMENSIONS,
  type GroupLevel,
  type GroupPart,
  type Level,
  listFilter,
} from "./triage-state.js";

export type UpdateLevel = (id: number, change: (level: Level) => Level) => void;

const MAX_GROUPS = 5_000;
/** So many groups are shown for each way to divide a group. */
const MOST_PARTS = 6;
/** So many calls are kept with their row; of the others only the ids. */
const MOST_LINES = 2_000;

interface CallList {
  readonly filterText: string;
  /** `pages` is null while a page is being read. */
  pages: AsyncIterator<CallPage> | null;
  /** Until the first page is there, the calls that were listed before are shown. */
  isFirst: boolean;
}

export class LevelLoader {
  readonly #client: Client;
  readonly #update: UpdateLevel;
  readonly #now: () => number;
  /** `lists` holds, by level, how far calls were listed. */
  readonly #lists = new Map<number, CallList>();
  /** `current` is the level that is read, unless that is a list of calls. What is read for a level that is gone is dropped. */
  #current: number | null = null;

  constructor(client: Client, update: UpdateLevel, now: () => number) {
    this.#client = client;
    this.#now = now;
    this.#update = update;
  }

  /** Reads again what is loaded next. */
  restart(): void {
    this.#lists.clear();
    this.#current = null;
  }

  /** `rows` are those of the screen. Resolves at once if all that is shown was read. */
  async load(level: Level, rows: number): Promise<void> {
    if (level.kind === "calls") return this.#loadCalls(level, rows);
    const { id } = level;
    if (level.isLoaded || this.#current === id) return;
    this.#current = id;
    const isWanted = () => this.#current === id;
    if (level.kind === "groups") await this.#loadGroups(level, isWanted);
    else if (level.kind === "group") await this.#loadParts(level, isWanted);
    else if (level.kind === "call") await this.#loadCall(level);
    else {
      const callbacks = await this.#client.getAllCallbacks();
      this.#update(id, (one) => (one.kind === "callbacks" ? { ...one, callbacks, isLoaded: true } : one));
    }
    if (isWanted()) this.#current = null;
  }

  async #loadCalls(level: CallsLevel, rows: number): Promise<void> {
    this.#current = null;
    const { id, filterText } = level;
    let list = this.#lists.get(id);
    if (list?.filterText === filterText) return this.#loadLines(level, list, rows);
    list = {
      filterText,
      pages: this.#client.listCalls(level.callback.id, { filter: listFilter(level) })[Symbol.asyncIterator](),
      isFirst: true,
    };
    this.#lists.set(id, list);
    await this.#loadPage(id, list);
  }

  async #loadGroups(level: Extract<Level, { kind: "groups" }>, isWanted: () => boolean): Promise<void> {
    const { by } = DIMENSIONS[level.dimension];
    const isFirst = level.counted.readAt === null;
    await this.#count(level.callback.id, { filter: { status: "FAILED" }, by }, isWanted, (counted, isLoaded) => {
      // After the first time, the old counts are shown until all is counted again.
      if (!isFirst && !isLoaded) return;
      this.#update(level.id, (one) => (one.kind === "groups" ? { ...one, counted, isLoaded } : one));
    });
  }

  async #loadParts(level: GroupLevel, isWanted: () => boolean): Promise<void> {
    const parts: GroupPart[] = [];
    for (const dimension of DIMENSION_NAMES.filter((one) => one !== level.dimension)) {
      const filter = { ...level.filter, status: "FAILED" as const };
      let counted: CountedGroups | null = null;
      await this.#count(level.callback.id, { filter, by: DIMENSIONS[dimension].by }, isWanted, (now) => {
        counted = now;
      });
      if (!isWanted()) return;
      const { groups, calls } = (counted as CountedGroups | null) ?? { groups: [], calls: 0 };
      // A single part would be the group itself.
      if (groups.length > 1) parts.push(...groups.slice(0, MOST_PARTS).map((group) => ({ dimension, group })));
      // After the first time, the old parts are shown until all are read again.
      const shown = level.parts.length === 0 ? [...parts] : level.parts;
      this.#update(level.id, (one) =>
        one.kind === "group" ? { ...one, group: { ...one.group, count: calls }, parts: shown } : one,
      );
    }
    this.#update(level.id, (one) => (one.kind === "group" ? { ...one, parts, isLoaded: true } : one));
  }

  async #count(
    callbackId: string,
    query: GroupCallsQuery,
    isWanted: () => boolean,
    onCounted: (counted: CountedGroups, isAll: boolean) => void,
  ): Promise<void> {
    const groups = new CallGroups(query.by, MAX_GROUPS);
    const read = (readAt: number | null) => {
      return { readAt, groups: groups.sorted(), calls: groups.calls, otherCalls: groups.otherCalls };
    };
    for await (const part of this.#client.groupCalls(callbackId, query)) {
      if (!isWanted()) return;
      for (const group of part.groups) groups.add(group);
      onCounted(read(null), false);
    }
    onCounted(read(this.#now()), true);
  }

  async #loadCall({ id, callback, callId }: CallLevel): Promise<void> {
    const details = await readDetails(this.#client, callback, callId);
    this.#update(id, (one) => (one.kind === "call" ? { ...one, details, isLoaded: true } : one));
  }

  async #loadLines(level: CallsLevel, list: CallList, rows: number): Promise<void> {
    if (!level.isLoaded && level.cursor + 2 * rows > level.ids.length) await this.#loadPage(level.id, list);
    const shown = level.ids.slice(Math.max(0, level.cursor - rows), level.cursor + rows);
    const missing = shown.filter((id) => !level.lines.has(id));
    if (missing.length === 0) return;
    const calls = await this.#client.findCalls(level.callback.id, missing);
    this.#update(level.id, (one) => (one.kind === "calls" ? { ...one, lines: withLines(one.lines, calls) } : one));
  }

  async #loadPage(id: number, list: CallList): Promise<void> {
    const { pages } = list;
    if (pages === null) return;
    // Only one reader reads at a time.
    list.pages = null;
    const page = await pages.next();
    if (this.#lists.get(id) !== list) return;
    list.pages = pages;
    const { isFirst } = list;
    list.isFirst = false;
    this.#update(id, (one) => {
      if (one.kind !== "calls") return one;
      const before = isFirst ? { ...one, ids: [], total: null } : one;
      if (page.done === true) return { ...before, isLoaded: true };
      const { calls, total } = page.value;
      return {
        ...before,
        ids: [...before.ids, ...calls.map((call) => call.id)],
        lines: withLines(one.lines, calls),
        total: before.total ?? total,
        isLoaded: false,
      };
    });
  }
}

/** Throws `unavailable` if they take too much memory. */
function withLines(lines: ReadonlyMap<string, CallLine>, calls: readonly ListedCall[]): ReadonlyMap<string, CallLine> {
  const all = [...lines, ...calls.map((call) => [call.id, lineOf(call)] as const)];
  const kept = new KeptMemory();
  return new Map(all.slice(-MOST_LINES).map((line) => kept.keep(line)));
}

function lineOf(call: ListedCall): CallLine {
  const { from, responseMessage } = call.response;
  const code = call.statusCode ?? (isUnsent(call) ? "no outcome yet" : "no answer:");
  return {
    attemptedAt: call.attemptedAt,
    outcome: [code, call.statusMessage].filter((part) => part !== null && part !== "").join(" "),
    from: senderAddress(from),
    content: responseMessage.content,
  };
}

/** Returns what a level says instead of its rows. Rethrows a bug. */
export function loadFailure(error: unknown): string {
  if (!isWhcbError(error)) throw error;
  return [error.message, error.hint].filter(Boolean).join(": ");
}
