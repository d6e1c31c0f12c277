/** A plan has every matching call once, oldest first. It is made before the first send. */
import type { ListedCall, ListedCallback } from "../../client/client.js";
import { MAX_REASON_TEXT } from "../../domain/call-filter.js";
import { DAY_MS } from "../../domain/duration.js";
import { readDate } from "../../wire/dates.js";
import { hasOpenEnd, hasResponse, isUnsent } from "../../wire/json/call-json.js";
import { requireBodyStyle } from "../../wire/json/callback-json.js";
import type { UnmarkedRun } from "../journal/arrived-calls.js";
import type { UnlistedYet } from "../journal/fresh-unmarks.js";
import type { RunDeps } from "../run-deps.js";
import { NO_UNUSABLE, type UnusableCalls } from "./call-scope.js";
import type { PlannedCall, SnapshotFile } from "./snapshot-file.js";

export interface LeftOutCalls extends UnusableCalls {
  /** `notFailed` counts calls that were named by id, but are SUCCESS. */
  readonly notFailed: number;
  /** These calls wait for their first attempt, so nobody knows whether they fail. */
  readonly waiting: number;
  /** `missing` were named by id, and not found. */
  readonly missing: readonly string[];
  /** The service still retries them (`skipRetrying`). */
  readonly skippedRetrying: number;
  readonly unlistedYet: UnlistedYet | null;
  /** These runs know that calls have arrived, or have just marked them. */
  readonly unmarked: readonly UnmarkedRun[];
}

export interface ReplayPlan extends LeftOutCalls {
  readonly runId: string;
  /** Only callbacks with calls to send have one. */
  readonly groups: readonly ReplayGroup[];
  readonly calls: number;
  /** So many would be sent if they were listed with their response. */
  readonly withoutResponse: number;
  /** Reads the calls in sending order, from disk. */
  read(group: ReplayGroup): AsyncIterable<PlannedCall>;
  /** Yields them in sending order. */
  callIds(group: ReplayGroup): AsyncIterable<string>;
  /** Removes the snapshot from disk; so does running the plan. */
  discard(): Promise<void>;
}

export interface SnapshotParts {
  readonly runId: string;
  readonly drafts: readonly GroupDraft[];
  readonly file: SnapshotFile;
  readonly leftOut?: Partial<LeftOutCalls>;
  /** The plan has so many calls of each callback, the oldest. By default it has all. */
  readonly limit?: number | undefined;
}

const CALLS_AT_ONCE = 128;
const NONE_LEFT_OUT: LeftOutCalls = {
  ...NO_UNUSABLE,
  notFailed: 0,
  waiting: 0,
  missing: [],
  skippedRetrying: 0,
  unmarked: [],
  unlistedYet: null,
};

/** Only the places of the calls stay in memory. */
export function createReplayPlan({ runId, drafts, file, leftOut = {}, limit }: SnapshotParts): ReplayPlan {
  const places = new Map(drafts.map((draft) => draft.select(limit)).filter(([group]) => group.calls > 0));
  const groups = [...places.keys()];

  async function* read(group: ReplayGroup): AsyncGenerator<PlannedCall> {
    const { offsets, lengths } = places.get(group) ?? { offsets: [], lengths: [] };
    for (let start = 0; start < offsets.length; start += CALLS_AT_ONCE) {
      const ahead = Array.from(offsets.slice(start, start + CALLS_AT_ONCE), (offset, index) => {
        return { offset, length: lengths[start + index] ?? 0 };
      });
      yield* await file.read(ahead);
    }
  }

  return {
    ...NONE_LEFT_OUT,
    ...leftOut,
    runId,
    groups,
    calls: groups.reduce((sum, { calls }) => sum + calls, 0),
    withoutResponse: drafts.reduce((sum, draft) => sum + draft.withoutResponse, 0),
    read,
    async *callIds(group) {
      for await (const { id } of read(group)) yield id;
    },
    discard: () => file.close(),
  };
}

/** The platform doesn't say what it retries, so a call counts as retried for two intervals. */
const PROBABLY_RETRYING_MS = 2 * 5 * 60_000;

export function isRetrying(
  { nextAttemptAt, attemptedAt }: ListedCall,
  { retriesEnabled }: ListedCallback,
  { client, clock }: RunDeps,
): boolean {
  if (nextAttemptAt !== null) return true;
  if (client.capabilities.has("retry-reports")) return false;
  const age = attemptedAt === null ? Number.POSITIVE_INFINITY : clock.now() - attemptedAt;
  return retriesEnabled === true && age <= PROBABLY_RETRYING_MS;
}

/** Places in the snapshot file are in sending order. They take 12 bytes a call, outside the heap. */
export interface CallPlaces {
  readonly offsets: Float64Array;
  readonly lengths: Uint32Array;
}

