/** A user who finishes a run with --to hasn't typed its URL, so each line about it names where the calls go. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { CliMachine } from "../support/cli/cli-service.js";
import type { IoOptions } from "../support/cli/cli-streams.js";
import type { CliResult } from "../support/cli/run-cli.js";
import {
  type PlatformCall,
  platformCalls,
  type ScriptedPlatform,
  scriptedPlatform,
} from "../support/platform/scripted-platform.js";
import { type CountingEndpoint, countingEndpoint } from "../support/replay/replay-desk.js";

let machine: CliMachine;
let otherStatus: number;
let marksAreAllowed: boolean;
let calls: PlatformCall[];
let endpoint: CountingEndpoint;
let other: CountingEndpoint;
let listening: Awaited<ReturnType<ScriptedPlatform["listen"]>>;

beforeEach(async () => {
  machine = new CliMachine({ isServedHere: async () => true });
  otherStatus = 503;
  marksAreAllowed = true;
  calls = platformCalls(3);
  endpoint = await countingEndpoint();
  other = await countingEndpoint(() => ({ status: otherStatus }));
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "528F17736481BA9A", name: "demo", url: endpoint.url, key: "planted-key", calls }],
    instead: ({ method }) => (method === "PUT" && !marksAreAllowed ? { status: 403, body: '{"errorDetail":"no"}' } : null),
  });
  listening = await platform.listen();
});

afterEach(async () => {
  await listening.close();
  await endpoint.close();
  await other.close();
  await machine.leave();
});

const whcb = (args: readonly string[], io: IoOptions = {}): Promise<CliResult> => {
  const env = { WHCB_URL: listening.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  return machine.whcb(args, { env, ...io });
};

/** Each question begins with the service that is asked. */
const service = (): string => `service: ${listening.url}\n`;

const failed = (): number => calls.filter(({ status }) => status === "FAILED").length;

/** The endpoint of --to rejects the canary, so all 3 calls are left. */
async function unfinishedRun(...flags: readonly string[]): Promise<string> {
  const { stdout } = await whcb(["replay", "demo", "--failed", "--yes", "--to", other.url, "-o", "json", ...flags]);
  otherStatus = 200;
  return JSON.parse(stdout).runId;
}

/** The endpoint of --to accepts all 3 calls, and none is marked. */
async function unmarkedRun(): Promise<string> {
  otherStatus = 200;
  marksAreAllowed = false;
  const runId = await unfinishedRun("--mark");
  marksAreAllowed = true;
  return runId;
}

it.each([
  ["marks SUCCESS what that accepts", ["--mark"]],
  ["marks nothing", []],
])("--resume asks first, and says that it %s", async (does, flags) => {
  const run = await unfinishedRun(...flags);
  const sent = other.received.length;
  const asked = `${service()}The run sends up to 3 calls to ${other.url} (--to, not the callback's URL) and ${does}.\n`;
  const declined = await whcb(["replay", "--resume", run], { canAsk: true, stdin: "n\n" });
  // The terminal's lines are short.
  expect(declined.stderr.replace(/\s+/g, " ")).toBe(
    `${asked}Send the rest of the run there? [y/N] n nothing was done `.replaceAll("\n", " "),
  );
  expect(await whcb(["replay", "--resume"])).toEqual({
    code: 2,
    stdout: "",
    stderr: `${asked}Send the rest of the run there?\nerror: confirmation needed: add --yes\nhint: to continue, type: whcb replay --resume ${run} --service ${listening.url} --yes\n`,
  });
  expect([failed(), other.received.length]).toEqual([3, sent]);
  expect(await whcb(["replay", "--resume", run, "--yes"])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`3 calls replayed to ${other.url} in `),
    stderr: asked,
  });
  expect([failed(), endpoint.received]).toEqual([flags.length === 0 ? 3 : 0, []]);
});

it("--resume asks too where only the canary is left", async () => {
  calls.splice(1);
  const run = await unfinishedRun("--mark");
  expect(await whcb(["replay", "--resume", run])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`The run sends up to 1 call to ${other.url} (`),
  });
  expect(other.received).toHaveLength(1);
});

it("its summary says where its calls were accepted", async () => {
  otherStatus = 200;
  const { stdout } = await whcb(["replay", "demo", "--failed", "--yes", "--to", other.url]);
  expect(stdout).toContain(`3 calls replayed to ${other.url} in `);
});

it("what has arrived there, but isn't marked, is named with the URL, and marked only after a question", async () => {
  const run = await unmarkedRun();
  const resume = `whcb replay --resume ${run} --service ${listening.url}`;
  expect(await whcb(["replay", "demo", "--failed", "--yes"])).toMatchObject({
    code: 8,
    stderr: expect.stringContaining(
      `error: 3 calls not sent: calls with their ids have arrived at ${other.url}, but run ${run} hasn't marked them\nhint: \`${resume}\` marks what has arrived at ${other.url}\n`,
    ),
  });
  expect((await whcb(["status"])).stderr).toContain(
    `finishes it: it sends to ${other.url} and marks what that accepts, and marks 3 calls that arrived at ${other.url}\n`,
  );
  expect((await whcb(["runs", "discard", run])).stderr).toContain(
    `not known to be marked: 3 calls that have arrived at ${other.url}; the next replay sends them to the callback's own URL, unless the run's last request has marked them\n`,
  );
  expect(await whcb(["replay", "--resume", run])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`not marked yet: 3 calls that ${other.url} accepted\nFinish the run all the same?\n`),
  });
  expect(failed()).toBe(3);
  expect(await whcb(["replay", "--resume", run, "--yes"])).toMatchObject({
    code: 0,
    stderr: `${service()}not marked yet: 3 calls that ${other.url} accepted\n`,
  });
  expect([failed(), endpoint.received]).toEqual([0, []]);
});
