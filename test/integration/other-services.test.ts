/** Commands meet services that differ from ours in what they return and accept. */
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ServiceTarget } from "../../src/cli/cli-deps.js";
import { type Client, createClient } from "../../src/client/client.js";
import { createHttpTransport } from "../../src/client/http-transport.js";
import type { TransportRequest } from "../../src/client/transport.js";
import { systemClock } from "../../src/platform/clock.js";
import { systemRandom } from "../../src/platform/random.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { toPlatformDate } from "../../src/wire/dates.js";
import { CliMachine } from "../support/cli/cli-service.js";
import type { CliResult } from "../support/cli/run-cli.js";
import {
  type PlatformCall,
  type PlatformOptions,
  platformCalls,
  type ScriptedPlatform,
  scriptedPlatform,
} from "../support/platform/scripted-platform.js";
import { type CountingEndpoint, countingEndpoint } from "../support/replay/replay-desk.js";
import { hastyClock } from "../support/time/hasty-clock.js";

const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
const SETTINGS = { auth: { type: "queryparam", key: "planted-key" }, contentType: "json", retriesEnabled: false };

let machine: CliMachine;
let endpointStatus: number;
let endpoint: CountingEndpoint;
let platform: ScriptedPlatform;
let listening: Awaited<ReturnType<ScriptedPlatform["listen"]>>;

beforeEach(async () => {
  machine = new CliMachine({ isServedHere: async () => true });
  endpointStatus = 200;
  endpoint = await countingEndpoint(() => ({ status: endpointStatus }));
});

afterEach(async () => {
  await listening.close();
  await endpoint.close();
  await machine.leave();
});

interface Scene extends Partial<PlatformOptions> {
  readonly calls: PlatformCall[];
  readonly settings?: Readonly<Record<string, unknown>>;
  /** A second callback, "other", has these, and the same endpoint and settings. */
  readonly others?: PlatformCall[];
  readonly encoding?: BufferEncoding;
}

const DEMO = "528F17736481BA9A";
const OTHER = "0F1E2D3C4B5A6978";

async function open({ calls, settings = SETTINGS, others, encoding, ...over }: Scene): Promise<void> {
  const shared = { url: endpoint.url, key: null, settings };
  const demo = { id: DEMO, name: "demo", calls, ...shared };
  const other = others === undefined ? [] : [{ id: OTHER, name: "other", calls: others, ...shared }];
  platform = scriptedPlatform({ clock: systemClock, callbacks: [demo, ...other], ...over });
  listening = await platform.listen(encoding);
}

const whcb = (...args: readonly string[]): Promise<CliResult> => whcbWith("", ...args);

function whcbWith(input: string, ...args: readonly string[]): Promise<CliResult> {
  const env = { WHCB_URL: listening.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  return machine.whcb(args, { stdin: input, env });
}

it.each([400, 403, 404, 405, 501])(
  "a service that answers %i to each route of `whcb serve` alone does the rest",
  async (status) => {
    const calls = platformCalls(2);
    const isDocumented = (path: string): boolean => /^\/callbacks(\/[^/?]+(\/calls)?)?(\?(?!.*groupBy)|$)/.test(path);
    await open({ calls, instead: ({ path }) => (isDocumented(path) ? null : { status, body: "" }) });
    expect(await whcb("status", "demo")).toMatchObject({ code: 0, stdout: expect.stringContaining("2 failed calls") });
    const shown = await whcb("calls", "get", "demo", calls[0]?.id ?? "");
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining("This service doesn't return the attempts") });
    const grouped = await whcb("calls", "list", "demo", "--failed", "--group-by", "status-code", "--json", "count");
    expect(JSON.parse(grouped.stdout)).toEqual([{ count: 2 }]);
    expect(await whcb("replay", "demo", "--failed", "--yes")).toMatchObject({ code: 0 });
    expect(calls.map(({ status }) => status)).toEqual(["SUCCESS", "SUCCESS"]);
  },
);

describe("a list whose rows move while it is read", () => {
  it.each([
    { isTotalOpen: false, settled: 5 },
    { isTotalOpen: true, settled: 5 },
    { isTotalOpen: false, settled: 20 },
    { isTotalOpen: true, settled: 20 },
  ])("is read again until nothing is missing: %o", async ({ isTotalOpen, settled }) => {
    const calls = platformCalls(40);
    // Calls of the first page are settled after it, so that as many aren't on the second one, or nothing is.
    const onPage = (pages: number): void => {
      if (pages === 1) for (const call of calls.slice(0, settled)) call.status = "SUCCESS";
    };
    await open({ calls, isTotalOpen, onPage });
    const { code, stdout } = await whcb("replay", "demo", "--failed", "--dry-run", "-o", "ndjson");
    const planned = stdout
      .trimEnd()
      .split("\n")
      .map((line): string => JSON.parse(line).id);
    expect({ code, planned: [...planned].sort() }).toEqual({ code: 0, planned: calls.map(({ id }) => id).sort() });
  });

  it("of one page is read once", async () => {
    await open({ calls: platformCalls(20), isTotalOpen: true });
    await whcb("replay", "demo", "--failed", "--dry-run");
    expect(platform.requests.filter(({ path }) => path.includes("/calls?")).length).toBe(1);
  });
});

const FILTERS = ["since", "until", "statusCode", "reason", "channel", "messageId", "from", "q", "expand", "groupBy"];