/** What is shown of calls before they are sent or marked. */
export interface LastAttempts {
  /** The oldest of the last attempts began then (epoch ms). It is null if there are none. */
  readonly firstAttemptedAt: number | null;
  readonly lastAttemptedAt: number | null;
  /** The most frequent one is first. `statusCode` is null without an answer. */
  readonly statusCodes: readonly { readonly statusCode: number | null; readonly calls: number }[];
  /** The most frequent one is first. It is missing if the calls weren't listed with their answers. */
  readonly answers?: readonly { readonly answer: string; readonly calls: number }[];
}

/** So many different answers are told apart. */
const MOST_ANSWERS = 200;
const OTHER_ANSWERS = "(another answer)";

/** So many characters of a long answer are kept before the wanted text, and after it. */
const MOST_AROUND = 100;

/** Keeps, of answers, the part with the wanted text, equal ones once. */
export class AnswerTexts {
  readonly #wanted: string;
  readonly #kept = new Map<string, string>();

  constructor(wanted = "") {
    this.#wanted = wanted;
  }

  /** Returns undefined if the call has no answer, or wasn't listed with it. */
  keep({ answer }: ListedCall): string | undefined {
    if (answer === undefined || answer === null) return undefined;
    const text = partWith(this.#wanted, answer);
    const kept = this.#kept.get(text) ?? (this.#kept.size < MOST_ANSWERS ? text : OTHER_ANSWERS);
    if (kept !== OTHER_ANSWERS) this.#kept.set(kept, kept);
    return kept;
  }
}

/** Returns a copy, because V8 would keep the whole text of a slice. */
function partWith(wanted: string, text: string): string {
  const at = Math.max(text.toLowerCase().indexOf(wanted.toLowerCase()), 0);
  const start = text.length <= MAX_REASON_TEXT ? 0 : Math.max(at - MOST_AROUND, 0);
  const end = Math.max(start + MAX_REASON_TEXT, at + wanted.length + MOST_AROUND);
  const part = text.slice(start, end).toWellFormed();
  return [start > 0 ? "…" : "", ...part, end < text.length ? "…" : ""].join("");
}

export class LastAttemptsSum {
  readonly #byCode = new Map<number | null, number>();
  readonly #byAnswer = new Map<string, number>();
  #first: number | null = null;
  #last: number | null = null;

  /** `answer` is one of AnswerTexts. */
  add(statusCode: number | null, attemptedAt: number | null, answer?: string): void {
    this.#byCode.set(statusCode, (this.#byCode.get(statusCode) ?? 0) + 1);
    if (answer !== undefined) this.#byAnswer.set(answer, (this.#byAnswer.get(answer) ?? 0) + 1);
    if (attemptedAt === null) return;
    this.#first = Math.min(this.#first ?? attemptedAt, attemptedAt);
    this.#last = Math.max(this.#last ?? attemptedAt, attemptedAt);
  }

