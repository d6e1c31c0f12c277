/** A write that fails is never taken for success, whatever the command and the format. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, statSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { serveHere } from "../support/process/serve-here.js";
import { Home, REPOSITORY } from "../support/process/whcb-process.js";

const home = new Home();

beforeAll(async () => {
  await serveHere(home);
  const endpoint = await home.listen(["--status", "503"]);
  await home.whcb(["callbacks", "create", "--name", "demo", "--url", `${endpoint.url}/hook`, "--email", "ops@example.com"]);
  await home.whcb(["trigger", "demo", "-n", "100"]);
});

afterAll(() => home.leave());

const COMMANDS: readonly (readonly string[])[] = [
  ["--version"],
  ["--help"],
  ["completion", "bash"],
  ["config", "get"],
  ["status"],
  ["check", "-o", "json", "--max-failed", "1000"],
  ["replay", "demo", "--failed", "--dry-run"],
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

test("a full pipe that another process made non-blocking is waited for", async () => {
  const path = home.path("pipe");
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const fill = fillPipe(writer);
  const recorder = join(REPOSITORY, "test", "support", "process", "report-full-pipe.cjs");
  const line = [process.execPath, "--require", recorder, join(REPOSITORY, "bin", "whcb.js"), "--help"];
  const child = spawn("bash", ["-c", 'exec "$@" >&3', "bash", ...line], { stdio: ["ignore", "ignore", "pipe", writer] });
  closeSync(writer);
  const closed = once(child, "close");
  if (child.stderr === null) throw new Error("stderr isn't a pipe");
  expect(String(await once(child.stderr, "data"))).toBe("full\n");
  const written = await text(new Socket({ fd: reader, readable: true }));
  expect(written.slice(fill)).toBe((await home.whcb(["--help"])).stdout);
  expect(await closed).toEqual([0, null]);
});

test("a temporary endpoint answers only once its line is written, however long the reader waits", async () => {
  const endpoint = await home.listen(["-o", "json"]);
  endpoint.child.stdout.pause();
  const bodies = Array.from({ length: 20 }, (_, index) => `${index} ${"x".repeat(100_000)}`);
  const posts = bodies.map(async (body) => (await fetch(endpoint.url, { method: "POST", body })).status);
  const early = await Promise.race([Promise.all(posts), systemClock.sleepUntil(systemClock.now() + 500)]);
  endpoint.child.stdout.resume();
  expect([early, await Promise.all(posts)]).toEqual([undefined, bodies.map(() => 200)]);
  const { stdout } = await endpoint.stop();
  const printed = stdout.trimEnd().split("\n");
  expect(printed.map((line) => JSON.parse(line).body).toSorted()).toEqual(bodies.toSorted());
});

test("a temporary endpoint whose line can't be written accepts nothing, and ends", async () => {
  const full = home.start(["listen", "--port", "0", "-o", "ndjson"], { stdoutFile: "/dev/full" });
  const [, url = ""] = await full.says(/(http:\/\/127\.0\.0\.1:\d+)/);
  await expect(fetch(url, { method: "POST", body: "A" })).rejects.toThrow();
  const { code, stderr } = await full.ended;
  expect([code, stderr.includes("the output can't be written: ENOSPC")]).toEqual([5, true]);

  const gone = await home.listen();
  gone.child.stdout.destroy();
  await expect(fetch(gone.url, { method: "POST", body: "A" })).rejects.toThrow();
  expect((await gone.ended).code).toBe(0);
});

/** Returns how many bytes it took. */
function fillPipe(writer: number): number {
  const page = Buffer.alloc(4096, ".");
  for (let written = 0; ; ) {
    try {
      written += writeSync(writer, page);
    } catch (error) {
      expect(error).toMatchObject({ code: "EAGAIN" });
      return written;
    }
  }
}
