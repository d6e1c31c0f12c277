/** What one run of this folder has as accepted or seen, but not marked, no other run sends again. */
import { mkdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { MINUTE_MS } from "../../src/domain/duration.js";
import { systemClock } from "../../src/platform/clock.js";
import { CliMachine } from "../support/cli/cli-service.js";
import type { CliResult } from "../support/cli/run-cli.js";
import {
  type PlatformCall,
  type PlatformCallback,
  platformCalls,
  type ScriptedPlatform,
  scriptedPlatform,
} from "../support/platform/scripted-platform.js";
import { type CountingEndpoint, countingEndpoint } from "../support/replay/replay-desk.js";
import { minuteSkippingClock } from "../support/time/minute-skipping-clock.js";

const DEMO = "528F17736481BA9A";

let machine: CliMachine;
let endpointStatus: number;
let marksAreAllowed: boolean;
/** A mark that isn't allowed is answered with it. */
let markStatus: number;
let calls: PlatformCall[];
let demo: PlatformCallback & { url: string };
let endpoint: CountingEndpoint;
let callbacks: PlatformCallback[];
let platform: ScriptedPlatform;
let listening: Awaited<ReturnType<ScriptedPlatform["listen"]>>;
/** Another service is behind the service's URL. */
let isOtherService: boolean;
/** This machine's clock is ahead of the service's by so much. */
let passedMs: number;

beforeEach(async () => {
  passedMs = 0;
  const skipping = minuteSkippingClock();
  machine = new CliMachine({
    isServedHere: async () => true,
    clock: {
      ...skipping,
      now: () => skipping.now() + passedMs,
      sleepUntil: (at, signal) => skipping.sleepUntil(at - passedMs, signal),
    },
  });
  endpointStatus = 200;
  marksAreAllowed = true;
  markStatus = 403;
  isOtherService = false;
  calls = platformCalls(6);
  endpoint = await countingEndpoint(() => ({ status: endpointStatus }));
  demo = { id: DEMO, name: "demo", url: endpoint.url, key: "planted-key", calls };
  callbacks = [demo];
  platform = scriptedPlatform({
    clock: systemClock,
    callbacks,
    instead: ({ method, path }) => {
      if (isOtherService && path.includes(DEMO)) return { status: 404, body: '{"errorDetail":"no such callback"}' };
      if (isOtherService) return { status: 200, body: '{"status":"No records found"}' };
      return method === "PUT" && path.includes("/calls") && !marksAreAllowed
        ? { status: markStatus, body: '{"errorDetail":"no"}' }
        : null;
    },
  });
  listening = await platform.listen();
});

afterEach(async () => {
  await listening.close();
  await endpoint.close();
  await machine.leave();
});

const whcb = (args: readonly string[], stdin = ""): Promise<CliResult> => {
  const env = { WHCB_URL: listening.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  return machine.whcb(args, { env, stdin });
};

const REPLAY = ["replay", "demo", "--failed", "--yes"];

const failed = (): number => calls.filter(({ status }) => status === "FAILED").length;
const received = (callId: string): number => endpoint.received.filter((id) => id === callId).length;

/** The endpoint accepts all FAILED calls, and none is marked. */
async function acceptedRun(): Promise<string> {
  const sent = endpoint.received.length;
  const left = failed();
  marksAreAllowed = false;
  const { stdout } = await whcb([...REPLAY, "-o", "json"]);
  marksAreAllowed = true;
  expect(endpoint.received.length - sent).toBe(left);
  return JSON.parse(stdout).runId;
}

/** The endpoint rejects its canary. */
async function rejectedRun(): Promise<string> {
  endpointStatus = 503;
  const { stdout } = await whcb([...REPLAY, "-o", "json"]);
  endpointStatus = 200;
  return JSON.parse(stdout).runId;
}

const latestRun = async (): Promise<string> => JSON.parse((await whcb(["runs", "show", "-o", "json"])).stdout).runId;

const notSent = (run: string, number = 6): string =>
  `${number} calls not sent: calls with their ids have arrived, but run ${run} hasn't marked them`;

it("a new run leaves them out and names the command that marks them, also if a later run is unfinished", async () => {
  const accepted = calls.map(({ id }) => id);
  const run = await acceptedRun();
  calls.push(...platformCalls(8).slice(6));
  await rejectedRun();
  expect(await whcb([...REPLAY.slice(0, -1), "--dry-run", "-o", "json"])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('"calls": 2,'),
    stderr: expect.stringContaining(
      `warning: ${notSent(run)}; \`whcb replay --resume ${run} --service ${listening.url}\` marks what has arrived\n`,
    ),
  });
  expect(await whcb(REPLAY)).toMatchObject({
    code: 8,
    stdout: expect.stringMatching(/^2 calls replayed in /),
    stderr: expect.stringContaining(
      `error: ${notSent(run)}\nhint: \`whcb replay --resume ${run} --service ${listening.url}\` marks what has arrived\n`,
    ),
  });
  expect(await whcb(REPLAY)).toMatchObject({ code: 8, stderr: expect.stringContaining("nothing to replay") });
  expect(await whcb(["replay", "--resume", run])).toMatchObject({ code: 0, stdout: expect.stringMatching(/marked +6\n/) });
  expect([failed(), accepted.map(received)]).toEqual([0, [1, 1, 1, 1, 1, 1]]);
});

it("a run that is resumed leaves them out, too, and sends none of them once they are marked", async () => {
  const first = await rejectedRun();
  const run = await acceptedRun();
  const sent = endpoint.received.length;
  const resumed = await whcb(["replay", "--resume", first]);
  expect(resumed).toMatchObject({
    code: 8,
    stdout: expect.stringContaining(`next: whcb replay --resume ${run} --service ${listening.url}\n`),
  });
  expect(resumed.stderr).toContain(
    `error: 1 rejected; ${notSent(run)}\nhint: \`whcb replay --resume ${run} --service ${listening.url}\` marks what has arrived\n`,
  );
  expect(await whcb(["replay", "--resume", run])).toMatchObject({ code: 0 });
  expect(await whcb(["replay", "--resume", first])).toMatchObject({ code: 0 });
  expect([failed(), endpoint.received.length]).toEqual([0, sent]);
});

it("a new run and status say where they have arrived if the callback's URL is another one by now", async () => {
  const run = await acceptedRun();
  const resume = `\`whcb replay --resume ${run} --service ${listening.url}\``;
  const before = demo.url;
  const status = async () => (await whcb(["status"])).stderr;
  expect(await status()).toContain(`${resume} finishes it, and marks 6 calls that arrived\n`);
  demo.url += "x";
  const arrived = `6 calls not sent: calls with their ids have arrived at ${before}, but run ${run} hasn't marked them`;
  const hint = `${resume} marks what has arrived at ${before}`;
  expect(await whcb(REPLAY)).toMatchObject({ code: 8, stderr: expect.stringContaining(`error: ${arrived}\nhint: ${hint}\n`) });
  expect(await status()).toContain(`${resume} finishes it, and marks 6 calls that arrived at ${before}\n`);
});

it("an undo doesn't say that calls are FAILED which the run may have marked, as a list may lag", async () => {
  marksAreAllowed = false;
  await whcb(["mark-success", "demo", "--failed", "--yes"]);
  expect(await whcb(["undo", await latestRun(), "--dry-run"])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(
      "6 calls left out: listed as FAILED, but the run's last request may have marked them; look again later\n",
    ),
  });
});

