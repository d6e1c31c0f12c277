import { describe, expect, test } from "vitest";
import { FILTER_FLAGS, isNarrowed, readFilter, readNarrowing } from "../../../../src/cli/args/filter-flags.js";
import { type FlagValues, ParsedArgs } from "../../../../src/cli/args/flag.js";
import { parseArgv } from "../../../../src/cli/args/parse-argv.js";

const NOW = Date.UTC(2026, 10, 24, 12);
const LIST = { name: "list", summary: "", flags: FILTER_FLAGS, examples: [], load: async () => ({ run: async () => 0 }) };
const SECTION = { heading: "Calls", entries: [{ ...LIST, load: async () => LIST }] };

async function parse(...argv: string[]): Promise<FlagValues<typeof FILTER_FLAGS>> {
  const line = await parseArgv(["list", ...argv], [SECTION], { version: "0", width: 80 });
  if (line.kind !== "command") throw new Error(line.kind);
  return new ParsedArgs(line.operands, line.raw, { now: NOW, utc: true }).read(FILTER_FLAGS);
}

describe("the flags of a filter", () => {
  test("not given, leave out nothing", async () => {
    expect([readFilter(await parse()), isNarrowed(await parse())]).toEqual([{}, false]);
  });

  test("each become one field of the filter", async () => {
    const narrowing = ["--since", "7d", "--until", "2026-11-24", "--status-code", "500,4xx,none", "--channel", "email"];
    const given = await parse("--failed", ...narrowing, "--message", "M1", "--from", "Fred", "--grep", "boots");
    const narrowed = {
      since: NOW - 7 * 24 * 3_600_000,
      until: Date.UTC(2026, 10, 24),
      statusCodes: [{ code: 500 }, { class: 4 }, { none: true }],
      channel: "EMAIL",
      messageId: "M1",
      from: "Fred",
      text: "boots",
    };
    expect(readFilter(given)).toEqual({ status: "FAILED", ...narrowed });
    expect(readNarrowing(given)).toEqual(narrowed);
    expect(isNarrowed(given)).toBe(true);
  });

  test.each([
    ["--failed", "FAILED"],
    ["--success", "SUCCESS"],
    ["--pending", "PENDING"],
  ])("%s selects %s, which isn't a narrowing", async (flag, status) => {
    expect([readFilter(await parse(flag)), isNarrowed(await parse(flag))]).toEqual([{ status }, false]);
  });

  test.each([
    [["--failed", "--pending"], "--failed, --success and --pending exclude each other"],
    [["--since", "1h", "--until", "2h"], "--since must be before --until"],
    [["--since", "1h", "--until", "1h"], "--since must be before --until"],
    [["--status-code", "5x"], "must be a status code"],
    [["--status-code", "500,"], "an element of --status-code is empty"],
    [["--from", ""], "--from is empty"],
  ])("%j are rejected", async (argv, message) => {
    await expect(parse(...argv).then(readFilter)).rejects.toThrow(message);
  });
});
