/** `whcb serve` and the commands on the database itself, with PostgreSQL. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { callIdOf, HEADERS, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { copyWithoutDriver, eventually, Home, type Running } from "../support/process/whcb-process.js";

const PASSWORD = "a secret of the tests";
const SECRET = { WHCB_SECRET_KEY: Buffer.alloc(32, 7).toString("base64") };

let database: TestDatabase;
let homes: readonly [Home, Home];

beforeAll(async () => {
  database = await createDatabase("serve");
});
beforeEach(async () => {
  await database.query("DROP SCHEMA public CASCADE");
  await database.query("CREATE SCHEMA public");
  homes = [new Home(), new Home()];
});
afterEach(async () => {
  for (const home of homes) await home.leave();
});

async function serve(home: Home, env: Readonly<Record<string, string>> = {}, flags: readonly string[] = []) {
  const server = home.start(["serve", "--port", "0", ...flags], { env: { ...USER_ENV, WHCB_DB: database.url, ...env } });
  const [, url = ""] = await server.says(/Listening on (http:\/\/\S+)/);
  return { server, api: new ServedApi(url) };
}

/** Starts both at once, with one secret key. */
function serveTwo(flags: readonly string[] = []) {
  return Promise.all(homes.map((home) => serve(home, SECRET, flags)));
}

async function stopAll(nodes: readonly { readonly server: Running }[]): Promise<void> {
  const ends = await Promise.all(nodes.map(({ server }) => server.stop()));
  expect(ends.map(({ code }) => code)).toEqual(nodes.map(() => 0));
}