describe("a service that answers 400 to a filter", () => {
  const body = JSON.stringify({ errorSummary: "Bad Request", errorDetail: "unknown parameter" });
  const answer = { status: 400, body };
  const sent = () => [...endpoint.received].sort();

  /** Every third call has settled; the platform keeps the last answer of those that a user marked. */
  function someCalls(): PlatformCall[] {
    const calls = platformCalls(45, (index) => ({
      callback: { attemptedDate: `2026-11-24T09:${59 - index}:00.000Z`, statusCode: index % 2 === 0 ? "503" : "404" },
    }));
    for (const call of calls.filter((_, index) => index % 3 === 0)) call.status = "SUCCESS";
    return calls;
  }
  const expected = (calls: readonly PlatformCall[]) =>
    calls.filter((call, index) => call.status === "FAILED" && index % 2 === 0).map(({ id }) => id);

  it.each([{ parameters: FILTERS }, { parameters: [...FILTERS, "status"] }])(
    "is read without it, and the filter is applied here: %o",
    async ({ parameters }) => {
      const calls = someCalls();
      const failed = expected(calls).sort();
      await open({ calls, rejected: { parameters, answer } });
      const listed = await whcb("calls", "list", "demo", "--failed", "--status-code", "503", "-o", "ids");
      expect({ code: listed.code, ids: listed.stdout.trimEnd().split("\n").sort() }).toEqual({ code: 0, ids: failed });
      const grouped = await whcb("calls", "list", "demo", "--failed", "--group-by", "status-code", "--json", "statusCode,count");
      expect(JSON.parse(grouped.stdout)).toEqual([
        { statusCode: 404, count: 15 },
        { statusCode: 503, count: 15 },
      ]);
      expect(await whcb("replay", "demo", "--failed", "--status-code", "503", "--yes")).toMatchObject({ code: 0 });
      expect(sent()).toEqual(failed);
      expect(calls.filter(({ status }) => status === "FAILED").length).toBe(15);
    },
  );

  it("keeps the order that was asked for", async () => {
    const calls = platformCalls(45);
    await open({ calls, rejected: { parameters: ["since", "status"], answer } });
    await whcb("calls", "list", "demo", "--failed", "--since", "2020-01-01", "--oldest-first", "--limit", "2");
    const lists = platform.requests.map(({ path }) => path).filter((path) => path.includes("/calls?"));
    expect(lists.length).toBe(3);
    for (const path of lists) expect(path).toContain("sortFields=attemptedDate&sortOrder=asc");
  });

  it("and whose calls don't say their status isn't read without that: nothing is sent or marked", async () => {
    // They are on the second page of the whole list only.
    const calls = someCalls().map((call, index) => (index < 30 ? call : { ...call, fields: { ...call.fields, status: "" } }));
    await open({ calls, rejected: { parameters: ["status"], answer } });
    for (const command of [["replay"], ["mark-success"]]) {
      const { code, stderr } = await whcb(...command, "demo", "--failed", "--yes");
      expect({ code, stderr }).toEqual({ code: 2, stderr: "error: Bad Request: unknown parameter\n" });
    }
    expect(endpoint.received).toEqual([]);
    expect(platform.requests.filter(({ method, path }) => method === "PUT" && path.includes("/calls?"))).toEqual([]);
  });

  it.each([
    { body, says: "Bad Request: unknown parameter" },
    { body: JSON.stringify({ status: 400, error: "Bad Request", message: "q is unknown" }), says: "Bad Request: q is unknown" },
    {
      body: JSON.stringify({ problems: [{ field: "q" }] }),
      says: 'URL: answered 400\nhint: the service says: {"problems":[{"field":"q"}]}',
    },
    { body: "q is\nunknown\n", says: "URL: answered 400\nhint: the service says: q is unknown" },
    {
      body: "<html><h1>Bad Request</h1><p>q is unknown</p></html>",
      says: "URL: answered 400\nhint: the service says: Bad Request q is unknown",
    },
    { body: "", says: "URL: answered 400" },
  ])("whatever is asked is shown with its text: %o", async ({ body, says }) => {
    await open({ calls: platformCalls(1), rejected: { parameters: ["limit"], answer: { status: 400, body } } });
    const { code, stderr } = await whcb("calls", "list", "demo", "--grep", "x");
    expect({ code, stderr }).toEqual({ code: 2, stderr: `error: ${says.replace("URL", listening.url)}\n` });
  });
});

const statuses = (calls: readonly PlatformCall[]) => calls.map(({ status }) => status);
const namedCall = (id: string, status: PlatformCall["status"] = "FAILED"): PlatformCall[] =>
  platformCalls(1).map((call) => ({ ...call, id, status }));

it.each([
  ["list", { id: OTHER }],
  ["page", { id: OTHER }],
  ["path", { id: OTHER }],
  ["list", { name: "other" }],
  ["path", { name: "other" }],
])("a call of another callback in a %s of this one is neither sent nor marked: %j", async (where, said) => {
  const [own, others] = [platformCalls(1), namedCall("b1")];
  const foreign = others.map(({ id, status, fields }) => ({ id, status, ...fields, callback: { ...said, statusCode: "503" } }));
  const ownCallback = { name: "demo", statusCode: "503" };
  const ownCalls = own.map(({ id, status, fields }) => ({ id, status, ...fields, callback: ownCallback }));
  const page = (calls: readonly unknown[], next?: string) => ({
    status: 200,
    body: JSON.stringify({ status: `1 to ${calls.length} of 2`, calls, link: next ? [{ rel: "next", uri: next }] : [] }),
  });
  const instead: PlatformOptions["instead"] = ({ method, path }) => {
    if (method !== "GET" || !path.includes("/calls")) return null;
    if (where === "list") return page([...foreign, ...ownCalls]);
    if (where === "page") return path.includes(OTHER) ? page(foreign) : page(ownCalls, `/callbacks/${OTHER}/calls`);
    return path.endsWith("/calls/b1") ? { status: 200, body: JSON.stringify(foreign[0]) } : page(ownCalls);
  };
  await open({ calls: own, others, instead });
  const which = where === "path" ? ["b1"] : ["--failed"];
  await whcb("replay", "demo", ...which, "--yes");
  expect(endpoint.received).toEqual(where === "list" ? own.map(({ id }) => id) : []);
  expect(platform.requests.filter(({ method, path }) => method === "PUT" && path.includes("b1"))).toEqual([]);
});

describe("calls of two callbacks with the same id", () => {
  it("aren't in one run: its journal couldn't tell them apart", async () => {
    const [calls, others] = [namedCall("1"), namedCall("1")];
    await open({ calls, others });
    for (const command of ["replay", "mark-success"]) {
      expect(await whcb(command, "--failed", "--all-callbacks", "--yes")).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(
          "error: both demo and other have a call 1\nhint: name one callback at a time: a run tells calls apart by their ids\n",
        ),
      });
    }
    expect([endpoint.received, statuses(calls), statuses(others)]).toEqual([[], ["FAILED"], ["FAILED"]]);
    expect(await whcb("replay", "other", "--failed", "--yes")).toMatchObject({ code: 0 });
    expect([endpoint.received, statuses(calls), statuses(others)]).toEqual([["1"], ["FAILED"], ["SUCCESS"]]);
  });

  it("are told apart by an undo", async () => {
    const calls = [...namedCall("1", "SUCCESS"), ...namedCall("2")];
    const others = namedCall("1");
    await open({ calls, others });
    const { stdout } = await whcb("mark-success", "--failed", "--all-callbacks", "--yes", "-o", "json");
    expect(statuses([...calls, ...others])).toEqual(["SUCCESS", "SUCCESS", "SUCCESS"]);
    expect(await whcb("mark-failed", "--undo", JSON.parse(stdout).runId, "--yes")).toMatchObject({ code: 0 });
    expect(statuses([...calls, ...others])).toEqual(["SUCCESS", "FAILED", "FAILED"]);
  });
});

it("a call that an older list has as FAILED becomes FAILED all the same", async () => {
  const calls = namedCall("1", "SUCCESS");
  const call = { id: "1", status: "FAILED", ...calls[0]?.fields };
  await open({
    calls,
    instead: ({ method, path }) => {
      if (method !== "GET" || !path.includes("/calls")) return null;
      return { status: 200, body: JSON.stringify(path.endsWith("/1") ? call : { status: "1 to 1 of 1", calls: [call] }) };
    },
  });
  expect(await whcb("mark-failed", "demo", "1", "--yes")).toMatchObject({ code: 0 });
  expect(statuses(calls)).toEqual(["FAILED"]);
});

it("no line is proposed that makes SUCCESS what was FAILED before a mark-failed", async () => {
  const calls = [...namedCall("1", "SUCCESS"), ...namedCall("2", "FAILED")];
  await open({ calls });
  const marked = await whcb("mark-failed", "demo", "1", "2", "--yes");
  expect(marked).toMatchObject({ code: 0, stdout: expect.not.stringContaining("mark-success") });
  expect(statuses(calls)).toEqual(["FAILED", "FAILED"]);
  const [, runId = ""] = /run (\d+-\w+-\w+)/.exec(marked.stdout + marked.stderr) ?? [];
  const undo = await whcb("undo", runId, "--yes");
  expect(undo).toMatchObject({ code: 2, stderr: expect.not.stringContaining("mark-success DEMO") });
  expect(statuses(calls)).toEqual(["FAILED", "FAILED"]);
});

