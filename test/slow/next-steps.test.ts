/** Each command that a replay, a mark or a reconcile advises is typed, until none is advised: the same advice never comes twice for the same state. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { CliMachine } from "../support/cli/cli-service.js";
import type { IoOptions } from "../support/cli/cli-streams.js";
import {
  type PlatformCall,
  platformCalls,
  type ScriptedPlatform,
  scriptedPlatform,
} from "../support/platform/scripted-platform.js";
import { type CountingEndpoint, countingEndpoint, type EndpointAnswer } from "../support/replay/replay-desk.js";

const DEMO = "528F17736481BA9A";
const CALLS = 20;

let machine: CliMachine;
let calls: PlatformCall[];
let endpoint: CountingEndpoint;
let listening: Awaited<ReturnType<ScriptedPlatform["listen"]>>;
let answer: (callId: string) => EndpointAnswer;
/** The service answers marks with this status. */
let markStatus: number;

beforeEach(async () => {
  machine = new CliMachine({ isServedHere: async () => true });
  calls = platformCalls(CALLS);
  answer = () => ({ status: 200 });
  markStatus = 200;
  endpoint = await countingEndpoint((callId) => answer(callId));
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: DEMO, name: "demo", url: endpoint.url, key: "planted-key", calls }],
    instead: ({ method }) =>
      method === "PUT" && markStatus !== 200 ? { status: markStatus, body: '{"errorDetail":"no"}' } : null,
  });
  listening = await platform.listen();
});

afterEach(async () => {
  await listening.close();
  await endpoint.close();
  await machine.leave();
});

