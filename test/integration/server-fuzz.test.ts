/** Requests of every kind get no 5xx, cause no hang, and change no row if they get a 4xx. `npm run soak:fuzz` runs much longer. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { anyRequest } from "../support/server/arbitrary-requests.js";
import { BUSY, pendingCalls, recordAttempts } from "../support/server/recorded-calls.js";
import type { Service } from "../support/server/server-fixture.js";
import { CALLBACK_SETTINGS, CREDENTIALS, closeService, openService } from "../support/server/server-fixture.js";
import { inProcess, overHttp, type RawRequest, type Transport } from "../support/server/service-callers.js";
import { fetchPending } from "../support/store/waiting-calls.js";

const RUNS = Number(process.env.WHCB_FUZZ_RUNS ?? 150);
const SEED = Number(process.env.WHCB_FUZZ_SEED ?? 20_260_109);
/** The store begins again after so many rows, so that a look at all of them stays cheap. */
const MOST_ROWS = 150;
const MOST_CPU_MS = 10_000;

let service: Service;
let transports: readonly Transport[];

async function open(): Promise<void> {
  service = await openService();
  const { store } = service;
  await store.callbacks.create("0123456789ABCDEF", CALLBACK_SETTINGS, 0);
  await store.callbacks.create("FEDCBA9876543210", { ...CALLBACK_SETTINGS, name: "other" }, 0);
  const origin = await service.app.listen({ port: 0, host: "127.0.0.1" });
  await service.app.inject({
    method: "POST",
    url: "/callbacks/demo/calls",
    headers: HEADERS,
    payload: '{"calls":[{"id":"A"},{"id":"B"}]}',
  });
  await recordAttempts(store, await pendingCalls(store, "0123456789ABCDEF"), () => ({ result: BUSY, startedAt: 1000 }));
  transports = [inProcess(service.app), overHttp(origin)];
}

const HEADERS = { ...CREDENTIALS, "content-type": "application/json" };

beforeAll(open);
afterAll(() => closeService(service));

/** Returns everything that a request could change. */
async function rows(): Promise<{ readonly text: string; readonly count: number }> {
  const page = { limit: 10_000, offset: 0 };
  const { items: callbacks } = await service.store.callbacks.list({ ...page, sort: [] });
  const calls = [];
  for (const { id } of callbacks) {
    calls.push(...(await service.store.calls.list(id, { ...page, filter: {}, sort: [] })).items);
    calls.push(...(await fetchPending(service.store, id, 10_000)));
  }
  return { text: JSON.stringify([callbacks, calls]), count: callbacks.length + calls.length };
}

async function answered(transport: Transport, request: RawRequest): Promise<number> {
  const before = process.cpuUsage();
  const { status, text, headers } = await transport(request);
  expect(process.cpuUsage(before).user).toBeLessThan(1_000 * MOST_CPU_MS);
  if (status >= 400 && request.method !== "HEAD") {
    expect(text).toMatch(/errorSummary.*errorText.*errorDetail/s);
    expect(text).not.toMatch(/at .*\.[jt]s:\d+|SQLITE|SELECT |\/src\/|node_modules/);
  }
  expect(headers["x-content-type-options"]).toBe("nosniff");
  return status;
}

it(
  "answers whatever it is sent, and a refusal changes nothing",
  async () => {
    const counts: Record<number, number> = {};
    await fc.assert(
      fc.asyncProperty(fc.array(anyRequest, { minLength: 1, maxLength: 6 }), fc.constantFrom(0, 1), async (requests, way) => {
        const transport = transports[way] ?? inProcess(service.app);
        const before = await rows();
        const statuses = await Promise.all(requests.map((request) => answered(transport, request)));
        for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
        expect(statuses.filter((status) => status >= 500)).toEqual([]);
        const after = await rows();
        if (statuses.every((status) => status >= 400)) expect(after.text).toBe(before.text);
        if (after.count > MOST_ROWS || !(await service.store.callbacks.find("demo"))) {
          await closeService(service);
          await open();
        }
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
    if (process.env.WHCB_FUZZ_RUNS) process.stdout.write(`requests by status: ${JSON.stringify(counts)}\n`);
    // The requests are authenticated, and are rejected for every kind of reason.
    for (const status of [200, 202, 204, 400, 401, 403, 404, 405, 415, 422]) expect(counts[status]).toBeGreaterThan(0);
  },
  30_000 + RUNS * 300,
);