it.each([
  { status: 207, body: '{"results":[{"status":409}]}' },
  { status: 203, body: "" },
  { status: 200, body: "\n<!DOCTYPE html><p>Please sign in</p>" },
  { status: 200, body: "<?xml version='1.0'?><error><errorDetail>No</errorDetail></error>" },
  { status: 200, body: '{"errorSummary":"No","errorText":"No","errorDetail":"nothing was marked"}' },
  { status: 200, body: '{"fault":{"faultstring":"over quota"}}' },
  { status: 200, body: '{"status":"FAILED"}' },
  { status: 200, body: '{"status":"SUCCESS","failed":["1"]}' },
  { status: 200, body: '{"status":"SUCCESS","id":["1"]}' },
  { status: 200, body: '{"status":"SUCCESS","id":"1,2"}' },
  { status: 200, body: '{"status":"SUCCESS","id":["1","2","3"]}' },
  { status: 200, body: "upstream connect error" },
])("a mark that is answered $status $body isn't taken for done", async (answer) => {
  await open({
    calls: [...namedCall("1"), ...namedCall("2")],
    instead: ({ method, path }) => (method === "PUT" && path.includes("/calls?") ? answer : null),
  });
  const marking = await whcb("mark-success", "demo", "--failed", "--yes", "-o", "json");
  expect(marking).toMatchObject({ code: 5, stderr: expect.stringContaining(`answered a mark with ${answer.status}`) });
  expect(JSON.parse(marking.stdout).counts.marked).toBe(0);
});

const UUID = "0193f0c2-a5b8-7c11-9d2e-4f6a8b0c1d2e";

it.each([
  { ids: ["1"], body: "" },
  { ids: ["1"], body: '{"status":"SUCCESS"}' },
  { ids: ["1"], body: '{"id":"1","status":"SUCCESS","link":[]}' },
  { ids: [UUID, "1"], body: '{"id":["1","0193F0C2A5B87C119D2E4F6A8B0C1D2E"],"status":"SUCCESS"}' },
])("a mark of $ids answered 200 $body is done", async ({ ids, body }) => {
  await open({
    calls: ids.flatMap((id) => namedCall(id)),
    instead: ({ method, path }) => (method === "PUT" && path.includes("/calls?") ? { status: 200, body } : null),
  });
  expect(await whcb("mark-success", "demo", "--failed", "--yes")).toMatchObject({ code: 0 });
});

describe("a list that isn't one, though it is answered with 200", () => {
  const isList = (path: string): boolean => path.includes("/calls?");

  it.each(['{"errorSummary":"No","errorText":"x","errorDetail":"database down"}', "{}", "null", "[]", '{"calls":null}'])(
    "isn't taken for an empty one: %s",
    async (body) => {
      const calls = platformCalls(5);
      let isBroken = false;
      await open({
        calls,
        instead: ({ method, path }) => (isBroken && method === "GET" && isList(path) ? { status: 200, body } : null),
      });
      endpointStatus = 503;
      await whcb("replay", "demo", "--failed", "--yes");
      isBroken = true;
      for (const args of [
        ["replay", "--resume"],
        ["replay", "demo", "--failed", "--yes"],
        ["check", "demo", "--max-failed", "0"],
        ["status", "demo"],
      ]) {
        const { code, stderr } = await whcb(...args);
        expect({ args, code, stderr }).toMatchObject({ code: 5, stderr: expect.stringContaining("else than a list of calls") });
      }
      isBroken = false;
      endpointStatus = 200;
      expect(await whcb("replay", "--resume")).toMatchObject({ code: 0, stdout: expect.stringMatching(/accepted +5\n/) });
    },
  );
});

describe("a list with fewer calls than the service counts", () => {
  /** Two replies are alike, and the service lists only the FAILED one. */
  const alike = (over: Readonly<Record<string, unknown>> = {}) => {
    const fields = {
      messageId: "M",
      from: { mobile: "61491570100" },
      responseMessage: { channel: "sms", content: "Yes" },
      ...over,
    };
    return { id: "never-accepted", status: "FAILED" as const, fields };
  };
  const seen = '{"messageid":"M","from":{"mobile":"61491570100"},"responseMessage":{"content":"Yes"}}\n';
  const listed = (body: object) => ({
    instead: ({ method, path }: { readonly method: string; readonly path: string }) =>
      method === "GET" && path.includes("/calls?") ? { status: 200, body: JSON.stringify(body) } : null,
  });
  const call = { id: "never-accepted", status: "FAILED", ...alike().fields };

  it.each([
    ["isn't listed", { status: "1 to 1 of 2", calls: [call] }],
    ["is listed as PENDING", { status: "1 to 2 of 2", calls: [{ ...call, id: "twin", status: "PENDING" }, call] }],
    [
      "is listed as another callback's",
      { status: "1 to 2 of 2", calls: [{ ...call, id: "twin", status: "SUCCESS", callback: { id: DEMO.toLowerCase() } }, call] },
    ],
  ])("isn't reconciled as if it were whole: the reply that was received %s", async (_, body) => {
    const calls = [alike()];
    await open({ calls, ...listed(body) });
    const { code } = await whcbWith(seen, "reconcile", "demo", "--seen", "-", "--yes");
    expect({ isDone: code === 0, statuses: statuses(calls), sent: endpoint.received }).toEqual({
      isDone: false,
      statuses: ["FAILED"],
      sent: [],
    });
  });

  it("isn't whole if the page that its link promised is empty", async () => {
    const calls = [alike()];
    const link = [{ rel: "next", uri: `/callbacks/${DEMO}/calls?offset=1` }];
    await open({
      calls,
      instead: ({ method, path }) => {
        if (method !== "GET" || !path.includes("/calls?")) return null;
        const body = path.includes("offset=1") ? { status: "No records found" } : { status: "1 to 1 of 2+", calls: [call], link };
        return { status: 200, body: JSON.stringify(body) };
      },
    });
    expect(await whcbWith(seen, "reconcile", "demo", "--seen", "-", "--yes")).toMatchObject({ code: 5 });
    expect([endpoint.received, statuses(calls)]).toEqual([[], ["FAILED"]]);
    const { stderr } = await whcb("mark-success", "demo", "--failed", "--dry-run");
    expect(stderr).toContain("warning: 1 call counted by the service, but not listed: neither sent nor marked\n");
  });

  it("is replayed and marked as far as it goes, with a warning", async () => {
    const calls = platformCalls(3);
    await open({
      calls,
      ...listed({ status: "1 to 1 of 3", calls: [{ id: calls[0]?.id, status: "FAILED", ...calls[0]?.fields }] }),
    });
    const warning = "warning: 2 calls counted by the service, but not listed: neither sent nor marked\n";
    for (const command of ["replay", "mark-success"]) {
      const { code, stderr } = await whcb(command, "demo", "--failed", "--dry-run");
      expect({ command, code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining(warning) });
    }
  });

  it("leaves the rest of a resumed run unfinished, and not settled", async () => {
    const calls = platformCalls(4);
    let shown = 4;
    await open({
      calls,
      instead: ({ method, path }) => {
        if (method !== "GET" || !path.includes("/calls?") || shown === 4) return null;
        const some = calls.slice(0, shown).map(({ id, status, fields }) => ({ id, status, ...fields }));
        return { status: 200, body: JSON.stringify({ status: `1 to ${shown} of 4`, calls: some }) };
      },
    });
    endpointStatus = 503;
    await whcb("replay", "demo", "--failed", "--yes");
    shown = 1;
    expect(await whcb("replay", "--resume")).toMatchObject({
      code: 5,
      stderr: expect.stringContaining("3 calls counted by the service, but not listed"),
    });
    shown = 4;
    endpointStatus = 200;
    expect(await whcb("replay", "--resume")).toMatchObject({ code: 0, stdout: expect.stringMatching(/accepted +4\n/) });
  });

  it("isn't believed to have settled what it lacks, though it counts no more", async () => {
    const calls = platformCalls(4);
    let isWhole = true;
    await open({
      calls,
      instead: ({ method, path }) => {
        if (method !== "GET" || !path.includes("status=FAILED") || isWhole) return null;
        const some = calls.slice(0, 3).map(({ id, status, fields }) => ({ id, status, ...fields }));
        return { status: 200, body: JSON.stringify({ status: "1 to 3 of 3", calls: some }) };
      },
    });
    endpointStatus = 503;
    await whcb("replay", "demo", "--failed", "--yes");
    isWhole = false;
    endpointStatus = 200;
    expect(await whcb("replay", "--resume")).toMatchObject({ code: 0, stdout: expect.stringMatching(/accepted +4\n/) });
  });

  it("doesn't make a short id unique", async () => {
    const [calls, id] = [platformCalls(1), platformCalls(1)[0]?.id ?? ""];
    await open({ calls, ...listed({ status: "1 to 1 of 2", calls: [{ id, status: "FAILED", ...calls[0]?.fields }] }) });
    expect(await whcb("mark-success", "demo", id.slice(0, 9), "--yes")).toMatchObject({ code: 2 });
    expect(statuses(calls)).toEqual(["FAILED"]);
  });
});

