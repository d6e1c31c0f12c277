/** Commands run against a real service, in one process. */
import { once } from "node:events";
import { statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readSettings } from "../../src/cli/settings/settings-file.js";
import { WhcbError } from "../../src/domain/errors.js";
import { systemClock } from "../../src/platform/clock.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { runCli } from "../support/cli/run-cli.js";

let machine: CliMachine;
let endpoint: Awaited<ReturnType<CliMachine["listen"]>>;

beforeAll(async () => {
  machine = new CliMachine();
  await machine.serve();
  endpoint = await machine.listen(["--status", "503"]);
  await machine.rehearse("demo", endpoint.url, 12);
});

afterAll(() => machine.leave());

describe("a table on a narrow terminal", () => {
  const LEFT_OUT = "columns that don't fit the terminal: ";

  test("names once the columns of a list that it leaves out", async () => {
    const list = (columns: number) => machine.whcb(["calls", "list", "demo", "--failed"], { columns });
    expect((await list(60)).stderr).toBe(`${LEFT_OUT}LAST ATTEMPT, CONTENT, CALL; -o json has all\n12 calls of demo\n`);
    expect((await list(200)).stderr).toBe("12 calls of demo\n");
  });

  test("names the columns of attempts that it leaves out", async () => {
    const [id = ""] = await machine.ids("demo");
    const get = (columns: number) => machine.whcb(["calls", "get", "demo", id], { columns });
    expect((await get(50)).stderr).toBe(`${LEFT_OUT}TOOK, CAUSE; -o json has all\n`);
    expect((await get(120)).stderr).toBe("");
  });
});