it("--resume of a reconcile says which calls were accepted, and which its list only had", async () => {
  const seen = `${calls[0]?.id}\n`;
  const asked = async () => {
    marksAreAllowed = false;
    await whcb(["reconcile", "demo", "--seen", "-", "--yes"], seen);
    marksAreAllowed = true;
    demo.url += "x";
    const { stderr } = await whcb(["replay", "--resume", await latestRun()]);
    return stderr.slice(stderr.indexOf("not marked yet")).split("\n").slice(0, -3);
  };
  const fromList = "not marked yet: 1 call that your list said was received";
  expect(await asked()).toEqual([fromList, "Mark SUCCESS what your list had and send the rest of the run there?"]);
  markStatus = 400;
  expect(await asked()).toEqual([
    "not marked yet: 5 calls that the URL before accepted",
    fromList,
    "Finish the run all the same?",
  ]);
});

it("a reconcile marks those of its list, leaves out the others, and its balance adds up", async () => {
  const run = await acceptedRun();
  calls.push(...platformCalls(8).slice(6));
  const sent = endpoint.received.length;
  const reconciled = await whcb(["reconcile", "demo", "--seen", "-", "--yes"], `${calls[0]?.id}\n`);
  expect(reconciled).toMatchObject({
    code: 8,
    stdout: expect.stringContaining("balance: 8 failed = 1 seen + 2 accepted + 0 rejected + 0 unknown + 5 not sent + 0"),
    stderr: expect.stringContaining(`error: ${notSent(run, 5)}\n`),
  });
  expect([failed(), endpoint.received.length - sent]).toEqual([5, 2]);
});

