/** A database file that is moved or replaced while it is served gets nothing more. */
import { copyFileSync, linkSync, renameSync, rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { CliMachine } from "../support/cli/cli-service.js";

let machine: CliMachine;

beforeEach(() => {
  machine = new CliMachine();
});

afterEach(() => machine.leave());

/** Resolves to whether the service has stopped answering within five seconds. */
async function hasEnded(url: string): Promise<boolean> {
  for (const end = systemClock.now() + 5_000; systemClock.now() < end; await systemClock.sleepUntil(systemClock.now() + 50)) {
    if (
      await fetch(`${url}/healthz`).then(
        () => false,
        () => true,
      )
    )
      return true;
  }
  return false;
}

describe("whcb serve", () => {
  it.each([
    { does: "is moved away", change: (path: string) => renameSync(path, `${path}.old`) },
    {
      does: "is replaced by a copy",
      change: (path: string) => {
        copyFileSync(path, `${path}.copy`);
        renameSync(`${path}.copy`, path);
      },
    },
  ])("ends with exit code 5 if its database $does", async ({ change }) => {
    const service = await machine.serve();
    change(machine.path("whcb.db"));
    expect(await hasEnded(service.url)).toBe(true);
    const { code, stderr } = await service.stop();
    expect([code, stderr]).toEqual([5, expect.stringContaining("was moved or replaced while it was served")]);
  });

  it("goes on while its database is backed up and another name comes and goes", async () => {
    const service = await machine.serve();
    const path = machine.path("whcb.db");
    await machine.works(["db", "backup", `${path}.backup`, "--db", path]);
    linkSync(path, `${path}.link`);
    await systemClock.sleepUntil(systemClock.now() + 2_500);
    rmSync(`${path}.link`);
    expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
    expect((await service.stop()).code).toBe(0);
  });
});
