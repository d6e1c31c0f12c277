/** Ctrl-C in the middle of marks that a user asked for, a journal that can't grow meanwhile, and one whose folder a stranger makes. */
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { type PlatformCall, platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { Home, type Running, type RunOptions } from "../support/process/whcb-process.js";
import { type CountingEndpoint, countingEndpoint } from "../support/replay/replay-desk.js";
import { newestJournal, works } from "../support/replay/replay-outage.js";

const CALLS = 350;
const STOPPING =
  "stopping: the request in flight finishes (10s at most), and nothing more is marked; press Ctrl-C again to stop at once, though the request may still be executed then\n";

let home: Home;
let endpoint: CountingEndpoint;
let calls: PlatformCall[];
let service: { readonly url: string; close(): Promise<void> };
let env: Record<string, string>;
/** Called with the number of such requests so far. */
let onMark: (marks: number) => Promise<void>;
let onListing: () => void;
/** That the service asks for instead of marking; null: none. */
let pauseSeconds: number | null;

beforeEach(async () => {
  home = new Home();
  endpoint = await countingEndpoint();
  calls = platformCalls(CALLS);
  onMark = async () => undefined;
  onListing = () => undefined;
  pauseSeconds = null;
  let marks = 0;
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: endpoint.url, key: "k", calls }],
    onArrival: async ({ method, path }) => {
      if (!path.includes("/calls?")) return;
      if (method === "PUT") await onMark(++marks);
      else onListing();
    },
    instead: ({ method, path }) =>
      method === "PUT" && path.includes("/calls?") && pauseSeconds !== null
        ? { status: 503, headers: { "retry-after": String(pauseSeconds) }, body: "{}" }
        : null,
  });
  service = await platform.listen();
  await home.countAsServed(service.url);
  env = { WHCB_URL: service.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
});

afterEach(async () => {
  await service.close();
  await endpoint.close();
  await home.leave();
});

const withStatus = (status: string): number => calls.filter((call) => call.status === status).length;
const whcb = (args: readonly string[], options: RunOptions = {}) => home.whcb(args, { ...options, env });

/** Ctrl-C arrives in the nth mark from now, which is answered once the command has noticed. */
async function interruptInMark(nth: number, args: readonly string[]) {
  let seen = 0;
  const running: Running = home.start(args, { env });
  onMark = async () => {
    if (++seen !== nth) return;
    running.child.kill("SIGINT");
    await running.says(/stopping/);
  };
  const ended = await running.ended;
  onMark = async () => undefined;
  return {
    ...ended,
    resume: /\nnext: whcb (replay --resume \S+ --service \S+)\n$/.exec(ended.stdout)?.[1]?.split(" ") ?? [],
    marks: seen,
  };
}