  read(): LastAttempts {
    const statusCodes = [...this.#byCode].map(([statusCode, calls]) => ({ statusCode, calls }));
    statusCodes.sort((one, other) => other.calls - one.calls);
    const answers = [...this.#byAnswer].map(([answer, calls]) => ({ answer, calls }));
    answers.sort((one, other) => other.calls - one.calls);
    const last = { firstAttemptedAt: this.#first, lastAttemptedAt: this.#last, statusCodes };
    return answers.length === 0 ? last : { ...last, answers };
  }
}

export interface ReplayGroup extends LastAttempts {
  /** `auth.key` is null if the service doesn't return it. */
  readonly callback: ListedCallback;
  readonly calls: number;
  /** The service still retries these: the receiver may see them twice. */
  readonly retrying: number;
  /** So many calls without an answer weren't sent. */
  readonly unsent: number;
  /** The endpoint may have these (`mayHaveBeenTaken`). */
  readonly openEnds: number;
}

interface Listed {
  readonly isOldestFirst?: boolean;
  /** The calls were chosen by this text in their answers. */
  readonly answer?: string | undefined;
}

export class GroupDraft {
  readonly callback: ListedCallback;
  readonly #ids: string[] = [];
  readonly #withoutResponse: string[] = [];
  /** `kept` is null if all are kept. */
  #kept: ReadonlySet<string> | null = null;
  readonly #offsets: number[] = [];
  readonly #lengths: number[] = [];
  readonly #order: SendOrder;
  readonly #file: SnapshotFile;
  readonly #deps: RunDeps;
  readonly #statusCodes: (number | null)[] = [];
  readonly #areUnsent: boolean[] = [];
  readonly #areRetrying: boolean[] = [];
  readonly #haveOpenEnds: boolean[] = [];
  readonly #answers: (string | undefined)[] = [];
  readonly #answerTexts: AnswerTexts;

  constructor(callback: ListedCallback, file: SnapshotFile, deps: RunDeps, listed: Listed = {}) {
    this.callback = callback;
    this.#order = new SendOrder(listed);
    this.#answerTexts = new AnswerTexts(listed.answer);
    this.#file = file;
    this.#deps = deps;
  }

  isRetrying(call: ListedCall): boolean {
    return isRetrying(call, this.callback, this.#deps);
  }

  get withoutResponse(): number {
    return this.#withoutResponse.filter((id) => this.#isKept(id)).length;
  }

  /** What another service lists without its response isn't sent. `whcb serve` lists all that was submitted. */
  async add(listed: readonly ListedCall[]): Promise<void> {
    const isWhole = this.#deps.client.capabilities.has("exact-lists");
    const calls: ListedCall[] = [];
    for (const call of listed) {
      if (isWhole || hasResponse(call)) calls.push(call);
      else this.#withoutResponse.push(call.id);
    }
    if (calls.length === 0) return;
    const style = requireBodyStyle(this.callback, this.#file.bodyOptions.contentType);
    const places = await this.#file.add(calls, style);
    for (const { offset, length } of places) {
      this.#offsets.push(offset);
      this.#lengths.push(length);
    }
    for (const call of calls) {
      this.#ids.push(call.id);
      this.#order.add(call, this.#deps.clock.now());
      this.#statusCodes.push(call.statusCode);
      this.#areUnsent.push(isUnsent(call));
      this.#areRetrying.push(this.isRetrying(call));
      this.#haveOpenEnds.push(hasOpenEnd(call));
      this.#answers.push(this.#answerTexts.keep(call));
    }
  }

  keepOnly(callIds: ReadonlySet<string>): void {
    this.#kept = callIds;
  }

  #isKept(id: string): boolean {
    return this.#kept?.has(id) ?? true;
  }

  /** Returns the first `limit` calls in sending order, and where they are. */
  select(limit = Number.POSITIVE_INFINITY): readonly [ReplayGroup, CallPlaces] {
    const attempts = new LastAttemptsSum();
    const sum = { unsent: 0, retrying: 0, openEnds: 0 };
    const isKept = (index: number): boolean => this.#isKept(this.#ids[index] ?? "");
    const order = this.#order.indexes().filter(isKept).slice(0, limit);
    for (const index of order) {
      attempts.add(this.#statusCodes[index] ?? null, this.#order.attemptedAt(index), this.#answers[index]);
      if (this.#areUnsent[index]) sum.unsent++;
      if (this.#areRetrying[index]) sum.retrying++;
      if (this.#haveOpenEnds[index]) sum.openEnds++;
    }
    const group = { callback: this.callback, calls: order.length, ...sum, ...attempts.read() };
    const offsets = Float64Array.from(order, (index) => this.#offsets[index] ?? 0);
    return [group, { offsets, lengths: order.map((index) => this.#lengths[index] ?? 0) }];
  }
}

/** `SendOrder` is kept in columns, so 100,000 calls take a few MiB. */
export class SendOrder {
  readonly #madeAt: number[] = [];
  readonly #respondedAt: number[] = [];
  readonly #attemptedAt: number[] = [];
  readonly #isOldestFirst: boolean;
  #areTimeOrdered = true;

  /** `isOldestFirst` tells how the calls are listed, by last attempt. */
  constructor({ isOldestFirst = false } = {}) {
    this.#isOldestFirst = isOldestFirst;
  }

  add(call: ListedCall, now: number): void {
    const madeAt = call.submittedAt ?? timeInId(call.id, now);
    if (madeAt === null) this.#areTimeOrdered = false;
    const attemptedAt = call.attemptedAt ?? 0;
    this.#madeAt.push(madeAt ?? 0);
    this.#respondedAt.push(readDate(call.response.responseMessage.date) ?? attemptedAt);
    this.#attemptedAt.push(attemptedAt);
  }

  attemptedAt(index: number): number | null {
    return this.#attemptedAt[index] || null;
  }

  /**
   * The order is by when the call was submitted (`whcb serve`), or the time in its id, or else the response's date, then by the last attempt. Ties
   * are sent oldest first.
   */
  indexes(): Uint32Array {
    const first = this.#areTimeOrdered ? this.#madeAt : this.#respondedAt;
    const second = this.#attemptedAt;
    const older = this.#isOldestFirst ? 1 : -1;
    return Uint32Array.from(first.keys()).sort(
      (one, other) =>
        (first[one] ?? 0) - (first[other] ?? 0) || (second[one] ?? 0) - (second[other] ?? 0) || older * (one - other),
    );
  }
}

const VERSION_7 = /^[0-9A-F]{12}7[0-9A-F]{3}[89AB][0-9A-F]{15}$/i;
const EARLIEST = Date.UTC(2020, 0);

/** Returns the epoch ms in a UUIDv7 without dashes, or null. */
export function timeInId(id: string, now: number): number | null {
  if (!VERSION_7.test(id)) return null;
  const at = Number.parseInt(id.slice(0, 12), 16);
  return at >= EARLIEST && at <= now + DAY_MS ? at : null;
}
