/** The memory of large bodies and long lines is bounded in bytes. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemRandom } from "../../src/platform/random.js";
import { makeCredential } from "../../src/server/auth/credential-hashes.js";
import { Visitor } from "../support/server/console-visitor.js";
import { BUSY, pendingCalls, recordAttempts } from "../support/server/recorded-calls.js";
import {
  CALLBACK_SETTINGS,
  CREDENTIALS,
  closeService,
  openService,
  type Service,
  USER,
} from "../support/server/server-fixture.js";
import { fetchPending } from "../support/store/waiting-calls.js";

const ID = "0123456789ABCDEF";
const SIZE = 9_500_000;

let service: Service;
let origin: string;
let sockets: Socket[];

beforeEach(async () => {
  sockets = [];
  service = await openService();
  await service.store.callbacks.create(ID, CALLBACK_SETTINGS, 0);
  origin = await service.app.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await closeService(service);
});

const basicOf = (user: typeof USER) => `Basic ${Buffer.from(`${user.username}:${user.password}`).toString("base64")}`;
const headers = { ...CREDENTIALS, accept: "application/json", "content-type": "application/json" };

/** Sends the headers of a request, and no body. Its size may be null, which gives none. */
function begin(
  size: number | null,
  target = "POST /callbacks/demo/calls",
  given: Readonly<Record<string, string>> = headers,
): Socket {
  const socket = connect(Number(new URL(origin).port), "127.0.0.1");
  sockets.push(socket);
  const length = size === null ? {} : { "content-length": size };
  const lines = Object.entries({ host: "localhost", ...length, ...given }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${target} HTTP/1.1\r\n${lines.join("")}\r\n`);
  return socket;
}

async function post(body: string): Promise<Response> {
  return fetch(`${origin}/callbacks/demo/calls`, { method: "POST", headers, body });
}

const bodyOf = (id: string, size: number) => JSON.stringify({ id, responseMessage: { content: "x".repeat(size) } });

it("answers 503 with Retry-After, before the body is read, when too many bytes are arriving; small bodies still have room", async () => {
  const held = Array.from({ length: 3 }, () => begin(SIZE));
  await new Promise((resolve) => service.app.server.getConnections(resolve));
  await (await fetch(`${origin}/healthz`)).text();
  const [answer] = await once(begin(SIZE), "data");
  expect(String(answer)).toMatch(/^HTTP\/1.1 503 .*\r\nretry-after: 5\r\n/is);
  expect((await post(bodyOf("small", 10))).status).toBe(202);
  for (const socket of held) socket.destroy();
  // The room is free again once the service has noticed.
  let status = 503;
  while (status === 503) ({ status } = await post(bodyOf("A", SIZE)));
  expect([status, (await fetchPending(service.store, ID, 10)).map((call) => call.id)]).toEqual([202, ["small", "A"]]);
});

it("leaves half of the room to others, however many bodies of a user are unfinished, and a part to signing in", async () => {
  const EVA = { username: "eva", password: "her own password", apiKey: "key-of-eva-0123456789" };
  await service.store.credentials.save(await makeCredential(EVA, systemRandom, "added"), 0);
  const ofEva = { ...headers, authorization: basicOf(EVA), "x-api-key": EVA.apiKey };
  for (let count = 0; count < 3; count++) begin(SIZE);
  const held = Array.from({ length: 200 }, () => begin(65_536));
  await Promise.race(held.map((socket) => once(socket, "data")));
  const submit = (given: typeof headers, size: number) =>
    fetch(`${origin}/callbacks/demo/calls`, { method: "POST", headers: given, body: bodyOf(`N${size}`, size) });
  expect([(await submit(headers, 10_000)).status, (await submit(ofEva, SIZE)).status]).toEqual([503, 202]);
  expect((await new Visitor(service.app).send("/console/sign-in", "/console/sign-in", USER)).status).toBe(200);
});

it("keeps no more room for a stranger's form than the form may have", async () => {
  const form = { "content-type": "application/x-www-form-urlencoded", "transfer-encoding": "chunked" };
  const held = Array.from({ length: 6 }, () => begin(null, "POST /console/sign-in", form));
  await expect.poll(() => service.app.connections.inFlight, { interval: 5 }).toBe(held.length);
  expect((await post(bodyOf("A", SIZE))).status).toBe(202);
});

it("counts the bodies of every route, and one that only looks like NDJSON", async () => {
  const disguised = { ...headers, "content-type": "application/json; x=ndjson" };
  begin(SIZE, "POST /callbacks/demo/calls", disguised);
  for (const target of [
    "POST /callbacks",
    "PUT /callbacks/demo",
    "PUT /callbacks/demo/calls?id=A",
    "POST /callbacks/demo/attempts",
  ]) {
    begin(SIZE, target);
  }
  await (await fetch(`${origin}/healthz`)).text();
  const targets = [
    "DELETE /callbacks/demo/run-lock",
    "PUT /callbacks/demo/calls/A",
    "POST /callbacks/demo/replays",
    "POST /auth",
  ];
  const answers = await Promise.all(targets.map((target) => once(begin(SIZE, target), "data")));
  expect(answers.map(([answer]) => String(answer).split("\r\n", 1)[0])).toEqual(
    targets.map(() => "HTTP/1.1 503 Service Unavailable"),
  );
});

it("reads no body without credentials, or for a path or a method that it doesn't have", async () => {
  const answers = [
    once(begin(SIZE, "POST /healthz", { "content-type": "application/json" }), "data"),
    once(begin(SIZE, "POST /nowhere"), "data"),
    once(begin(SIZE, "POST /outages"), "data"),
  ];
  const lines = (await Promise.all(answers)).map(([answer]) => String(answer).split("\r\n"));
  expect(lines.map(([status, ...rest]) => [status, rest.includes("connection: close")])).toEqual([
    ["HTTP/1.1 401 Unauthorized", true],
    ["HTTP/1.1 404 Not Found", true],
    ["HTTP/1.1 405 Method Not Allowed", true],
  ]);
});

it("accepts or postpones each of many large bodies at once, and loses none that it accepted", async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => post(bodyOf(`N${index}`, SIZE)).catch(() => null)));
  const accepted = answers.filter((answer) => answer?.status === 202).length;
  expect(
    answers.flatMap((answer) => (answer === null || answer.status === 202 || answer.status === 503 ? [] : [answer.status])),
  ).toEqual([]);
  expect(accepted).toBeGreaterThanOrEqual(3);
  expect((await service.store.calls.count(ID)).PENDING).toBe(accepted);
});

it("stores NDJSON lines of up to 10 MiB, and rejects a longer one", async () => {
  const body = Readable.from(
    (async function* () {
      for (const [id, size] of Object.entries({ A: 2_000_000, B: 10_400_000, C: 10_485_760, D: 1_000_000 }))
        yield `${bodyOf(id, size)}\n`;
    })(),
  );
  const answer = await fetch(`${origin}/callbacks/demo/calls`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/x-ndjson" },
    body: Readable.toWeb(body),
    duplex: "half",
  } as RequestInit);
  expect([answer.status, await answer.json()]).toEqual([
    202,
    { accepted: 3, rejected: [{ line: 3, errorDetail: "the line is longer than 10 MiB" }] },
  ]);
  expect((await service.store.calls.count(ID)).PENDING).toBe(3);
});

it("keeps few NDJSON lines of a thousand values until they are stored", async () => {
  const stored: number[] = [];
  const accept: Service["store"]["calls"]["accept"] = (submissions, now) => {
    stored.push(...submissions.map(({ calls }) => calls.length));
    return service.store.calls.accept(submissions, now);
  };
  const { app } = await openService({ store: { ...service.store, calls: { ...service.store.calls, accept } } });
  const values = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`k${index}`, 0]));
  for (const response of [{ customParameters: values }, { from: values }]) {
    const payload = Buffer.from(`${JSON.stringify(response)}\n`.repeat(5));
    const ndjson = { ...headers, "content-type": "application/x-ndjson" };
    const { statusCode } = await app.inject({ method: "POST", url: "/callbacks/demo/calls", headers: ndjson, payload });
    expect(statusCode).toBe(202);
  }
  expect(stored).toEqual([3, 2, 3, 2]);
  await app.close();
});

it("ends a page with expand=attempts before its attempts are too large, and says which calls it has", async () => {
  const ids = Array.from({ length: 30 }, (_, index) => `N${String(index).padStart(2, "0")}`);
  await post(JSON.stringify({ calls: ids.map((id) => ({ id })) }));
  const calls = await pendingCalls(service.store, ID);
  const answer = { ...BUSY, body: "x".repeat(1024) };
  for (let attemptCount = 0; attemptCount < 500; attemptCount++) {
    const current = calls.map((call) => ({ ...call, attemptCount }));
    await recordAttempts(service.store, current, () => ({ result: answer, startedAt: attemptCount }));
  }
  const pages: { status: string; size: number }[] = [];
  const seen: string[] = [];
  let url: string | undefined = `${origin}/callbacks/demo/calls?expand=attempts&limit=500&sortFields=id`;
  while (url !== undefined) {
    const text = await (await fetch(url, { headers })).text();
    const document: { status: string; calls: { id: string }[]; link: { rel: string; uri: string }[] } = JSON.parse(text);
    pages.push({ status: document.status, size: document.calls.length });
    seen.push(...document.calls.map(({ id }) => id));
    expect(text.length).toBeLessThan(18 * 1024 * 1024);
    url = document.link.find(({ rel }) => rel === "next")?.uri;
  }
  expect([pages.map(({ status }) => status), seen]).toEqual([["1 to 26 of 30", "27 to 30 of 30"], ids]);
});

it("reads no attempts while there is no room for them", async () => {
  await post(JSON.stringify({ calls: [{ id: "A" }] }));
  const calls = await pendingCalls(service.store, ID);
  for (let attemptCount = 0; attemptCount < 100; attemptCount++) {
    const current = calls.map((call) => ({ ...call, attemptCount }));
    await recordAttempts(service.store, current, () => ({
      result: { ...BUSY, body: "x".repeat(1024) },
      startedAt: attemptCount,
    }));
  }
  let readings = 0;
  const listAttempts: Service["store"]["calls"]["listAttempts"] = (...read) => {
    readings++;
    return service.store.calls.listAttempts(...read);
  };
  const { app } = await openService({ store: { ...service.store, calls: { ...service.store.calls, listAttempts } } });
  const url = `/callbacks/${ID}/calls/A/attempts`;
  expect((await app.inject({ url, headers })).statusCode).toBe(200);
  // Three quarters are for large answers.
  expect(["one", "another"].map((owner) => app.answers.tryReserve(owner, 48 * 1024 * 1024))).toEqual([true, true]);
  expect((await app.inject({ url, headers })).statusCode).toBe(503);
  expect(readings).toBe(1);
  await app.close();
});