describe("calls list", () => {
  test("is tab-separated without a header when piped", async () => {
    const { code, stdout, stderr } = await machine.whcb(["calls", "list", "demo", "--failed", "--limit", "2", "--utc"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "2 of 12 calls of demo; --all shows all\n" });
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => line.split("\t").slice(1, 4)),
    ).toEqual([
      ["FAILED", "503", "Service Unavailable"],
      ["FAILED", "503", "Service Unavailable"],
    ]);
  });

  test("is a table on a terminal", async () => {
    const { stdout } = await machine.whcb(["calls", "list", "demo", "--limit", "1"], { columns: 120 });
    expect(stdout.split("\n")).toHaveLength(3);
  });

  test("lists the same calls in every format", async () => {
    const list = (format: string) => machine.works(["calls", "list", "demo", "--failed", "--all", "-o", format]);
    const ids = (await list("ids")).trimEnd().split("\n");
    expect(ids).toHaveLength(12);
    expect(JSON.parse(await list("json")).map(({ id }: { id: string }) => id)).toEqual(ids);
    const lines = (await list("ndjson")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).id)).toEqual(ids);
    const csv = (await list("csv")).trimEnd().split("\n");
    expect(csv[0]).toBe(
      "attempted,status,code,reason,from,content,id,callback,message,channel,kind,attempts,next,until,settled-by,answer,settled-by-user",
    );
    expect(csv).toHaveLength(13);
  });

  test("prints only the JSON fields that are asked for", async () => {
    const list = async (...argv: readonly string[]) => JSON.parse(await machine.works([...argv]));
    const [call] = await list("calls", "list", "demo", "--limit", "1", "--json", "statusCode,id");
    expect(Object.entries(call)).toEqual([
      ["statusCode", 503],
      ["id", expect.stringMatching(/^[0-9A-F]{32}$/)],
    ]);
    expect(await list("calls", "get", "demo", call.id, "--json", "why,status")).toEqual({
      why: expect.any(Array),
      status: "FAILED",
    });
    expect(await list("callbacks", "get", "demo", "--json", "auth")).toEqual({ auth: { type: "httpheader", key: "••••-KEY" } });
    expect(await machine.works(["callbacks", "list", "--json", "retriesEnabled,name", "-o", "ndjson"])).toBe(
      '{"retriesEnabled":false,"name":"demo"}\n',
    );
    expect(await list("status", "--json", "callback,failed")).toMatchObject({ callbacks: [{ callback: "demo", failed: 12 }] });
  });

  test("has the documented JSON fields", async () => {
    const [call] = JSON.parse(await machine.works(["calls", "list", "demo", "--limit", "1", "-o", "json"]));
    expect(Object.keys(call)).toEqual([
      "id",
      "callbackId",
      "callback",
      "status",
      "attemptedDate",
      "statusCode",
      "statusMessage",
      "messageId",
      "messageLocation",
      "from",
      "channel",
      "kind",
      "date",
      "content",
      "customParameters",
      "attemptCount",
      "nextAttemptDate",
      "retryUntil",
      "settledBy",
      "settledByUser",
      "answer",
    ]);
  });

  test("without a match prints [] in JSON, a header in csv, and says so", async () => {
    const list = (format: string) => machine.whcb(["calls", "list", "demo", "--failed", "--grep", "nowhere", "-o", format]);
    const stderr = "no calls of demo match\n";
    expect(await list("json")).toEqual({ code: 0, stdout: "[]\n", stderr });
    expect(await list("ndjson")).toEqual({ code: 0, stdout: "", stderr });
    expect((await list("csv")).stdout).toMatch(/^attempted,.*\n$/);
  });

  test("applies every filter", async () => {
    const count = async (...flags: readonly string[]) => (await machine.ids("demo", ...flags)).length;
    expect(await count("--grep", "REPLY 12)")).toBe(1);
    expect(await count("--from", "61491570105")).toBe(1);
    expect(await count("--status-code", "5xx,none")).toBe(12);
    expect(await count("--status-code", "404")).toBe(0);
    expect(await count("--channel", "email")).toBe(0);
    expect(await count("--since", "1h")).toBe(12);
    expect(await count("--until", "1h")).toBe(0);
    expect(await count("--success")).toBe(0);
  });

  test("reads and shows dates in local time, or in UTC with --utc", async () => {
    vi.stubEnv("TZ", "Pacific/Auckland");
    try {
      const wall = new Date(systemClock.now() + 60_000).toISOString().slice(0, 16);
      const list = (...flags: string[]) => machine.works(["calls", "list", "demo", "--all", "--until", wall, ...flags]);
      expect(await list()).toBe("");
      expect(await list("--utc")).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\t/);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test("shows UTC, and reads no local time, where Node would take UTC for it and say nothing", async () => {
    const zone = "CET-1CEST,M3.5.0,M10.5.0/3";
    const whcb = (...argv: string[]) => machine.whcb(argv, { env: { TZ: zone } });
    for (const time of ["yesterday", "2026-11-24 05:00"]) {
      const told = `"${time}" is local time, but TZ=${zone} isn't known here: name a zone, such as TZ=Europe/Berlin, or add --utc`;
      for (const [flag, ...command] of [
        ["--since", "calls", "list", "demo"],
        ["--until", "mark-success", "demo", "--failed", "--yes"],
      ] as const)
        expect(await whcb(...command, flag, time)).toEqual({ code: 2, stdout: "", stderr: `error: ${flag}: ${told}\n` });
      expect(await whcb("calls", "list", "demo", "--since", time, "--utc")).toMatchObject({ code: 0 });
    }
    const { stdout } = await whcb("calls", "list", "demo", "--since", "2h", "--until", "2999-01-01 05:00Z");
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\t/);
  });

  test("shows the given columns, and rejects an unknown one with a suggestion", async () => {
    const id = (await machine.ids("demo"))[0];
    expect((await machine.works(["calls", "list", "demo", "--limit", "1", "--columns", "id,CODE"])).trim()).toBe(`${id}\t503`);
    const { code, stderr } = await machine.whcb(["calls", "list", "demo", "--columns", "statsu"]);
    expect([code, stderr.split("\n")[1]?.startsWith("hint: did you mean status? there are: attempted,")]).toEqual([2, true]);
  });

  test("works by id and by name, and lists all callbacks if none is given", async () => {
    const [callback] = JSON.parse(await machine.works(["callbacks", "list", "-o", "json"]));
    expect(await machine.ids(callback.id)).toEqual(await machine.ids("demo"));
    const all = JSON.parse(await machine.works(["calls", "list", "--all", "-o", "json"]));
    expect(all.map(({ callback }: { callback: string }) => callback)).toContain("demo");
    await machine.works(["callbacks", "create", "--name", "zebra", "--url", endpoint.url, "--email", "a@example.com"]);
    const { stderr } = await machine.whcb(["calls", "list", "--limit", "1"]);
    await machine.works(["callbacks", "delete", "zebra", "--yes"]);
    expect(stderr).toBe("1 call, and more callbacks that weren't read; --all shows all\n");
  });
});

