/** Clients without credentials that try to use up what `whcb serve` has, and what it does for the others meanwhile. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  ANSWERED_BY_NODE,
  largestSignIn,
  neverEndHeaders,
  pipelineUnread,
  trickleBodies,
} from "../support/attack/connection-attacks.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { copyPackage, eventually, Home } from "../support/process/whcb-process.js";

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

it("answers others, in little memory, while 50 clients pipeline 1 400 requests each and read no answer", async () => {
  const server = await home.serve([], { env: { ...USER_ENV, NODE_OPTIONS: "--max-old-space-size=96" } });
  const attack = await pipelineUnread(server.url, { connections: 50 });
  const again = await pipelineUnread(server.url, { connections: 50, requests: 16 });
  const answer = await new ServedApi(server.url).fetch("/callbacks");
  expect([answer.status, again.closed, server.child.exitCode]).toEqual([200, 0, null]);
  await eventually(
    async () => attack.open,
    (open) => open === 0,
  );
  await Promise.all([attack.stop(), again.stop()]);
  expect((await server.stop()).code).toBe(0);
});

it("answers others, in little memory, while clients pipeline what Node would answer by itself", async () => {
  const server = await home.serve([], { env: { ...USER_ENV, NODE_OPTIONS: "--max-old-space-size=96" } });
  const choices = ANSWERED_BY_NODE.map(({ request }) => ({ connections: 400, requests: 2_000, request }));
  const attacks = await Promise.all(choices.map((choice) => pipelineUnread(server.url, choice)));
  expect((await new ServedApi(server.url).fetch("/callbacks")).status).toBe(200);
  await Promise.all(attacks.map((attack) => attack.stop()));
  expect((await server.stop()).code).toBe(0);
});

it("answers others, in little memory, while 2 500 clients send headers without an end", async () => {
  const server = await home.serve([], { env: { ...USER_ENV, NODE_OPTIONS: "--max-old-space-size=96" } });
  const attack = await neverEndHeaders(server.url, { connections: 2_500 });
  // Its connections come one after the other.
  await eventually(
    async () => attack.closed,
    (closed) => closed > 2_000,
  );
  expect((await new ServedApi(server.url).fetch("/callbacks")).status).toBe(200);
  await attack.stop();
  expect((await server.stop()).code).toBe(0);
});

it("answers others, in little memory, while 3 000 clients send the largest sign-in and leave its end out", async () => {
  const server = await home.serve([], { env: { ...USER_ENV, NODE_OPTIONS: "--max-old-space-size=96" } });
  const attack = await trickleBodies(server.url, { connections: 3_000, request: largestSignIn(server.url) });
  await eventually(
    async () => attack.closed,
    (closed) => closed > 2_000,
  );
  expect((await new ServedApi(server.url).fetch("/callbacks")).status).toBe(200);
  await attack.stop();
  expect((await server.stop()).code).toBe(0);
});

it("delivers and takes work while strangers hold every connection that it may have, and opens no outage", async () => {
  const endpoint = await home.listen([]);
  const server = await home.serve([], { env: USER_ENV, openFiles: 256 });
  const api = new ServedApi(server.url);
  const id = await api.create({ name: "demo", url: endpoint.url });
  const attack = await trickleBodies(server.url, { connections: 500 });
  for (let batch = 0; batch < 5; batch++) {
    const ids = Array.from({ length: 20 }, (_, index) => callIdOf(batch * 20 + index));
    // A connection of its own each time, as a new client has.
    expect((await fetch(`${server.url}/readyz`, { headers: { connection: "close" } })).status).toBe(200);
    expect((await api.hand(id, ids)).status).toBe(202);
  }
  await eventually(
    () => api.count(id, "SUCCESS"),
    (count) => count === 100,
  );
  const failed = await api.list(id, "FAILED");
  expect([failed, await api.outages(id), attack.closed > 0]).toEqual([[], [], true]);
  // Those that are left are closed too: their answer has been sent.
  await eventually(
    async () => attack.open,
    (open) => open === 0,
  );
  await attack.stop();
});

it("needs none of its own files once it listens", async () => {
  const copy = home.path("copy");
  copyPackage(copy);
  const endpoint = await home.listen(["--status", "503"]);
  const server = await home.serve(["--retry-interval", "1s"], { env: USER_ENV, bin: join(copy, "bin", "whcb.js") });
  rmSync(copy, { recursive: true });

  const api = new ServedApi(server.url);
  await endpoint.stop();
  const up = await home.listen(["--port", new URL(endpoint.url).port]);
  const id = await api.create({ name: "demo", url: endpoint.url });
  const withoutHtml = { method: "PUT", headers: { "content-type": "application/json" }, body: '{"removeHTML":"enabled"}' };
  expect((await api.fetch(`/callbacks/${id}`, withoutHtml)).status).toBe(204);
  await up.stop();
  const down = await home.listen(["--port", new URL(endpoint.url).port, "--status", "503"]);
  const calls = Array.from({ length: 20 }, (_, index) => ({
    id: callIdOf(index),
    responseMessage: { channel: "EMAIL", content: "<p>Yes &amp; no</p>" },
  }));
  const submitted = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ calls }) };
  expect((await api.fetch(`/callbacks/${id}/calls`, submitted)).status).toBe(202);
  await eventually(
    async () => existsSync(home.path("mail")) && readdirSync(home.path("mail")).some((name) => name.endsWith(".eml")),
    (isWritten) => isWritten,
  );
  const call = `/callbacks/${id}/calls/${callIdOf(0)}`;
  const xml = { accept: "application/xml", "content-type": "application/xml" };
  const json = { "content-type": "application/json" };
  const ndjson = { "content-type": "application/x-ndjson" };
  const requests: readonly (readonly [path: string, init?: RequestInit])[] = [
    ["/openapi.json"],
    ["/metrics"],
    ["/callbacks", { headers: { accept: "application/xml" } }],
    [`${call}/attempts`],
    [call, { method: "PUT", headers: xml, body: '<ns2:call xmlns:ns2="x"><status>SUCCESS</status></ns2:call>' }],
    [`/callbacks/${id}/calls`, { method: "POST", headers: ndjson, body: "{}\n" }],
    [`/callbacks/${id}/attempts`, { method: "POST", headers: json, body: '{"attempts":[]}' }],
    [`/callbacks/${id}/run-lock`, { method: "PUT", headers: json, body: '{"run":"r","holder":"h","done":0,"total":1}' }],
    ["/auth", { method: "POST" }],
  ];
  const answers = [];
  for (const [path, init] of requests) {
    const answer = await api.fetch(path, init);
    answers.push(`${init?.method ?? "GET"} ${path.replace(id, ":id")} ${answer.status < 500 ? "works" : await answer.text()}`);
  }
  expect(answers.filter((answer) => !answer.endsWith("works"))).toEqual([]);
  await down.stop();
  expect((await server.stop()).code, server.stderr).toBe(0);
});
