import { Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { openScreen, writeOutput } from "../../../../src/cli/output/screen.js";
import { layoutText } from "../../../../src/cli/output/screen-text.js";
import { run } from "../../../../src/cli/run.js";
import { captureIo } from "../../../support/cli/cli-streams.js";
import { cliDeps, newCliWorld } from "../../../support/cli/run-cli.js";

const CHOICES = { format: undefined, noColor: false, utc: false, now: 0 };

test("a terminal that reports a width of 0 counts as 80 columns wide, without animation", async () => {
  const io = captureIo({ columns: 0, canAsk: true });
  const stderr = Object.assign(io.stderr, { columns: 0, cursorTo: () => true });
  const { renderOptions, canAnimate, canAsk } = await openScreen({ ...io, stderr }, CHOICES);
  expect([renderOptions.width, canAnimate, canAsk]).toEqual([80, false, true]);
});

test("a dumb terminal isn't animated, nor a plain one, but another one is", async () => {
  for (const [env, wanted] of [
    [{ TERM: "dumb" }, false],
    [{ TERM: "xterm", ACCESSIBLE: "1" }, false],
    [{ TERM: "xterm", ACCESSIBLE: "0" }, true],
    [{ TERM: "xterm" }, true],
  ] as const) {
    const io = captureIo({ canAsk: true, env });
    const stderr = Object.assign(io.stderr, { cursorTo: () => true });
    expect((await openScreen({ ...io, stderr }, CHOICES)).canAnimate).toBe(wanted);
  }
});

test("questions are asked only if stdin and stderr are both terminals", async () => {
  const io = captureIo({ canAsk: true });
  const piped = captureIo();
  const asks = async (streams: Partial<typeof io>) => (await openScreen({ ...io, ...streams }, CHOICES)).canAsk;
  expect([await asks({}), await asks({ stdin: piped.stdin }), await asks({ stderr: piped.stderr })]).toEqual([
    true,
    false,
    false,
  ]);
});

describe("a write that fails", () => {
  function failing(code: string): Writable {
    return new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error(`${code}: it failed`), { code })),
    }).on("error", () => {});
  }

  test.each([
    ["EPIPE", 0, ""],
    ["ENOSPC", 5, "error: the output can't be written: ENOSPC: it failed\n"],
    ["EIO", 5, "error: the output can't be written: EIO: it failed\n"],
  ])("with %s ends any command with %d", async (code, exit, message) => {
    for (const argv of [["--version"], ["--help"], ["config", "path"]]) {
      const io = captureIo();
      const deps = cliDeps(newCliWorld(), { ...io, stdout: failing(code) });
      expect([argv, await run(argv, deps), io.err()]).toEqual([argv, exit, message]);
    }
  });

  test("is reported again by later writes, not mistaken for a closed pipe", async () => {
    const stdout = failing("ENOSPC");
    for (let turn = 0; turn < 2; turn++)
      await expect(writeOutput(stdout, layoutText("text"))).rejects.toMatchObject({ code: "unavailable" });
  });
});