it("a reconcile marks what it has accepted, too, if the service itself found no connection", async () => {
  const callback = { attemptedDate: "24/11/26 09:31", statusMessage: "refused: localhost refused the connection" };
  const setCount = (attemptCount: number | undefined): void => {
    for (const { fields } of calls) Object.assign(fields, { attemptCount, callback });
  };
  setCount(1);
  const list = `${calls[0]?.id}\n`;
  const seenBy = async () =>
    JSON.parse((await whcb(["reconcile", "demo", "--seen", "-", "--dry-run", "-o", "json"], list)).stdout).seen;
  expect(await seenBy()).toBe(0);
  // A service that counts attempts has run locks, too, and nothing is sent without them.
  setCount(undefined);
  await acceptedRun();
  setCount(1);
  expect(await seenBy()).toBe(1);
});

it("another service behind the same URL ends no run: nothing is recorded, and the first one's calls are marked later", async () => {
  const run = await acceptedRun();
  isOtherService = true;
  expect(await whcb(["replay", "--resume", run])).toEqual({
    code: 4,
    stdout: "",
    stderr: `error: run ${run} was made with ${listening.url} (profile ${listening.url}), which has none of its callbacks now
hint: is another service there? If they were deleted, \`whcb runs discard ${run} --service ${listening.url}\` gives the run up.
`,
  });
  isOtherService = false;
  expect(await whcb(REPLAY)).toMatchObject({ code: 8, stderr: expect.stringContaining(`error: ${notSent(run)}\n`) });
  expect(await whcb(["replay", "--resume", run])).toMatchObject({ code: 0, stdout: expect.stringMatching(/marked +6\n/) });
});

it("a replay to another endpoint that marks nothing sends them, too", async () => {
  await acceptedRun();
  const other = await countingEndpoint();
  expect(await whcb([...REPLAY, "--to", other.url])).toMatchObject({ code: 0, stderr: expect.not.stringContaining("warning") });
  expect(other.received).toHaveLength(6);
  expect(await whcb(["runs", "discard", await latestRun()])).toMatchObject({ code: 0 });
  await other.close();
});

