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
    expect([code, stderr]).toEqual([5, expect.stringContaining("was moved or replaced while it was in use")]);
  });

  it("warns once that its database is a copy, whose calls another one may send, but not if it sends none", async () => {
    const original = machine.path("whcb.db");
    const copy = machine.path("copy.db");
    const warningOf = async (...args: readonly string[]): Promise<string | undefined> => {
      const service = await machine.serve(args);
      return /^warning: this database is a copy.*/m.exec((await service.stop()).stderr)?.[0];
    };
    expect([await warningOf(), await warningOf()]).toEqual([undefined, undefined]);
    await machine.works(["db", "backup", copy, "--db", original]);
    copyFileSync(`${original}.key`, `${copy}.key`);
    expect(await warningOf("--db", copy, "--no-dispatch")).toBeUndefined();
    expect(await warningOf("--db", copy)).toBe(
      "warning: this database is a copy of the one that was served before: while that is served too, both send the same calls. --no-dispatch sends none",
    );
    expect([await warningOf("--db", copy), await warningOf()]).toEqual([undefined, undefined]);
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