describe("what a list doesn't tell", () => {
  const [call = { id: "", status: "", fields: {} }] = namedCall("1");
  const failed = { id: call.id, status: call.status, ...call.fields };
  const answer = (body: object) => ({ status: 200, body: JSON.stringify(body) });
  const none = { status: "No records found" };
  const next = [{ rel: "next", uri: `/callbacks/${DEMO}/calls?offset=1` }];

  it.each([
    [
      "is of a callback whose id is spelled otherwise",
      1,
      [{ status: "1 to 1 of 1", calls: [{ ...failed, callback: { id: DEMO.toLowerCase() } }] }],
    ],
    ["has no status", 1, [{ status: "1 to 2 of 2", calls: [failed, { ...failed, id: "2", status: "" }] }]],
    ["isn't listed", 4, [{ status: "1 to 1 of 5", calls: [failed] }]],
    ["is promised by a link", 1, [{ status: "1 to 1 of 2+", calls: [failed], link: next }, none]],
  ])("isn't counted as nothing by check and status: a call that %s", async (_, calls, pages) => {
    await open({
      calls: [],
      instead: ({ method, path }) =>
        method === "GET" && path.includes("/calls?") ? answer(pages[path.includes("offset=1") ? 1 : 0] ?? none) : null,
    });
    const message = `error: ${calls} ${calls === 1 ? "call" : "calls"} of demo more than can be counted`;
    const check = await whcb("check", "demo", "--max-failed", "1");
    expect(check).toMatchObject({ code: 5, stdout: "", stderr: expect.stringContaining(message) });
    const status = await whcb("status", "demo");
    expect(status).toMatchObject({ code: 5, stderr: expect.stringContaining(message) });
    expect(status.stdout).not.toMatch(/healthy|no failed calls/);
  });

  it("is said by check, too, if a limit is exceeded all the same", async () => {
    const body = { status: "1 to 1 of 5", calls: [failed] };
    await open({ calls: [], instead: ({ path }) => (path.includes("/calls?") ? answer(body) : null) });
    expect(await whcb("check", "demo")).toMatchObject({
      code: 8,
      stdout: expect.stringMatching(/^exceeded: 1 failed call of demo, 0 allowed; 4 calls of demo more than can be counted/),
    });
  });
});

it("--until takes no call of its own minute where dates have no seconds", async () => {
  await open({ calls: platformCalls(1) });
  for (const [until, marked] of [
    ["09:31:59", 0],
    ["09:32:00", 1],
  ] as const) {
    const { stdout } = await whcb(
      ...["mark-success", "demo", "--failed", "--until", `2026-11-24T${until}Z`],
      "--yes",
      "-o",
      "json",
    );
    expect(Number(/"marked": ?(\d+)/.exec(stdout)?.[1] ?? 0)).toBe(marked);
  }
});

it("a login of another account makes a profile of its own, without the other one's default callback and time zone", async () => {
  await open({ calls: [] });
  await whcb("login", listening.url);
  await whcb("config", "set", "callback", "demo");
  await whcb("config", "set", "timezone", "Australia/Sydney");
  const env = { WHCB_USERNAME: "u2", WHCB_PASSWORD: "p2", WHCB_API_KEY: "k2" };
  for (let times = 0; times < 2; times += 1)
    expect((await machine.whcb(["login", listening.url], { env })).stderr).toContain("profile local-2 works with");
  const { stdout } = await machine.whcb(["config", "get", "-o", "json"]);
  expect(stdout).not.toMatch(/Sydney|demo/);
  await whcb("profiles", "use", "local");
  // Credentials of the environment are of that account, too.
  const ofSecond = { WHCB_URL: listening.url, ...env };
  expect((await machine.whcb(["config", "get", "-o", "json"], { env: ofSecond })).stdout).not.toContain("Sydney");
  const marked = await machine.whcb(["mark-success", "--failed", "--yes"], { env: ofSecond });
  expect(marked).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('default callback "demo" is of another service or account'),
  });
});

it.each([
  ["America/New_York", "01/11/26 01:30", "--until", "2026-11-01T05:45Z", "2026-11-01T06:31Z"],
  ["Australia/Sydney", "05/04/26 02:30", "--since", "2026-04-04T16:15Z", "2026-04-04T15:30Z"],
])("in %s, where %s is of two instants, %s takes only calls of which it takes both", async (zone, date, flag, one, both) => {
  await open({ calls: platformCalls(1, () => ({ callback: { attemptedDate: date, statusCode: "503" } })) });
  await whcb("login", listening.url);
  await whcb("config", "set", "timezone", zone);
  const warning = /^warning: the last attempt of call \S+ was at \S+Z or \S+Z, as the clocks changed then: /gm;
  for (const [limit, marked] of [
    [one, 0],
    [both, 1],
  ] as const) {
    const { code, stdout, stderr } = await whcb("mark-success", "demo", "--failed", flag, limit, "--yes", "-o", "json");
    expect([code, Number(/"marked": ?(\d+)/.exec(stdout)?.[1] ?? 0)]).toEqual([0, marked]);
    expect(stderr.match(warning) ?? []).toHaveLength(1 - marked);
  }
});