describe("an unknown name", () => {
  test("of a callback exits 3 with a suggestion", async () => {
    expect(await machine.whcb(["calls", "list", "dmeo"])).toEqual({
      code: 3,
      stdout: "",
      stderr: 'error: no callback "dmeo"\nhint: did you mean demo?\n',
    });
  });

  test("of a call exits 3", async () => {
    expect(await machine.whcb(["calls", "get", "demo", "nope"])).toMatchObject({
      code: 3,
      stdout: "",
      stderr: expect.stringMatching(/^error: no call nope in demo\n/),
    });
  });
});

describe("outages list", () => {
  test("lists when outages began and ended, of one callback or all", async () => {
    const [outage] = JSON.parse(await machine.works(["outages", "list", "-o", "json"]));
    expect(outage).toMatchObject({ callback: "demo", endedAt: null, recoveringSince: null, failedCalls: 12, notifiedBy: "file" });
    const { stdout } = await machine.whcb(["outages", "list", "demo"], { columns: 120, env: { NO_COLOR: "1" } });
    expect(stdout).toMatch(/^STARTED +ENDED +CALLBACK +FAILED CALLS +E-MAIL +OUTAGE\n.* open .* demo +12 /);
    await machine.works([
      "callbacks",
      "create",
      "--name",
      "quiet",
      "--url",
      `${endpoint.url}/hook`,
      "--email",
      "ops@example.com",
    ]);
    expect(await machine.whcb(["outages", "list", "quiet"])).toEqual({ code: 0, stdout: "", stderr: "no outages\n" });
    await machine.works(["callbacks", "delete", "quiet", "--yes"]);
  });
});

describe("calls get", () => {
  test("shows the attempts and the reason for the call's state", async () => {
    const id = (await machine.ids("demo"))[0] ?? "";
    const details = JSON.parse(await machine.works(["calls", "get", "demo", id, "-o", "json"]));
    expect(details).toMatchObject({
      id,
      status: "FAILED",
      attempts: [{ number: 1, cause: "first", statusCode: 503, body: "rehearsed failure\n" }],
      outage: { failedCalls: 12 },
    });
    expect(details.why[0]).toBe("Retries are off for this callback: the service won't send it again by itself.");
    expect(await machine.works(["calls", "get", "demo", id])).toContain(`Call          ${id}\n`);
  });

  test("shows for how long the endpoint asked for a pause", async () => {
    const server = createServer((_, answer) => answer.writeHead(503, { "retry-after": "7200" }).end()).listen(0, "127.0.0.1");
    await once(server, "listening");
    await machine.works(["callbacks", "create", "--name", "busy", "--url", `${endpoint.url}/hook`, "--email", "ops@example.com"]);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
    await machine.whcb(["callbacks", "update", "busy", "--url", url]);
    await machine.works(["trigger", "busy"]);
    await machine.settled("busy");
    server.close();
    const [id = ""] = await machine.ids("busy");
    expect(JSON.parse(await machine.works(["calls", "get", "busy", id, "-o", "json"])).attempts).toMatchObject([
      { statusCode: 503, retryAfterMs: 7_200_000 },
    ]);
    expect(await machine.works(["calls", "get", "busy", id])).toContain("503  Service Unavailable (Retry-After: 2h)\n");
  });
});