it("a replay warns of what the callback's new URL has accepted with --to, and shows how to mark it", async () => {
  const other = await countingEndpoint();
  await whcb([...REPLAY, "--to", other.url]);
  const run = await latestRun();
  calls.push(...platformCalls(8).slice(6));
  const isWarned = async () => (await whcb(["replay", "demo", "--failed", "--dry-run"])).stderr.includes("warning");
  expect(await isWarned()).toBe(false);
  demo.url = other.url.replace("http", "HTTP");
  const warning = `warning: 6 calls of demo were accepted by this URL in run ${run}, which marks nothing: the receiver gets them again unless \`whcb mark-success demo --file FILE --service ${listening.url}\` marks them first; for the file, \`whcb runs show ${run} --outcome accepted -o ndjson\` shows their ids\n`;
  expect((await whcb(["replay", "demo", "--failed", "--dry-run", "-o", "json"])).stderr).toBe(warning);
  expect((await whcb(["reconcile", "demo", "--seen", "-", "--dry-run"], `${calls[6]?.id}\n`)).stderr).toContain(warning);
  const { stdout } = await whcb(["runs", "show", run, "--outcome", "accepted", "-o", "ndjson"]);
  const accepted = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).id);
  writeFileSync(machine.path("accepted"), `${accepted.join("\n")}\n`);
  expect(await whcb(["mark-success", "demo", "--file", machine.path("accepted"), "--yes"])).toMatchObject({ code: 0 });
  expect(await isWarned()).toBe(false);
  expect(await whcb(REPLAY)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^2 calls replayed in /) });
  expect(new Set(other.received).size).toBe(other.received.length);
  await other.close();
});

it("their run is discarded only if that is confirmed, and a replay sends them then", async () => {
  const run = await acceptedRun();
  expect(await whcb(["runs", "discard", run])).toEqual({
    code: 2,
    stdout: "",
    stderr: `not known to be marked: 6 calls that have arrived; the next replay sends them a second time, unless the run's last request has marked them
\`whcb replay --resume ${run} --service ${listening.url}\` marks them
Discard the run all the same?
error: confirmation needed: add --yes
hint: to continue, type: whcb runs discard ${run} --service ${listening.url} --yes
`,
  });
  expect(await whcb(REPLAY)).toMatchObject({ code: 8 });
  expect(await whcb(["runs", "discard", run, "--yes"])).toMatchObject({ code: 0 });
  expect(await whcb(REPLAY)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^6 calls replayed in /) });
});

/** Marks all calls as SUCCESS. Returns its run. */
async function markedRun(): Promise<string> {
  const { stdout } = await whcb(["mark-success", "demo", "--failed", "--yes", "-o", "json"]);
  return JSON.parse(stdout).runId;
}

it("calls that a later run marks FAILED are sent again, and their run, once resumed, doesn't mark them", async () => {
  const run = await acceptedRun();
  await markedRun();
  expect(await whcb(["mark-failed", "demo", "--success", "--yes"])).toMatchObject({ code: 0 });
  expect(await whcb([...REPLAY.slice(0, -1), "--dry-run", "-o", "json"])).toMatchObject({
    stdout: expect.stringContaining('"calls": 6,'),
    stderr: expect.not.stringContaining("warning"),
  });
  expect(await whcb(["replay", "--resume", run])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^0 of 6 calls replayed in .*\n {2}settled meanwhile +6\n$/),
  });
  expect(failed()).toBe(6);
  expect(await whcb(REPLAY)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^6 calls replayed in /) });
  expect([failed(), calls.map(({ id }) => received(id))]).toEqual([0, [2, 2, 2, 2, 2, 2]]);
});

it("calls that are FAILED again by an undo have arrived all the same", async () => {
  const run = await acceptedRun();
  expect(await whcb(["mark-failed", "--undo", await markedRun(), "--yes"])).toMatchObject({ code: 0 });
  expect(failed()).toBe(6);
  expect(await whcb(REPLAY)).toMatchObject({ code: 8, stderr: expect.stringContaining(`error: ${notSent(run)}\n`) });
  expect(await whcb(["replay", "--resume", run])).toMatchObject({ code: 0, stdout: expect.stringMatching(/marked +6\n/) });
});

