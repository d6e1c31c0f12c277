/** It shows what `serve`, `listen` and `trigger` print, store and exit with. */
import { once } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CliDeps } from "../../src/cli/cli-deps.js";
import { run } from "../../src/cli/run.js";
import { readSettings } from "../../src/cli/settings/settings-file.js";
import { WhcbError } from "../../src/domain/errors.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { type CapturedIo, captureIo } from "../support/cli/cli-streams.js";
import { type CliResult, cliDeps, storeSettings } from "../support/cli/run-cli.js";

let machine: CliMachine;

beforeEach(() => {
  machine = new CliMachine();
});

afterEach(() => machine.leave());

const lockOf = (url: string) => ({
  path: expect.stringMatching(`^${machine.path(`port-${new URL(url).port}-127.0.0.1-api.lock`)}\\.[\\da-f]{16}$`),
  pid: process.pid,
  ...{ port: Number(new URL(url).port), addresses: ["127.0.0.1", "::1"] },
});

describe("serve", () => {
  test("prints one line on stdout, stores credentials in a 0600 file, and the next command works", async () => {
    const served = await machine.serve();
    const settings = await readSettings(machine.world.paths.config);
    const ofDatabase = { database: machine.path("whcb.db"), databaseId: expect.any(String) };
    expect(settings).toEqual({
      current: "local",
      profiles: new Map([["local", { url: served.url, portLock: lockOf(served.url), ...ofDatabase, ...settings.serve }]]),
      serve: { username: "local", password: expect.stringMatching(/^[\w-]{32}$/), apiKey: expect.stringMatching(/^[\w-]{32}$/) },
    });
    expect(statSync(join(machine.world.paths.config, "config.json")).mode & 0o777).toBe(0o600);
    expect(await machine.works(["callbacks", "list", "-o", "json"])).toBe("[]\n");
    const { code, stdout, stderr } = await served.stop();
    expect({ code, stdout }).toEqual({ code: 0, stdout: `Listening on ${served.url}\n` });
    for (const secret of [settings.serve?.password, settings.serve?.apiKey]) expect(stderr).not.toContain(secret);
  });

  test("updates the port of `local` on a later run and keeps its credentials and default callback", async () => {
    await (await machine.serve()).stop();
    await machine.works(["config", "set", "callback", "demo"]);
    const before = await readSettings(machine.world.paths.config);
    const { url } = await machine.serve();
    const after = await readSettings(machine.world.paths.config);
    expect(after.profiles.get("local")).toEqual({ ...before.profiles.get("local"), url, portLock: lockOf(url) });
    expect(after.serve).toEqual(before.serve);
  });

  test("doesn't replace the current profile", async () => {
    const prod = { url: "https://api.au.whispir.com", username: "u", password: "p", apiKey: "k" };
    await storeSettings(machine.world, () => ({
      current: "prod",
      profiles: new Map([["prod", prod]]),
      serve: null,
    }));
    await machine.serve();
    const { current, profiles } = await readSettings(machine.world.paths.config);
    expect([current, profiles.get("prod"), [...profiles.keys()]]).toEqual(["prod", prod, ["prod", "local"]]);
  });

  test("takes credentials from the environment and stores none of them", async () => {
    const env = { WHCB_USERNAME: "ops", WHCB_PASSWORD: "PLANTED-PASSWORD", WHCB_API_KEY: "PLANTED-API-KEY" };
    const { url } = await machine.serve([], { env });
    expect(await machine.works(["callbacks", "list", "-o", "json"], { env: { ...env, WHCB_URL: url } })).toBe("[]\n");
    expect(readFileSync(join(machine.world.paths.config, "config.json"), "utf8")).not.toContain("PLANTED");
  });

  test("warns of a password or a key of fewer than 12 characters, unless another one is stored", async () => {
    const warning = /^warning: the .* has fewer than 12 characters.*$/gm;
    const warnings = async (env: Readonly<Record<string, string>>) => {
      const served = await machine.serve([], { env: { WHCB_USERNAME: "ops", ...env } });
      await served.stop();
      return served.io.err().match(warning) ?? [];
    };
    expect(await warnings({ WHCB_PASSWORD: "twelve chars", WHCB_API_KEY: "twelve chars" })).toEqual([]);
    const short = { WHCB_PASSWORD: "PLANTED-PW", WHCB_API_KEY: "PLANTED-KEY" };
    expect(await warnings(short)).toEqual([
      "warning: the password of ops has fewer than 12 characters and can be guessed: set a longer WHCB_PASSWORD",
      "warning: the API key of ops has fewer than 12 characters and can be guessed: set a longer WHCB_API_KEY",
    ]);
    await machine.works(["users", "passwd", "ops"], { env: { WHCB_NEW_PASSWORD: "twelve chars" } });
    expect(await warnings(short)).toEqual([]);
  });

  test("exits 5 with nothing on stdout if its port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { code, stdout, stderr } = await machine.whcb(["serve", "--port", String(port)]);
    other.close();
    expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
    expect(stderr).toMatch(new RegExp(`error: .*${port}.*\\nhint: `));
  });

  test("gives metrics without credentials only on --metrics-port, and not to a web page", async () => {
    const served = await machine.serve(["--metrics-port", "0"]);
    const [, url = ""] = /metrics +(http:\/\/127\.0\.0\.1:\d+\/metrics), without credentials\n/.exec(served.io.err()) ?? [];
    const metrics = await fetch(url);
    expect([metrics.status, await metrics.text()]).toEqual([200, expect.stringContaining("whcb_calls_waiting 0")]);
    const statuses = [`${served.url}/metrics`, url.replace("/metrics", "/callbacks")].map(
      async (one) => (await fetch(one)).status,
    );
    expect(await Promise.all(statuses)).toEqual([401, 404]);
    const rebound = get(url, { headers: { host: "rebound.example" } });
    const [answer] = await once(rebound, "response");
    expect(answer.resume().statusCode).toBe(404);
    const { code, stderr } = await machine.whcb(["serve", "--port", "0", "--metrics-port", new URL(url).port]);
    expect([code, stderr]).toEqual([5, expect.stringContaining(`port ${new URL(url).port} of 127.0.0.1 is taken`)]);
  });

  test("--metrics-host makes the metrics reachable from elsewhere, under any name", async () => {
    const served = await machine.serve(["--metrics-port", "0", "--metrics-host", "0.0.0.0"]);
    const [, port = ""] = /metrics +http:\/\/0\.0\.0\.0:(\d+)\/metrics, without credentials\n/.exec(served.io.err()) ?? [];
    const scrape = get(`http://127.0.0.1:${port}/metrics`, { headers: { host: `node-1:${port}` } });
    const [answer] = await once(scrape, "response");
    expect(answer.resume().statusCode).toBe(200);
    const nameless = get(`http://127.0.0.1:${port}/metrics`, { setHost: false });
    const [rejected] = await once(nameless, "response");
    expect(rejected.resume().statusCode).toBe(400);
    const taken = await machine.whcb(["serve", "--port", "0", "--metrics-port", port, "--metrics-host", "0.0.0.0"]);
    expect([taken.code, taken.stderr]).toEqual([5, expect.stringContaining(`port ${port} of 0.0.0.0 is taken`)]);
    const alone = await machine.whcb(["serve", "--port", "0", "--metrics-host", "0.0.0.0"]);
    expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining("--metrics-host needs --metrics-port")]);
  });

  test.each([
    [[], "http://127.0.0.1"],
    [["--trust-proxy"], "https://proxy.example"],
    [["--trust-proxy", "127.0.0.1,10.0.0.0/8"], "https://proxy.example"],
    [["--trust-proxy", "10.0.0.0/8"], "http://127.0.0.1"],
  ])("with %j a proxy on this machine makes links start with %s", async (flags, start) => {
    const env = { WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
    const { url } = await machine.serve(flags, { env });
    const headers = { accept: "application/json", authorization: `Basic ${btoa("u:p")}`, "x-api-key": "k" };
    const forwarded = { ...headers, "x-forwarded-host": "proxy.example", "x-forwarded-proto": "https" };
    const answer = await fetch(url, { headers: forwarded });
    const { link } = JSON.parse(await answer.text());
    expect(link[0].uri.replace(/:\d+/, "")).toBe(`${start}/callbacks`);
  });

  test("answers to another name in Host only if --allow-host names it", async () => {
    const { url } = await machine.serve(["--allow-host", "proxy.example"]);
    const statusFor = async (host: string) => {
      const [answer] = await once(get(`${url}/healthz`, { headers: { host } }), "response");
      return answer.resume().statusCode;
    };
    expect([await statusFor("proxy.example"), await statusFor("localhost"), await statusFor("rebound.example")]).toEqual([
      200, 200, 421,
    ]);
  });

  test.each([
    [[], 201],
    [["--allow-host", "whcb.localhost", "--public-url", "http://localhost:8787"], 201],
    [["--trust-proxy"], 422],
    [["--trust-proxy", "192.0.2.1"], 422],
    [["--allow-host", "whcb.example.com"], 422],
    [["--public-url", "https://whcb.example.com"], 422],
    [["--trust-proxy", "--allow-network", "127.0.0.0/8"], 201],
  ])("on loopback, a callback on this machine with %j: %i", async (flags, status) => {
    const env = { WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
    const { url } = await machine.serve(["--no-endpoint-check", ...flags], { env });
    const headers = { authorization: `Basic ${btoa("u:p")}`, "x-api-key": "k", "content-type": "application/json" };
    const auth = { type: "httpheader", key: "key-of-the-callback" };
    const body = { name: "demo", url: "http://127.0.0.1:9200/", auth, contentType: "json", email: "ops@example.com" };
    expect((await fetch(`${url}/callbacks`, { method: "POST", headers, body: JSON.stringify(body) })).status).toBe(status);
  });

  test("without an API it sends nothing to this machine, also no notice", async () => {
    const flags = ["serve", "--port", "0", "--no-api", "--notify", "http://127.0.0.1:9093/"];
    const { code, stderr } = await machine.whcb(flags);
    expect([code, stderr]).toEqual([4, expect.stringContaining("must contain a domain name, not an address (127.0.0.1)")]);
  });

  test("rejects --no-api with --no-dispatch: nothing would be left", async () => {
    const { code, stderr } = await machine.whcb(["serve", "--port", "0", "--no-api", "--no-dispatch"]);
    expect([code, stderr, existsSync(machine.path("whcb.db"))]).toEqual([2, expect.stringContaining("nothing to do"), false]);
  });

  test("rejects a --trust-proxy that is no network, before anything is created", async () => {
    const { code, stderr } = await machine.whcb(["serve", "--port", "0", "--trust-proxy", "proxy.example"]);
    expect([code, stderr, existsSync(machine.path("whcb.db"))]).toEqual([2, expect.stringContaining("must be a network"), false]);
  });

  test.each([
    "whcb.example.com",
    "ftp://whcb.example.com",
    "https://whcb.example.com/below",
    "https:///whcb.example.com",
    "https://ada:secret@whcb.example.com",
  ])("rejects %s as --public-url, since links begin with it", async (url) => {
    const { code, stderr } = await machine.whcb(["serve", "--port", "0", "--public-url", url]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("must be http or https, a host and perhaps a port")]);
    expect(stderr).not.toContain("secret");
  });

  test("rejects a database that another serve has open, and a file that isn't a database", async () => {
    await machine.serve(["--db", machine.path("x.db")]);
    const second = await machine.whcb(["serve", "--port", "0", "--db", machine.path("x.db")]);
    expect({ stdout: second.stdout, isRefused: second.code !== 0, hint: /\nhint: /.test(second.stderr) }).toEqual({
      stdout: "",
      isRefused: true,
      hint: true,
    });
    writeFileSync(machine.path("y.db"), "this is no database".repeat(100));
    const third = await machine.whcb(["serve", "--port", "0", "--db", machine.path("y.db")]);
    expect([4, 5]).toContain(third.code);
    expect(third.stdout).toBe("");
  });

  test.each([
    [{ WHCB_SECRET_KEY: "short" }, 4, "WHCB_SECRET_KEY must be 32 bytes in base64"],
    [{ WHCB_SMTP: "mail.example.com" }, 2, "the mail server must be an smtp:// or smtps:// URL"],
  ])("rejects an invalid environment variable: %j", async (env, code, message) => {
    expect(await machine.whcb(["serve", "--port", "0"], { env })).toMatchObject({
      code,
      stdout: "",
      stderr: expect.stringContaining(`error: ${message}\n`),
    });
  });

  test("a second Ctrl-C stops it at once", async () => {
    const served = await machine.serve();
    served.io.interrupt();
    served.io.interrupt();
    expect(served.io.exitedWith()).toBe(130);
  });
});