describe("Ctrl-C", () => {
  it("stops each kind of marks by hand after the request in flight, and the rest can be resumed", async () => {
    const marked = await interruptInMark(2, ["mark-success", "demo", "--failed", "--yes"]);
    expect([marked.code, marked.marks, withStatus("SUCCESS")], marked.stderr).toEqual([130, 2, 200]);
    expect(marked.stderr.replace(/, last attempts from .*/, "")).toBe(
      `service: ${marked.resume.at(-1)}\n350 failed calls of demo -> SUCCESS\n${STOPPING}error: interrupted\n`,
    );
    expect(marked.stdout).toMatch(/^200 of 350 calls marked SUCCESS in [\s\S]*\n {2}not marked yet +150\n/);
    expect(newestJournal(home)?.marked.size).toBe(200);

    const resumed = await interruptInMark(1, marked.resume);
    expect([resumed.code, resumed.marks, withStatus("SUCCESS")], resumed.stderr).toEqual([130, 1, 300]);
    expect(resumed.resume).toEqual(marked.resume);
    expect(resumed.stderr).toContain(STOPPING);
    await works(home, resumed.resume, { env });
    expect(withStatus("SUCCESS")).toBe(CALLS);

    const undone = await interruptInMark(1, ["mark-failed", "--undo", marked.resume[2] ?? "", "--yes"]);
    expect([undone.code, undone.marks, withStatus("FAILED")], undone.stderr).toEqual([130, 1, 100]);
    const failed = await interruptInMark(2, ["mark-failed", "demo", "--success", "--yes"]);
    expect([failed.code, failed.marks, withStatus("FAILED")], failed.stderr).toEqual([130, 2, 300]);
    await works(home, failed.resume, { env });
    expect(withStatus("FAILED")).toBe(CALLS);
  });

  it("tries no part of a request that the service has rejected", async () => {
    const running: Running = home.start(["mark-success", "demo", "--failed", "--yes"], { env });
    let marks = 0;
    onMark = async () => {
      if (++marks > 1) return;
      calls.splice(20, 1);
      running.child.kill("SIGINT");
      await running.says(/stopping/);
    };
    const { code, stdout } = await running.ended;
    expect([code, marks, withStatus("SUCCESS")]).toEqual([130, 1, 0]);
    expect(stdout).toMatch(/^0 of 350 calls marked SUCCESS in [\s\S]*\n {2}not marked yet +350\n/);
  });

  it("stops a reconcile's marks of seen calls, and nothing is sent", async () => {
    writeFileSync(
      home.path("seen.txt"),
      calls
        .slice(10)
        .map(({ id }) => `${id}\n`)
        .join(""),
    );
    const stopped = await interruptInMark(2, ["reconcile", "demo", "--seen", home.path("seen.txt"), "--yes"]);
    expect([stopped.code, stopped.marks, withStatus("SUCCESS")], stopped.stderr).toEqual([130, 2, 200]);
    expect(endpoint.received).toEqual([]);
    expect(stopped.stdout).toMatch(/^200 of 350 calls reconciled in [\s\S]*\n {2}not marked yet +140\n/);
    await works(home, stopped.resume, { env });
    expect([withStatus("SUCCESS"), endpoint.received.length]).toEqual([CALLS, 10]);
  });

  it("in a reconcile with a wrong list: what it has marked is taken back, and nothing is sent twice", async () => {
    const ids = calls.slice(10).map(({ id }) => `${id}\n`);
    writeFileSync(home.path("seen.txt"), ids.join(""));
    const { stdout, resume } = await interruptInMark(2, ["reconcile", "demo", "--seen", home.path("seen.txt"), "--yes"]);
    const [, , run = "", ...flags] = resume;
    const [undo, discard] = [`whcb undo ${run} ${flags.join(" ")}`, `whcb runs discard ${run} ${flags.join(" ")}`];
    expect(stdout).toContain(`\n\nundo, if your list was wrong: ${undo}\n`);
    expect(await whcb(["replay", "demo", "--failed", "--yes"])).toMatchObject({
      code: 8,
      stderr: expect.stringContaining(
        `; if it was wrong, \`${undo}\` takes back what the run has marked (200 calls), and \`${discard}\` leaves that SUCCESS\n`,
      ),
    });
    expect(await whcb(["runs", "discard", run, ...flags])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`\nmarked SUCCESS: 200 calls, which stay so; \`${undo}\` takes them back\n`),
    });
    expect(await whcb(["undo", "--dry-run"])).toMatchObject({
      stdout: expect.stringMatching(
        /^200 calls of demo -> FAILED.*\nthe run is discarded: it won't mark the 140 calls left, nor send the 10 others\n/,
      ),
    });
    await works(home, ["undo", run, "--yes"], { env });
    expect(await whcb(["undo"])).toMatchObject({ stderr: expect.stringContaining("no run to undo") });
    await works(home, ["replay", "demo", "--failed", "--yes"], { env });
    expect([withStatus("SUCCESS"), new Set(endpoint.received).size, endpoint.received.length]).toEqual([CALLS, CALLS, CALLS]);
  });

  it("in a reconcile that is discarded: what it has marked is said, and can be taken back afterwards", async () => {
    writeFileSync(home.path("seen.txt"), calls.map(({ id }) => `${id}\n`).join(""));
    const { resume } = await interruptInMark(2, ["reconcile", "demo", "--seen", home.path("seen.txt"), "--yes"]);
    const [, , run = "", ...flags] = resume;
    const undo = `undo ${run} ${flags.join(" ")}`;
    expect(await whcb(["runs", "discard", run, ...flags, "--yes"])).toMatchObject({
      code: 0,
      stderr: `not marked yet: 150 calls that your list said were received; the next replay sends them\nrun ${run} is discarded; its calls stay as they are; it has marked 200 calls SUCCESS: \`whcb ${undo}\` takes them back\n`,
    });
    await works(home, [...undo.split(" "), "--yes"], { env });
    expect(withStatus("FAILED")).toBe(CALLS);
    expect(await whcb(["runs", "discard", run, ...flags, "--yes"])).toMatchObject({
      stderr: `run ${run} is discarded; its calls stay as they are\n`,
    });
  });

  it("in a reconcile that is killed during a mark: what that may have marked is named with what can be taken back", async () => {
    writeFileSync(home.path("seen.txt"), calls.map(({ id }) => `${id}\n`).join(""));
    const killed = home.start(["reconcile", "demo", "--seen", home.path("seen.txt"), "--yes"], { env });
    onMark = async (marks) => {
      if (marks === 2) await killed.stop("SIGKILL");
    };
    await killed.ended;
    await vi.waitUntil(() => withStatus("SUCCESS") === 200);
    const run = newestJournal(home)?.runId ?? "";
    const flags = `--service ${service.url}`;
    const [undo, discard] = [`whcb undo ${run} ${flags}`, `whcb runs discard ${run} ${flags}`];
    expect((await whcb(["replay", "demo", "--failed", "--yes"])).stderr).toContain(
      `; if it was wrong, \`${undo}\` takes back what the run has marked (100 calls and perhaps 100 more), and \`${discard}\` leaves that SUCCESS\n`,
    );
    expect((await whcb(["runs", "discard", run])).stderr).toContain(
      `not known to be marked: 250 calls that your list said were received; the next replay sends them, unless the run's last request has marked them
marked SUCCESS: 100 calls and perhaps 100 more, which stay so; \`${undo}\` takes them back\n`,
    );
    expect((await whcb(["runs", "discard", run, "--yes"])).stderr).toContain(
      `; it has marked 100 calls and perhaps 100 more SUCCESS: \`${undo}\` takes them back\n`,
    );
  });

  it.each([6, 300])("ends a pause of %d s, which the run has announced, and what was accepted isn't marked", async (seconds) => {
    calls.splice(1);
    pauseSeconds = seconds;
    const running: Running = home.start(["replay", "demo", "--failed", "--yes"], { env });
    await running.says(/the service asks to wait until .+ \((503, )?Retry-After: \d+\), since \S+; Ctrl-C stops/);
    const { code, stdout } = await running.stop("SIGINT");
    expect([code, withStatus("SUCCESS"), endpoint.received.length]).toEqual([130, 0, 1]);
    expect(stdout).toMatch(/\n {2}not marked yet +1\n[\s\S]*\nnext: whcb replay --resume/);
  });

  it("a second time ends the command at once, also a moment after the first", async () => {
    const running: Running = home.start(["mark-success", "demo", "--failed", "--yes"], { env });
    onMark = async (marks) => {
      if (marks !== 2) return;
      running.child.kill("SIGINT");
      await running.says(/stopping/);
      await delay(100);
      running.child.kill("SIGINT");
      // A command that goes on gets its answer, and prints a summary.
      await Promise.race([running.ended, delay(5_000)]);
    };
    const { code, stdout } = await running.ended;
    expect([code, stdout]).toEqual([130, ""]);
  });
});