describe("on PostgreSQL", () => {
  it("a service keeps its key and e-mails in the data folder, and the database's password nowhere", async () => {
    const [home] = homes;
    const { server } = await serve(home);
    const { code, stderr } = await server.stop();
    expect(code).toBe(0);
    expect(readdirSync(home.path("data"))).toEqual(["postgres.key"]);
    const settings = readFileSync(home.path("config", "config.json"), "utf8");
    expect(settings).toMatch(/"database": "postgres:\/\/postgres@127\.0\.0\.1:\d+\/serve"/);
    for (const text of [settings, stderr, server.stdout]) {
      expect(text).not.toContain(PASSWORD);
      expect(text).not.toContain(encodeURIComponent(PASSWORD));
    }
  });

  it("a node warns if the last one sent calls in another form", async () => {
    const [home] = homes;
    const warningOf = async (flags: readonly string[]) => {
      const { server } = await serve(home, {}, flags);
      const { stderr } = await server.stop();
      return /^warning: calls are sent .*$/m.exec(stderr + server.stdout)?.[0] ?? null;
    };
    expect(await warningOf(["--auth-parameter", "token"])).toBeNull();
    expect(await warningOf([])).toBe(
      "warning: calls are sent with --auth-parameter Auth now; the last serve of this database sent them with --auth-parameter token",
    );
    expect(await warningOf([])).toBeNull();
  });

  it("a service needs no driver for SQLite", async () => {
    const [home] = homes;
    copyWithoutDriver(home.path("copy"));
    const bin = home.path("copy", "bin", "whcb.js");
    const server = home.start(["serve", "--port", "0"], { bin, env: { ...USER_ENV, WHCB_DB: database.url } });
    const [, url = ""] = await server.says(/Listening on (http:\/\/\S+)/);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await server.stop()).toMatchObject({ code: 0 });
  });

  it.each(["\n", '"', "\\"])("a call of 10 MB of %j is stored in 256 MiB, as it came", async (character) => {
    const [home] = homes;
    const { server, api } = await serve(home, { NODE_OPTIONS: "--max-old-space-size=256" }, [
      "--no-endpoint-check",
      "--no-dispatch",
    ]);
    await api.create({ name: "demo", url: "http://127.0.0.1:9/" });
    const content = character.repeat(5_200_000);
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ id: "large", responseMessage: { content } });
    expect((await api.fetch("/callbacks/demo/calls", { method: "POST", headers, body })).status).toBe(202);
    const stored = await database.query("SELECT octet_length(response) AS bytes FROM calls");
    expect(stored).toEqual([{ bytes: expect.any(Number) }]);
    expect(Number(stored[0]?.bytes)).toBeGreaterThan(2 * content.length);
    expect(await server.stop()).toMatchObject({ code: 0 });
  });

  it("the password may be in the file that PGPASSFILE names", async () => {
    const { hostname, port, pathname } = new URL(database.url);
    const [home] = homes;
    const file = home.path("pgpass");
    writeFileSync(file, `${hostname}:${port}:*:postgres:${PASSWORD}\n`, { mode: 0o600 });
    const db = `postgres://postgres@${hostname}:${port}${pathname}`;
    const server = home.start(["serve", "--port", "0", "--db", db], { env: { ...USER_ENV, PGPASSFILE: file } });
    await server.says(/Listening on/);
    expect((await server.stop()).code).toBe(0);
  });

  it("a node without the service's secret key doesn't start", async () => {
    const first = await serve(homes[0]);
    const key = Buffer.alloc(32, 1).toString("base64");
    const others = [{}, { WHCB_SECRET_KEY: key }].map((env) => {
      return homes[1].start(["serve", "--port", "0"], { env: { ...USER_ENV, WHCB_DB: database.url, ...env } });
    });
    for (const { code, stderr } of await Promise.all(others.map(({ ended }) => ended))) {
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/key/);
      expect(stderr).not.toContain(PASSWORD);
    }
    await first.server.stop();
  });

  it("what a node without dispatching accepts, a node without API delivers", async () => {
    const endpoint = await homes[1].listen();
    const api = await serve(homes[0], SECRET, ["--no-dispatch"]);
    const callback = await api.api.create({ name: "demo", url: endpoint.url });
    const handed = await api.api.hand(callback, [callIdOf(0), callIdOf(1)]);
    expect(handed.status).toBe(202);

    // It has no credentials of its own, and mustn't replace the user of the others.
    const flags = ["--port", "0", "--no-api", "--allow-network", "127.0.0.0/8,::1"];
    const dispatcher = homes[1].start(["serve", ...flags], { env: { WHCB_DB: database.url, ...SECRET } });
    const [, url = ""] = await dispatcher.says(/Listening on (http:\/\/\S+)/);
    await eventually(
      () => api.api.count(callback, "SUCCESS"),
      (delivered) => delivered === 2,
    );
    const statusOf = async (path: string, init: RequestInit = {}) => (await fetch(`${url}${path}`, init)).status;
    const asked = [
      "/healthz",
      "/readyz",
      "/metrics",
      "/",
      "/callbacks",
      "/auth",
      "/openapi.json",
      "/console",
      "/console/sign-in",
    ];
    const statuses = await Promise.all(asked.map((path) => statusOf(path, { headers: { accept: "text/html" } })));
    expect(statuses).toEqual([200, 200, 401, 404, 404, 404, 404, 404, 404]);
    expect(await statusOf(`/callbacks/${callback}/calls`, { method: "POST", headers: HEADERS, body: "{}" })).toBe(404);
    expect(await statusOf("/metrics", { headers: HEADERS })).toBe(200);

    const { code, stdout, stderr } = await dispatcher.stop();
    expect([code, stdout]).toEqual([0, `Listening on ${url}\n`]);
    expect(stderr).not.toContain("first run");
    expect(existsSync(homes[1].path("config", "config.json"))).toBe(false);
    expect((await api.server.stop()).code).toBe(0);
  });

  it("a plan's requests and failed logins count on all nodes together", async () => {
    const nodes = await serveTwo(["--plan", "startup"]);
    const ask = (api: ServedApi) => api.fetch("/callbacks").then(({ status }) => status);
    // The plan counts by the second of the database's clock, which is this machine's.
    const burst = async () => {
      const began = Math.floor(Date.now() / 1000);
      const statuses = await Promise.all(nodes.flatMap(({ api }) => Array.from({ length: 8 }, () => ask(api))));
      return { statuses, isOneSecond: Math.floor(Date.now() / 1000) === began };
    };
    const { statuses } = await eventually(burst, ({ isOneSecond, statuses }) => isOneSecond && statuses.includes(200));
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(5);
    expect(new Set(statuses)).toEqual(new Set([200, 403]));

    const authorization = `Basic ${Buffer.from("u:wrong").toString("base64")}`;
    const guesses: number[] = [];
    for (let time = 0; time < 8; time++) {
      const { status } = (await nodes[time % 2]?.api.fetch("/callbacks", { headers: { authorization } })) ?? {};
      guesses.push(status ?? 0);
    }
    expect(guesses.slice(0, 5)).toEqual(Array(5).fill(401));
    expect(guesses.slice(5)).toContain(429);
    await stopAll(nodes);
  });

  it("a node ends with a clear message when a newer version migrates the database under it", async () => {
    const { server } = await serve(homes[0]);
    await database.query("INSERT INTO migrations VALUES (99, 'of the future', false)");
    const { code, stderr } = await server.ended;
    expect(code).toBe(4);
    expect(stderr).toContain(
      "error: a newer whcb has migrated the database, so this node has stopped\nhint: start the newer whcb",
    );
    expect(await database.query("SELECT id FROM nodes")).toEqual([]);
  });

  it("users are added beside running nodes, on the database that WHCB_DB names", async () => {
    const nodes = await serveTwo();
    const env = { WHCB_DB: database.url, WHCB_NEW_PASSWORD: "another horse staple" };
    const added = await homes[0].whcb(["users", "add", "bob"], { env });
    expect(added).toMatchObject({ code: 0 });
    expect(added.stderr).not.toContain(encodeURIComponent(PASSWORD));
    const [, apiKey = ""] = /API key +(\S+)/.exec(added.stdout) ?? [];
    const authorization = `Basic ${Buffer.from("bob:another horse staple").toString("base64")}`;
    for (const { api } of nodes) {
      const response = await api.fetch("/callbacks", { headers: { authorization, "x-api-key": apiKey } });
      expect(response.status).toBe(200);
    }
    await stopAll(nodes);
  });
});
