/** The service tries to control the terminal, to forge lines and commands, or to keep a command busy for ever. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { CliMachine } from "../support/cli/cli-service.js";
import type { IoOptions } from "../support/cli/cli-streams.js";
import { platformCalls, platformId, scriptedPlatform } from "../support/platform/scripted-platform.js";

const HOSTILE =
  "x\u001b[2J\u001b]0;owned\u0007\r\nFORGED\n\u001b[32mFORGED\u009b31m\u0085\u2028FORGED\u202egnp\u2066\u2069\u200f\u007f\u0008\u{e0041}";
/** Only this program may write these; its lines and colours are checked below. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are looked for
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;
/** These are green, red, yellow, dim and bold, and their ends. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control sequences
const OWN_COLOURS = /\u001b\[(?:1|2|22|31|32|33|39)m/g;

const machine = new CliMachine({ isServedHere: async () => true });
const endings: (() => unknown)[] = [];
let env: Readonly<Record<string, string>>;
let endpointUrl: string;

beforeAll(async () => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(`HTTP/1.1 503 Down${"\u001b[2J\u009b31m\u202e"}\r\ncontent-length: 0\r\n\r\n`, "utf8"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  endings.push(() => server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  endpointUrl = `http://127.0.0.1:${address.port}/hook?a=%1b`;
  const calls = platformCalls(3, () => ({
    messageId: HOSTILE,
    messageLocation: HOSTILE,
    from: { name: HOSTILE, mri: HOSTILE, mobile: HOSTILE, email: HOSTILE, voice: HOSTILE },
    responseMessage: { channel: "sms", acknowledged: HOSTILE, content: HOSTILE },
    customParameters: { [HOSTILE]: HOSTILE },
    callback: { attemptedDate: "24/11/26 09:31", statusCode: "503", statusMessage: HOSTILE },
  }));
  const callback = { id: "9837E6D82347EB5D", name: HOSTILE, url: endpointUrl, key: "a-key-that-is-secret", calls };
  const settings = { auth: { type: "httpheader", key: HOSTILE }, contentType: "json", email: HOSTILE, removeHTML: HOSTILE };
  const other = { id: "9837E6D82347EB5E", name: `2${HOSTILE}`, url: HOSTILE, key: null, settings, calls: [] };
  const platform = await scriptedPlatform({ clock: systemClock, callbacks: [callback, other] }).listen();
  endings.push(() => platform.close());
  env = { WHCB_URL: platform.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
});

afterAll(async () => {
  await machine.leave();
  for (const end of endings.splice(0)) await end();
});

const ID = "9837E6D82347EB5D";
const CALL = platformId(0);

const COMMANDS: readonly (readonly string[])[] = [
  ["callbacks", "list"],
  ["callbacks", "get", ID],
  ["callbacks", "get", "9837E6D82347EB5E", "--show-key"],
  ["callbacks", "get", "nope"],
  ["callbacks", "update", ID, "--url", "http://127.0.0.1:9/"],
  ["callbacks", "update", "9837E6D82347EB5E", "--retries", "on"],
  ["callbacks", "delete", ID],
  ["calls", "list"],
  ["calls", "list", ID],
  ["calls", "list", ID, "--from", "nobody"],
  ["calls", "get", ID, CALL],
  ["calls", "get", ID, "nope"],
  ["status"],
  ["status", ID],
  ["check"],
  ["check", ID, "--max-age", "1h"],
  ["trigger", ID],
  ["mark-success", ID, "--failed", "--dry-run"],
  ["mark-success", ID, "--failed"],
  ["mark-failed", ID, CALL, HOSTILE, "--yes"],
  ["replay", ID, "--failed", "--dry-run"],
  ["replay", ID, "--failed", "--dry-run", "--print-curl"],
  ["replay", ID, "--failed"],
  ["replay", ID, "--failed", "--yes", "--verbose"],
  ["replay", ID, HOSTILE, "--yes"],
  ["replay", "--resume", "--verbose"],
  ["reconcile", ID, "--seen", "-", "--dry-run"],
  ["reconcile", ID, "--seen", "-", "--yes"],
  ["runs", "list"],
  ["runs", "show"],
  ["runs", "show", HOSTILE],
  ["profiles", "use", HOSTILE],
  ["config", "set", "rate", HOSTILE],
  ["config", "get", HOSTILE],
  [HOSTILE],
  ["replay", `--${HOSTILE}`],
];

const SEEN = JSON.stringify({ messageid: HOSTILE, from: { mobile: "+61400000000" } });

describe.each<{ name: string; flags: readonly string[]; options: IoOptions }>([
  { name: "in a pipe", flags: [], options: {} },
  { name: "in colour", flags: [], options: { columns: 100, env: { FORCE_COLOR: "1" } } },
  { name: "as JSON", flags: ["-o", "json"], options: {} },
  { name: "as NDJSON", flags: ["-o", "ndjson"], options: {} },
  { name: "as CSV", flags: ["-o", "csv"], options: {} },
  { name: "as ids", flags: ["-o", "ids"], options: {} },
])("nothing controls the terminal $name", ({ name, flags, options }) => {
  test.each(COMMANDS.map((argv) => ({ title: argv.join(" ").replaceAll(HOSTILE, "<hostile>"), argv })))(
    "in whcb $title",
    async ({ argv }) => {
      const { stdout, stderr } = await machine.whcb([...argv, ...flags], {
        stdin: SEEN,
        ...options,
        env: { ...env, ...options.env },
      });
      for (const text of [stdout, stderr]) {
        const plain = text.replace(OWN_COLOURS, "");
        expect(plain).not.toMatch(CONTROLS);
        // Line breaks stay in the quoted cells of csv.
        if (name !== "as CSV") expect(plain).not.toMatch(/^FORGED/m);
        expect(text).not.toContain("\u001b[32mFORGED");
      }
    },
  );
});

test("one message of 500 000 line feeds doesn't keep csv busy", async () => {
  const calls = platformCalls(1, () => ({ responseMessage: { channel: "sms", content: `${"\n".repeat(500_000)}x` } }));
  const callback = { id: ID, name: "demo", url: endpointUrl, key: null, calls };
  const platform = await scriptedPlatform({ clock: systemClock, callbacks: [callback] }).listen();
  endings.push(() => platform.close());
  const list = ["calls", "list", ID, "--columns", "content", "-o", "csv"];
  const { code, stdout } = await machine.whcb(list, { env: { ...env, WHCB_URL: platform.url } });
  expect([code, stdout]).toEqual([0, `content\n"${"\n".repeat(500_000)}x"\n`]);
});

test("a question shows a name with line breaks in one line", async () => {
  const { stderr } = await machine.whcb(["replay", ID, "--failed"], {
    canAsk: true,
    stdin: "n\n",
    env: { ...env, NO_COLOR: "1" },
  });
  expect(stderr).toContain(`x␛[2J␛]0;owned␇␍␊FORGED␊`);
  expect(stderr).not.toMatch(/^FORGED/m);
  expect(stderr).toMatch(/\nSend 3 calls again\? \[y\/N\]/);
});

describe("a command that is suggested", () => {
  /** Returns the words of the first command in the text that matches, as a shell reads them. */
  function suggested(text: string, pattern: RegExp): readonly string[] {
    const line = pattern.exec(text)?.[0] ?? "no command";
    const { stdout } = spawnSync("bash", ["-c", `printf '%s\\0' ${line.replace(/^whcb /, "")}`], { encoding: "utf8" });
    return stdout.split("\0").slice(0, -1);
  }

  test.each([
    { id: ID, name: "--to=http://127.0.0.1:1/steal" },
    { id: "--yes", name: "--yes" },
    { id: "--to=http://127.0.0.1:1/", name: "x\nwhcb" },
    { id: "$(touch pwned)'", name: "'; touch pwned" },
  ])("means the callback $name with the id $id, whatever they look like", async ({ id, name }) => {
    const callback = { id, name, url: endpointUrl, key: "a-key-that-is-secret", calls: platformCalls(2) };
    const platform = await scriptedPlatform({ clock: systemClock, callbacks: [callback] }).listen();
    endings.push(() => platform.close());
    const own = { env: { ...env, WHCB_URL: platform.url } };
    const { stdout } = await machine.whcb(["status"], own);
    const replay = suggested(stdout, /whcb replay .*/);
    expect(replay).toContain(id);
    expect(await machine.whcb(replay, own)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/add --yes\nhint: to continue, type: /),
    });
    const { stderr } = await machine.whcb(replay, own);
    expect(stderr).toContain(`-> ${endpointUrl}`);
    const confirmed = suggested(stderr, /whcb replay .*/);
    expect([...confirmed].sort()).toEqual([...replay, "--yes"].sort());
    expect(await machine.whcb(confirmed, own)).toMatchObject({
      code: 8,
      stdout: expect.stringMatching(/^0 of 2 calls replayed/),
    });
    const listed = suggested((await machine.whcb(["status"], own)).stdout, /whcb calls list .*/);
    expect(await machine.whcb([...listed.slice(0, 2), "-o", "ids", ...listed.slice(2)], own)).toMatchObject({
      code: 0,
      stdout: `${platformId(0)}\n${platformId(1)}\n`,
    });
    const unknown = await machine.whcb(["calls", "get", "-o", "json", "--", id, "nope"], own);
    expect(suggested(JSON.parse(unknown.stderr).error.hint, /whcb calls list [^`]*/)).toContain(id);
  });
});

test.each([
  ["calls", "list"],
  ["trigger", "demo"],
  ["mark-success", "demo", "--failed", "--yes"],
  ["replay", "demo", "--failed", "--yes"],
])("an id with half a character is no bug of whcb %s", async (...argv) => {
  const [call] = platformCalls(1, () => ({ id: "\udc00" }));
  const calls = call === undefined ? [] : [{ ...call, id: "\udc00" }];
  const callback = { id: "\ud800", name: "demo", url: endpointUrl, key: null, calls };
  const platform = await scriptedPlatform({ clock: systemClock, callbacks: [callback] }).listen();
  endings.push(() => platform.close());
  const { stdout, stderr } = await machine.whcb(argv, { env: { ...env, WHCB_URL: platform.url } });
  expect(stdout + stderr).not.toMatch(/bug|URIError|URI malformed/);
});

test.each([
  ["replay", ID, "--failed", "--yes"],
  ["calls", "list", ID, "-o", "ids"],
])("a list without an end is an error of whcb %s %s %s %s", async (...argv) => {
  let calls = 0;
  const callback = { id: ID, name: "demo", url: endpointUrl, auth: { type: "httpheader", key: "k" }, contentType: "json" };
  const server = createHttpServer((request, response) => {
    request.resume();
    const path = new URL(request.url ?? "/", "http://service.invalid").pathname;
    const page = () =>
      platformCalls(500, () => ({})).map((call, index) => ({ ...call, ...call.fields, id: platformId(calls + index) }));
    const body = path.endsWith("/calls")
      ? { status: "1 to 500 of 500", calls: page(), link: [{ rel: "next", method: "GET", uri: `${path}?after=${calls}` }] }
      : callback;
    if (path.endsWith("/calls")) calls += 500;
    response.setHeader("content-type", "application/json").end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  endings.push(() => server.close());
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const result = await machine.whcb(argv, { stdin: SEEN, env: { ...env, WHCB_URL: `http://127.0.0.1:${port}` } });
  expect(result).toMatchObject({ code: 5, stderr: expect.stringContaining("the list doesn't end: ") });
  expect(calls).toBeLessThan(15_000);
});

test("a page of more than 200 000 calls is an error", async () => {
  const callback = { id: ID, name: "demo", url: endpointUrl, auth: { type: "httpheader", key: "k" }, contentType: "json" };
  let calls = 0;
  const server = createHttpServer((request, response) => {
    const body = request.url?.includes("/calls") ? { calls: new Array(calls).fill({}) } : callback;
    request.resume();
    response.setHeader("content-type", "application/json").end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  endings.push(() => server.close());
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const listed = async (count: number) => {
    calls = count;
    return machine.whcb(["calls", "list", ID, "-o", "ids"], { env: { ...env, WHCB_URL: `http://127.0.0.1:${port}` } });
  };
  expect(await listed(200_000)).toMatchObject({ code: 0, stderr: expect.stringContaining("(200000 without a usable id") });
  expect(await listed(200_001)).toMatchObject({
    code: 5,
    stderr: expect.stringContaining("the service sent 200001 calls at once: at most 200000 are read"),
  });
});