describe("no server", () => {
  test("exits 5 and says how to start one", async () => {
    await (await machine.serve()).stop();
    const { code, stdout, stderr } = await machine.whcb(["calls", "list", "demo"]);
    expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
    expect(stderr).toContain("whcb serve");
  });

  test("exits 4 for a missing database file, doesn't create it, and says what would", async () => {
    const file = machine.path("absent.db");
    expect(await machine.whcb(["calls", "list", "demo"], { env: { WHCB_URL: file } })).toEqual({
      code: 4,
      stdout: "",
      stderr: `error: no database at ${file}\nhint: create it with \`whcb serve --db ${file}\`\n`,
    });
    expect(existsSync(file)).toBe(false);
  });

  test("exits 4 without a profile and says how to begin", async () => {
    expect(await machine.whcb(["calls", "list", "demo"])).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^error: no service is set\nhint: .*whcb serve/),
    });
  });
});

describe("listen", () => {
  test("always answers a GET with 200, and shows no key", async () => {
    const endpoint = await machine.listen(["--status", "503", "-o", "ndjson"]);
    const headers = { authorization: "Basic PLANTED", "x-whispir-callback-key": "PLANTED", "webhook-id": "ABC" };
    const body = JSON.stringify({
      from: { mobile: "61400000001" },
      responseMessage: { channel: "SMS", acknowledged: "x", content: "hi" },
    });
    const post = () => fetch(`${endpoint.url}/hook?Auth=PLANTED&x=1`, { method: "POST", headers, body });
    const statuses = [(await fetch(endpoint.url)).status, (await post()).status, (await post()).status];
    const { code, stdout, stderr } = await endpoint.stop();
    expect({ code, statuses }).toEqual({ code: 0, statuses: [200, 503, 503] });
    expect(stdout + stderr).not.toContain("PLANTED");
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ method, url, status, repeat }) => [method, url, status, repeat])).toEqual([
      ["GET", "/", 200, false],
      ["POST", "/hook?Auth=••••&x=••••", 503, false],
      ["POST", "/hook?Auth=••••&x=••••", 503, true],
    ]);
    expect(lines[1].body).toEqual(JSON.parse(body));
  });

  test("fails the first requests, then recovers", async () => {
    const { url } = await machine.listen(["--fail-first", "2"]);
    const statuses = [];
    for (let times = 0; times < 3; times++) statuses.push((await fetch(url, { method: "POST" })).status);
    expect(statuses).toEqual([503, 503, 200]);
  });

  test("hangs until it is stopped", async () => {
    const endpoint = await machine.listen(["--hang"]);
    const answer = fetch(endpoint.url, { method: "POST" }).then(
      () => "answered",
      () => "cut",
    );
    expect((await fetch(endpoint.url)).status).toBe(200);
    await endpoint.stop();
    expect(await answer).toBe("cut");
  });

  test.each([
    [[], true],
    [["--fail-first", "1", "--hang"], true],
    [["--status", "200", "-o", "ndjson"], true],
    [["--status", "503"], false],
    [["--status", "204"], false],
    [["--hang"], false],
  ])("%j says first whether its answers make calls SUCCESS: %s", async (flags, isSaid) => {
    const { stderr } = await (await machine.listen(flags)).stop();
    const note = "note: what gets a 200 counts as delivered; `whcb listen --port 0 --status 503` keeps calls FAILED\n";
    expect(stderr.replace(/^Listening .*\n/m, "")).toBe(isSaid ? note : "");
  });

  test("exits 5 if its port is taken", async () => {
    const { url } = await machine.listen();
    expect(await machine.whcb(["listen", "--port", new URL(url).port])).toMatchObject({
      code: 5,
      stdout: "",
      stderr: `error: port ${new URL(url).port} is taken\nhint: --port 0 takes any free port\n`,
    });
  });
});