describe("--since of dates without a zone", () => {
  /** A platform in +10:00 writes it so. */
  const written = (hoursAgo: number) => toPlatformDate(Date.now() - hoursAgo * 3_600_000, "Australia/Brisbane");
  const zone = "warning: the service's dates have no time zone and count as UTC: the profile's `timezone` isn't set\n";

  it.each([
    { hoursAgo: 5, future: 1 },
    { hoursAgo: 30, future: 0 },
  ])("warns once that they count as UTC, and of an attempt in the future: $hoursAgo h ago", async ({ hoursAgo, future }) => {
    const fields = { callback: { attemptedDate: written(hoursAgo), statusCode: "503" } };
    await open({ calls: platformCalls(45, () => fields) });
    const { stderr } = await whcb("mark-success", "demo", "--failed", "--since", "1h", "--dry-run");
    expect(stderr.split(zone).length).toBe(2);
    expect(stderr.match(/^warning: the last attempt of call \S+ reads as in the future/gm) ?? []).toHaveLength(future);
  });

  it.each([["1h"], ["00:00"]])("needs a zone to mark unasked: %s", async (since) => {
    await open({ calls: platformCalls(2, () => ({ callback: { attemptedDate: written(5), statusCode: "503" } })) });
    const mark = (...flags: readonly string[]) => whcb("mark-success", "demo", "--failed", "--yes", ...flags);
    expect(await mark("--since", since)).toMatchObject({ code: 4, stderr: expect.stringContaining("config set timezone ZONE") });
    for (const flags of [
      ["--until", `${new Date(Date.now() - 86_400_000).toISOString()}`],
      ["--until", "yesterday 00:00", "--utc"],
    ])
      expect(await mark(...flags)).toMatchObject({ code: 0, stderr: expect.stringContaining("nothing to mark") });
    await whcb("login", listening.url);
    await whcb("config", "set", "timezone", "Australia/Brisbane");
    expect(await mark("--since", since)).toMatchObject({ code: 0 });
  });

  it("says nothing without --since, or of dates with a zone", async () => {
    const fields = (attemptedDate: string) => ({ callback: { attemptedDate, statusCode: "503" } });
    await open({ calls: platformCalls(2, (index) => fields(index === 0 ? written(5) : new Date().toISOString())) });
    expect((await whcb("mark-success", "demo", "--failed", "--dry-run")).stderr).not.toContain("warning");
    await listening.close();
    await open({ calls: platformCalls(2, () => fields(new Date().toISOString())) });
    expect((await whcb("mark-success", "demo", "--failed", "--since", "1h", "--dry-run")).stderr).not.toContain("warning");
  });
});

describe("a reconcile of dates with a zone and dates without one", () => {
  const warning =
    "dates with a time zone are compared with dates without one, which count as UTC: the profile's `timezone` isn't set";
  const withZone = "2026-11-24T09:30:00Z";
  const withoutZone = "24/11/26 09:30";

  async function stderrOf(ofList: string, ofService: string, timezone?: string): Promise<string> {
    const responseMessage = { channel: "sms", acknowledged: ofService, content: "Yes" };
    await open({ calls: platformCalls(1, () => ({ messageId: "M", responseMessage })) });
    await whcb("login", listening.url);
    if (timezone !== undefined) await whcb("config", "set", "timezone", timezone);
    const list = `messageid,mobile,acknowledged\nM,61400000000,${ofList}\n`;
    return (await whcbWith(list, "reconcile", "demo", "--seen", "-", "--dry-run")).stderr;
  }

  it.each([
    [withZone, withoutZone],
    [withoutZone, withZone],
  ])("warns that these count as UTC: %s in the list, %s from the service", async (ofList, ofService) => {
    expect(await stderrOf(ofList, ofService)).toContain(`\nwarning: ${warning}\n`);
  });

  it.each([withZone, withoutZone])("says nothing if all are written alike: %s", async (date) => {
    expect(await stderrOf(date, date)).not.toContain("time zone");
  });

  it("says nothing if the profile has a time zone", async () => {
    expect(await stderrOf(withZone, withoutZone, "Australia/Sydney")).not.toContain("UTC");
  });
});

describe("two calls whose ids differ in case only", () => {
  const [upper, lower] = [UUID.replaceAll("-", "").toUpperCase(), UUID.replaceAll("-", "")];
  const others = platformCalls(60);

  it.each([
    ["mark-success", 0],
    ["replay", 0],
    ["mark-success", 60],
  ])("are told apart by %s, also among %i others: the one that was named is taken", async (command, number) => {
    const calls = [...namedCall(upper), ...namedCall(lower), ...others.slice(0, number)];
    await open({ calls });
    const ids = [lower, ...others.slice(0, number).map(({ id }) => id)];
    expect(await whcb(command, "demo", ...ids, "--yes")).toMatchObject({ code: 0 });
    expect(calls.filter(({ status }) => status === "FAILED").map(({ id }) => id)).toEqual([upper]);
    expect(endpoint.received).toEqual(command === "replay" ? [lower] : []);
  });

  it("are ambiguous if neither is the one that was named", async () => {
    const calls = [...namedCall(upper), ...namedCall(lower)];
    await open({ calls });
    for (const command of ["mark-success", "replay"]) {
      expect(await whcb(command, "demo", UUID, "--yes")).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`error: several calls have the id ${UUID}: ${upper}, ${lower}\n`),
      });
    }
    expect([endpoint.received, statuses(calls)]).toEqual([[], ["FAILED", "FAILED"]]);
  });
});

const LEAVES_ONE_OUT = {
  code: 0,
  stderr: expect.stringContaining("1 call listed without a usable id: neither sent nor marked\n"),
};

it.each(["x\u0001y", "x\u200by", "e\u0301"])("an id %j, which a service may take for another one, isn't put", async (id) => {
  const calls = [...namedCall(id), ...namedCall("other")];
  await open({ calls });
  expect(await whcb("mark-success", "demo", "--failed", "--yes")).toMatchObject(LEAVES_ONE_OUT);
  expect(statuses(calls)).toEqual(["FAILED", "SUCCESS"]);
});

/** Its back-off takes a twentieth of the time. */
async function hastyClient(target: ServiceTarget): Promise<Client> {
  if (target.kind === "file") throw new Error("not a service");
  const transport = await createHttpTransport({ url: target.url, timers: systemTimers });
  return createClient(transport, { credentials: target, rate: null, timezone: "UTC", clock: hastyClock, random: systemRandom });
}

it.each([
  ["check", "demo", "--max-failed", "0"],
  ["calls", "list", "demo"],
  ["mark-success", "demo", "--failed", "--yes"],
])("%s fails if the service switches protocols", async (...args) => {
  machine = new CliMachine({ openClient: hastyClient, isServedHere: async () => true });
  const server = createServer((socket) => socket.on("error", () => undefined).once("data", () => socket.write(SWITCHING))).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  listening = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close();
    },
  };
  expect(await whcb(...args)).toMatchObject({ code: 5, stdout: "", stderr: expect.stringContaining("101 Switching Protocols") });
});

it("ids that would be read back as others aren't written", async () => {
  await open({ calls: [...namedCall("order\u200b17"), ...namedCall("order<U+200B>17"), ...namedCall("order 17")] });
  const listing = await whcb("calls", "list", "demo", "--failed", "-o", "ids");
  expect(listing).toMatchObject({ code: 8, stdout: "order<U+200B>17\n", stderr: expect.stringContaining("1 id left out") });
  expect(listing.stderr).toContain("1 without a usable id");
});