/** Its list still has them as they were before the run, or somebody else has made them FAILED. */
function listAsBefore(): void {
  for (const call of calls) call.status = "FAILED";
}

it("what a run has just marked isn't sent, as the list may lag, but after five minutes, or once mark-failed has marked it", async () => {
  const { stdout } = await whcb([...REPLAY, "-o", "json"]);
  const run = JSON.parse(stdout).runId;
  listAsBefore();
  const left = (number: number) => `${number} calls not sent: run ${run} had marked them SUCCESS by 20`;
  const hint =
    /hint: the list may be older than the marks: try again after 20\S+Z, or, if they were made FAILED since, mark them with `whcb mark-failed` and their ids first\n/;
  const repeated = await whcb(REPLAY);
  expect(repeated).toMatchObject({ code: 8, stdout: "", stderr: expect.stringContaining(`error: ${left(6)}`) });
  expect(repeated.stderr).toMatch(hint);
  const shown = await whcb([...REPLAY.slice(0, -1), "--dry-run", "-o", "json"]);
  expect(shown.stderr).toContain(`warning: ${left(6)}`);
  const [first = "", second = ""] = calls.map(({ id }) => id);
  expect(await whcb(["replay", "demo", first, second, "--yes"])).toMatchObject({
    code: 8,
    stderr: expect.stringContaining(left(2)),
  });
  expect(await whcb(["reconcile", "demo", "--seen", "-", "--yes"], `${first}\n`)).toMatchObject({
    code: 8,
    stdout: expect.stringContaining("balance: 6 failed = 1 seen + 0 accepted + 0 rejected + 0 unknown + 5 not sent"),
    stderr: expect.stringContaining(left(5)),
  });
  listAsBefore();
  expect(await whcb(["mark-failed", "demo", second, "--yes"])).toMatchObject({ code: 0 });
  expect(await whcb([...REPLAY, "-o", "json"])).toMatchObject({ code: 8, stderr: expect.stringContaining(left(4)) });
  expect(calls.map(({ id }) => received(id))).toEqual([1, 2, 1, 1, 1, 1]);
  listAsBefore();
  for (const id of (await whcb(["runs", "list", "-o", "ids"])).stdout.trim().split("\n")) {
    const path = machine.path(`runs/${id}.ndjson`);
    const earlier = (_: string, at: string) => `"at":${Number(at) - 300_000}`;
    writeFileSync(path, readFileSync(path, "utf8").replace(/"at":(\d+)/g, earlier));
  }
  expect(await whcb(REPLAY)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^6 calls replayed in /) });
});

it("what mark-success has just marked isn't sent, also by an unfinished run, unless an undo has taken it back", async () => {
  const rejected = await rejectedRun();
  const run = await markedRun();
  listAsBefore();
  const left = `6 calls not sent: run ${run} had marked them SUCCESS by 20`;
  expect(await whcb(["replay", "--resume", rejected])).toMatchObject({
    code: 8,
    stdout: expect.stringContaining(`next: whcb replay --resume ${rejected} --service ${listening.url}\n`),
    stderr: expect.stringContaining(left),
  });
  expect(await whcb(["undo", run, "--yes"])).toMatchObject({ code: 0 });
  expect(await whcb(["replay", "--resume", rejected])).toMatchObject({ code: 0 });
  expect(calls.map(({ id }) => received(id))).toEqual([1, 1, 1, 1, 1, 2]);
});

it("the undo of a mark leaves what another run had just marked, as the list may lag, unless mark-failed has marked that", async () => {
  const [first = "", second = ""] = calls.map(({ id }) => id);
  const replayed = JSON.parse((await whcb(["replay", "demo", first, second, "--yes", "-o", "json"])).stdout).runId;
  listAsBefore();
  expect(await whcb(["mark-failed", "demo", second, "--yes"])).toMatchObject({ code: 0 });
  const run = await markedRun();
  for (const call of calls) call.status = "SUCCESS";
  const undone = await whcb(["undo", run, "--yes"]);
  expect(undone).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`1 call left out: run ${replayed} has marked it, too\n`),
  });
  expect(calls.filter(({ status }) => status === "SUCCESS").map(({ id }) => id)).toEqual([first]);
});

