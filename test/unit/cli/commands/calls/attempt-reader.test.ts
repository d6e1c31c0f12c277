import { describe, expect, it } from "vitest";
import { AttemptReader } from "../../../../../src/cli/commands/calls/attempt-reader.js";
import type { ListCallsQuery } from "../../../../../src/client/call-requests.js";
import type { ListedAttempt, ListedCall } from "../../../../../src/client/client.js";
import { KeptMemory } from "../../../../../src/client/list-walker.js";
import { matchesFilter } from "../../../../../src/domain/call-filter.js";
import { WhcbError } from "../../../../../src/domain/errors.js";
import { toIsoDate } from "../../../../../src/wire/dates.js";
import { aListedCall, aListedCallback } from "../../../../support/cli/listed.js";

const EACH_MS = 10_000;
const NOON = Date.UTC(2030, 0, 1, 12);
const SECOND = 1_000;

/** Lists as a service does: by last attempt, newest first. */
class Service {
  calls: ListedCall[] = [];
  ignoresSince = false;
  pageSize = 2;
  pages = 0;
  failsAtPage = Number.POSITIVE_INFINITY;

  reader(): AttemptReader {
    return new AttemptReader(
      { listCalls: (_: string, query: ListCallsQuery) => this.#list(query) } as never,
      aListedCallback(),
      EACH_MS,
    );
  }

  async *#list({ filter, limit = Number.POSITIVE_INFINITY }: ListCallsQuery) {
    // Only an instant can be asked for.
    if (filter.since !== undefined) toIsoDate(filter.since);
    const sorted = [...this.calls].sort((one, other) => (other.attemptedAt ?? 0) - (one.attemptedAt ?? 0));
    const sent = sorted.filter((call) => this.ignoresSince || matchesFilter(call, filter)).slice(0, limit);
    for (let at = 0; at < Math.max(1, sent.length); at += this.pageSize) {
      if (++this.pages >= this.failsAtPage) throw new WhcbError("network", "down");
      const page = sent.slice(at, at + this.pageSize);
      const calls = page.filter((call) => matchesFilter(call, filter));
      yield { calls, withoutId: [], leftOut: page.length - calls.length, unclear: 0, total: sent.length };
    }
  }

  attempt(id: string, startedAt: number, over: Partial<ListedAttempt> = {}): void {
    const call = this.calls.find((each) => each.id === id) ?? aListedCall({ id, attempts: [], attemptedAt: null });
    const number = (call.attempts?.length ?? 0) + 1;
    const attempt = {
      number,
      attemptedAt: startedAt,
      durationMs: 5,
      statusCode: 503,
      statusMessage: "Busy",
      error: null,
      cause: "first",
      body: null,
      sentFrom: null,
      isResent: false,
      retryAfterMs: null,
      ...over,
    } as const;
    const attempts = [...(call.attempts ?? []), attempt];
    const attemptedAt = Math.max(call.attemptedAt ?? 0, startedAt);
    this.calls = [...this.calls.filter((each) => each !== call), { ...call, status: "FAILED", attempts, attemptedAt }];
  }
}

const shown = async (reader: AttemptReader, nowMs = 0) =>
  (await reader.read(nowMs, new KeptMemory(), () => undefined)).map(({ callId, details }) => `${callId}${details?.number ?? ""}`);

