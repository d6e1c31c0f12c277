/** A write that fails is never taken for success, whatever the command and the format (covers src/platform/terminal.ts). */
import { statSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Home } from "../support/process/whcb-process.js";

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const home = new Home();

beforeAll(async () => {
  await home.serve();
  const endpoint = await home.listen(["--status", "503"]);
  await home.whcb(["callbacks", "create", "--name", "demo", "--url", `${endpoint.url}/hook`, "--email", "ops@example.com"]);
  await home.whcb(["trigger", "demo", "-n", "100"]);
});

afterAll(() => home.leave());

const COMMANDS: readonly (readonly string[])[] = [
  ["--version"],
  ["--help"],
  ["help", "exit-codes"],
  ["completion", "bash"],
  ["config", "get"],
  ["config", "path"],
  ["profiles", "list"],
  ["status"],
  ["status", "-o", "json"],
  ["check", "-o", "json", "--max-failed", "1000"],
  ["callbacks", "get", "demo"],
  ["replay", "demo", "--failed", "--dry-run"],
  ["mark-success", "demo", "--failed", "--dry-run"],
  ...["table", "json", "ndjson", "csv", "ids"].map((format) => ["calls", "list", "demo", "--all", "-o", format]),
];

describe("a command whose output can't be written", () => {
  it.each(COMMANDS.map((args) => [args.join(" "), args] as const))("exits 5 and says why: %s", async (_, args) => {
    const { code, stderr } = await home.whcb(args, { stdoutFile: "/dev/full" });
    expect([code, stderr.includes("the output can't be written: ENOSPC: no space left on device")]).toEqual([5, true]);
  });

  it.each(["json", "ndjson", "csv", "ids"])("exits 5 if only the beginning of -o %s could be written", async (format) => {
    const file = home.path(`calls.${format}`);
    const args = ["calls", "list", "demo", "--all", "-o", format];
    expect((await home.whcb(args, { stdoutFile: file })).code).toBe(0);
    const whole = statSync(file).size;
    const limited = await home.whcb(args, {
      stdoutFile: home.path(`cut.${format}`),
      longestFileKiB: Math.ceil(whole / 1024) - 1,
    });
    expect([limited.code, limited.stderr.includes("the output can't be written: EFBIG")]).toEqual([5, true]);
  });
});