it("an id that no URL can have keeps no other call from being marked", async () => {
  const calls = [...namedCall("1"), ...namedCall("x\ud800y"), ...namedCall("3")];
  await open({ calls });
  expect(await whcb("mark-success", "demo", "--failed", "--yes")).toMatchObject(LEAVES_ONE_OUT);
  expect(statuses(calls)).toEqual(["SUCCESS", "FAILED", "SUCCESS"]);
});

it("a callback whose id the service takes for another one's isn't used", async () => {
  const calls = platformCalls(1);
  const list = { status: "1 to 1 of 1", callbacks: [{ id: DEMO.toLowerCase(), name: "mine", url: endpoint.url, ...SETTINGS }] };
  await open({
    calls,
    instead: ({ path }) => {
      if (path === `/callbacks/${DEMO.toLowerCase()}`) {
        return { status: 200, body: JSON.stringify({ id: DEMO, name: "demo", url: endpoint.url, ...SETTINGS }) };
      }
      return /^\/callbacks(\?.*)?$/.test(path) ? { status: 200, body: JSON.stringify(list) } : null;
    },
  });
  for (const command of ["mark-success", "replay"]) {
    expect(await whcb(command, "mine", "--failed", "--yes")).toMatchObject({ code: 5, stderr: expect.stringContaining(DEMO) });
  }
  expect([endpoint.received, statuses(calls)]).toEqual([[], ["FAILED"]]);
});

it("a name that two callbacks have is an error", async () => {
  const calls = platformCalls(1);
  const shared = { name: "mine", url: endpoint.url, ...SETTINGS };
  const list = { status: "1 to 2 of 2", callbacks: [DEMO, OTHER].map((id) => ({ id, ...shared })) };
  await open({
    calls,
    instead: ({ path }) => (/^\/callbacks(\?.*)?$/.test(path) ? { status: 200, body: JSON.stringify(list) } : null),
  });
  const marking = await whcb("mark-success", "mine", "--failed", "--yes");
  expect(marking).toMatchObject({ code: 2, stderr: expect.stringContaining("several callbacks are called mine") });
  expect(statuses(calls)).toEqual(["FAILED"]);
});

it.each([
  { list: '{"messageid":"M","from":{"name":"Alice"}}' },
  { list: "messageid,from\nM,Alice" },
  { list: "messageid,mobile,content,acknowledged\nM,0491570100,Yes,25/11/26 10:00" },
  { list: "messageid,phone,content\nM,61491570100,Yes", ignored: "phone" },
  { list: '{"messageid":"M","sender":"61491570100","text":"Nope"}', ignored: "sender,text" },
])("a line whose sender can't be compared marks no other sender's call: $list", async ({ list, ignored }) => {
  const reply = { channel: "SMS", acknowledged: "25/11/26 10:00", content: "Yes" };
  const calls = platformCalls(1, () => ({ messageId: "M", from: { mobile: "61491570199" }, responseMessage: reply }));
  await open({ calls });
  const flags = ignored === undefined ? [] : ["--ignore", ignored];
  const { code, stderr } = await whcbWith(`${list}\n`, "reconcile", "demo", "--seen", "-", "--yes", ...flags);
  expect({ code, stderr }).toEqual({ code: 8, stderr: expect.stringContaining("not identifying") });
  expect([endpoint.received, statuses(calls)]).toEqual([[], ["FAILED"]]);
});

it.each([undefined, null, "", { value: "SUCCESS" }])(
  "a listed call whose status is %j, beside FAILED ones, isn't sent",
  async (status) => {
    const calls = namedCall("failed");
    const [failed] = calls.map(({ id, fields }) => ({ id, status: "FAILED", ...fields }));
    const body = JSON.stringify({ status: "1 to 2 of 2", calls: [{ ...failed, id: "done", status }, failed] });
    await open({
      calls,
      instead: ({ method, path }) => (method === "GET" && path.includes("/calls?") ? { status: 200, body } : null),
    });
    await whcb("replay", "demo", "--failed", "--yes");
    expect(endpoint.received.filter((id) => id === "done")).toEqual([]);
  },
);

it.each(["{}", '{"errorSummary":"no","errorDetail":"no"}'])(
  "a replay that the service answers with 200 %s isn't requested",
  async (body) => {
    await open({ calls: platformCalls(1), instead: ({ path }) => (path.includes("/replays") ? { status: 200, body } : null) });
    const { code, stderr } = await whcb("replay", "demo", "--failed", "--yes", "--via", "service");
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("can't replay calls itself") });
  },
);

it("calls that the service doesn't accept for a replay aren't counted as requested", async () => {
  const body = JSON.stringify({ id: "x", total: 0, accepted: 0 });
  await open({ calls: platformCalls(2), instead: ({ path }) => (path.includes("/replays") ? { status: 202, body } : null) });
  const { code, stdout, stderr } = await whcb("replay", "demo", "--failed", "--yes", "--via", "service");
  expect({ code, stderr }).toMatchObject({ code: 5, stderr: expect.stringContaining("accepted 0 of 2 calls for a replay") });
  expect(stdout).toMatch(/^0 of 2 calls replayed in /);
  expect(await whcb("runs", "list")).toMatchObject({ stdout: expect.stringContaining("unfinished") });
});

it("an interrupted mark-failed doesn't take up calls that were attempted since", async () => {
  const calls = [...namedCall("1", "SUCCESS"), ...namedCall("2", "SUCCESS"), ...namedCall("3", "SUCCESS")];
  let isOver = true;
  const over = { status: 403, body: JSON.stringify({ errorSummary: "Forbidden", errorDetail: "no" }) };
  await open({ calls, instead: ({ method, path }) => (isOver && method === "PUT" && path.includes("/calls?") ? over : null) });
  expect(await whcb("mark-failed", "demo", "--success", "--yes")).toMatchObject({ code: 4 });
  isOver = false;
  const [first, ...others] = calls;
  const attempted = first && { ...first, fields: { ...first.fields, callback: { attemptedDate: new Date().toISOString() } } };
  calls.splice(0, 3, ...(attempted ? [attempted, ...others] : []));
  const { stdout: run } = await whcb("runs", "list", "-o", "ids");
  expect(await whcb("replay", "--resume", run.trim())).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/marked +2\n +settled meanwhile +1\n/),
  });
  expect(statuses(calls)).toEqual(["SUCCESS", "FAILED", "FAILED"]);
  expect(await whcb("runs", "list", "-o", "json")).toMatchObject({ stdout: expect.stringContaining('"state": "finished"') });
});

it("a callback that a service finds for another name isn't used", async () => {
  const calls = platformCalls(1);
  const found = { id: DEMO, name: "demo", url: endpoint.url, ...SETTINGS };
  await open({
    calls,
    instead: ({ path }) => (/^\/callbacks\/De/.test(path) ? { status: 200, body: JSON.stringify(found) } : null),
  });
  for (const name of ["Demo", "De"]) {
    expect(await whcb("replay", name, "--failed", "--yes")).toMatchObject({
      code: 3,
      stderr: expect.stringContaining(`error: no callback "${name}"`),
    });
  }
  expect([endpoint.received, statuses(calls)]).toEqual([[], ["FAILED"]]);
});

