/** A replay is cancelled on a node that doesn't send its calls. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type Background, CliMachine } from "../support/cli/cli-service.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";

const CALLS = 8;

let database: TestDatabase;
let machine: CliMachine;
let endpoint: Server;
let isRepaired: boolean;
/** The repaired endpoint answers these when the test says so. */
let held: ServerResponse[];

beforeAll(async () => {
  database = await createDatabase("cancel");
});
beforeEach(async () => {
  machine = new CliMachine();
  isRepaired = false;
  held = [];
  endpoint = createServer((request, response) => {
    request.resume();
    if (isRepaired) held.push(response);
    else response.writeHead(request.method === "GET" ? 200 : 503).end();
  }).listen(0, "127.0.0.1");
  await once(endpoint, "listening");
});
afterEach(async () => {
  for (const response of held) response.end();
  await machine.leave();
  endpoint.close();
});

const env = () => ({ ...USER_ENV, WHCB_DB: database.url, WHCB_SECRET_KEY: Buffer.alloc(32).toString("base64") });
const serve = (...flags: readonly string[]) => machine.serve(flags, { env: env() });

async function withFailedCalls(other: ServedApi, name: string): Promise<string> {
  const address = endpoint.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/hook`;
  const callback = await other.create({ name, url, retriesEnabled: false });
  await other.hand(
    callback,
    Array.from({ length: CALLS }, (_, number) => callIdOf(number, name)),
  );
  await expect.poll(() => other.count(callback, "FAILED")).toBe(CALLS);
  isRepaired = true;
  return `/callbacks/${callback}/replays`;
}

async function requestReplay(api: ServedApi, replays: string): Promise<string> {
  const { id } = JSON.parse(await (await api.fetch(`${replays}?status=FAILED`, { method: "POST" })).text());
  return `${replays}/${id}`;
}

async function counts(api: ServedApi, replay: string) {
  const { state, succeeded, failed, cancelled, left } = JSON.parse(await (await api.fetch(replay)).text());
  return { state, succeeded, failed, cancelled, left };
}

async function twoNodes(): Promise<{ readonly owner: Background; readonly other: ServedApi }> {
  const owner = await serve("--max-in-flight", "3");
  return { owner, other: new ServedApi((await serve("--no-dispatch")).url) };
}

it("what the owner has in flight isn't cancelled, and is counted by its outcome", async () => {
  const { other } = await twoNodes();
  const replay = await requestReplay(other, await withFailedCalls(other, "busy"));
  // One endpoint may have one slot in two, and then fewer.
  await expect.poll(() => held.length).toBeGreaterThan(0);
  expect((await other.fetch(replay, { method: "DELETE" })).status).toBe(204);
  const settled = async () => {
    const { left, cancelled, ...rest } = await counts(other, replay);
    return { ...rest, isSettled: left === held.length && cancelled === CALLS - held.length };
  };
  await expect.poll(settled).toEqual({ state: "cancelled", succeeded: 0, failed: 0, isSettled: true });
  const sent = held.length;
  for (const response of held) response.end();
  await expect
    .poll(() => counts(other, replay))
    .toEqual({ state: "cancelled", succeeded: sent, failed: 0, cancelled: CALLS - sent, left: 0 });
  expect(held).toHaveLength(sent);
});

it("without an owner it is cancelled at once", async () => {
  const { owner, other } = await twoNodes();
  const replays = await withFailedCalls(other, "idle");
  await owner.stop();
  const replay = await requestReplay(other, replays);
  expect((await other.fetch(replay, { method: "DELETE" })).status).toBe(204);
  expect(await counts(other, replay)).toEqual({ state: "cancelled", succeeded: 0, failed: 0, cancelled: CALLS, left: 0 });
  await serve();
  expect(await counts(other, replay)).toMatchObject({ cancelled: CALLS, left: 0 });
  expect(held).toEqual([]);
});
