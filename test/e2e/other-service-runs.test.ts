/** An unfinished run is finished on the service that it was made with, and a copy of a database is another service. */
import { once } from "node:events";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ServiceTarget } from "../../src/cli/cli-deps.js";
import { WhcbError } from "../../src/domain/errors.js";
import { openHttpClient } from "../../src/main/open-http-client.js";
import { CliMachine } from "../support/cli/cli-service.js";
import type { IoOptions } from "../support/cli/cli-streams.js";
import type { CliResult } from "../support/cli/run-cli.js";
import { serveHere } from "../support/process/serve-here.js";
import { userEnv } from "../support/process/served-api.js";
import { ENTER, Terminal } from "../support/process/terminal.js";
import { Home } from "../support/process/whcb-process.js";
import { endWithSends } from "../support/replay/killed-run.js";
import { type CountingEndpoint, countingEndpoint } from "../support/replay/replay-desk.js";
import { OUTAGE_SERVICE, type ReplayOutage, replayOutage, works } from "../support/replay/replay-outage.js";

let home: Home;
/** Everything is real here as well, but runs in this process. */
let machine: CliMachine;

beforeEach(() => {
  home = new Home();
  machine = new CliMachine({}, home.paths);
});

afterEach(() => home.leave());

it("a rehearsal on a copy of the profile's database isn't finished on the profile's service", async () => {
  const outage = await replayOutage(home, 3);
  try {
    const copy = home.path("copy.db");
    await works(home, ["db", "backup", copy, "--db", home.path("x.db")]);
    copyFileSync(home.path("x.db.key"), `${copy}.key`);
    const mine = await home.listen(["--status", "503"]);
    const env = { WHCB_URL: copy };
    const rehearsal = ["replay", "demo", "--failed", "--to", mine.url, "--mark", "--yes"];
    const { code, stdout } = await machine.whcb(rehearsal, { env });
    const [, run = ""] = /\nnext, .*: whcb replay --resume (\S+)/.exec(stdout) ?? [];
    expect({ code, isNamed: run !== "" }).toEqual({ code: 8, isNamed: true });

    expect(await machine.whcb(["replay", "demo", "--failed", "--dry-run"])).toMatchObject({
      stderr: "dry run: nothing was sent\n",
    });
    expect(await machine.whcb(["replay", "--resume", "--yes"])).toMatchObject({ code: 0, stderr: "no unfinished run\n" });
    expect(await machine.whcb(["replay", "--resume", run, "--yes"])).toMatchObject({
      code: 4,
      stderr: `error: run ${run} was made with another database, which was at ${copy} then\nhint: on a terminal, \`whcb replay --resume ${run}\` asks; \`whcb runs discard ${run}\` gives it up\n`,
    });
    expect(await outage.failedIds()).toHaveLength(3);
    const here = await machine.whcb(["replay", "--resume", "--yes"], { env });
    expect(here).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`\`whcb replay --resume ${run} --yes --service ${copy}\``),
    });
    expect(await machine.whcb(["replay", "--resume", run, "--yes"], { env })).toMatchObject({ code: 8 });
  } finally {
    await outage.close();
  }
});

it.each([
  ["replay", ["replay", "demo", "--failed", "--mark", "--yes"]],
  ["mark-success", ["mark-success", "demo", "--failed", "--yes"]],
])("a %s on a copy at the same address isn't finished or undone on the database without a question", async (kind, command) => {
  const first = await serveHere(home, OUTAGE_SERVICE);
  const outage = await replayOutage(home, 3, undefined, { isServed: true });
  try {
    const copy = home.path("copy.db");
    await works(home, ["db", "backup", copy, "--db", home.path("x.db")]);
    copyFileSync(home.path("x.db.key"), `${copy}.key`);
    await first.stop();
    const at = ["--port", new URL(first.url).port];
    const rehearsal = await serveHere(home, [...OUTAGE_SERVICE, ...at, "--db", copy]);
    const mine = await home.listen(["--status", "503"]);
    // A profile of an earlier version doesn't know its database.
    const file = join(home.paths.config, "config.json");
    const { databaseId: _d, ...local } = JSON.parse(readFileSync(file, "utf8")).profiles.local;
    writeFileSync(file, JSON.stringify({ current: "local", profiles: { local } }));
    const there = [...command, "--service", rehearsal.url];
    const { stdout } = await machine.whcb(kind === "replay" ? [...there, "--to", mine.url] : there);
    const [, run = ""] = /run ([-\dA-F]+)/.exec(stdout) ?? [];
    await rehearsal.stop();
    await serveHere(home, [...OUTAGE_SERVICE, ...at]);

    const madeElsewhere = `made with another database, which was at ${first.url} then`;
    if (kind === "replay") {
      expect(await machine.whcb(["replay", "demo", "--failed", "--dry-run"])).toMatchObject({
        stderr: "dry run: nothing was sent\n",
      });
      const asking = await machine.whcb(["replay", "--resume", run], { canAsk: true, stdin: "n\n" });
      expect(asking.stderr.replace(/\s+/g, " ")).toContain(`The run was ${madeElsewhere}. `);
      expect(await machine.whcb(["replay", "--resume", "--yes"])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`error: the latest unfinished run was ${madeElsewhere}\n`),
      });
    } else
      expect(await machine.whcb(["mark-failed", "--undo", run, "--yes"])).toMatchObject({
        code: 4,
        stderr: expect.stringContaining(`run ${run} was ${madeElsewhere}`),
      });
    expect(await outage.failedIds()).toHaveLength(3);
  } finally {
    await outage.close();
  }
});