describe("a reconcile whose marks of an accepted and of a seen call are rejected", () => {
  const reply = (id: string) => ({ messageId: id, from: { mobile: "61491570100" }, responseMessage: { content: "Yes" } });
  let answer: { readonly status: number; readonly detail: string } | null;

  async function reconcileThree() {
    const calls = ["seen", "sent", "ok"].flatMap((id) => namedCall(id).map((call) => ({ ...call, fields: reply(id) })));
    await open({
      calls,
      instead: ({ method, path }) => {
        const rejected = ["seen", "sent"].find((id) => path.includes(`id=${id}`));
        if (method !== "PUT" || rejected === undefined || answer === null) return null;
        const { status, detail } = answer;
        return { status, body: JSON.stringify({ errorSummary: "No", errorText: "No", errorDetail: `${rejected}: ${detail}` }) };
      },
    });
    const { code, stdout, stderr } = await whcbWith('{"callId":"seen"}', "reconcile", "demo", "--seen", "-", "--yes");
    expect(code).toBe(8);
    expect(stdout).toContain("= 1 seen + 2 accepted + 0 rejected + 0 unknown + 0 not sent + 0 ambiguous + 0 settled meanwhile\n");
    expect(statuses(calls)).toEqual(["FAILED", "FAILED", "SUCCESS"]);
    return { calls, stdout, stderr };
  }

  it.each([
    { status: 409, detail: "locked" },
    { status: 400, detail: "busy" },
  ])("with $status says so, and is resumed until they are marked", async (rejection) => {
    answer = rejection;
    const { calls, stdout, stderr } = await reconcileThree();
    expect(stderr).toContain("error: 2 calls not marked\nhint: ");
    expect(stdout).toContain(`accepted sent the endpoint accepted it, but it can't be marked: No: sent: ${rejection.detail}\n`);
    expect(stdout).toMatch(
      /not marked yet +2\n.* seen seen your system has it, but it can't be marked: No: seen: .*next: whcb runs show /s,
    );
    const [, run = ""] =
      /; `whcb replay --resume (\S+) --service \S+` marks them before a replay sends them twice/.exec(stderr) ?? [];
    expect(await whcb("replay", "--resume", run)).toMatchObject({
      code: 8,
      stdout: expect.stringMatching(/not marked yet +2\n/),
    });
    answer = null;
    expect(await whcb("replay", "--resume", run)).toMatchObject({ code: 0, stdout: expect.stringMatching(/marked +3\n/) });
    expect([[...endpoint.received].sort(), statuses(calls)]).toEqual([
      ["ok", "sent"],
      ["SUCCESS", "SUCCESS", "SUCCESS"],
    ]);
  });

  it("with 404 counts them as what they were, and isn't resumed", async () => {
    answer = { status: 404, detail: "no such call" };
    const { stdout, stderr } = await reconcileThree();
    expect(stderr).toContain("error: 2 calls not found\n");
    expect(stdout).toMatch(/not found +2\n/);
    expect(await whcb("replay", "--resume")).toMatchObject({ code: 0, stderr: "no unfinished run\n" });
  });
});

it("an id that a service would take for several isn't sent to it", async () => {
  const calls = [...namedCall("a,b"), ...namedCall("a"), ...namedCall("b"), ...namedCall("c")];
  await open({ calls });
  expect(await whcb("mark-success", "demo", "--failed", "--yes")).toMatchObject(LEAVES_ONE_OUT);
  expect(statuses(calls)).toEqual(["FAILED", "SUCCESS", "SUCCESS", "SUCCESS"]);
  const ids = platform.requests.filter(({ method }) => method === "PUT").map(({ path }) => decodeURIComponent(path));
  expect(ids.filter((path) => path.includes("a,b"))).toEqual([]);
});

it("a seen list in an unknown encoding is an error: its texts match nothing, and what was received would be sent again", async () => {
  await open({ calls: platformCalls(1, () => ({ messageId: "M", responseMessage: { channel: "sms", content: "caf\u00e9" } })) });
  mkdirSync(machine.world.paths.data);
  writeFileSync(machine.path("seen.csv"), Buffer.from("messageid,content\nM,caf\u008e\u0090\n", "latin1"));
  expect(await whcb("reconcile", "demo", "--seen", machine.path("seen.csv"), "--yes")).toEqual({
    code: 2,
    stdout: "",
    stderr:
      "error: the list of --seen can't be read: line 2 is neither UTF-8 nor Windows-1252\nhint: save it as UTF-8 (a spreadsheet: as CSV UTF-8); nothing was done\n",
  });
  expect(endpoint.received).toEqual([]);
});

it.each(["c\u0000", "\u200bc", "c\u001b[0m", "c\ufffd", ".", ".."])("a line %j isn't a call id", async (line) => {
  await open({ calls: namedCall("c") });
  const marking = await whcbWith(`\n\nx\n${line}\n`, "mark-success", "demo", "-", "--yes");
  expect(marking).toMatchObject({ code: 2, stderr: expect.stringContaining("error: stdin: line 4 isn't a call id\n") });
  expect(platform.requests.filter(({ method }) => method === "PUT")).toEqual([]);
});

it("the NDJSON of a run is no list of ids, as it has how each call ended: the error says how to get those that are meant", async () => {
  await open({ calls: namedCall("c") });
  const line = JSON.stringify({ id: "c", callbackId: "528F17736481BA9A", state: "rejected", statusCode: 503, marked: false });
  for (const command of ["mark-success", "replay"])
    expect(await whcbWith(`${line}\n`, command, "demo", "-", "--yes")).toEqual({
      code: 2,
      stdout: "",
      stderr:
        "error: stdin: line 1 isn't a call id\nhint: one id per line, as `-o ids` of `whcb calls list` and `whcb runs show` writes them (of NDJSON: `jq -r .id`)\n",
    });
});

it("a DELETE has the callback's media type, as the platform requires", async () => {
  await open({ calls: [] });
  expect(await whcb("callbacks", "delete", "demo", "--yes")).toMatchObject({ code: 0 });
  const deleted = platform.requests.filter(({ method }) => method === "DELETE");
  expect(deleted.map(({ path, headers, body }) => [path, headers["content-type"], body])).toEqual([
    ["/callbacks/528F17736481BA9A", "application/vnd.whispir.api-callback-v1+json", null],
  ]);
});

