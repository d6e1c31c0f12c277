/** `whcb watch` runs in real terminals and pipes. */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Background } from "../support/cli/cli-service.js";
import { serveHere } from "../support/process/serve-here.js";
import { CTRL_C, CTRL_Z, Terminal } from "../support/process/terminal.js";
import { BIN, Home } from "../support/process/whcb-process.js";

const home = new Home();
let served: Background;

beforeAll(async () => {
  served = await serveHere(home, ["--no-endpoint-check"]);
  const failing = await home.listen(["--status", "503"]);
  const created = ["--name", "demo", "--url", `${failing.url}/hook`, "--email", "ops@example.com"];
  await home.whcb(["callbacks", "create", ...created], { env: { WHCB_CALLBACK_KEY: "k" } });
  await home.whcb(["trigger", "demo", "-n", "20"]);
});

afterAll(() => home.leave());

const OPEN = /demo {2}(?:failing|down) since/;

const trigger = (count: number) => home.whcb(["trigger", "demo", "-n", String(count)]);

describe.concurrent("whcb watch on a terminal", () => {
  it.each([
    [60, 20],
    [100, 30],
    [200, 60],
  ])("of %i columns and %i rows shows counts, and a failure as it arrives; q ends it", async (columns, rows) => {
    const terminal = Terminal.whcb(home, ["watch", "demo"], { columns, rows });
    await terminal.shows(OPEN);
    await terminal.shows(/out 0\.0\/s/);
    await trigger(1);
    await terminal.shows(/:\d\d {2}demo: failed 503 Service/);
    const lines = await terminal.lines();
    expect(lines[0]).toBe(`whcb watch  ${served.url}`);
    expect(lines.at(-1)).toBe("q quits");
    // What a busy service hasn't counted yet isn't shown.
    await terminal.shows(/\d+ failed {2}\d+ waiting/);
    expect(terminal.isFilled).toBe(true);
    terminal.type("q");
    expect((await terminal.closed()).code).toBe(0);
    expect([terminal.isFilled, terminal.written.endsWith("\u001b[?25h\u001b[?1049l")]).toEqual([false, true]);
  });

  it("draws again in a new size, without a line of the old one", async () => {
    const terminal = Terminal.whcb(home, ["watch"], { columns: 120, rows: 40 });
    await terminal.shows(OPEN);
    for (const [columns, rows] of [
      [60, 20],
      [200, 60],
      [60, 12],
    ] as const) {
      terminal.resize(columns, rows);
      await terminal.shows(new RegExp(`^whcb watch[\\s\\S]*\\n(?:.*\\n){${rows - 5}}q quits$`));
      expect((await terminal.text()).match(/whcb watch|q quits/g)).toHaveLength(2);
    }
    terminal.type(CTRL_C);
    expect((await terminal.closed()).code).toBe(130);
  });

  it("gives the terminal to the shell on Ctrl-Z, and takes it again on fg", async () => {
    const terminal = Terminal.shell(home, { columns: 90 });
    terminal.type(`echo before; '${process.execPath}' '${BIN}' watch\r`);
    await terminal.shows(OPEN);
    terminal.type(CTRL_Z);
    await terminal.shows(/before\n[\s\S]*Stopped[\s\S]*\$$/);
    terminal.type("echo in the shell; stty -a | tr ' ' '\\n' | grep -x -e -echo -e echo\r");
    // The shell shows what is typed, as before.
    await terminal.shows(/in the shell\necho\n/);
    terminal.type("fg; echo ended $?\r");
    await terminal.shows(/^whcb watch[\s\S]*q quits$/);
    terminal.type("q");
    await terminal.shows(/before\n[\s\S]*ended 0/);
    terminal.type("exit\r");
    await terminal.closed();
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const)("leaves the screen on %s", async (signal) => {
    const terminal = Terminal.whcb(home, ["watch"]);
    await terminal.shows(OPEN);
    await terminal.kill(signal);
    const { code } = await terminal.closed();
    expect([terminal.isFilled, code !== 0]).toEqual([false, true]);
  });

  it("leaves the screen before the stack trace of a crash", async () => {
    writeFileSync(home.path("crash.cjs"), 'process.on("SIGUSR2", () => { throw new Error("a crash"); });');
    const terminal = Terminal.whcb(home, ["watch"], { env: { NODE_OPTIONS: `--require ${home.path("crash.cjs")}` } });
    await terminal.shows(OPEN);
    await terminal.kill("SIGUSR2");
    await terminal.closed();
    expect([terminal.isFilled, await terminal.text()]).toEqual([false, expect.stringContaining("Error: a crash")]);
  });

  it.each([
    ["NO_COLOR", ["watch"], { NO_COLOR: "1" }],
    ["--no-color", ["watch", "--no-color"], {}],
  ])("writes no colour with %s", async (_, args, env) => {
    const terminal = Terminal.whcb(home, args, { env });
    await terminal.shows(OPEN);
    terminal.type("q");
    await terminal.closed();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(terminal.written.match(/\u001b\[[1-9][\d;]*m/g)).toBeNull();
  });

  it("says that the service doesn't answer, and from when its figures are; then that it answers again", async () => {
    const own = new Home();
    try {
      const service = await own.serve(["--no-endpoint-check"]);
      const terminal = Terminal.whcb(own, ["watch"], { columns: 120 });
      await terminal.shows("no callbacks yet");
      await service.stop("SIGKILL");
      await terminal.shows(/no answer from http:\S+; what is shown is from \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(\d+s ago\)/);
      await own.serve(["--no-endpoint-check", "--port", new URL(service.url).port]);
      await terminal.shows(/^as of /m, 25_000);
      await own.leave();
      await terminal.closed();
    } finally {
      await own.leave();
    }
  });
});

describe("whcb watch in a pipe", () => {
  it("prints a line per change, until Ctrl-C", async () => {
    const running = home.start(["watch", "demo"]);
    await running.says(/demo: \d+ failed, 0 waiting, 0 delivered or marked\n/);
    await trigger(2);
    await running.says(/(demo: failed 503 Service Unavailable, from \d+, call [0-9A-F]{32}\n.*){2}demo: \d+ failed/s);
    const { code, stdout, stderr } = await running.stop("SIGINT");
    expect([code, stderr]).toEqual([130, ""]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
    expect(stdout).not.toMatch(/\u001b/);
  });

  it("ends when its reader has gone, though nothing changes", async () => {
    const line = `'${process.execPath}' '${BIN}' watch demo | head -1; echo "ended \${PIPESTATUS[0]}"`;
    const running = home.spawn("bash", ["-c", line]);
    expect(await running.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/\nended 0\n$/), stderr: "" });
  });

  it("names a callback that doesn't exist", async () => {
    expect(await home.whcb(["watch", "nope"])).toMatchObject({ code: 3, stdout: "" });
  });
});