describe("status and check", () => {
  test("status counts the failed calls and says what to type next", async () => {
    expect(await machine.works(["status", "demo"])).toMatch(/12 failed calls \(503: 12\)\n[\s\S]*whcb replay demo --failed\n$/);
    const { callbacks } = JSON.parse(await machine.works(["status", "demo", "-o", "json"]));
    expect(callbacks[0]).toMatchObject({ callback: "demo", failed: 12, byStatusCode: [{ statusCode: 503, calls: 12 }] });
    expect(callbacks[0].byHour).toHaveLength(24);
  });

  test("calls that were never sent don't count as without an answer", async () => {
    await machine.rehearse("held", endpoint.url, 10, ["--retries", "on"]);
    await machine.works(["trigger", "held", "-n", "5"]);
    await machine.settled("held");
    const codes = /\d+ failed calls and [1-5] without an outcome yet\b.* \(503: \d+\)/;
    expect(await machine.works(["status", "held"])).toMatch(codes);
    expect(await machine.works(["replay", "held", "--failed", "--dry-run"])).toMatch(codes);
    const [unsent = ""] = await machine.ids("held", "--status-code", "none");
    expect(await machine.works(["calls", "get", "held", unsent])).toContain(", no outcome yet: Held: endpoint down");
    await machine.works(["callbacks", "delete", "held", "--yes"]);
  });

  test.each([
    [["check", "demo"], 8, "exceeded: 12 failed calls of demo, 0 allowed\n"],
    [["check", "demo", "--max-failed", "12"], 0, "ok: 12 failed calls of demo\n"],
    [["check", "demo", "--max-failed", "11"], 8, "exceeded: 12 failed calls of demo, 11 allowed\n"],
    [["check", "demo", "--max-age", "1h"], 0, "ok: 12 failed calls of demo\n"],
  ])("%j exits %i", async (argv, code, stdout) => {
    expect(await machine.whcb(argv)).toEqual({ code, stdout, stderr: "" });
  });

  test("check --max-age exits 8 if the oldest failure is too old", async () => {
    expect((await machine.whcb(["check", "demo", "--max-age", "1ms"])).code).toBe(8);
  });
});