it("a run of a profile whose address has changed needs its id, and is asked about", async () => {
  let status = 503;
  const first = await serveHere(home);
  const outage = await replayOutage(home, 3, () => ({ status }), { isServed: true });
  try {
    const { stdout } = await machine.whcb(["replay", "demo", "--failed", "--yes"]);
    const [, run = ""] = /\nnext, .*: whcb replay --resume (\S+)/.exec(stdout) ?? [];
    await first.stop();
    const second = await serveHere(home);
    status = 200;
    expect(await machine.whcb(["replay", "--resume", "--yes"])).toMatchObject({
      code: 2,
      stderr: `error: the latest unfinished run was made with ${first.url}\nhint: \`whcb replay --resume ${run}\` finishes it, \`whcb runs discard ${run}\` gives it up\n`,
    });
    expect(await machine.whcb(["replay", "--resume", run])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`The run was made with ${first.url}, and this is ${second.url}.\n`),
    });
    expect(await outage.failedIds()).toHaveLength(3);
    await works(home, ["replay", "--resume", run, "--yes"]);
    expect(await outage.failedIds()).toEqual([]);
  } finally {
    await outage.close();
  }
});

it("a killed run that may have sent calls is mentioned by any name of its database", async () => {
  const first = await serveHere(home);
  const outage = await replayOutage(home, 3, () => ({ status: 503 }), { isServed: true });
  try {
    const { stdout } = await machine.whcb(["replay", "demo", "--failed", "--yes", "-o", "json"]);
    const { runId } = JSON.parse(stdout);
    endWithSends(runId, { runsDirectory: home.path("data", "runs") });
    const env = { ...userEnv(home), WHCB_URL: first.url.replace("127.0.0.1", "localhost") };
    const note = expect.stringMatching(`${runId}.* finishes it\\. A new run sends up to 1 call of it a second time\n`);
    expect(await machine.whcb(["replay", "demo", "--failed", "--dry-run"])).toMatchObject({ code: 0, stderr: note });
    expect(await machine.whcb(["replay", "demo", "--failed", "--dry-run"], { env })).toMatchObject({ code: 0, stderr: note });
  } finally {
    await outage.close();
  }
});

it.each([
  ["mark-success", ["mark-success", "demo", "--failed"], "Mark 3 calls SUCCESS? "],
  ["replay", ["replay", "demo", "--failed", "--allow-network", "127.0.0.0/8"], "Send 3 calls again? "],
  [
    "reconcile",
    ["reconcile", "demo", "--seen", "SEEN", "--allow-network", "127.0.0.0/8"],
    "Mark 0 calls and send 2 calls again? ",
  ],
])(
  "a %s does nothing if its service's port leads to another database once its question is answered",
  async (_, command, question) => {
    const serving = await serveHere(home, OUTAGE_SERVICE);
    const outage = await replayOutage(home, 3, undefined, { isServed: true });
    const port = await forwardedPort();
    try {
      const copy = home.path("copy.db");
      await works(home, ["db", "backup", copy, "--db", home.path("x.db")]);
      copyFileSync(home.path("x.db.key"), `${copy}.key`);
      const rehearsal = await serveHere(home, [...OUTAGE_SERVICE, "--db", copy]);
      writeFileSync(home.path("seen.txt"), `${outage.callIds[0]}\n`);
      port.leadTo(rehearsal.url);
      const words = command.map((word) => (word === "SEEN" ? home.path("seen.txt") : word));
      const terminal = Terminal.whcb(home, words, { columns: 120, env: { ...userEnv(home), WHCB_URL: port.url } });
      await terminal.shows(question);
      port.leadTo(serving.url);
      terminal.type(`y${ENTER}`);
      await terminal.shows(`another database answers at ${port.url} now, so nothing more is marked or sent`);
      expect(await terminal.closed()).toMatchObject({ code: 5 });
      expect(await outage.failedIds()).toHaveLength(3);
      expect(outage.received()).toEqual([]);
    } finally {
      port.close();
      await outage.close();
    }
  },
);

