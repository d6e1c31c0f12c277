/** The largest pages that the service can send, each at the limit of what it accepts, are within the limits of the client. */
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ListCallsQuery } from "../../src/client/call-requests.js";
import type { Client, ListedCall } from "../../src/client/client.js";
import { createHttpTransport } from "../../src/client/http-transport.js";
import type { Transport } from "../../src/client/transport.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { clientOver } from "../support/client/client-services.js";
import { BUSY, pendingCalls, recordAttempts } from "../support/server/recorded-calls.js";
import { CALLBACK_SETTINGS, CREDENTIALS, closeService, openService, type Service } from "../support/server/server-fixture.js";

const ID = "0123456789ABCDEF";
const MIB = 1024 * 1024;

let service: Service;
let origin: string;
let client: Client;
/** The client got answers with these bodies. */
let bodies: string[];

beforeEach(async () => {
  bodies = [];
  service = await openService();
  const url = `http://127.0.0.1:9/${"p".repeat(2_000)}`;
  await service.store.callbacks.create(ID, { ...CALLBACK_SETTINGS, url }, 0);
  origin = await service.app.listen({ host: "127.0.0.1", port: 0 });
  const transport = await createHttpTransport({ url: origin, timers: systemTimers });
  const recording: Transport = {
    ...transport,
    async send(request) {
      const answer = await transport.send(request);
      bodies.push(answer.body);
      return answer;
    },
  };
  client = clientOver(recording);
});
afterEach(async () => {
  await client.close();
  await closeService(service);
});

async function post(body: string, type = "application/json"): Promise<void> {
  const answer = await fetch(`${origin}/callbacks/${ID}/calls`, {
    method: "POST",
    headers: { ...CREDENTIALS, "content-type": type },
    body,
  });
  expect([answer.status, await answer.text()]).toMatchObject([202, expect.any(String)]);
}

async function list(query: Partial<ListCallsQuery>): Promise<ListedCall[]> {
  const calls: ListedCall[] = [];
  for await (const page of client.listCalls(ID, { filter: {}, ...query })) calls.push(...page.calls);
  return calls;
}

const ids = (count: number) => Array.from({ length: count }, (_, index) => `N${String(index).padStart(3, "0")}`);
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&()*+-./:;<=>?@^_`|~";

/** Makes names as short as they can be. */
function shortNames(count: number): string[] {
  const names = [""];
  for (let at = 0; names.length <= count; at++) for (const letter of LETTERS) names.push(`${names[at]}${letter}`);
  return names.slice(1, count + 1);
}

it("the most values: short ones of as many calls as a page has", async () => {
  const parameters = `{${shortNames(1_000)
    .map((name) => `"${name}":""`)
    .join(",")}}`;
  const value = `[${"0,".repeat(998)}0]`;
  const lines = ids(520).map((id) => `{"id":"${id}","customParameters":${parameters},"responseMessage":{"x":${value}}}\n`);
  await post(lines.join(""), "application/x-ndjson");
  const calls = await list({ filter: { status: "PENDING" }, oldestFirst: true });
  expect(calls.map(({ id, response }) => [id, Object.keys(response.customParameters).length])).toEqual(
    ids(520).map((id) => [id, 1_000]),
  );
  const page = bodies[1] ?? "";
  expect([page.split('"status":"PENDING"').length - 1, page.split(",").length > 990_000]).toEqual([500, true]);
});

it("the most bytes: one call of quotes in XML", async () => {
  const quotes = '"'.repeat(10_400_000);
  await post(`<call><id>N000</id><responseMessage><content>${quotes}</content></responseMessage></call>`, "application/xml");
  const [call] = await list({ filter: { status: "PENDING" } });
  expect(call?.response.responseMessage.content === quotes).toBe(true);
  expect(bodies[0]?.length).toBeGreaterThan(19 * MIB);
});

it("the most levels: those of a value", async () => {
  let value: unknown = "innermost";
  for (let level = 0; level < 100; level++) value = [value];
  await post(JSON.stringify({ id: "N000", responseMessage: { content: "Yes", value } }));
  const [call] = await list({ filter: { status: "PENDING" } });
  expect(call?.raw.responseMessage).toEqual({ content: "Yes", value });
});

it("attempts: long ones of many calls, and many of one call", async () => {
  await post(JSON.stringify({ calls: ids(60).map((id) => ({ id })) }));
  const calls = await pendingCalls(service.store, ID);
  const result = { ...BUSY, body: "x".repeat(1_024) };
  for (let attemptCount = 0; attemptCount < 500; attemptCount++) {
    const current = calls.map((call) => ({ ...call, attemptCount }));
    await recordAttempts(service.store, current, () => ({ result, startedAt: attemptCount }));
  }
  const listed = await list({ withAttempts: true });
  expect(listed.map(({ attempts }) => attempts?.length)).toEqual(ids(60).map(() => 500));
  expect(Math.max(...bodies.map(({ length }) => length))).toBeGreaterThan(14 * MIB);
  const [first] = calls;
  if (first === undefined) throw new Error("No call was accepted.");
  const refused = { kind: "unreachable", reason: "refused", detail: "" } as const;
  for (let attemptCount = 500; attemptCount < 15_500; attemptCount += 100) {
    const current = Array.from({ length: 100 }, (_, index) => ({ ...first, attemptCount: attemptCount + index }));
    await recordAttempts(service.store, current, () => ({ result: refused, startedAt: 1 }));
  }
  expect((await client.listAttempts(ID, first.id))?.length).toBe(15_500);
});
