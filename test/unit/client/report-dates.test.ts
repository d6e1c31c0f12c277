import { expect, it } from "vitest";
import { createClient } from "../../../src/client/client.js";
import type { TransportRequest } from "../../../src/client/transport.js";
import { ACCEPTED } from "../../support/builders.js";
import { seededRandom } from "../../support/time/seeded-random.js";
import { VirtualClock } from "../../support/time/virtual-clock.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The client has had an answer of a service whose clock is `ahead`, and of one that says it exactly, after `tookMs`. */
async function aClient(ahead: number | null, exact?: { readonly ahead: number; readonly tookMs: number }) {
  const clock = new VirtualClock();
  const bodies: string[] = [];
  const transport = {
    name: "service",
    basePath: "",
    async send({ body }: TransportRequest) {
      if (body !== null) bodies.push(body);
      const serviceTime = exact && { "x-service-time": new Date(clock.now() + exact.ahead).toISOString() };
      if (body === null) clock.advance(exact?.tookMs ?? 0);
      const date = ahead === null ? {} : { date: new Date(Math.min(clock.now() + ahead, 8.64e15)).toUTCString() };
      return {
        status: body === null ? 200 : 204,
        headers: { ...date, ...serviceTime },
        body: JSON.stringify({ status: "No records found" }),
      };
    },
    close: async () => undefined,
  };
  const client = createClient(transport, { credentials: null, rate: null, timezone: "UTC", clock, random: seededRandom(1) });
  await client.listCallbacks();
  const report = async (startedAt: number, durationMs = 5) => {
    const attempts = [{ callId: "A", startedAt, durationMs, result: ACCEPTED }];
    await client.recordReplays("CB", { sentFrom: "ada@desk", attempts });
    return JSON.parse(bodies.at(-1) ?? "").attempts[0];
  };
  return { clock, report };
}

it.each([
  ["has the same clock, but for the time of an answer", 59_000, 0],
  ["doesn't say its time", null, 0],
  ["is ten minutes behind", -10 * MINUTE, -10 * MINUTE],
  ["says the last date that there is, which is no clock's", Number.POSITIVE_INFINITY, 0],
  ["is a day ahead", 24 * HOUR, 24 * HOUR],
])("dates an attempt by the clock of a service that %s", async (_, ahead, shift) => {
  const { clock, report } = await aClient(ahead);
  const startedAt = clock.now() - 2_000;
  // A date has whole seconds.
  const shifted = shift === 0 ? 0 : Date.parse(new Date(clock.now() + shift).toUTCString()) - clock.now();
  expect((await report(startedAt)).attemptedDate).toBe(new Date(startedAt + shifted).toISOString());
});

it.each([
  { name: "is 50 s ahead", ahead: 50_000, tookMs: 0, shift: 50_000 },
  { name: "is 2 s behind", ahead: -2_000, tookMs: 0, shift: -2_000 },
  { name: "is a second ahead", ahead: 1_000, tookMs: 0, shift: 0 },
  { name: "has the same clock, but answers late", ahead: 0, tookMs: 20_000, shift: 0 },
  { name: "is 50 s ahead, and answers within 20 ms", ahead: 50_000, tookMs: 20, shift: 49_990 },
])("dates an attempt by the exact clock of a service that $name", async ({ ahead, tookMs, shift }) => {
  const { clock, report } = await aClient(null, { ahead, tookMs });
  const startedAt = clock.now() - 2_000;
  expect((await report(startedAt)).attemptedDate).toBe(new Date(startedAt + shift).toISOString());
});

it("gives a repeated report the same date, though answers come later and later", async () => {
  const { clock, report } = await aClient(-10 * MINUTE);
  const startedAt = clock.now();
  const { attemptedDate } = await report(startedAt);
  clock.set(clock.now() + 2_345);
  await report(startedAt);
  expect((await report(startedAt)).attemptedDate).toBe(attemptedDate);
});

it("dates no attempt later than now, after our clock was set back", async () => {
  const { clock, report } = await aClient(0);
  const startedAt = clock.now();
  clock.jump(-HOUR);
  expect((await report(startedAt)).attemptedDate).toBe(new Date(clock.now()).toISOString());
});

it("reports no duration of more than a day: the machine may have slept", async () => {
  const { clock, report } = await aClient(0);
  expect((await report(clock.now(), 49 * HOUR)).durationMs).toBe(24 * HOUR);
});