describe("callbacks", () => {
  test("update changes only the settings given as flags", async () => {
    const before = JSON.parse(await machine.works(["callbacks", "get", "demo", "-o", "json", "--show-key"]));
    await machine.works(["callbacks", "update", "demo", "--email", "new@example.com", "--undeliverable", "off"]);
    const after = JSON.parse(await machine.works(["callbacks", "get", "demo", "-o", "json", "--show-key"]));
    expect(after).toEqual({ ...before, email: "new@example.com", callbacks: { reply: true, undeliverable: false } });
    expect((await machine.whcb(["callbacks", "update", "demo"])).code).toBe(2);
  });

  test("update --url checks the new URL with the callback's auth, and warns unless it answers 200", async () => {
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers["x-whispir-callback-key"]}`);
      response.writeHead(request.url === "/good" ? 200 : 404).end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const update = async (path: string, on = port) =>
      (await machine.whcb(["callbacks", "update", "demo", "--url", `http://127.0.0.1:${on}${path}`])).stderr;
    const { url: before } = JSON.parse(await machine.works(["callbacks", "get", "demo", "-o", "json"]));
    const keyWarning = (at: string) => `warning: the key of demo is sent to ${at} from now on; --new-key replaces it\n`;
    expect(new URL(before).port).not.toBe(String(port));
    expect(await update("/good")).toBe(keyWarning(`http://127.0.0.1:${port}`));
    expect(await update("/bad")).toBe(
      `warning: GET http://127.0.0.1:${port}/bad was answered with 404 Not Found; only 200 counts as delivered\n`,
    );
    expect(seen).toEqual(["GET /good PLANTED-CALLBACK-KEY", "GET /bad PLANTED-CALLBACK-KEY"]);
    server.close();
    await once(server, "close");
    expect(await update("/bad")).toMatch(new RegExp(`^warning: GET http://127.0.0.1:${port}/bad failed: refused: `));
    const back = ["callbacks", "update", "demo", "--url", `${endpoint.url}/hook`];
    const newKey = (key: string) => machine.whcb([...back, "--new-key"], { env: { WHCB_CALLBACK_KEY: key } });
    expect(await newKey("PLANTED-CALLBACK-KEY")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("error: the key of demo is this one already\n"),
    });
    expect((await newKey("ANOTHER-CALLBACK-KEY")).stderr).toBe("the auth key is that of WHCB_CALLBACK_KEY\n");
  });

  test("update says that failed calls are due when they are sent otherwise, and only then", async () => {
    const due = "retries are on: failed calls that are still inside their window are due now\n";
    const update = async (...flags: string[]) => (await machine.whcb(["callbacks", "update", "demo", ...flags])).stderr;
    expect(await update("--content-type", "xml")).toBe("");
    expect(await update("--retries", "on")).toBe(due);
    expect(await update("--content-type", "json")).toBe(due);
    expect(await update("--url", `${endpoint.url}/moved`)).toBe(due);
    expect(await update("--url", `${endpoint.url}/moved`, "--email", "b@example.com")).toBe("");
    expect(await update("--url", `${endpoint.url}/hook`, "--retries", "off")).toBe("");
  });

  test("update --url succeeds with a warning where this machine can't check the URL", async () => {
    const fail = () => Promise.reject(new WhcbError("unavailable", "no DNS server can be reached (ECONNREFUSED)"));
    const openDeliverer = async () => ({ deliver: fail, deliverIf: fail, close: async () => {} });
    const world = { ...machine.world, deps: { ...machine.world.deps, openDeliverer } };
    expect(await runCli(world, ["callbacks", "update", "demo", "--url", `${endpoint.url}/hook`])).toMatchObject({
      code: 0,
      stderr: "warning: the new URL wasn't checked: no DNS server can be reached (ECONNREFUSED)\n",
    });
  });

  test("create generates a key, shows it once and masks it from then on", async () => {
    const argv = [
      "callbacks",
      "create",
      "--name",
      "fresh",
      "--url",
      `${endpoint.url}/x`,
      "--email",
      "a@example.com",
      "-o",
      "json",
    ];
    const { key } = JSON.parse(await machine.works(argv)).auth;
    expect(key).toMatch(/^[\w-]{32}$/);
    expect(await machine.works(["callbacks", "get", "fresh"])).not.toContain(key);
    expect(await machine.works(["callbacks", "get", "fresh", "--show-key"])).toContain(key);
  });

  test("create names the missing flags, and says when a name already exists", async () => {
    expect(await machine.whcb(["callbacks", "create", "--name", "x"])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: a callback needs --url, --email\n/),
    });
    const again = ["callbacks", "create", "--name", "demo", "--url", endpoint.url, "--email", "a@example.com"];
    expect(await machine.whcb(again)).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/\nhint: `whcb callbacks update demo` changes that one\n$/),
    });
  });

  test("create says how to start an endpoint that is not running", async () => {
    const absent = ["callbacks", "create", "--name", "x", "--url", "http://127.0.0.1:1/hook", "--email", "a@example.com"];
    expect(await machine.whcb(absent)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /\nhint: start the endpoint first; `whcb listen --port 1 --status 503` can stand in for it; what comes stays FAILED\n$/,
      ),
    });
  });

  test("delete says how many calls go with it that weren't delivered", async () => {
    const broken = await machine.listen(["--status", "503"]);
    for (const name of ["lossy", "empty"])
      await machine.works(["callbacks", "create", "--name", name, "--url", broken.url, "--email", "a@example.com"]);
    await machine.works(["trigger", "lossy", "-n", "3"]);
    await machine.settled("lossy");
    await machine.works(["callbacks", "pause", "lossy"]);
    await machine.works(["trigger", "lossy", "-n", "2"]);
    expect((await machine.whcb(["callbacks", "delete", "lossy"], { canAsk: true, stdin: "n\n" })).stderr).toContain(
      `3 failed and 2 waiting calls of lossy go with it, and are never sent then.\nDelete callback lossy (${broken.url}`,
    );
    expect((await machine.whcb(["callbacks", "delete", "lossy", "--yes"])).stderr).toBe(
      "callback lossy deleted, with 3 failed and 2 waiting calls\n",
    );
    expect((await machine.whcb(["callbacks", "delete", "empty", "--yes"])).stderr).toBe(
      "callback empty deleted, with 0 failed and 0 waiting calls\n",
    );
  });

  test("delete asks first, and needs --yes without a terminal", async () => {
    await machine.works(["callbacks", "create", "--name", "gone", "--url", endpoint.url, "--email", "a@example.com"]);
    expect(await machine.whcb(["callbacks", "delete", "gone"])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/to continue, type: whcb callbacks delete [0-9A-F]{16} --profile local --yes\n/),
    });
    expect(await machine.whcb(["callbacks", "delete", "gone"], { canAsk: true, stdin: "n\n" })).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("nothing was done"),
    });
    expect((await machine.whcb(["callbacks", "delete", "gone"], { canAsk: true, stdin: "y\n" })).code).toBe(0);
    expect((await machine.whcb(["callbacks", "get", "gone"])).code).toBe(3);
  });
});

