import { chmodSync, chownSync, cpSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../../../src/platform/clock.js";
import { lockRun } from "../../../../../src/runs/journal/process-lock.js";
import { lockFile } from "../../../../../src/store/sqlite/lock-database.js";
import { type CliWorld, newCliWorld, runCli } from "../../../../support/cli/run-cli.js";

const JOURNALS = join(import.meta.dirname, "..", "..", "..", "..", "fixtures", "0.1.0", "journals");
/** These runs of marks are later than the first unfinished one. */
const LATER_MARKS = ["20261125-045039-225E", "20261125-045045-6EB0", "20261125-045052-5BCE"];
const UNFINISHED = ["20261125-045038-26E1", "20261125-045043-432D", "20261125-045049-B849"];
/** The last steps of the fixtures are within a minute before this. */
const WRITTEN = Date.UTC(2026, 10, 25, 4, 51);
const DAY = 86_400_000;

let world: CliWorld;
let now: number;

beforeEach(() => {
  now = WRITTEN + 366 * DAY;
  world = newCliWorld({ clock: { ...systemClock, now: () => now }, lockFile });
  cpSync(JOURNALS, join(world.paths.data, "runs"), { recursive: true });
});

// Only root can give a folder away.
test.runIf(process.getuid?.() === 0).each([0o1777, 0o3770])(
  "journals in a stranger's folder aren't read where others may write (%o)",
  async (mode) => {
    chmodSync(world.paths.data, mode);
    expect(await runCli(world, ["runs", "list"])).toMatchObject({ code: 0 });
    const folder = join(world.paths.data, "runs");
    chownSync(folder, 12_345, 12_345);
    expect(await runCli(world, ["runs", "list"])).toEqual({
      code: 4,
      stdout: "",
      stderr: expect.stringContaining(`error: ${folder} belongs to another user, and others may write to its folder\n`),
    });
  },
);

const prune = (...flags: readonly string[]) => runCli(world, ["runs", "prune", "-o", "ids", ...flags]);
const stored = () =>
  readdirSync(join(world.paths.data, "runs"))
    .filter((name) => name.endsWith(".ndjson"))
    .map((name) => name.replace(".ndjson", ""))
    .sort();
const lines = (text: string) => text.split("\n").filter((line) => line !== "");

describe("runs prune", () => {
  test("lists finished runs that are old, deletes them, and keeps every unfinished one and the marks since", async () => {
    const all = stored();
    const kept = [...UNFINISHED, ...LATER_MARKS].sort();
    const finished = all.filter((id) => !kept.includes(id));
    const tried = await prune("--dry-run");
    expect([tried.code, tried.stderr, lines(tried.stdout).sort()]).toEqual([
      0,
      "would delete the journals of 3 finished runs older than 365d\n",
      finished,
    ]);
    expect(stored()).toEqual(all);
    const { code, stdout, stderr } = await prune("--yes");
    expect([code, stderr, lines(stdout).sort()]).toEqual([
      0,
      "deleted the journals of 3 finished runs older than 365d\n",
      finished,
    ]);
    expect(stored()).toEqual(kept);
  });

  test("deletes nothing younger, nothing without a yes, and a discarded run", async () => {
    for (const id of UNFINISHED) await runCli(world, ["runs", "discard", id, "--yes"]);
    const all = stored();
    expect((await prune()).code).toBe(2);
    now = WRITTEN;
    expect(await prune("--yes")).toEqual({
      code: 0,
      stdout: "",
      stderr: "deleted the journals of 0 finished runs older than 365d\n",
    });
    expect(stored()).toEqual(all);
    now = WRITTEN + 400 * DAY;
    expect(await prune("--older-than", "1h", "--yes")).toMatchObject({ code: 0 });
    expect(stored()).toEqual([]);
  });

  test("leaves alone what a process works on, and what can't be read", async () => {
    const [id = ""] = stored();
    writeFileSync(join(world.paths.data, "runs", "20260101-000000-AAAA.ndjson"), "not a journal\n");
    const lock = await lockRun({ runsDirectory: join(world.paths.data, "runs"), lockFile, clock: systemClock }, id);
    expect(await prune("--yes")).toMatchObject({ code: 0 });
    await lock.release();
    expect(stored()).toEqual(["20260101-000000-AAAA", ...[id, ...UNFINISHED, ...LATER_MARKS].sort()]);
  });
});

describe("runs show -o ids", () => {
  const show = (...args: readonly string[]) => runCli(world, ["runs", "show", ...args]);
  const REPLAY = "20261125-045047-CD27";
  const RECONCILE = "20261125-045049-B849";

  test("of a run that sends needs an outcome: some of its calls were rejected, and the next command may mark them", async () => {
    for (const [run, kind, outcomes] of [
      [REPLAY, "replay", "accepted, rejected, skipped"],
      [RECONCILE, "reconcile", "seen, accepted, left"],
      ["20261125-045036-1BF8", "replay", "accepted"],
    ] as const)
      expect(await show(run, "-o", "ids")).toEqual({
        code: 2,
        stdout: "",
        stderr: `error: -o ids of a ${kind} needs --outcome\nhint: calls of run ${run} have these: ${outcomes}\n`,
      });
    const ids = async (run: string, outcome: string) => lines((await show(run, "-o", "ids", "--outcome", outcome)).stdout);
    const calls: readonly { readonly id: string; readonly state: string }[] = JSON.parse(
      (await show(REPLAY, "-o", "json")).stdout,
    ).calls;
    for (const outcome of ["accepted", "rejected", "skipped"])
      expect(await ids(REPLAY, outcome)).toEqual(calls.filter(({ state }) => state === outcome).map(({ id }) => id));
    expect([(await ids(REPLAY, "accepted")).length, await ids(REPLAY, "left")]).toEqual([4, []]);
    expect(await ids(RECONCILE, "seen")).toHaveLength(3);
  });

  test("of a run of marks has the calls that it has marked, or those with the outcome", async () => {
    const ids = async (...flags: readonly string[]) => lines((await show("20261125-045045-6EB0", "-o", "ids", ...flags)).stdout);
    const marked = await ids();
    expect(marked).toHaveLength(1);
    const { service } = JSON.parse((await show("20261125-045045-6EB0", "-o", "json")).stdout);
    expect((await show("20261125-045045-6EB0", "-o", "ids")).stderr).toBe(`these are calls of ${service}\n`);
    expect(await ids("--outcome", "marked")).toEqual(marked);
    const notFound = await ids("--outcome", "not-found");
    expect([notFound.length, notFound.includes(marked[0] ?? "")]).toEqual([1, false]);
  });
});

test("runs show has only the calls with the outcome, in each format", async () => {
  const show = async (...args: readonly string[]) =>
    (await runCli(world, ["runs", "show", "20261125-045047-CD27", "--outcome", "rejected", ...args])).stdout;
  expect(lines(await show("-o", "ndjson")).map((line) => JSON.parse(line).state)).toEqual(["rejected"]);
  expect(JSON.parse(await show("-o", "json"))).toMatchObject({ counts: { planned: 6 }, calls: [{ state: "rejected" }] });
  expect(await show()).toMatch(/ rejected +no /);
  expect(await show()).not.toMatch(/ accepted +yes /);
});