it("a journal that is damaged or can't be read, and may have such calls, stops a replay until it is moved away", async () => {
  const run = await acceptedRun();
  const path = machine.path(`runs/${run}.ndjson`);
  writeFileSync(path, readFileSync(path, "utf8").replace('{"step":"accepted"', '{"step":"acc'));
  const sent = endpoint.received.length;
  expect(await whcb(REPLAY)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/error: the journal \S+ is damaged at byte \d+\nhint: it may have calls that arrived/),
  });
  expect(endpoint.received.length).toBe(sent);
  renameSync(path, machine.path("damaged"));
  mkdirSync(path);
  expect(await whcb(REPLAY)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/error: the journal \S+ can't be read: EISDIR.*\nhint: it may have calls that arrived/),
  });
  expect(endpoint.received.length).toBe(sent);
  rmdirSync(path);
  expect(await whcb(REPLAY)).toMatchObject({ code: 0 });
});

/** The list of this reconcile has the calls of these numbers, and it couldn't mark them. */
async function unmarkedReconcile(...numbers: readonly number[]): Promise<string> {
  marksAreAllowed = false;
  await reconcile(...numbers);
  marksAreAllowed = true;
  return latestRun();
}

const reconcile = (...numbers: readonly number[]): Promise<CliResult> =>
  whcb(["reconcile", "demo", "--seen", "-", "--yes"], numbers.map((number) => `${calls[number]?.id}\n`).join(""));

it("a replay leaves out what a list had, and says that only the list said so", async () => {
  const run = await unmarkedReconcile(0, 1, 2, 3);
  const reason = `4 calls not sent: your list said that they were received, but run ${run} hasn't marked them`;
  const hint = `\`whcb replay --resume ${run} --service ${listening.url}\` marks what your list had; \`whcb runs discard ${run} --service ${listening.url}\` if it was wrong`;
  expect(await whcb(REPLAY)).toMatchObject({ code: 8, stderr: expect.stringContaining(`error: ${reason}\nhint: ${hint}\n`) });
  expect(await whcb(["runs", "discard", run])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      `not known to be marked: 4 calls that your list said were received; the next replay sends them, unless the run's last request has marked them
marked SUCCESS: perhaps 4 calls, which stay so; \`whcb undo ${run} --service ${listening.url}\` takes them back
\`whcb replay --resume ${run} --service ${listening.url}\` marks them\n`,
    ),
  });
  expect([failed(), calls.map(({ id }) => received(id))]).toEqual([4, [0, 0, 0, 0, 1, 1]]);
});

it("a later list counts instead of an earlier one, whose run then marks nothing of it", async () => {
  const wrong = await unmarkedReconcile(0, 1, 2, 3);
  endpointStatus = 503;
  expect(await reconcile(0)).toMatchObject({ code: 8, stderr: expect.not.stringContaining("your list said") });
  endpointStatus = 200;
  expect(await whcb(["replay", "--resume", wrong])).toMatchObject({
    code: 5,
    stderr: expect.stringMatching(
      /may have marked calls that the service doesn't list as SUCCESS yet\nhint: type the command again after 20/,
    ),
  });
  passedMs = 7 * MINUTE_MS;
  expect(await whcb(["replay", "--resume", wrong])).toMatchObject({
    stdout: expect.stringMatching(/settled meanwhile +4\n/),
  });
  expect(calls.slice(0, 4).map(({ status }) => status)).toEqual(["SUCCESS", "FAILED", "FAILED", "FAILED"]);
  expect(await whcb(REPLAY)).toMatchObject({ code: 0 });
  expect([failed(), calls.map(({ id }) => received(id)).slice(0, 1)]).toEqual([0, [0]]);
});