test("replay --via service doesn't count what failed again as replayed, like a replay from here", async () => {
  const broken = await machine.listen(["--status", "503"]);
  await machine.rehearse("rejecting", broken.url, 1);
  for (const via of ["service", "direct"]) {
    expect(await machine.whcb(["replay", "rejecting", "--failed", "--yes", "--via", via])).toMatchObject({
      code: 8,
      stdout: expect.stringMatching(/^0 of 1 call replayed in /),
    });
  }
});

describe("credentials", () => {
  test("that are wrong in the profile lead to a hint to log in again", async () => {
    await machine.works(["config", "set", "password", "-"], { stdin: "wrong-wrong-wrong" });
    const { code, stderr } = await machine.whcb(["calls", "list", "demo"]);
    const { serve } = await readSettings(machine.world.paths.config);
    await machine.works(["config", "set", "password", "-"], { stdin: serve?.password ?? "" });
    expect(code).toBe(4);
    expect(stderr).toMatch(
      /\nhint: user and password came from profile local: store new ones with `whcb login http:\/\/127\.0\.0\.1:\d+ --name local`\n$/,
    );
  });

  test.each(["WHCB_API_KEY", "WHCB_PASSWORD", "WHCB_USERNAME"])("a wrong %s exits 4 and is named in the hint", async (name) => {
    const { code, stdout, stderr } = await machine.whcb(["calls", "list", "demo"], { env: { [name]: "PLANTED-WRONG" } });
    expect({ code, stdout }).toEqual({ code: 4, stdout: "" });
    expect(stderr).toMatch(new RegExp(`\nhint: .* came from .*${name}.*: fix or unset ${name}\n$`));
    expect(stderr).not.toContain("PLANTED");
  });

  test("login stores credentials that work, and none that don't", async () => {
    const { serve, profiles } = await readSettings(machine.world.paths.config);
    const { url = "", databaseId } = profiles.get("local") ?? {};
    const env = { WHCB_USERNAME: serve?.username ?? "", WHCB_PASSWORD: "PLANTED-WRONG", WHCB_API_KEY: serve?.apiKey ?? "" };
    expect((await machine.whcb(["login", "--name", "here", "--keep-current", url], { env })).code).toBe(4);
    expect((await readSettings(machine.world.paths.config)).profiles.has("here")).toBe(false);
    await machine.works(["login", "--name", "here", "--keep-current", url], {
      env: { ...env, WHCB_PASSWORD: serve?.password ?? "" },
    });
    const after = await readSettings(machine.world.paths.config);
    expect([after.current, after.profiles.get("here")]).toEqual(["local", { url, databaseId, ...serve }]);
    expect(await machine.works(["callbacks", "list", "--profile", "here", "-o", "ids"])).not.toBe("");
    expect(statSync(join(machine.world.paths.config, "config.json")).mode & 0o777).toBe(0o600);
  });

  test("login without a terminal names the missing variables", async () => {
    expect(await machine.whcb(["login", "http://127.0.0.1:1"])).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^error: credentials are missing: WHCB_USERNAME, WHCB_PASSWORD, WHCB_API_KEY\n/),
    });
  });

  test("login asks on a terminal and doesn't echo what is typed", async () => {
    const { serve, profiles } = await readSettings(machine.world.paths.config);
    const url = profiles.get("local")?.url ?? "";
    const stdin = `${serve?.username}\n${serve?.password}\n${serve?.apiKey}\n`;
    const { code, stdout, stderr } = await machine.whcb(["login", "--name", "typed", "--keep-current", url], {
      canAsk: true,
      stdin,
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).not.toContain(serve?.password);
    expect(stderr).not.toContain(serve?.apiKey);
  });
});