describe("trigger", () => {
  test("submits the calls of a file, each id once", async () => {
    await machine.serve(["--no-dispatch"]);
    const endpoint = await machine.listen();
    await machine.works(["callbacks", "create", "--name", "demo", "--url", endpoint.url, "--email", "a@example.com"]);
    const file = machine.path("responses.ndjson");
    const line = (id: string) =>
      JSON.stringify({
        id,
        messageId: "AB".repeat(16),
        responseMessage: { channel: "SMS", acknowledged: "24/11/26 10:00", content: id },
      });
    writeFileSync(file, `${line("A".repeat(32))}\n\n${line("B".repeat(32))}\n`);
    expect(await machine.works(["trigger", "demo", "--file", file])).toBe("accepted 2 responses for demo\n");
    expect(await machine.works(["trigger", "demo", "--file", file])).toBe("accepted 0 responses for demo, 2 known already\n");
    const ids = ["A".repeat(32), "B".repeat(32)];
    const repeated = JSON.parse(await machine.works(["trigger", "demo", "--file", file, "-o", "json"]));
    expect(repeated).toMatchObject({ accepted: 0, ids });
    expect(await machine.ids("demo", "--pending")).toHaveLength(2);
    writeFileSync(file, `${line("C".repeat(32))}\n{"responseMessage": 5}\n`);
    expect(await machine.whcb(["trigger", "demo", "--file", file])).toEqual({
      code: 2,
      stdout: "",
      stderr: `nothing was submitted\nerror: ${file}, line 2: responseMessage must be an object\n`,
    });
    writeFileSync(file, `${line("D".repeat(32))}\n[]\n`);
    expect((await machine.whcb(["trigger", "demo", "--file", file, "--rate", "1/s"])).stderr).toBe(
      `1 response was accepted, to line 1; only those with an id can safely be submitted again\nerror: ${file}, line 2: the line must be an object\n`,
    );
    expect((await machine.whcb(["trigger", "demo", "--file", "-"], { stdin: "{\n" })).stderr).toBe(
      "nothing was submitted\nerror: stdin, line 1: not JSON\n",
    );
    expect(await machine.ids("demo", "--pending")).toHaveLength(3);
    expect(await machine.whcb(["trigger", "demo", "--file", "/nowhere"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("/nowhere can't be read"),
    });
  });

  test("names what isn't a response's in a line, as of a list that whcb printed, and submits nothing", async () => {
    const { url } = await machine.serve(["--no-dispatch"]);
    const endpoint = await machine.listen();
    await machine.works(["callbacks", "create", "--name", "demo", "--url", endpoint.url, "--email", "a@example.com"]);
    await machine.works(["trigger", "demo", "-n", "2", "--content", "KEPT"]);
    const listed = await machine.works(["calls", "list", "demo", "--pending", "-o", "ndjson"]);
    const submit = (lines: string) => machine.whcb(["trigger", "demo", "--file", "-"], { stdin: lines });
    expect(await submit(listed)).toEqual({
      code: 2,
      stdout: "",
      stderr: `nothing was submitted\nerror: stdin, line 1: callbackId, attemptedDate, statusCode, statusMessage, channel, kind, date, content aren't members of a response, such as messageId, from or responseMessage\n`,
    });
    expect((await submit('{"messageId":"1","mesage":"yes"}')).stderr).toContain("line 1: mesage isn't a member of a response");
    const { serve } = await readSettings(machine.world.paths.config);
    const headers = {
      Accept: "application/json",
      "x-api-key": serve?.apiKey ?? "",
      Authorization: `Basic ${Buffer.from(`${serve?.username}:${serve?.password}`).toString("base64")}`,
    };
    const answer = await fetch(`${url}/callbacks/demo/calls?status=PENDING&expand=attempts&include=answer`, { headers });
    const { calls } = (await answer.json()) as { calls: readonly object[] };
    const lines = calls.map((call) => `${JSON.stringify(call)}\n`).join("");
    expect(await submit(lines)).toMatchObject({ code: 0, stdout: "accepted 0 responses for demo, 2 known already\n" });
    expect(await machine.ids("demo", "--pending")).toHaveLength(2);
  });

  describe("that doesn't accept all", () => {
    const AGAIN = "only those with an id can safely be submitted again";
    const STOPPING = "stopping after the request in flight; press Ctrl-C again to stop at once\n";
    const responses = (lines: number) =>
      `${JSON.stringify({ messageId: "m", responseMessage: { content: "x" } })}\n`.repeat(lines);
    /** It is called before and after each request that submits responses. */
    let onSubmit: (request: number, state: "begins" | "is answered", io: CapturedIo) => void;

    async function trigger(argv: readonly string[], stdin = ""): Promise<CliResult & { readonly exitedWith: number | null }> {
      const io = captureIo({ stdin });
      let requests = 0;
      const deps = cliDeps(machine.world, io);
      const watched: CliDeps["openClient"] = async (target) => {
        const client = await deps.openClient(target);
        const submitCalls: typeof client.submitCalls = async (...given) => {
          requests += 1;
          onSubmit(requests, "begins", io);
          const submitted = await client.submitCalls(...given);
          onSubmit(requests, "is answered", io);
          return submitted;
        };
        return { ...client, submitCalls };
      };
      const code = await run(["trigger", "demo", ...argv], { ...deps, openClient: watched });
      return { code, stdout: io.out(), stderr: io.err(), exitedWith: io.exitedWith() };
    }

    beforeEach(async () => {
      await machine.serve(["--no-dispatch"]);
      const { url } = await machine.listen();
      await machine.works(["callbacks", "create", "--name", "demo", "--url", url, "--email", "a@example.com"]);
    });

    test("says after Ctrl-C what was accepted, once the request in flight is answered", async () => {
      onSubmit = (request, state, io) => void (request === 2 && state === "begins" && io.interrupt());
      const lines = `\n${responses(2_500)}`;
      expect(await trigger(["--file", "-"], lines)).toEqual({
        ...{ code: 130, stdout: "", exitedWith: null },
        stderr: `${STOPPING}2000 responses were accepted, to line 2001; ${AGAIN}\nerror: interrupted\n`,
      });
      expect(await machine.ids("demo", "--pending")).toHaveLength(2_000);
      expect(await trigger(["-n", "2500"])).toMatchObject({
        ...{ code: 130, exitedWith: null },
        stderr: `${STOPPING}2000 responses were accepted\nerror: interrupted\n`,
      });
    });

    test("says after a second Ctrl-C of which it isn't known, and ends at once", async () => {
      onSubmit = (request, state, io) => {
        if (request !== 2 || state === "is answered") return;
        io.interrupt();
        expect(io.exitedWith()).toBeNull();
        io.interrupt();
        expect({ code: io.exitedWith(), stderr: io.err() }).toEqual({
          code: 130,
          stderr: `${STOPPING}1000 responses were accepted, to line 1000; whether 1000 more were accepted (lines 1001 to 2000) isn't known; ${AGAIN}\n`,
        });
      };
      expect(await trigger(["--file", "-"], responses(2_500))).toMatchObject({ exitedWith: 130 });
    });

    test("ends at once at Ctrl-C between two requests", async () => {
      onSubmit = (request, state, io) => void (request === 1 && state === "is answered" && setImmediate(io.interrupt));
      expect(await trigger(["--file", "-", "--rate", "20/s"], responses(5))).toMatchObject({
        exitedWith: 130,
        stderr: expect.stringContaining(`2 responses were accepted, to line 2; ${AGAIN}\n`),
      });
    });

    test("says of which it isn't known after a lost answer, and that none was if the service rejects them", async () => {
      onSubmit = (_, state) => {
        if (state === "is answered") throw new WhcbError("unavailable", "it failed");
      };
      expect(await trigger(["--file", "-"], responses(6))).toMatchObject({
        code: 5,
        stderr: `whether 6 responses were accepted (lines 1 to 6) isn't known; ${AGAIN}\nerror: it failed\n`,
      });
      expect(await trigger(["-n", "3"])).toMatchObject({
        stderr: "whether 3 responses were accepted isn't known\nerror: it failed\n",
      });
      onSubmit = (_, state) => {
        if (state === "begins") throw new WhcbError("invalid", "too long");
      };
      expect(await trigger(["--file", "-"], responses(6))).toMatchObject({
        code: 2,
        stderr: "nothing was submitted\nerror: too long\n",
      });
    });
  });

  test("returns the ids of the accepted calls", async () => {
    await machine.serve(["--no-dispatch"]);
    const endpoint = await machine.listen();
    await machine.works(["callbacks", "create", "--name", "demo", "--url", endpoint.url, "--email", "a@example.com"]);
    const accepted = JSON.parse(
      await machine.works(["trigger", "demo", "-n", "3", "--kind", "undeliverable", "--channel", "email", "-o", "json"]),
    );
    expect(accepted).toMatchObject({ accepted: 3 });
    expect([...accepted.ids].sort()).toEqual([...(await machine.ids("demo", "--pending", "--channel", "email"))].sort());
  });
});
