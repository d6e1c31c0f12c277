import { describe, expect, it } from "vitest";
import { CallbackReader, type CallbackReading } from "../../../../../src/cli/commands/watch/callback-reader.js";
import type { CallPage, ListCallsQuery } from "../../../../../src/client/call-requests.js";
import { Capabilities } from "../../../../../src/client/capabilities.js";
import type { Client, ListedCall, ListedOutage } from "../../../../../src/client/client.js";
import { KeptMemory } from "../../../../../src/client/list-walker.js";
import { matchesFilter } from "../../../../../src/domain/call-filter.js";
import { aListedCall, aListedCallback, aListedOutage } from "../../../../support/cli/listed.js";

const AT = Date.UTC(2026, 10, 24, 12);

/** The service lists newest first, 20 at most. */
function reader(calls: ListedCall[], { isOurs = true, ignoresFilters = false, beforeAnswer = (_: number) => {} } = {}) {
  const asked: string[] = [];
  async function* listCalls(_: string, { filter, limit = 20 }: ListCallsQuery): AsyncGenerator<CallPage> {
    asked.push(filter.status ?? "");
    const listed = calls.filter((call) => ignoresFilters || matchesFilter(call, filter));
    const page = listed.slice(0, 20);
    const matching = page.filter((call) => matchesFilter(call, filter));
    const total = listed.length;
    beforeAnswer(asked.length);
    yield { calls: matching.slice(0, limit), withoutId: [], leftOut: page.length - matching.length, unclear: 0, total };
  }
  const capabilities = new Capabilities();
  if (isOurs) capabilities.readAnswer({ status: 200, headers: { "x-max-limit": "20" }, body: "" });
  capabilities.noteFeature("outages", isOurs);
  const getCallback = async () => aListedCallback({ downSince: AT });
  const client = { listCalls, getCallback, capabilities } as Partial<Client> as Client;
  return { asked, reader: new CallbackReader(client, aListedCallback(), () => 0) };
}

const failed = (id: string, at: number) => aListedCall({ id, attemptedAt: at });
const read = (from: CallbackReader) => from.read([], new KeptMemory(), () => undefined);

describe("a reading", () => {
  it("has the failures since the one before, each once, newest first", async () => {
    const calls = [failed("A", AT)];
    const { reader: one } = reader(calls);
    expect(await read(one)).toMatchObject({ failures: [], failed: 1 });
    calls.unshift(failed("C", AT + 2), failed("B", AT + 1));
    expect((await read(one)).failures.map(({ id }) => id)).toEqual(["C", "B"]);
    expect((await read(one)).failures).toEqual([]);
  });

  it("keeps of a failure what is shown", async () => {
    const calls = [failed("A", AT)];
    const { reader: one } = reader(calls);
    await read(one);
    calls.unshift(failed("B", AT + 1));
    const { status, statusCode, statusMessage, attemptCount, response } = failed("B", AT + 1);
    const shown = { id: "B", status, attemptedAt: AT + 1, statusCode, statusMessage, attemptCount };
    expect((await read(one)).failures).toEqual([{ ...shown, response: { from: response.from } }]);
  });

  it("is an error if the failures of one date take too much, in one reading or in several", async () => {
    const long = "x".repeat(30_000_000);
    const calls = [failed("A", AT)];
    const { reader: one } = reader(calls);
    const fail = (from: number, to: number) => {
      for (let number = from; number < to; number++) calls.unshift(failed(`${number}${long}`, AT));
    };
    await read(one);
    fail(0, 4);
    await read(one);
    fail(4, 9);
    await expect(read(one)).rejects.toThrow("the list doesn't end: more than ");
    await expect(read(reader(calls).reader)).rejects.toThrow("the list doesn't end: more than ");
  });

  it("has a failure that comes in the same minute as the last one, where dates have no seconds", async () => {
    const calls = [failed("B", AT), failed("A", AT)];
    const { reader: one } = reader(calls);
    await read(one);
    calls.unshift(failed("C", AT));
    expect((await read(one)).failures.map(({ id }) => id)).toEqual(["C"]);
    calls.unshift(failed("D", AT));
    expect((await read(one)).failures.map(({ id }) => id)).toEqual(["D"]);
  });

  it("has a call again that failed again", async () => {
    const calls = [failed("A", AT)];
    const { reader: one } = reader(calls);
    await read(one);
    calls[0] = failed("A", AT + 5);
    expect((await read(one)).failures.map(({ id }) => id)).toEqual(["A"]);
  });

  it("counts the failures that don't fit on a page", async () => {
    const calls = [failed("A", AT)];
    const { reader: one } = reader(calls);
    await read(one);
    for (let index = 1; index <= 50; index++) calls.unshift(failed(`B${index}`, AT + index));
    const { failures, moreFailures } = await read(one);
    expect([failures.length, failures.length + moreFailures]).toEqual([20, 50]);
  });

  it.each([1, 2, 3, 4])("counts what comes in and fails around its request %i as such, each once", async (request) => {
    const calls = [failed("A", AT)];
    const fail = (ids: string, at: number, count: number) => {
      for (let index = 0; index < count; index++) calls.unshift(failed(`${ids}${index}`, at + index));
    };
    let awaited = Number.NaN;
    const { asked, reader: one } = reader(calls, { beforeAnswer: (asked) => asked === awaited && fail("C", AT + 100, 300) });
    const known = (reading: CallbackReading) => (reading.pending ?? 0) + (reading.succeeded ?? 0) + (reading.failed ?? 0);
    const before = known(await read(one));
    fail("B", AT + 1, 25);
    awaited = asked.length + request;
    let failures = 0;
    for (let readings = 0; readings < 2; readings++) {
      const reading = await read(one);
      failures += reading.failures.length + reading.moreFailures;
      expect(known(reading) - before).toBeGreaterThanOrEqual(failures);
    }
    expect(failures).toBe(325);
  });

  it("doesn't ask another service for PENDING calls, and knows no number from one that ignores the filter", async () => {
    const { asked, reader: one } = reader([failed("A", AT), aListedCall({ id: "B", status: "SUCCESS" })], {
      isOurs: false,
      ignoresFilters: true,
    });
    expect(await one.read([], new KeptMemory(), () => undefined)).toMatchObject({
      pending: null,
      failed: null,
      succeeded: null,
      outage: null,
    });
    expect(asked).toEqual(["SUCCESS", "FAILED"]);
  });

  it("has the open outage of its callback", async () => {
    const open = aListedOutage({ id: "OPEN" });
    const { reader: one } = reader([]);
    const others = [aListedOutage({ endedAt: AT }), aListedOutage({ callbackId: "ANOTHER" })];
    expect((await one.read([...others, open], new KeptMemory(), () => undefined)).outage).toBe(open);
    expect((await one.read(others, new KeptMemory(), () => undefined)).outage).toBeNull();
  });

  it("says since when the endpoint is down, as far as the service lists outages", async () => {
    const downSince = async (outages: readonly ListedOutage[], isOurs = true) =>
      (await reader([], { isOurs }).reader.read(outages, new KeptMemory(), () => undefined)).callback.downSince;
    expect([await downSince([]), await downSince([aListedOutage()]), await downSince([], false)]).toEqual([AT, AT, null]);
  });
});