async function whcb(args: readonly string[], options: IoOptions = {}) {
  const env = { WHCB_URL: listening.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  return machine.whcb(args, {
    env,
    stdin: calls
      .slice(0, 3)
      .map(({ id }) => `${id}\n`)
      .join(""),
    ...options,
  });
}

async function state(): Promise<string> {
  const { stdout } = await whcb(["runs", "list", "-o", "json"]);
  const runs: { runId: string; counts: unknown }[] = JSON.parse(stdout);
  return JSON.stringify([calls.map(({ status }) => status), runs.map(({ runId, counts }) => [runId, counts])]);
}

interface Advice {
  readonly command: string;
  readonly when: string;
}

/** Commands in hints come first or last, so that both are typed in some test. */
function adviceIn({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }, hintsFirst: boolean) {
  const next = Array.from(stdout.matchAll(/^next(.*?): whcb (.*)$/gm), ([, when = "", command = ""]) => ({ command, when }));
  const hints = Array.from(stderr.matchAll(/^hint: .*$/gm), ([hint]) =>
    Array.from(hint.matchAll(/`whcb ([^`]+)`/g), ([, command = ""]) => ({ command, when: "" })),
  ).flat();
  return hintsFirst ? [...hints, ...next] : [...next, ...hints];
}

/** Types what is advised. A condition is met first. Returns the commands. */
async function follow(argv: readonly string[], hintsFirst: boolean, repair: () => void): Promise<readonly string[]> {
  const typed: string[] = [];
  const seen = new Set<string>();
  let words = argv;
  for (;;) {
    const [advice]: readonly Advice[] = adviceIn(await whcb(words), hintsFirst);
    if (advice === undefined) return typed;
    typed.push(advice.command);
    const key = JSON.stringify([advice, await state()]);
    expect([typed, seen.has(key)]).toEqual([typed, false]);
    seen.add(key);
    if (advice.when !== "") repair();
    words = advice.command.split(" ");
  }
}

const isPoison = (id: string, oldest: number): boolean => calls.slice(-oldest).some((call) => call.id === id);

describe.each([
  ["accepts all", () => ({ status: 200 })],
  ["rejects the body of the two oldest", (id: string) => ({ status: isPoison(id, 2) ? 422 : 200 })],
  ["rejects the body of the five oldest", (id: string) => ({ status: isPoison(id, 5) ? 422 : 200 })],
  ["rejects all bodies", () => ({ status: 400 })],
  ["answers all with 500", () => ({ status: 500 })],
  ["is down", () => ({ status: 503 })],
  ["doesn't know the key", () => ({ status: 401 })],
  ["asks for a pause of an hour", () => ({ status: 503, headers: { "retry-after": "3600" } })],
] as const)("while the endpoint %s", (_, answers) => {
  describe.each([200, 409, 403])("and the service answers marks with %i", (status) => {
    it.each([
      ["replay", ["replay", "demo", "--failed", "--yes"]],
      ["replay without a canary", ["replay", "demo", "--failed", "--yes", "--no-canary"]],
      ["reconcile", ["reconcile", "demo", "--seen", "-", "--yes"]],
      ["mark", ["mark-success", "demo", "--failed", "--yes"]],
    ])("the advice of a %s ends", async (_command, argv) => {
      for (const hintsFirst of [false, true]) {
        answer = answers;
        markStatus = status;
        await follow(argv, hintsFirst, () => {
          answer = () => ({ status: 200 });
          markStatus = 200;
        });
      }
    });
  });
});

it.each([
  { statusMessage: "response-timeout: no answer within 60 s" },
  { statusCode: 504, statusMessage: "Gateway Timeout" },
  { statusCode: 200, statusMessage: "OK" },
])("before calls are sent that ended with %j, the question says that the endpoint may have them", async (outcome) => {
  const callback = { attemptedDate: "24/11/26 09:31", ...outcome };
  for (const { fields } of calls.slice(0, 3)) Object.assign(fields, { callback });
  const warning = `  the endpoint may have 3 of them, as it gave no complete answer, or answered 200: \`whcb reconcile demo --seen FILE --service ${listening.url}\` marks what your system has and sends the rest\n`;
  const replay = ["replay", "demo", "--failed"];
  expect((await whcb([...replay, "--dry-run"])).stdout).toContain(`3)\n${warning}`);
  expect((await whcb([...replay, "--dry-run", "--to", endpoint.url])).stdout).not.toContain("reconcile");
  expect((await whcb(["reconcile", "demo", "--seen", "-", "--dry-run"])).stdout).not.toContain("marks what your system has");
  expect(JSON.parse((await whcb([...replay, "--dry-run", "-o", "json"])).stdout)).toMatchObject({
    callbacks: [{ timedOut: 3 }],
  });
  expect((await whcb(["status", "demo"])).stdout).toContain(warning);
  const { stderr } = await whcb(replay, { canAsk: true, stdin: "\n" });
  expect(stderr.replaceAll(/\n {4}/g, " ")).toContain(warning);
});

it.each([
  [["replay", "demo", "--failed", "--yes"], { status: 422 }],
  [["replay", "demo", "--failed", "--yes"], { status: 503 }],
  [["replay", "demo", "--failed"], { status: 200 }],
  [["runs", "show", "7"], { status: 200 }],
  [["calls", "get", "demo", "nope"], { status: 200 }],
  [["calls", "list", "--frobnicate"], { status: 200 }],
])("in JSON, the error of %j has the commands that its text advises", async (argv, answers) => {
  answer = () => answers;
  const shown = await whcb(argv);
  const texts = [
    ...adviceIn(shown, false),
    ...Array.from(shown.stderr.matchAll(/, type: whcb (.*)$/gm), ([, command = ""]) => ({ command })),
  ];
  const { error } = JSON.parse(
    (await whcb([...argv, "-o", "json"])).stderr.split("\n").findLast((line) => line.startsWith("{")) ?? "",
  );
  const run = /\d{8}-\d{6}-\w{7}/g;
  const withoutRun = (command: string) => command.replace(run, "RUN").replace(" -o json", "");
  expect(error.next.map(({ command }: Advice) => withoutRun(command)).sort()).toEqual(
    [...new Set(texts.map(({ command }) => `whcb ${withoutRun(command)}`))].sort(),
  );
  expect(error.next.length).toBeGreaterThan(0);
});

it("two bodies that are always rejected stop no replay", async () => {
  answer = (id) => ({ status: isPoison(id, 2) ? 422 : 200 });
  const { code, stdout } = await whcb(["replay", "demo", "--failed", "--yes"]);
  expect([code, stdout]).toEqual([
    8,
    expect.stringMatching(/accepted {2}18\n[\s\S]*\nnext: whcb calls list demo --failed --service \S+\n$/),
  ]);
  const sent = endpoint.received.length;
  expect(await whcb(["replay", "--resume"])).toMatchObject({ code: 0, stderr: "no unfinished run\n" });
  expect([sent, endpoint.received.length]).toEqual([CALLS, CALLS]);
});

it.each([
  [401, "let the endpoint accept the callback's key, then run the command above"],
  [302, "repair the endpoint or the callback's URL, then run the command above"],
  [404, "correct the callback's URL, or the endpoint, then run the command above"],
  [503, "repair the endpoint, then run the command above"],
])("a canary that is answered with %i is the cause that the hint names", async (status, hint) => {
  answer = () => ({ status });
  const { stdout, stderr } = await whcb(["replay", "demo", "--failed", "--yes"]);
  expect(stdout).toMatch(/\nnext, once the endpoint accepts calls: whcb replay --resume \S+ --service \S+\n$/);
  expect(stderr).toContain(`\nhint: ${hint}, which sends the rejected call again, too\n`);
  answer = () => ({ status: 200 });
  expect(await whcb(["replay", "--resume"])).toMatchObject({ code: 0, stdout: expect.stringMatching(/accepted +20\n/) });
});

it("three canaries that are rejected name one of them, and how to send the rest", async () => {
  answer = () => ({ status: 422 });
  const { stdout, stderr } = await whcb(["replay", "demo", "--failed", "--yes"]);
  const shown = /\nnext: whcb calls get demo (\S+) --service \S+\n$/.exec(stdout)?.[1];
  expect(endpoint.received).toContain(shown);
  expect(stderr).toMatch(
    /error: each of the first calls was rejected, maybe for its body, so nothing else was sent; 3 rejected\nhint: see the endpoint's answer with the command above; then `whcb replay --resume \S+ --service \S+` tries other calls, with --no-canary it sends the rest all the same; /,
  );
});