describe("a journal that can't grow", () => {
  it.each([
    ["before the request, if its line can't be written", 1, 100],
    ["after it, and the resumed run records what it has marked", 5, 200],
  ])("stops marks by hand: %s", async (_, spareKiB, marked) => {
    const { resume } = await interruptInMark(1, ["mark-success", "demo", "--failed", "--yes"]);
    const { size } = statSync(home.path("data", "runs", `${newestJournal(home)?.runId}.ndjson`));
    const limited = await whcb(resume, { longestFileKiB: Math.ceil(size / 1_024) + spareKiB });
    expect(limited.code, limited.stderr).toBe(5);
    expect(limited.stderr).toMatch(/error: the run's journal can't be written: EFBIG/);
    expect(limited.stdout).toContain(`next, once the cause is gone: whcb ${resume.join(" ")}\n`);
    expect([newestJournal(home)?.marked.size, withStatus("SUCCESS")]).toEqual([100, marked]);

    await works(home, resume, { env });
    expect([newestJournal(home)?.marked.size, withStatus("SUCCESS")]).toEqual([CALLS, CALLS]);
  });
});

// Only root can give a folder away.
it.runIf(process.getuid?.() === 0)(
  "marks nothing, and writes no journal, in a folder that a stranger makes meanwhile",
  async () => {
    const folder = join(home.paths.data, "runs");
    chmodSync(home.paths.data, 0o1777);
    onListing = () => {
      mkdirSync(folder, { recursive: true });
      chownSync(folder, 12_345, 12_345);
    };
    expect(await whcb(["mark-success", "demo", "--failed", "--yes"])).toEqual({
      code: 4,
      stdout: "",
      stderr: expect.stringContaining(`error: ${folder} belongs to another user, and others may write to its folder\n`),
    });
    expect([readdirSync(folder), withStatus("SUCCESS")]).toEqual([[], 0]);
  },
);