it("a rehearsal whose service's port leads to another database meanwhile stops, and what it has sent has arrived nowhere else", async () => {
  const serving = await serveHere(home, OUTAGE_SERVICE);
  const outage = await replayOutage(home, 3, undefined, { isServed: true });
  const port = await forwardedPort();
  const mine = await countingEndpoint(() => {
    port.leadTo(serving.url);
    return { status: 200 };
  });
  try {
    const copy = home.path("copy.db");
    await works(home, ["db", "backup", copy, "--db", home.path("x.db")]);
    copyFileSync(home.path("x.db.key"), `${copy}.key`);
    port.leadTo((await serveHere(home, [...OUTAGE_SERVICE, "--db", copy])).url);
    const env = { ...userEnv(home), WHCB_URL: port.url };
    const rehearsal = ["replay", "demo", "--failed", "--yes", "--to", mine.url, "--mark", "--allow-network", "127.0.0.0/8"];
    expect(await machine.whcb(rehearsal, { env })).toMatchObject({
      code: 5,
      stderr: expect.stringContaining("another database"),
    });
    expect([await outage.failedIds(), mine.received.length > 0]).toEqual([expect.objectContaining({ length: 3 }), true]);
    expect(
      await machine.whcb(["replay", "demo", "--failed", "--dry-run", "--allow-network", "127.0.0.0/8"], { env }),
    ).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("3 failed calls of demo"),
      stderr: "dry run: nothing was sent\n",
    });
  } finally {
    port.close();
    await mine.close();
    await outage.close();
  }
});

