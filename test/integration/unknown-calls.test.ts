/** Before a new run sends calls of killed ones that may have arrived, it says so. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { CliMachine } from "../support/cli/cli-service.js";
import type { CliResult } from "../support/cli/run-cli.js";
import {
  type PlatformCall,
  platformCalls,
  type ScriptedPlatform,
  scriptedPlatform,
} from "../support/platform/scripted-platform.js";
import { endWithSends } from "../support/replay/killed-run.js";
import { type CountingEndpoint, countingEndpoint } from "../support/replay/replay-desk.js";

let machine: CliMachine;
let endpoint: CountingEndpoint;
let many: PlatformCall[];
let listening: Awaited<ReturnType<ScriptedPlatform["listen"]>>;

beforeEach(async () => {
  machine = new CliMachine({ isServedHere: async () => true });
  endpoint = await countingEndpoint(() => ({ status: 503 }));
  const calls = platformCalls(42);
  many = calls.slice(12);
  const aCallback = { url: endpoint.url, key: "planted-key" };
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [
      { ...aCallback, id: "528F17736481BA9A", name: "demo", calls: calls.slice(0, 6) },
      { ...aCallback, id: "528F17736481BA9B", name: "crm", calls: calls.slice(6, 12) },
      { ...aCallback, id: "528F17736481BA9C", name: "many", calls: many },
    ],
  });
  listening = await platform.listen();
});

afterEach(async () => {
  await listening.close();
  await endpoint.close();
  await machine.leave();
});

const whcb = (args: readonly string[]): Promise<CliResult> => {
  const env = { WHCB_URL: listening.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  return machine.whcb(args, { env });
};

/** The run is killed while its first calls are in flight. */
async function killedRun(callback: string, flags: readonly string[] = [], inFlight = 1): Promise<string> {
  const { runId } = JSON.parse((await whcb(["replay", callback, "--failed", "--yes", "-o", "json", ...flags])).stdout);
  endWithSends(runId, { runsDirectory: machine.path("runs") }, inFlight);
  return runId;
}

const notes = ({ stderr }: CliResult): readonly string[] =>
  Array.from(stderr.matchAll(/^note: the run of .* is unfinished; `whcb replay --resume (\S+) .*` finishes it(.*)$/gm), (match) =>
    match.slice(1).join(""),
  );

const AGAIN = ". A new run sends up to 1 call of it a second time";

it("an older killed run is mentioned too, and each one's calls only before they are sent", async () => {
  const older = await killedRun("demo");
  const latest = await killedRun("crm");
  const replay = (...callbacks: string[]) => whcb(["replay", ...callbacks, "--failed", "--dry-run"]);
  expect(notes(await replay("demo"))).toEqual([latest, older + AGAIN]);
  expect(notes(await replay("crm"))).toEqual([latest + AGAIN]);
  expect(notes(await replay("--all-callbacks"))).toEqual([latest + AGAIN, older + AGAIN]);
  expect(notes(await whcb(["status"]))).toEqual([latest + AGAIN, older + AGAIN]);
  expect(notes(await whcb(["status", "crm"]))).toEqual([latest + AGAIN]);
});

it("an older run isn't mentioned once its calls that may have arrived are settled", async () => {
  await killedRun("demo");
  const latest = await killedRun("crm");
  const [arrived = ""] = endpoint.received;
  await whcb(["mark-success", "demo", arrived, "--yes"]);
  expect(notes(await whcb(["replay", "demo", "--failed", "--dry-run"]))).toEqual([latest]);
});

it("a killed run is mentioned as long as an unknown call is FAILED, though all its many others are settled", async () => {
  const latest = await killedRun("many", ["--no-canary"], 2);
  const [, unknown] = endpoint.received;
  await whcb(["mark-success", "many", ...many.flatMap(({ id }) => (id === unknown ? [] : [id])), "--yes"]);
  const again = `${latest}. A new run sends up to 2 calls of it a second time`;
  expect(notes(await whcb(["status", "many"]))).toEqual([again]);
  expect(notes(await whcb(["replay", "many", "--failed", "--dry-run"]))).toEqual([again]);
});

it("a killed run with --to has sent nothing that a new run sends to the callback a second time", async () => {
  const to = `${endpoint.url}/elsewhere`;
  await killedRun("demo", ["--to", to]);
  const note = `${await killedRun("demo", ["--to", to, "--mark"])}: it sends to ${to} and marks what that accepts`;
  expect(notes(await whcb(["replay", "demo", "--failed", "--dry-run"]))).toEqual([note]);
  expect(notes(await whcb(["status"]))).toEqual([note]);
});

it("a resumed run mentions which of its calls another killed run may have sent", async () => {
  const older = await killedRun("many", ["--no-canary"]);
  const latest = await killedRun("many", ["--no-canary"], 2);
  await killedRun("crm");
  const again = `${latest}. This run sends up to 1 call of it a second time`;
  expect(notes(await whcb(["replay", "--resume", older, "--yes"]))).toEqual([again]);
  expect(notes(await whcb(["replay", "--resume", latest, "--yes"]))).toEqual([]);
  // It rejected the others, which a resumed run doesn't send again.
  expect(notes(await whcb(["replay", "--resume", older, "--yes"]))).toEqual([]);
  expect(notes(await whcb(["replay", "--resume", older, "--yes", "--resend-unknown"]))).toEqual([again]);
});

it("a killed run that may have sent calls is discarded only if that is confirmed", async () => {
  const run = await killedRun("many", ["--no-canary"], 2);
  const unanswered = "not known to have arrived: 2 calls without an answer; the next replay sends them, perhaps a second time\n";
  expect(await whcb(["runs", "discard", run])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`${unanswered}Discard the run all the same?\nerror: confirmation needed`),
  });
  expect(await whcb(["runs", "discard", run, "--yes"])).toMatchObject({
    stderr: `${unanswered}run ${run} is discarded; its calls stay as they are\n`,
  });
});
