import { describe, expect, it } from "vitest";
import { releaseOnInterrupt } from "../../../../src/cli/settings/take-locks.js";
import { captureIo } from "../../../support/cli/cli-streams.js";
import { VirtualClock } from "../../../support/time/virtual-clock.js";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function interrupted(isSending: boolean, release: () => Promise<void> = async () => undefined) {
  const io = captureIo();
  const clock = new VirtualClock();
  let released = 0;
  const stopListening = releaseOnInterrupt(
    {
      isSending,
      release() {
        released += 1;
        return release();
      },
    },
    io,
    clock,
  );
  io.interrupt();
  return { io, clock, stopListening, released: () => released };
}

describe("Ctrl-C while a callback is locked", () => {
  it("releases it before the process ends with 130", async () => {
    const { io, released } = interrupted(false);
    expect(io.exitedWith()).toBeNull();
    await turn();
    expect([released(), io.exitedWith()]).toEqual([1, 130]);
  });

  it("is left to the run once that has begun", async () => {
    const { io, released } = interrupted(true);
    await turn();
    expect([released(), io.exitedWith()]).toEqual([0, null]);
  });

  it("waits no longer than 2 seconds for a service that doesn't answer", async () => {
    const { io, clock } = interrupted(false, () => new Promise(() => undefined));
    clock.advance(1_999);
    await turn();
    expect(io.exitedWith()).toBeNull();
    clock.advance(1);
    await turn();
    expect(io.exitedWith()).toBe(130);
  });

  it("does nothing after the lock was released", async () => {
    const { io, stopListening } = interrupted(true);
    stopListening();
    io.interrupt();
    await turn();
    expect(io.exitedWith()).toBeNull();
  });
});