describe("a database and a copy of it that are at one address in turn", () => {
  let outage: ReplayOutage;
  let port: Awaited<ReturnType<typeof forwardedPort>>;
  let original: string;
  let copy: string;
  let mine: CountingEndpoint;
  const network = ["--allow-network", "127.0.0.0/8"];
  const replay = ["replay", "demo", "--failed", ...network];

  beforeEach(async () => {
    const serving = await serveHere(home, OUTAGE_SERVICE);
    outage = await replayOutage(home, 3, undefined, { isServed: true });
    const path = home.path("copy.db");
    await works(home, ["db", "backup", path, "--db", home.path("x.db")]);
    copyFileSync(home.path("x.db.key"), `${path}.key`);
    [original, copy] = [serving.url, (await serveHere(home, [...OUTAGE_SERVICE, "--db", path])).url];
    mine = await countingEndpoint();
    port = await forwardedPort();
  });

  afterEach(async () => {
    port.close();
    await mine.close();
    await outage.close();
  });

  const whcbAt = (url: string, args: readonly string[], io: IoOptions = {}, by = machine): Promise<CliResult> => {
    port.leadTo(url);
    return by.whcb(args, { ...io, env: { ...userEnv(home), WHCB_URL: port.url } });
  };

  /** The run can't mark what it has to. Returns its id. */
  async function unmarkedAt(url: string, args: readonly string[], io: IoOptions = {}): Promise<string> {
    const openClient = async (target: ServiceTarget) => {
      if (target.kind !== "http") throw new Error("A test of services.");
      const markCalls = () => Promise.reject(new WhcbError("unavailable", "503"));
      return { ...(await openHttpClient(target, {})), markCalls };
    };
    const failing = new CliMachine({ openClient }, home.paths);
    const { code, stdout } = await whcbAt(url, [...args, "--yes", "-o", "json"], io, failing);
    expect(code).toBe(5);
    return JSON.parse(stdout).runId;
  }

  /** The copy's callback gets the URL that no other one has. */
  async function rehearseAtMine(): Promise<void> {
    expect(await whcbAt(copy, ["callbacks", "update", "demo", "--url", mine.url])).toMatchObject({ code: 0 });
  }

  const timesReceived = (): readonly number[] =>
    outage.callIds.map((call) => outage.received().filter((id) => id === call).length);

  it("what a rehearsal's own endpoint has accepted, but the run hasn't marked, has arrived nowhere else, and isn't marked there", async () => {
    await rehearseAtMine();
    const run = await unmarkedAt(copy, replay);
    const resume = ["replay", "--resume", run, ...network];
    const error = `error: run ${run} was made with another database, which was at ${port.url} then
hint: on a terminal, \`whcb replay --resume ${run} --allow-network 127.0.0.0/8 --service ${port.url}\` asks; \`whcb runs discard ${run} --service ${port.url}\` gives it up\n`;

    expect((await whcbAt(original, ["status"])).stderr).not.toContain(run);
    for (const yes of [[], ["--yes"]])
      expect(await whcbAt(original, [...resume, ...yes])).toEqual({ code: 4, stdout: "", stderr: error });
    const { stderr } = await whcbAt(original, resume, { canAsk: true, stdin: "n\n" });
    expect(stderr.replace(/\s+/g, " ")).toContain(`The run was made with another database, which was at ${port.url} then.`);
    expect((await machine.whcb(["runs", "discard", run])).stderr).toContain(
      `\`whcb replay --resume ${run} --service ${port.url}\` marks them`,
    );
    expect([await outage.failedIds(), outage.received()]).toEqual([expect.objectContaining({ length: 3 }), []]);

    const replayed = await whcbAt(original, [...replay, "--yes"]);
    expect(replayed).toMatchObject({ code: 0, stderr: expect.not.stringContaining(run) });
    expect([await outage.failedIds(), timesReceived()]).toEqual([[], [1, 1, 1]]);
  });

  it.each(["the same", "another"])(
    "what has arrived before a backup was restored, at %s address, isn't sent again, and is marked after a question",
    async (which) => {
      const whcbAtCopy = (args: readonly string[], io: IoOptions = {}) =>
        which === "the same" ? whcbAt(copy, args, io) : machine.whcb(args, { ...io, env: { ...userEnv(home), WHCB_URL: copy } });
      const run = await unmarkedAt(original, replay);
      expect(timesReceived()).toEqual([1, 1, 1]);
      const reason = `3 calls not sent: calls with their ids have arrived, but run ${run}, made with another database, which was at ${port.url} then, hasn't marked them`;
      expect(await whcbAtCopy([...replay, "--yes"])).toMatchObject({ code: 8, stderr: expect.stringContaining(reason) });
      const resume = ["replay", "--resume", run, ...network];
      const { code, stderr } = await whcbAtCopy(resume, { canAsk: true, stdin: "y\n" });
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("The run was made with another database") });
      expect(stderr.match(/The run was made/g)).toHaveLength(1);
      expect(await whcbAtCopy([...replay, "--yes"])).toMatchObject({ stderr: expect.stringContaining("nothing to replay") });
      expect(timesReceived()).toEqual([1, 1, 1]);
    },
  );

  it("a mark that is finished on the copy names no undo, as there is none there", async () => {
    const run = await unmarkedAt(original, ["mark-success", "demo", "--failed"]);
    const resumed = await whcbAt(copy, ["replay", "--resume", run], { canAsk: true, stdin: "y\n" });
    expect(resumed).toMatchObject({ code: 0, stdout: expect.stringMatching(/marked +3\n/) });
    expect(resumed.stdout).not.toContain("undo");
    expect(resumed.stderr.replace(/\s+/g, " ")).toContain("stays FAILED there, where a replay sends it, and `whcb undo` can't");
    expect(await whcbAt(copy, ["undo", run, "--yes"])).toMatchObject({ code: 4 });
  });

  it("what is marked FAILED on the copy isn't sent again by the other one", async () => {
    const run = await unmarkedAt(original, replay);
    await whcbAt(copy, ["mark-success", "demo", "--failed", "--yes"]);
    await whcbAt(copy, ["mark-failed", "demo", "--success", "--yes"]);
    const reason = `3 calls not sent: calls with their ids have arrived, but run ${run} hasn't marked them`;
    expect(await whcbAt(original, [...replay, "--yes"])).toMatchObject({ code: 8, stderr: expect.stringContaining(reason) });
    expect(await whcbAt(original, ["replay", "--resume", run, "--yes", ...network])).toMatchObject({ code: 0 });
    expect([await outage.failedIds(), timesReceived()]).toEqual([[], [1, 1, 1]]);
  });

  it("a list that is compared on the copy replaces none of the other one", async () => {
    const reconcile = ["reconcile", "demo", "--seen", "-", ...network];
    const listOf = (ids: readonly string[]) => ({ stdin: ["webhook-id", ...ids].join("\n") });
    const run = await unmarkedAt(original, reconcile, listOf(outage.callIds.slice(1)));
    await rehearseAtMine();
    expect(await whcbAt(copy, [...reconcile, "--yes"], listOf(outage.callIds.slice(0, 1)))).toMatchObject({ code: 0 });
    expect(mine.received).toHaveLength(2);
    const reason = `2 calls not sent: your list said that they were received, but run ${run} hasn't marked them`;
    expect(await whcbAt(original, [...replay, "--yes"])).toMatchObject({ code: 8, stderr: expect.stringContaining(reason) });
    expect(await whcbAt(original, ["replay", "--resume", run, "--yes", ...network])).toMatchObject({ code: 0 });
    expect([await outage.failedIds(), timesReceived()]).toEqual([[], [1, 0, 0]]);
  });

  it("an undo takes back what only a run on the copy has marked since, and advises nothing of the copy's runs", async () => {
    const markedRun = async (url: string, command: string, from: string): Promise<string> => {
      const { stdout } = await whcbAt(url, [command, "demo", from, "--yes", "-o", "json"]);
      return JSON.parse(stdout).runId;
    };
    const run = await markedRun(original, "mark-success", "--failed");
    await markedRun(copy, "mark-success", "--failed");
    const failed = await markedRun(copy, "mark-failed", "--success");
    expect(await whcbAt(original, ["undo", failed, "--yes"])).toEqual({
      code: 4,
      stdout: "",
      stderr: `error: run ${failed} was made with another database, which was at ${port.url} then\nhint: \`whcb mark-failed\` with ids marks single calls\n`,
    });
    expect(await whcbAt(original, ["undo", run, "--yes"])).toMatchObject({ code: 0 });
    expect(await outage.failedIds()).toHaveLength(3);
  });
});

