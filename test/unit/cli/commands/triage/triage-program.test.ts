import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { CliDeps } from "../../../../../src/cli/cli-deps.js";
import { groupsLevel } from "../../../../../src/cli/commands/triage/triage-keys.js";
import { TriageProgram } from "../../../../../src/cli/commands/triage/triage-program.js";
import { newState } from "../../../../../src/cli/commands/triage/triage-state.js";
import type { Key } from "../../../../../src/cli/full-screen/frame.js";
import { PLAIN } from "../../../../../src/cli/output/screen.js";
import type { Client } from "../../../../../src/client/client.js";
import type { GroupPart } from "../../../../../src/client/group-requests.js";
import { TransportFailure } from "../../../../../src/client/transport.js";
import { WhcbError } from "../../../../../src/domain/errors.js";
import type { FullScreen } from "../../../../../src/platform/full-screen.js";
import { aListedCallback } from "../../../../support/cli/listed.js";
import { passTime } from "../../../../support/time/pass-time.js";
import { VirtualClock } from "../../../../support/time/virtual-clock.js";

const NOON = Date.UTC(2030, 0, 1, 12);

type Counts = Readonly<Record<number, number>>;

/**
 * Runs until the service was asked as often as there are answers, at most a minute. An answer is a page with the calls of each status
 * code, or none at all.
 */
async function showGroups(answers: readonly (Counts | null)[], isCheap = true) {
  const clock = new VirtualClock(NOON);
  const asked: number[] = [];
  const frames: string[] = [];
  async function* groupCalls(): AsyncGenerator<GroupPart> {
    const answer = answers[asked.push(clock.now() - NOON) - 1] ?? null;
    if (answer === null) {
      const cause = new TransportFailure("refused", "connection refused");
      throw new WhcbError("network", "http://there: connection refused", { cause });
    }
    const groups = Object.entries(answer).map(([code, count]) => {
      const values = { statusCode: Number(code), reason: "x" };
      return { values, count, firstAttemptedAt: NOON, lastAttemptedAt: NOON, exampleId: null };
    });
    yield { groups, leftOut: 0, total: null, retried: null };
  }
  const invocation = { deps: { clock }, screen: { renderOptions: { palette: PLAIN, utc: true, serviceFlags: [] } } };
  const client = { name: "http://there", groupCalls } as Partial<Client> as Client;
  const program = new TriageProgram(
    invocation as unknown as ConstructorParameters<typeof TriageProgram>[0],
    client,
    newState(groupsLevel(aListedCallback(), 0)),
    isCheap,
  );
  const size = { rows: 9, columns: 70 };
  const update = () => {
    const { header, body, footer } = program.frame(size);
    frames.push([...header, ...body, ...footer.slice(0, 1)].map((line) => String(line).trimEnd()).join("\n"));
  };
  const ends = clock.sleepFor(60_000);
  const shown = program.show({ update }, { size: () => size } as Partial<FullScreen> as FullScreen);
  const stop = async () => {
    while (asked.length < answers.length && clock.monotonicMs() < 60_000) await Promise.race([ends, clock.sleepFor(500)]);
    await clock.sleepFor(500);
    program.press({ name: "character", character: "q" });
    await shown;
  };
  await passTime(clock, stop());
  return { asked, frames };
}

describe("the groups of triage", () => {
  it("are counted again by themselves, with the cursor on the same group", async () => {
    const { asked, frames } = await showGroups([
      { 503: 30, 500: 20 },
      { 500: 40, 503: 3 },
    ]);
    expect(asked[1]).toBeGreaterThanOrEqual(12_000);
    expect(asked[1]).toBeLessThan(13_000);
    expect(frames.at(-1)).toMatch(/43 failed calls[\s\S]*as of 2030-01-01 12:00:12Z\n {2} +40 {2}500 x.*\n> +3 {2}503 x/);
    expect(frames.filter((frame) => frame.includes("reading"))).toEqual([]);
  });

  it("have no cursor once the group under it is gone, however they are counted then", async () => {
    const { frames } = await showGroups([{ 503: 30, 500: 20 }, { 500: 20 }, { 500: 20, 404: 3 }]);
    const rows = (frame: string) => frame.split("\n").filter((line) => /^. +\d+ {2}\d{3} x/.test(line));
    expect(frames.map(rows).filter((shown) => shown.length === 1)).not.toEqual([]);
    expect(frames.findLast((frame) => rows(frame).length === 1)).toMatch(/\n {2} +20 {2}500 x/);
    expect(frames.at(-1)).toMatch(/\n {2} +20 {2}500 x.*\n {2} +3 {2}404 x/);
  });

  it("aren't counted again by themselves by a service that limits requests", async () => {
    expect((await showGroups([{ 503: 30 }, { 503: 3 }], false)).asked).toEqual([0]);
  });

  it("are read again until there is an answer", async () => {
    const { asked, frames } = await showGroups([{ 503: 30 }, null, null, { 503: 3 }]);
    expect((asked[3] ?? 0) - (asked[1] ?? 0)).toBeLessThan(5_000);
    expect(
      frames.some((frame) => /as of 2030-01-01 12:00:00Z[\s\S]*30 {2}503[\s\S]*no answer from http:\/\/there/.test(frame)),
    ).toBe(true);
    expect(frames.at(-1)).toMatch(/^(?![\s\S]*no answer)[\s\S]* 3 {2}503/);
  });
});

function programThatRuns(runCommand: (argv: readonly string[], deps: CliDeps) => Promise<number>): TriageProgram {
  const renderOptions = { palette: PLAIN, utc: true, serviceFlags: ["--profile", "p"] };
  const deps = { clock: new VirtualClock(NOON), io: { env: {} } };
  const invocation = { deps, runCommand, screen: { renderOptions } };
  const groups = [{ values: { statusCode: 503, reason: "x" }, count: 30 }];
  const level = {
    ...groupsLevel(aListedCallback({ id: "C1", name: "demo" }), 0),
    counted: { readAt: NOON, groups, calls: 30, otherCalls: 0 },
  };
  return new TriageProgram(
    invocation as unknown as ConstructorParameters<typeof TriageProgram>[0],
    {} as Client,
    newState(level as unknown as Parameters<typeof newState>[0]),
    true,
  );
}

it("an action has the callback's id, whose name may be another callback's by now, and shows the name", async () => {
  const ran: (readonly string[])[] = [];
  const program = programThatRuns(async (argv) => ran.push(argv));
  program.press({ name: "character", character: "m" });
  expect(ran).toEqual([["mark-success", "C1", "--failed", "--status-code", "503", "--reason", "x", "--profile", "p"]]);
  expect(program.frame({ rows: 12, columns: 90 }).body.join("\n")).toContain("$ whcb mark-success demo --failed");
});

it("a yes to what the screen has no room for isn't taken", async () => {
  const askBehind = async (lines: number, ...keys: readonly Key["name"][]) => {
    const answers: string[] = [];
    const program = programThatRuns(async (_argv, { io }) => {
      io.stderr.write(`${"a line\n".repeat(lines)}Mark 30 calls SUCCESS? [y/N] `);
      io.stdin.on("data", (text) => answers.push(String(text)));
      return new Promise(() => undefined);
    });
    program.press({ name: "character", character: "m" });
    program.press({ name: "character", character: "y" });
    for (const name of keys) program.press({ name } as Key);
    await setImmediate();
    return answers;
  };
  expect(await askBehind(20, "enter")).toEqual(["y\n"]);
  expect(await askBehind(21, "enter")).toEqual([]);
  expect(await askBehind(21, "enter", "escape")).toEqual(["\n"]);
});