it("a later list doesn't count for what was SUCCESS when it was compared, by a mark that was undone since, so --resume marks it", async () => {
  const run = await unmarkedReconcile(0, 1);
  passedMs = 7 * MINUTE_MS;
  await whcb(["mark-success", "demo", ...calls.slice(0, 1).map(({ id }) => id), "--yes"]);
  const marks = await latestRun();
  endpointStatus = 503;
  await reconcile(0);
  endpointStatus = 200;
  expect(await whcb(["undo", marks, "--yes"])).toMatchObject({ code: 0 });
  const reason = `1 call not sent: your list said that it was received, but run ${run} hasn't marked it`;
  expect(await whcb(REPLAY)).toMatchObject({ code: 8, stderr: expect.stringContaining(`error: ${reason}\n`) });
  expect(await whcb(["replay", "--resume", run])).toMatchObject({ code: 0, stdout: expect.stringMatching(/marked +2\n/) });
  expect([calls[0]?.status, received(calls[0]?.id ?? "")]).toEqual(["SUCCESS", 0]);
});

it("a later list that was undone doesn't count", async () => {
  const right = await unmarkedReconcile(0, 1, 2, 3);
  endpointStatus = 503;
  await reconcile(0, 1);
  endpointStatus = 200;
  expect(await whcb(["undo", await latestRun(), "--yes"])).toMatchObject({ code: 0 });
  expect(await whcb(["replay", "--resume", right])).toMatchObject({ code: 0, stdout: expect.stringMatching(/marked +6\n/) });
  expect(calls.slice(0, 4).map(({ id }) => received(id))).toEqual([0, 0, 0, 0]);
});

it("a later list that was undone doesn't count, though the undo was discarded afterwards", async () => {
  const right = await unmarkedReconcile(0, 1, 2, 3);
  endpointStatus = 503;
  await reconcile(0, 1);
  endpointStatus = 200;
  const undone = await latestRun();
  await whcb(["undo", undone, "--yes"]);
  const undo = await latestRun();
  await whcb(["runs", "discard", undo]);
  expect(await whcb(["undo", undone, "--yes"])).toMatchObject({
    code: 2,
    stderr: `error: run ${undone} was undone by run ${undo}\nhint: \`whcb mark-failed\` with ids marks single calls\n`,
  });
  expect(await whcb(["replay", "--resume", right])).toMatchObject({ code: 0, stdout: expect.stringMatching(/marked +6\n/) });
  expect(calls.slice(0, 4).map(({ id }) => received(id))).toEqual([0, 0, 0, 0]);
});

it("what the last request of a list's run has marked is taken back, though a later list counts instead", async () => {
  const wrong = await unmarkedReconcile(0, 1, 2, 3);
  // It was executed, and its answer lost.
  for (const call of calls.slice(0, 4)) call.status = "SUCCESS";
  endpointStatus = 503;
  await reconcile(0, 4);
  expect(await latestRun()).not.toBe(wrong);
  expect(await whcb(["replay", "--resume", wrong])).toMatchObject({ stdout: expect.stringMatching(/marked +4\n/) });
  expect((await whcb(["undo", wrong, "--dry-run"])).stdout).toContain("4 calls of demo -> FAILED");
});

it("a reconcile that was undone, and then finished, says that its marks were taken back", async () => {
  endpointStatus = 503;
  await reconcile(0, 1, 2, 3);
  endpointStatus = 200;
  const run = await latestRun();
  expect(await whcb(["undo", run, "--yes"])).toMatchObject({ code: 0 });
  const undo = await latestRun();
  expect(await whcb(["replay", "--resume", run])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(new RegExp(`marked +6\nbalance: .+\nundone: run ${undo} has taken back 4 of the marks\n$`)),
  });
  expect([failed(), calls.map(({ id }) => received(id)).slice(0, 4)]).toEqual([4, [0, 0, 0, 0]]);
});

