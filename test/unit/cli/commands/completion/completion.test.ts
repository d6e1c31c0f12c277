/** The shells themselves are tested in test/e2e/completion-shells.test.ts. */
import { chmodSync, chownSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Client } from "../../../../../src/client/client.js";
import { WhcbError } from "../../../../../src/domain/errors.js";
import { systemClock } from "../../../../../src/platform/clock.js";
import { aListedCall, aListedCallback } from "../../../../support/cli/listed.js";
import { newCliWorld, runCli } from "../../../../support/cli/run-cli.js";

const ENV = { WHCB_URL: "http://127.0.0.1:1", WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
const PATIENT = { ...ENV, WHCB_COMPLETION_TIMEOUT: "30s" };

/** Returns the values offered for the last word. */
async function offered(
  world: ReturnType<typeof newCliWorld>,
  words: readonly string[],
  env: Readonly<Record<string, string>> = PATIENT,
): Promise<readonly string[]> {
  const argv = ["__complete", "zsh", ...words.slice(0, -1), `:${words.at(-1)}`];
  const { code, stdout, stderr } = await runCli(world, argv, { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => (line === "\tfiles" ? "files" : line.replace(/\t.*/, "")));
}

function aService(over: Partial<Client> = {}) {
  const state = { opened: 0, filters: [] as unknown[], shiftMs: 0 };
  const client: Partial<Client> = {
    listCallbacks: async () => [
      aListedCallback({ id: "0123456789ABCDEF", name: "Replies CRM" }),
      aListedCallback({ id: "1123456789ABCDEF", name: "--yes" }),
      aListedCallback({ id: "2123456789ABCDEF", name: "2123456789ABCDE0" }),
    ],
    getCallback: async () => aListedCallback({ id: "0123456789ABCDEF" }),
    async *listCalls(_, { filter }) {
      state.filters.push(filter);
      yield {
        calls: [aListedCall({ id: "--to=http://evil.example/" }), aListedCall({ id: "AB".repeat(16) })],
        withoutId: [],
        leftOut: 0,
        unclear: 0,
        total: 1,
      };
    },
    close: async () => {},
    ...over,
  };
  const clock = {
    ...systemClock,
    now: () => systemClock.now() + state.shiftMs,
    sleepUntil: (at: number) => systemClock.sleepUntil(at - state.shiftMs),
  };
  const world = newCliWorld({
    clock,
    openClient: async () => {
      state.opened += 1;
      return client as Client;
    },
  });
  return { state, world };
}

describe("completion offers", () => {
  const world = newCliWorld();

  test.each([
    [["ca"], ["calls", "callbacks"]],
    [["calls", "l"], ["list"]],
    [
      ["resend", "--pr"],
      ["--print-curl", "--profile"],
    ],
    [["outages", ""], ["list"]],
    [["undo", "--dr"], ["--dry-run"]],
    [["calls", "ls", "demo", "--sta"], ["--status-code"]],
    [["calls", "list", "-o", "demo", "--output", "nd"], ["ndjson"]],
    [["calls", "list", "--output=n"], ["--output=ndjson"]],
    [
      ["callbacks", "update", "demo", "--retries", ""],
      ["on", "off"],
    ],
    [["completion", "p"], ["powershell"]],
    [
      ["replay", "--pr"],
      ["--print-curl", "--profile"],
    ],
    [["--utc", "help", "ru"], []],
    [["help", "runs", "d"], ["discard"]],
    [["config", "set", "time"], ["timezone"]],
    [
      ["runs", "list", "--json", "kind,st"],
      ["kind,state", "kind,startedAt"],
    ],
    [["serve", "--db", ""], ["files"]],
    [["nonsense", ""], []],
    [["replay", "--resume", "--fi"], ["--file"]],
    [["status", "--", "--ut"], []],
  ])("for %j: %j", async (words, expected) => {
    expect(await offered(world, words)).toEqual(expected);
  });

  test("callbacks by name, or by id where the name reads as a flag or an id", async () => {
    const service = aService();
    expect(await offered(service.world, ["status", ""])).toEqual(["Replies CRM", "1123456789ABCDEF", "2123456789ABCDEF"]);
    expect(await offered(service.world, ["status", "Rep"])).toEqual(["Replies CRM"]);
  });

  test("the calls that the command can change", async () => {
    const { world: ours, state } = aService();
    for (const command of [["calls", "get"], ["replay"], ["mark-failed"]])
      expect(await offered(ours, [...command, "demo", ""])).toEqual(["AB".repeat(16)]);
    expect(state.filters).toEqual([{}, { status: "FAILED" }, { status: "SUCCESS" }]);
  });
});

test("completion doesn't make another call's id of one that is whole, though that call isn't among those offered", async () => {
  const asked: string[] = [];
  const { world } = aService({
    async *listCalls() {
      yield { calls: [aListedCall({ id: "order-12" })], withoutId: [], leftOut: 0, unclear: 0, total: 1 };
    },
    getCall: async (_, id) => {
      asked.push(id);
      if (id !== "order-1") throw new WhcbError("not-found", "no such call");
      return aListedCall({ id, status: "SUCCESS" });
    },
  });
  expect(await offered(world, ["mark-success", "demo", "order-1"])).toEqual(["order-12", "order-1"]);
  expect(await offered(world, ["mark-success", "demo", "order-"])).toEqual(["order-12"]);
  expect(await offered(world, ["mark-success", "demo", "order-12"])).toEqual(["order-12"]);
  expect(asked).toEqual(["order-1", "order-"]);
});

test("completion doesn't take the only one of the newest calls for the one that is meant, which may be an older one", async () => {
  const { world } = aService({
    async *listCalls() {
      const calls = Array.from({ length: 100 }, (_, index) => aListedCall({ id: `order-${index + 100}` }));
      yield { calls, withoutId: [], leftOut: 0, unclear: 0, total: 160 };
    },
  });
  expect(await offered(world, ["mark-success", "demo", ""])).toHaveLength(100);
  expect(await offered(world, ["mark-success", "demo", "order-19"])).toEqual([]);
});

describe("what is looked up", () => {
  test("is kept for some seconds, for one service and user", async () => {
    const { world, state } = aService();
    for (let time = 0; time < 3; time++) await offered(world, ["status", ""]);
    expect(state.opened).toBe(1);
    await offered(world, ["status", ""], { ...PATIENT, WHCB_USERNAME: "other" });
    expect(state.opened).toBe(2);
    state.shiftMs = 20_000;
    await offered(world, ["status", ""]);
    expect(state.opened).toBe(3);
  });

  // Only root can give a file away.
  test.runIf(process.getuid?.() === 0).each([0o1777, 0o3770])(
    "isn't taken from a stranger's file where others may write (%o)",
    async (mode) => {
      const { world } = aService();
      await offered(world, ["status", ""]);
      chmodSync(world.paths.data, mode);
      expect(await offered(world, ["status", "Rep"])).toEqual(["Replies CRM"]);
      chownSync(join(world.paths.data, "completion-cache.json"), 12_345, 12_345);
      expect(await offered(world, ["status", "Rep"])).toEqual([]);
    },
  );

  test("is left out if it fails, and if it takes too long", async () => {
    const failing = aService({ listCallbacks: () => Promise.reject(new Error("boom")) });
    expect(await offered(failing.world, ["status", ""])).toEqual([]);
    const hanging = aService({ listCallbacks: () => new Promise(() => {}) });
    expect(await offered(hanging.world, ["status", ""], { ...ENV, WHCB_COMPLETION_TIMEOUT: "20ms" })).toEqual([]);
    expect(await offered(newCliWorld(), ["status", ""], { ...ENV, WHCB_URL: "no such file.db" })).toEqual([]);
    expect(await offered(newCliWorld(), ["status", ""], { ...ENV, WHCB_COMPLETION_TIMEOUT: "soon" })).toEqual([]);
  });
});

test("the script for PowerShell asks with the words before the cursor, and quotes what it inserts", async () => {
  const { stdout } = await runCli(newCliWorld(), ["completion", "powershell"]);
  expect(stdout).toContain("Register-ArgumentCompleter -Native -CommandName whcb");
  expect(stdout).toContain('whcb __complete powershell @words ":$current" 2>$null');
  expect(stdout).toContain(String.raw`"'" + ($value -replace "['\u2018-\u201B]", '$0$0') + "'"`);
  const count = (text: string) => stdout.split(text).length;
  expect([count("{"), count("(")]).toEqual([count("}"), count(")")]);
});

test("a script for another shell: it says which there are", async () => {
  expect(await runCli(newCliWorld(), ["completion", "bsh"])).toEqual({
    code: 2,
    stdout: "",
    stderr: 'error: no completion for "bsh"\nhint: did you mean bash? there are: bash, zsh, fish, powershell\n',
  });
});