/** Its clients don't see where their connections lead to, as with `ssh -L`. */
async function forwardedPort() {
  let target = 0;
  const open = new Set<Socket>();
  const endAll = (): void => {
    for (const socket of open) socket.destroy();
    open.clear();
  };
  const server = createServer((socket) => {
    const onward = connect(target, "127.0.0.1");
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      open.add(from);
      from.on("error", () => to.destroy());
      from.pipe(to);
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo(url: string): void {
      target = Number(new URL(url).port);
      endAll();
    },
    close(): void {
      endAll();
      server.close();
    },
  };
}

it.each([
  ["replay", "Send 1 call again? [y/N]"],
  ["mark-success", "Mark 1 call SUCCESS? [y/N]"],
])("%s does nothing once the database file was replaced while it asked its question", async (command, question) => {
  const outage = await replayOutage(home, 1);
  const copy = home.path("copy.db");
  for (const path of [copy, home.path("backup")]) await works(home, ["db", "backup", path, "--db", home.path("x.db")]);
  copyFileSync(home.path("x.db.key"), `${copy}.key`);
  const env = { WHCB_URL: copy };
  const terminal = Terminal.whcb(home, [command, "demo", "--failed"], { columns: 150, env });
  await terminal.shows(question);
  renameSync(copy, home.path("moved"));
  renameSync(home.path("backup"), copy);
  terminal.type(`y${ENTER}`);
  await terminal.shows(`error: ${copy} was moved or replaced while it was in use`);
  expect((await terminal.closed()).code).toBe(5);
  for (const name of ["-wal", "-shm"]) renameSync(`${copy}${name}`, home.path(`moved${name}`));
  copyFileSync(`${copy}.key`, home.path("moved.key"));
  for (const path of [copy, home.path("moved")])
    expect(await works(home, ["calls", "list", "demo", "--failed", "-o", "ids"], { env: { WHCB_URL: path } })).toBe(
      `${outage.callIds[0]}\n`,
    );
  expect(outage.received()).toEqual([]);
  await outage.close();
});
