/** Without a terminal, a mark by a filter prints a line to type, which marks none but the calls that it counted. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { toPlatformDate } from "../../src/wire/dates.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";

let machine: CliMachine;

beforeEach(() => {
  machine = new CliMachine({ isServedHere: async () => true });
});

afterEach(() => machine.leave());

/** Returns the words of a line to type, after "whcb". */
const words = (line: string): readonly string[] => /whcb (.*)$/.exec(line)?.[1]?.split(" ") ?? [];

const MINUTE = 60_000;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

it.each([
  [[], []],
  [["--status-code=503", "--until", "0s"], ["--status-code=503"]],
  [["--until=0s"], []],
  [
    ["--since", "1h"],
    ["--since", expect.stringMatching(ISO)],
  ],
])("but not those that failed since (%j)", async (flags, kept) => {
  const broken = await machine.listen(["--status", "503"]);
  await machine.serve();
  await machine.rehearse("demo", broken.url, 3);
  const counted = await machine.ids("demo", "--failed");
  const asked = await machine.whcb(["mark-success", "demo", "--failed", ...flags]);
  const inJson = await machine.whcb(["mark-success", "demo", "--failed", ...flags, "-o", "json"]);
  await machine.works(["trigger", "demo", "-n", "5"]);
  await machine.settled("demo");

  const typed = words(/to continue, type: (.*)\n/.exec(asked.stderr)?.[1] ?? "");
  expect(typed).toEqual([
    "mark-success",
    expect.stringMatching(/^[0-9A-F]{16}$/),
    "--failed",
    ...kept,
    "--until",
    expect.stringMatching(ISO),
    ...["--profile", "local"],
    "--yes",
  ]);
  const [{ command }] = JSON.parse(inJson.stderr).error.next;
  const untilIn = (line: readonly string[]) => line[line.indexOf("--until") + 1];
  expect(untilIn(words(command))).toBe(untilIn(typed));
  await machine.works(typed);
  expect((await machine.ids("demo", "--success")).toSorted()).toEqual(counted.toSorted());
  expect(await machine.ids("demo", "--failed")).toHaveLength(5);
});

it("and all of them where dates have no seconds, once their minute is over", async () => {
  const calls = platformCalls(3);
  const callbacks = [{ id: "528F17736481BA9A", name: "demo", url: "http://127.0.0.1:9/", key: "planted-key", calls }];
  const listening = await scriptedPlatform({ clock: systemClock, callbacks }).listen();
  const env = { WHCB_URL: listening.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  const { stderr } = await machine.whcb(["mark-success", "demo", "--failed"], { env });
  const line = /to continue, type: (.*)\n/.exec(stderr)?.[1] ?? "";
  expect(line).toContain(" --until 2026-11-24T09:32:00.000Z ");
  await machine.works(words(line), { env });
  expect(calls.map(({ status }) => status)).toEqual(["SUCCESS", "SUCCESS", "SUCCESS"]);
  await listening.close();
});

it.each([
  ["minutes", MINUTE, toPlatformDate],
  ["seconds", 1_000, (at: number) => new Date(at).toISOString()],
] as const)("but none of the latest minute or second where more may get its date: whole %s", async (_, unit, written) => {
  const latest = Math.floor((Date.now() - 5 * 60 * MINUTE) / unit) * unit;
  const calls = platformCalls(3, (index) => ({
    callback: { attemptedDate: written(latest - (index === 0 ? 0 : unit), "UTC"), statusCode: "503" },
  }));
  const callbacks = [{ id: "528F17736481BA9A", name: "demo", url: "http://127.0.0.1:9/", key: "planted-key", calls }];
  const listening = await scriptedPlatform({ clock: systemClock, callbacks }).listen();
  const env = { WHCB_URL: listening.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  const { stderr } = await machine.whcb(["mark-success", "demo", "--failed"], { env });
  expect(stderr).toContain(", as more may get this date: mark them by their ids\n");
  await machine.works(words(/to continue, type: (.*)\n/.exec(stderr)?.[1] ?? ""), { env });
  expect(calls.map(({ status }) => status)).toEqual(["FAILED", "SUCCESS", "SUCCESS"]);
  await listening.close();
});

it("but none that is dated later than the list, where the dates' time zone isn't known: the line says so", async () => {
  const now = Math.floor(Date.now() / MINUTE) * MINUTE;
  const calls = platformCalls(3, (index) => ({
    callback: { attemptedDate: toPlatformDate(now + (index === 0 ? 8 : -8) * 60 * MINUTE, "UTC"), statusCode: "503" },
  }));
  const callbacks = [{ id: "528F17736481BA9A", name: "demo", url: "http://127.0.0.1:9/", key: "planted-key", calls }];
  const listening = await scriptedPlatform({ clock: systemClock, callbacks }).listen();
  const env = { WHCB_URL: listening.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  const { stderr } = await machine.whcb(["mark-success", "demo", "--failed"], { env });
  expect(stderr).toMatch(
    /\nthe line to type leaves out the calls dated later than .+, the time of the list: mark them by their ids\n/,
  );
  await machine.works(words(/to continue, type: (.*)\n/.exec(stderr)?.[1] ?? ""), { env });
  expect(calls.map(({ status }) => status)).toEqual(["FAILED", "SUCCESS", "SUCCESS"]);
  await listening.close();
});

it("but none without the date of an attempt, as no --until can tell it from later ones", async () => {
  const broken = await machine.listen(["--status", "503"]);
  await machine.serve();
  await machine.rehearse("demo", broken.url, 3);
  const attempted = await machine.ids("demo", "--failed");
  await machine.works(["callbacks", "pause", "demo"]);
  await machine.works(["trigger", "demo", "-n", "2"]);
  const waiting = await machine.ids("demo", "--pending");
  for (const mark of ["mark-success", "mark-failed"]) await machine.works([mark, "demo", ...waiting, "--yes"]);
  const asked: string[] = [];
  for (const flags of [["--status-code", "none"], []])
    asked.push((await machine.whcb(["mark-success", "demo", "--failed", ...flags])).stderr);
  await broken.stop();
  await machine.works(["callbacks", "resume", "demo"]);
  await machine.works(["trigger", "demo", "-n", "2"]);
  await machine.settled("demo");

  for (const stderr of asked) {
    expect(stderr).toContain("\nthe line to type leaves out 2 calls without the date of an attempt: mark them by their ids\n");
    await machine.works(words(/to continue, type: (.*)\n/.exec(stderr)?.[1] ?? ""));
  }
  expect((await machine.ids("demo", "--success")).toSorted()).toEqual(attempted.toSorted());
});