describe("a callback whose content type the service doesn't return", () => {
  const { contentType: _, ...settings } = SETTINGS;
  const formats = () => endpoint.bodies.map((body, index) => [endpoint.headers[index]?.["content-type"], body[0]]);
  const JSON_SENT = ["application/json", "{"];
  const XML_SENT = ["application/xml", "<"];

  it("is replayed in the one that is given", async () => {
    const calls = platformCalls(3);
    await open({ calls, settings });
    expect(await whcb("replay", "demo", "--failed", "--yes")).toEqual({
      code: 4,
      stdout: "",
      stderr:
        "error: the service doesn't return the content type of demo, and nothing is sent without it\n" +
        "hint: add `--content-type json` or `--content-type xml`\n",
    });
    const preview = await whcb("replay", "demo", "--failed", "--content-type", "xml", "--dry-run", "--print-curl");
    expect(preview.stdout.match(/application\/xml.*<\?xml/g)?.length).toBe(3);
    expect(endpoint.bodies).toEqual([]);
    expect(await whcb("replay", "demo", "--failed", "--content-type", "xml", "--yes")).toMatchObject({ code: 0 });
    expect(formats()).toEqual([XML_SENT, XML_SENT, XML_SENT]);
    expect(calls.map(({ status }) => status)).toEqual(["SUCCESS", "SUCCESS", "SUCCESS"]);
  });

  it("keeps it when the run is resumed, unless another one is given", async () => {
    await open({ calls: platformCalls(3), settings });
    endpointStatus = 503;
    const begun = await whcb("replay", "demo", "--failed", "--content-type", "xml", "--yes");
    expect(begun).toMatchObject({ code: 8, stdout: expect.stringMatching(/\nnext, .*: whcb replay --resume/) });
    expect(await whcb("replay", "--resume")).toMatchObject({ code: 8 });
    endpointStatus = 200;
    expect(await whcb("replay", "--resume", "--content-type", "json")).toMatchObject({ code: 0 });
    expect(formats()).toEqual([XML_SENT, XML_SENT, JSON_SENT, JSON_SENT, JSON_SENT]);
  });

  it("is reconciled in it too", async () => {
    const calls = platformCalls(3);
    await open({ calls, settings });
    const reconcile = ["reconcile", "demo", "--seen", "-", "--yes"];
    const run = (...flags: readonly string[]) => whcbWith(`${calls[0]?.id}\n`, ...reconcile, ...flags);
    expect(await run()).toMatchObject({ code: 4, stderr: expect.stringContaining("hint: add `--content-type json`") });
    expect(calls.map(({ status }) => status)).toEqual(["FAILED", "FAILED", "FAILED"]);
    expect(await run("--content-type", "json")).toMatchObject({ code: 0 });
    expect(formats()).toEqual([JSON_SENT, JSON_SENT]);
    expect(await run()).toMatchObject({ code: 0, stderr: expect.stringContaining("nothing to reconcile") });
    expect(calls.map(({ status }) => status)).toEqual(["SUCCESS", "SUCCESS", "SUCCESS"]);
  });
});

it("a content type other than the service's is an error, and nothing is sent", async () => {
  await open({ calls: platformCalls(3) });
  expect(await whcb("replay", "demo", "--failed", "--content-type", "xml", "--yes")).toEqual({
    code: 2,
    stdout: "",
    stderr: "error: the content type of demo is json, not xml: leave out --content-type\n",
  });
  expect(endpoint.received).toEqual([]);
  expect(await whcb("replay", "demo", "--failed", "--content-type", "json", "--yes")).toMatchObject({ code: 0 });
});

it("a list that isn't UTF-8 is an error, as letters would be lost, and nothing is sent", async () => {
  const calls = platformCalls(1, () => ({ responseMessage: { channel: "SMS", content: "café" } }));
  await open({ calls, encoding: "latin1" });
  expect(await whcb("replay", "demo", "--failed", "--yes")).toEqual({
    code: 5,
    stdout: "",
    stderr:
      `error: ${listening.url}: the answer isn't UTF-8\n` +
      "hint: JSON is UTF-8: set the service, or the gateway before it, to answer in it\n",
  });
  expect([endpoint.received, calls.map(({ status }) => status)]).toEqual([[], ["FAILED"]]);
});

describe("the parameter that has the key", () => {
  const plan = async (...flags: readonly string[]) => (await whcb("replay", "demo", "--failed", "--dry-run", ...flags)).stdout;
  const authParameter = async () => JSON.parse(await plan("-o", "json")).callbacks[0].authParameter;

  it("is named by a question and a dry run", async () => {
    const calls = platformCalls(2);
    await open({ calls });
    expect(await plan()).toContain(`2 failed calls of demo -> ${endpoint.url}, key in ?Auth=, last attempts from `);
    expect(await authParameter()).toBe("Auth");
    const seen = await whcbWith(`${calls[0]?.id}\n`, "reconcile", "demo", "--seen", "-", "--dry-run");
    expect(seen.stdout).toContain(`1 failed call of demo -> ${endpoint.url}, key in ?Auth=, `);
    expect(await plan("--to", `${endpoint.url}/other`, "--with-auth")).toContain("key in ?Auth=");
    expect(await plan("--to", `${endpoint.url}/other`)).not.toContain("key in");
    expect(await plan("--via", "service")).not.toContain("key in");
  });

  it.each([
    { auth: { type: "querystring" }, parameter: "Auth" },
    { auth: { type: "queryparam", key: "" }, parameter: null },
    { auth: { type: "httpheader", key: "planted-key" }, parameter: null },
  ])("of $auth is $parameter", async ({ auth, parameter }) => {
    await open({ calls: platformCalls(1), settings: { ...SETTINGS, auth } });
    expect(await authParameter()).toBe(parameter);
    expect((await plan()).includes("key in ?Auth=")).toBe(parameter !== null);
  });
});

it("a call that is attempted while the list is read is compared too, though it was on no page", async () => {
  const reply = { messageId: "M", from: { mobile: "61491570100" }, responseMessage: { channel: "sms", content: "Yes" } };
  const calls = [
    { id: "never-accepted", status: "FAILED" as const, fields: reply },
    ...platformCalls(24),
    { id: "received", status: "FAILED" as PlatformCall["status"], fields: reply },
  ];
  await open({
    calls,
    onPage: (pages) => {
      // Before the first page there is a request for one call.
      if (pages !== 2) return;
      const [received] = calls.splice(-1);
      if (received !== undefined) calls.unshift({ ...received, status: "SUCCESS" });
      calls.push(...platformCalls(25).slice(24));
    },
  });
  const line = `${JSON.stringify({ messageid: "M", from: reply.from, responseMessage: { content: "Yes" } })}\n`;
  await whcbWith(line, "reconcile", "demo", "--seen", "-", "--yes");
  expect(calls.find(({ id }) => id === "never-accepted")?.status).toBe("FAILED");
});

describe("a service whose list ends before what it counts", () => {
  const calls = platformCalls(45);

  beforeEach(async () => {
    const whole = scriptedPlatform({ clock: systemClock, callbacks: [{ id: DEMO, name: "demo", url: "", key: null, calls }] });
    const instead = (request: TransportRequest) => {
      if (!request.path.includes("/calls")) return null;
      const answer = whole.answer(request);
      return { ...answer, body: JSON.stringify({ ...JSON.parse(answer.body), link: [] }) };
    };
    await open({ calls, instead });
  });

  it.each([["--all"], ["-o", "ids"]])("is listed with a warning (%s %s)", async (...flags) => {
    const { code, stdout, stderr } = await whcb("calls", "list", "demo", ...flags);
    expect({ code, lines: stdout.trimEnd().split("\n").length }).toEqual({ code: 0, lines: 20 });
    const more = "25 calls of demo more than can be counted: listed for another callback, without a status, or not at all";
    expect(stderr).toContain(`warning: ${more}\n`);
  });

  it("is listed without one up to a limit, which its closing line names", async () => {
    const { stderr } = await whcb("calls", "list", "demo", "--limit", "5", "-o", "ids");
    expect(stderr).toBe("5 of 45 calls of demo; --all shows all\n");
  });
});
