import { expect, test } from "vitest";
import { openScreen } from "../../../../src/cli/output/screen.js";
import { captureIo } from "../../../support/cli/cli-streams.js";

const CHOICES = { format: undefined, noColor: false, utc: false, now: 0 };

test("a terminal that doesn't tell its width is taken as 80 columns wide, and nothing is animated on it", async () => {
  const io = captureIo({ columns: 0, canAsk: true });
  const stderr = Object.assign(io.stderr, { columns: 0, cursorTo: () => true });
  const { renderOptions, canAnimate, canAsk } = await openScreen({ ...io, stderr }, CHOICES);
  expect([renderOptions.width, canAnimate, canAsk]).toEqual([80, false, true]);
});

test("a dumb terminal isn't animated, one that tells its width is", async () => {
  for (const [env, wanted] of [
    [{ TERM: "dumb" }, false],
    [{ TERM: "xterm" }, true],
  ] as const) {
    const io = captureIo({ canAsk: true, env });
    const stderr = Object.assign(io.stderr, { cursorTo: () => true });
    expect((await openScreen({ ...io, stderr }, CHOICES)).canAnimate).toBe(wanted);
  }
});

test("a person is asked only where both stdin and stderr are terminals", async () => {
  const io = captureIo({ canAsk: true });
  const piped = captureIo();
  const asks = async (streams: Partial<typeof io>) => (await openScreen({ ...io, ...streams }, CHOICES)).canAsk;
  expect([await asks({}), await asks({ stdin: piped.stdin }), await asks({ stderr: piped.stderr })]).toEqual([
    true,
    false,
    false,
  ]);
});
