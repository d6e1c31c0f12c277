/** No output of any command has a secret, and nothing breaks when nobody reads it. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../src/cli/run.js";
import { readSettings } from "../../src/cli/settings/settings-file.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { captureIo } from "../support/cli/cli-streams.js";
import { cliDeps } from "../support/cli/run-cli.js";
import { CALLBACK_BODY } from "../support/server/server-fixture.js";

let machine: CliMachine;
let secrets: readonly string[];
let ids: readonly string[];

const ENV = { WHCB_CALLBACK_KEY: "PLANTED-CALLBACK-KEY" };

beforeAll(async () => {
  machine = new CliMachine();
  await machine.serve();
  const endpoint = await machine.listen(["--status", "503"]);
  for (const [name, auth] of [
    ["demo", "queryparam"],
    ["crm", "bearertoken"],
  ] as const) {
    await machine.rehearse(name, endpoint.url, 4, ["--auth", auth]);
  }
  const { serve } = await readSettings(machine.world.paths.config);
  const basic = Buffer.from(`${serve?.username}:${serve?.password}`).toString("base64");
  secrets = ["PLANTED-CALLBACK-KEY", serve?.password ?? "", serve?.apiKey ?? "", basic];
  ids = await machine.ids("demo", "--failed");
});

afterAll(() => machine.leave());

describe("no secret is shown", () => {
  const commands: readonly (readonly string[])[] = [
    ["status"],
    ["status", "-o", "json"],
    ["check"],
    ["callbacks", "list"],
    ["callbacks", "list", "-o", "json"],
    ["callbacks", "list", "-o", "csv"],
    ["callbacks", "get", "demo"],
    ["callbacks", "get", "demo", "-o", "json"],
    ["callbacks", "update", "demo", "--email", "b@example.com"],
    ["callbacks", "update", "demo", "--email", "c@example.com", "--new-key"],
    ["callbacks", "create", "--name", "third", "--url", "http://127.0.0.1:1/", "--email", "a@example.com"],
    ["calls", "list"],
    ["calls", "list", "demo", "-o", "json"],
    ["calls", "list", "demo", "-o", "csv"],
    ["replay", "--failed", "--dry-run"],
    ["replay", "--failed", "--dry-run", "--print-curl"],
    ["replay", "--failed", "--yes"],
    ["replay", "demo", "--failed", "--yes", "-o", "ndjson", "--no-canary"],
    ["replay", "--resume"],
    ["reconcile", "demo", "--seen", "/dev/null", "--yes"],
    ["runs", "list", "-o", "json"],
    ["mark-success", "demo", "--failed", "--yes"],
    ["profiles", "list", "-o", "json"],
    ["config", "get"],
    ["config", "get", "-o", "json"],
    ["login", "--keep-current", "http://127.0.0.1:1"],
  ];

  test.each(commands.map((argv) => [argv.join(" "), argv] as const))("by whcb %s, not even with --verbose", async (_, argv) => {
    const { stdout, stderr } = await machine.whcb([...argv, "--verbose"], { env: ENV });
    for (const secret of secrets) expect([secret, (stdout + stderr).includes(secret)]).toEqual([secret, false]);
  });

  test("by calls get, which shows attempts", async () => {
    const { stdout, stderr } = await machine.whcb(["calls", "get", "demo", ids[0] ?? "", "--verbose"], { env: ENV });
    expect(stdout).toContain(ids[0]);
    for (const secret of secrets) expect(stdout + stderr).not.toContain(secret);
  });
});

describe("a closed pipe", () => {
  test.each([
    [["calls", "list", "demo", "--all"]],
    [["calls", "list", "demo", "--all", "-o", "json"]],
    [["callbacks", "list", "-o", "csv"]],
    [["status"]],
  ])("ends %j silently", async (argv) => {
    const io = captureIo();
    expect(await run(argv, cliDeps(machine.world, { ...io, stdout: closedPipe() }))).toBe(0);
    expect(io.err()).not.toMatch(/error|EPIPE/);
  });

  test("doesn't stop a running replay", async () => {
    const endpoint = await machine.listen(["--status", "503"]);
    await machine.rehearse("piped", endpoint.url, 20);
    const io = captureIo();
    const argv = ["replay", "piped", "--failed", "--yes", "--no-canary", "--max-failures", "100", "-o", "ndjson"];
    expect(await run(argv, cliDeps(machine.world, { ...io, stdout: closedPipe() }))).toBe(8);
    expect(io.err()).toMatch(/\n {2}rejected +20\n/);
    expect(io.err()).not.toMatch(/EPIPE|unexpected/);
  });

  function closedPipe(): Writable {
    return new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
      },
    }).on("error", () => {});
  }
});

describe("a service that repeats the credentials that it was sent", () => {
  const PASSWORD = "Zq8x/+password";
  const API_KEY = "Zq8x/+key";
  const CALLBACK_KEY = "Zq8x/+callback";
  const URL_TOKEN = "Zq8x0123456789abcdef";
  const BASIC = Buffer.from(`ada:${PASSWORD}`).toString("base64");

  let server: Server;
  let env: Readonly<Record<string, string>>;
  let answer: (
    repeated: string,
    method: string | undefined,
  ) => { status: number; body?: string; headers?: Record<string, string> };

  beforeAll(async () => {
    server = createServer(async (request, response) => {
      const { authorization = "", "x-api-key": apiKey } = request.headers;
      const login = Buffer.from(authorization.replace("Basic ", ""), "base64");
      const sent = Buffer.concat(await request.toArray());
      const { status, body = "", headers } = answer(`${apiKey} ${authorization} ${login} ${sent}`, request.method);
      response.writeHead(status, headers).end(body);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    env = { WHCB_URL: `http://127.0.0.1:${port}`, WHCB_USERNAME: "ada", WHCB_PASSWORD: PASSWORD, WHCB_API_KEY: API_KEY };
    env = { ...env, WHCB_CALLBACK_KEY: CALLBACK_KEY };
  });
  afterAll(() => server.close());

  const list = ["callbacks", "list"];
  const CREATE = `callbacks create --name demo --url http://127.0.0.1:1/${URL_TOKEN} --email a@example.com`.split(" ");
  const STORED = { id: "A", name: "A", auth: { type: "bearertoken", key: `${CALLBACK_KEY}-stored` } };
  const statuses = [400, 401, 403, 404, 405, 409, 422];

  test.each<readonly [what: string, argv: readonly string[], write: typeof answer]>([
    ...statuses.map(
      (status) =>
        [
          `${status} with an error document`,
          list,
          (text: string) => ({ status, body: JSON.stringify({ errorSummary: "bad", errorDetail: `you sent ${text}` }) }),
        ] as const,
    ),
    ["400 with a page", list, (text) => ({ status: 400, body: `<html>you sent ${text}` })],
    ["403 with a header", list, (text) => ({ status: 403, headers: { "x-error-detail": `you sent ${text}` } })],
    ["200 and something else", list, (text) => ({ status: 200, body: JSON.stringify({ sent: text }) })],
    ["200 and an odd link", list, (text) => ({ status: 200, body: aPage(`http://x/?you=sent${text}`) })],
    ["200 and a link to the next page", list, (text) => ({ status: 200, body: aPage(`/callbacks?offset=1&sent=${text}`) })],
    [
      "200 and something else to a mark",
      ["mark-success", "A", "A", "--yes"],
      (text, method) => {
        const both = { id: "A", name: "demo", status: "FAILED" };
        return { status: 200, body: JSON.stringify(method === "GET" ? both : { sent: text }) };
      },
    ],
    ["422 to a new callback", CREATE, (text) => ({ status: 422, body: JSON.stringify({ errorDetail: `you sent ${text}` }) })],
    ["503 with a page to a new callback", CREATE, (text) => ({ status: 503, body: `<html>you sent ${text}` })],
    ...["", "--new-key"].map(
      (flag) =>
        [
          `409 to an update ${flag}`,
          ["callbacks", "update", "A", "--email", "b@example.com", ...(flag === "" ? [] : [flag])],
          (text: string, method: string | undefined) =>
            method === "GET"
              ? { status: 200, body: JSON.stringify({ ...CALLBACK_BODY, ...STORED }) }
              : { status: 409, body: JSON.stringify({ errorDetail: `you sent ${text}` }) },
        ] as const,
    ),
  ])("isn't shown with them: %s", async (_, argv, write) => {
    answer = write;
    const { code, stdout, stderr } = await machine.whcb([...argv, "--verbose"], { env });
    const shown = stdout + stderr;
    expect([code === 0, shown]).toEqual([false, expect.stringMatching(/GET \/|POST \//)]);
    expect(["Zq8x", BASIC.slice(0, 8)].filter((part) => shown.includes(part))).toEqual([]);
  });

  function aPage(next: string): string {
    return JSON.stringify({
      status: "1 to 1 of 9",
      callbacks: [{ id: "0011223344556677", name: "demo" }],
      link: [{ rel: "next", uri: next }],
    });
  }
});