describe("following attempts", () => {
  it("shows each new attempt once, by its beginning, and nothing from before the start", async () => {
    const service = new Service();
    service.attempt("old", NOON - 90_000_000);
    for (const id of ["A", "B", "C"]) service.attempt(id, NOON);
    const reader = service.reader();
    await reader.begin(0, new KeptMemory());
    expect(await shown(reader)).toEqual([]);
    service.attempt("D", NOON + 3);
    service.attempt("B", NOON + 1);
    service.attempt("A", NOON + 2);
    service.attempt("A", NOON + 4);
    expect(await shown(reader)).toEqual(["B2", "A2", "D1", "A3"]);
    service.attempt("old", NOON + 5);
    expect(await shown(reader)).toEqual(["old2"]);
    expect(await shown(reader, 60_000)).toEqual([]);
  });

  it("shows attempts of a callback that had none", async () => {
    const service = new Service();
    const reader = service.reader();
    await reader.begin(0, new KeptMemory());
    expect(await shown(reader)).toEqual([]);
    service.attempt("A", NOON);
    expect(await shown(reader)).toEqual(["A1"]);
    expect(await shown(reader, EACH_MS)).toEqual([]);
  });

  it("shows an attempt that took as long as one may, though later ones were shown before", async () => {
    const service = new Service();
    service.attempt("A", NOON);
    const reader = service.reader();
    await reader.begin(0, new KeptMemory());
    for (let second = 1; second <= 65; second += 1) {
      service.attempt(`fast ${second}`, NOON + second * SECOND);
      expect(await shown(reader, second * SECOND)).toEqual([`fast ${second}1`]);
    }
    service.attempt("slow", NOON + 1);
    expect(await shown(reader, 65 * SECOND + EACH_MS)).toEqual(["slow1"]);
    expect(await shown(reader, 65 * SECOND + 2 * EACH_MS)).toEqual([]);
  });

  it("repeats nothing of a call that it has forgotten", async () => {
    const service = new Service();
    service.attempt("A", NOON);
    const reader = service.reader();
    await reader.begin(0, new KeptMemory());
    for (let minute = 1; minute <= 10; minute += 1) {
      service.attempt("A", NOON + minute * 300 * SECOND, { cause: "retry" });
      service.attempt(`B${minute}`, NOON + minute * 300 * SECOND + 1);
      expect(await shown(reader, minute * EACH_MS)).toEqual([`A${minute + 1}`, `B${minute}1`]);
    }
  });

  it("shows a client's replay, whose clock is another, and what follows it", async () => {
    const service = new Service();
    service.attempt("A", NOON);
    const reader = service.reader();
    await reader.begin(0, new KeptMemory());
    service.attempt("A", NOON + 3_600 * SECOND, { sentFrom: "ada@laptop", cause: "replay" });
    expect(await shown(reader)).toEqual(["A2"]);
    service.attempt("B", NOON + 10);
    expect(await shown(reader)).toEqual(["B1"]);
    expect(await shown(reader, EACH_MS)).toEqual([]);
  });

  it("shows after a failed reading what that one had found", async () => {
    const service = new Service();
    service.attempt("A", NOON);
    const reader = service.reader();
    await reader.begin(0, new KeptMemory());
    for (const id of ["B", "C", "D", "E"]) service.attempt(id, NOON + 1);
    service.failsAtPage = service.pages + 2;
    await expect(shown(reader)).rejects.toThrow("down");
    service.failsAtPage = Number.POSITIVE_INFINITY;
    expect((await shown(reader)).sort()).toEqual(["B1", "C1", "D1", "E1"]);
  });

  it("reads no further than it must where the service ignores since, and knows last attempts only where it has no others", async () => {
    const service = new Service();
    service.ignoresSince = true;
    service.calls = Array.from({ length: 100 }, (_, at) =>
      aListedCall({ id: `call ${at}`, attemptedAt: NOON + at * 60 * SECOND }),
    );
    const reader = service.reader();
    await reader.begin(0, new KeptMemory());
    const before = service.pages;
    service.calls = service.calls.map((call) =>
      call.id === "call 3" ? { ...call, attemptedAt: NOON + 100 * 60 * SECOND } : call,
    );
    expect(await shown(reader)).toEqual(["call 3"]);
    expect(await shown(reader, EACH_MS)).toEqual([]);
    expect(service.pages - before).toBeLessThan(8);
  });

  it("shows nothing from before the start where the newest call was only sent by a client", async () => {
    const service = new Service();
    for (const id of ["A", "B", "C"]) service.attempt(id, NOON - 90_000_000);
    service.attempt("held", NOON, { sentFrom: "ada@laptop", cause: "replay" });
    const reader = service.reader();
    await reader.begin(0, new KeptMemory());
    expect(await shown(reader)).toEqual([]);
    service.attempt("A", NOON + 1);
    expect(await shown(reader)).toEqual(["A2"]);
  });

  it("takes any number of attempts of a call", async () => {
    const service = new Service();
    service.attempt("A", NOON);
    const reader = service.reader();
    await reader.begin(0, new KeptMemory());
    const [call] = service.calls;
    const [attempt] = call?.attempts ?? [];
    if (call === undefined || attempt === undefined) throw new Error("it has one");
    const attempts = Array.from({ length: 200_000 }, (_, index) => ({ ...attempt, number: index + 1 }));
    service.calls = [{ ...call, attempts }];
    expect(await shown(reader)).toHaveLength(199_999);
  });

  it("ends with an error where a service lists ever new calls with long ids", async () => {
    const service = new Service();
    const reader = service.reader();
    await reader.begin(0, new KeptMemory());
    const readings = [1, 2, 3, 4].map((number) => async () => {
      service.attempt(`${number}${"x".repeat(80_000_000)}`, NOON + number);
      return (await shown(reader)).length;
    });
    for (const reading of readings.slice(0, 3)) expect(await reading()).toBe(1);
    await expect(readings[3]?.()).rejects.toMatchObject({ code: "unavailable" });
  });
});
