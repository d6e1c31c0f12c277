import { afterEach, describe, expect, test, vi } from "vitest";
import type { CliDeps } from "../../../../../src/cli/cli-deps.js";
import { WhcbError } from "../../../../../src/domain/errors.js";
import { DEFAULT_SERVICE_SETTINGS } from "../../../../../src/domain/service-settings.js";
import { newCliWorld, runCli } from "../../../../support/cli/run-cli.js";

const FAILURE = new WhcbError("unavailable", "it broke");
const fails = () => Promise.reject(FAILURE);

describe("a demo that fails closes what it opened, the failing parts too", () => {
  function world(broken: "startService" | "openClient" | "openDeliverer") {
    const closed: string[] = [];
    const close = (name: string) => async () => {
      closed.push(name);
      throw new Error("it can't be closed either");
    };
    const service = {
      metricsUrl: null,
      url: "http://127.0.0.1:1",
      portLock: null,
      portFailure: null,
      settings: DEFAULT_SERVICE_SETTINGS,
      waiting: { pending: 0, failed: 0, retried: 0 },
      mailDirectory: "",
      users: { removed: [], own: "new" as const },
      databaseId: null,
      clearTextHost: null,
      sentBefore: {},
      stopped: new Promise<void>(() => {}),
      stop: close("service"),
    };
    const deps: Partial<CliDeps> = {
      startService: async () => service,
      // It has only what the demo does with a client before it fails.
      openClient: async () => ({ close: close("client") }) as never,
      ...{ [broken]: fails },
    };
    return { closed, world: newCliWorld(deps) };
  }

  test.each([
    ["startService", []],
    ["openClient", ["service"]],
    ["openDeliverer", ["client", "service"]],
  ] as const)("%s", async (broken, expected) => {
    const { closed, world: cli } = world(broken);
    expect(await runCli(cli, ["demo"])).toEqual({ code: 5, stdout: "", stderr: "error: it broke\n" });
    expect(closed).toEqual(expected);
  });
});

describe("a demo without a folder for temporary files", () => {
  afterEach(() => vi.unstubAllEnvs());

  test("says how to name one", async () => {
    const cli = newCliWorld({});
    for (const name of ["TMPDIR", "TEMP"]) vi.stubEnv(name, "/nowhere");
    expect(await runCli(cli, ["demo"])).toEqual({
      code: 4,
      stdout: "",
      stderr: expect.stringMatching(
        /^error: the demo can't make a folder for its files: ENOENT: .*nowhere.*\nhint: set TMPDIR to a folder that can be written\n$/,
      ),
    });
  });
});