it("a later list doesn't count for what it leaves ambiguous, so --resume marks it, as a replay says", async () => {
  const run = await unmarkedReconcile(0, 1, 2, 3);
  const ids = [...new Set(calls.map(({ fields }) => fields.messageId))].join("\n");
  const later = await whcb(["reconcile", "demo", "--seen", "-", "--yes"], ids);
  expect(later).toMatchObject({ code: 8, stdout: expect.stringContaining("0, 6 ambiguous, 0 to send") });
  passedMs = 7 * MINUTE_MS;
  expect(await whcb(REPLAY)).toMatchObject({ code: 8, stderr: expect.stringContaining(`--resume ${run} --service`) });
  expect(await whcb(["replay", "--resume", run])).toMatchObject({ code: 0, stdout: expect.stringMatching(/marked +4\n/) });
  expect([failed(), calls.map(({ id }) => received(id))]).toEqual([0, [0, 0, 0, 0, 1, 1]]);
});

it("a later list that was given up doesn't count", async () => {
  const right = await unmarkedReconcile(0, 1, 2, 3);
  const late = ", but its last request may be executed within the next minute; it has marked perhaps 1 call SUCCESS: ";
  expect(await whcb(["runs", "discard", await unmarkedReconcile(4), "--yes"])).toMatchObject({
    stderr: expect.stringContaining(late),
  });
  expect(await whcb(["replay", "--resume", right])).toMatchObject({ code: 0, stdout: expect.stringMatching(/seen +4\n/) });
  expect([failed(), calls.map(({ id }) => received(id))]).toEqual([0, [0, 0, 0, 0, 1, 1]]);
});

it("a later list's journal is kept while an earlier one's run is unfinished", async () => {
  await unmarkedReconcile(0, 1);
  expect(await reconcile(0)).toMatchObject({ code: 0 });
  const pruned = await whcb(["runs", "prune", "--older-than", "1ms", "--dry-run"]);
  expect(pruned.stderr).toContain("would delete the journals of 0 finished runs");
});

it("a new run says that an undo's last request may take what was delivered, until that run has ended", async () => {
  const ids = calls.slice(0, 2).map(({ id }) => id);
  await whcb(["mark-success", "demo", ...ids, "--yes"]);
  [marksAreAllowed, markStatus] = [false, 500];
  expect(await whcb(["undo", await latestRun(), "--yes"])).toMatchObject({ code: 5 });
  marksAreAllowed = true;
  const preview = async () => (await whcb([...REPLAY.slice(0, -1), "--dry-run"])).stderr;
  const makes = /Its last request may have made, or still make, 2 calls FAILED, what is delivered before it included$/m;
  expect(await preview()).toMatch(new RegExp(`^note: the mark-failed of .* gives it up\\. ${makes.source}`, "m"));
  expect((await whcb(["status"])).stderr).toMatch(makes);
  await whcb(["runs", "discard", await latestRun(), "--yes"]);
  expect(await preview()).not.toMatch(makes);
});

it("an older run whose last request may have marked calls is mentioned beside a later one, unless its callback is gone", async () => {
  const ids = calls.slice(0, 2).map(({ id }) => id);
  marksAreAllowed = false;
  expect(await whcb(["mark-success", "demo", ...ids, "--yes"])).toMatchObject({ code: 4 });
  marksAreAllowed = true;
  await rejectedRun();
  const marks =
    /^note: the mark-success of .* Its last request may have marked, or still mark, 2 calls SUCCESS, which `whcb undo /m;
  expect((await whcb(["status"])).stderr).toMatch(marks);
  callbacks.splice(0, 1, { ...demo, id: "00112233445566AA" });
  expect((await whcb(["status"])).stderr).not.toMatch(marks);
});
