/** `mark-failed --undo` as a user meets it: what the endpoint has accepted, and what another run has marked, stay SUCCESS. */
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TransportRequest } from "../../src/client/transport.js";
import { systemClock } from "../../src/platform/clock.js";
import { type PlatformCall, platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { eventually, Home } from "../support/process/whcb-process.js";
import { countingEndpoint } from "../support/replay/replay-desk.js";
import { idsOf, replayOutage, works } from "../support/replay/replay-outage.js";

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

const markAll = async (env = {}): Promise<string> =>
  JSON.parse((await home.whcb(["mark-success", "demo", "--failed", "--yes", "-o", "json"], { env })).stdout).runId;

it("undoes a run once: what another run marks later stays SUCCESS", async () => {
  const outage = await replayOutage(home, 1);
  try {
    const run = await markAll();
    const undo = JSON.parse(await works(home, ["mark-failed", "--undo", run, "--yes", "-o", "json"]));
    await markAll();
    expect(await home.whcb(["mark-failed", "--undo", run, "--yes"])).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: run ${run} was undone by run ${undo.runId}\nhint: \`whcb mark-failed\` with ids marks single calls\n`,
    });
    expect(await outage.failedIds()).toEqual([]);
  } finally {
    await outage.close();
  }
});

it("or a mark names its service where WHCB_DB is set, which neither uses", async () => {
  const outage = await replayOutage(home, 1);
  try {
    const mark = (env: Record<string, string>) => home.whcb(["mark-success", "demo", "--failed"], { env });
    expect((await mark({})).stderr).not.toContain("service: ");
    expect((await mark({ WHCB_DB: home.path("other.db") })).stderr).toMatch(
      /^service: http:\S+ \(profile local\)\n1 failed call /,
    );
  } finally {
    await outage.close();
  }
});

it("of what a killed run still marks names that run, as to make FAILED what is FAILED changes nothing", async () => {
  const outage = await replayOutage(home, 2);
  try {
    const [callId = ""] = outage.callIds;
    const run = await markAll();
    await works(home, ["undo", run, "--yes"]);
    const runs = home.path("data", "runs");
    const path = `${runs}/${run}.ndjson`;
    const lines = readFileSync(path, "utf8").split("\n");
    writeFileSync(path, `${lines.filter((line) => /"step":"(run|planned|session)"/.test(line)).join("\n")}\n`);
    for (const name of readdirSync(runs)) if (name.endsWith(".ndjson") && !name.startsWith(run)) rmSync(`${runs}/${name}`);
    expect(await home.whcb(["mark-failed", "demo", callId, "--yes"])).toEqual({
      code: 0,
      stdout: "",
      stderr: `nothing to mark\n1 call left out: already FAILED\nrun ${run} may mark it SUCCESS once it is resumed; \`whcb runs discard ${run}\` gives that up\n`,
    });
  } finally {
    await outage.close();
  }
});

it("leaves a call whose attempt was in flight when it was marked, and was accepted", async () => {
  const events = new EventTarget();
  const released = once(events, "released").then(() => undefined);
  const outage = await replayOutage(home, 2, () => ({ status: 200, after: released }));
  try {
    const [accepted = ""] = outage.callIds;
    await works(home, ["replay", "demo", accepted, "--via", "service", "--detach", "--yes"]);
    await outage.hasReceived(1);
    const run = await markAll();
    events.dispatchEvent(new Event("released"));
    await eventually(
      () => idsOf(home, ["calls", "list", "demo", "--status-code", "200"]),
      (ids) => ids.includes(accepted),
    );
    expect(await works(home, ["mark-failed", "--undo", run, "--dry-run"])).toMatch(
      /^1 call of demo -> FAILED, last attempts from .+\n1 call left out: the endpoint has accepted it\nthey aren't retried: `whcb replay demo --failed` sends all that failed\n$/,
    );
    expect(await works(home, ["mark-failed", "--undo", run, "--yes"])).toMatch(/^1 call marked FAILED in /);
    expect(await outage.failedIds()).toEqual(outage.callIds.filter((id) => id !== accepted));
  } finally {
    await outage.close();
  }
});

it("leaves a call that another run has marked since", async () => {
  const outage = await replayOutage(home, 2);
  try {
    const [again = "", other = ""] = outage.callIds;
    const run = await markAll();
    await works(home, ["mark-failed", "demo", again, "--yes"]);
    await works(home, ["mark-success", "demo", again, "--yes"]);
    expect(await works(home, ["mark-failed", "--undo", run, "--yes"])).toMatch(/^1 call marked FAILED in /);
    expect(await outage.failedIds()).toEqual([other]);
  } finally {
    await outage.close();
  }
});

it("waits for a run that is sending the calls: what that delivers stays SUCCESS", async () => {
  const events = new EventTarget();
  const released = once(events, "released").then(() => undefined);
  const outage = await replayOutage(home, 3, () => ({ status: 200, after: released }));
  try {
    const replay = home.whcb(["replay", "demo", "--failed", "--yes"]);
    await outage.hasReceived(1);
    const run = await markAll();
    const undo = ["mark-failed", "--undo", run, "--yes"];
    expect(await home.whcb(undo)).toMatchObject({
      code: 5,
      stdout: "",
      stderr: expect.stringContaining("another run is working on"),
    });
    expect(await home.whcb(["mark-failed", "demo", "--success", "--yes"])).toMatchObject({ code: 5 });
    const waiting = home.start([...undo, "--wait"]);
    await waiting.says(/waiting: /);
    // What the replay has looked at counts for a second.
    await delay(1_000);
    events.dispatchEvent(new Event("released"));
    expect(await replay).toMatchObject({ code: 0 });
    // The replay skips what was marked before it was sent.
    const delivered = outage.received();
    expect(delivered).toHaveLength(1);
    expect(await waiting.ended).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("2 calls marked FAILED"),
      stderr: expect.stringContaining("\n1 call left out: the endpoint has accepted it\n"),
    });
    expect((await outage.failedIds()).toSorted()).toEqual(outage.callIds.filter((id) => !delivered.includes(id)));
  } finally {
    await outage.close();
  }
});

it.each([["--success"], ["--file"]])("a mark-failed %s that waits leaves what is delivered after it was typed", async (flag) => {
  const events = new EventTarget();
  const released = once(events, "released").then(() => undefined);
  const outage = await replayOutage(home, 3, () => ({ status: 200, after: released }));
  try {
    writeFileSync(home.path("ids.txt"), `${outage.callIds.join("\n")}\n`);
    const replay = home.whcb(["replay", "demo", "--failed", "--yes"]);
    await outage.hasReceived(1);
    const named = flag === "--file" ? [flag, home.path("ids.txt")] : [flag];
    const waiting = home.start(["mark-failed", "demo", ...named, "--yes", "--wait"]);
    await waiting.says(/waiting: /);
    events.dispatchEvent(new Event("released"));
    expect(await replay).toMatchObject({ code: 0 });
    const left = "nothing to mark\n3 calls left out: arrived since this was typed\n";
    expect(await waiting.ended).toMatchObject({ code: 0, stderr: expect.stringContaining(left) });
    expect(await outage.failedIds()).toEqual([]);
  } finally {
    await outage.close();
  }
});

/** The service says neither who settled a call nor when. */
describe("on a platform", () => {
  const account = { WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  const platformOf = (url: string, calls: PlatformCall[]) => [{ id: "00112233445566AA", name: "demo", url, key: "k", calls }];

  it.each([["--success"], ["--file"]])("a mark-failed %s that waits leaves what a replay marks meanwhile", async (flag) => {
    const events = new EventTarget();
    const released = once(events, "released").then(() => undefined);
    const endpoint = await countingEndpoint(() => ({ status: 200, after: released }));
    const calls = platformCalls(3);
    const platform = await scriptedPlatform({ clock: systemClock, callbacks: platformOf(endpoint.url, calls) }).listen();
    const env = { WHCB_URL: platform.url, ...account };
    try {
      writeFileSync(home.path("ids.txt"), calls.map(({ id }) => `${id}\n`).join(""));
      const replay = home.whcb(["replay", "demo", "--failed", "--yes", "--allow-network", "127.0.0.0/8"], { env });
      await eventually(
        async () => endpoint.received.length,
        (count) => count > 0,
      );
      const named = flag === "--file" ? [flag, home.path("ids.txt")] : [flag];
      const waiting = home.start(["mark-failed", "demo", ...named, "--yes", "--wait"], { env });
      await waiting.says(/waiting: /);
      events.dispatchEvent(new Event("released"));
      expect(await replay).toMatchObject({ code: 0 });
      const left = "nothing to mark\n3 calls left out: arrived since this was typed\n";
      expect(await waiting.ended).toMatchObject({ code: 0, stderr: expect.stringContaining(left) });
      expect(calls.map(({ status }) => status)).toEqual(["SUCCESS", "SUCCESS", "SUCCESS"]);
    } finally {
      await platform.close();
      await endpoint.close();
    }
  });

  it.each(["is listed that wasn't", "isn't rejected any more"])("is undone again once a call %s", async (what) => {
    const calls = platformCalls(2);
    const [first, second] = calls;
    let isBroken = false;
    const lagging = scriptedPlatform({
      clock: systemClock,
      callbacks: platformOf("http://127.0.0.1:9/", first ? [first] : []),
    });
    const answer = (request: TransportRequest) => {
      if (what === "is listed that wasn't") return request.method === "GET" ? lagging.answer(request) : null;
      return request.method === "PUT" && request.path.includes(second?.id ?? "") ? { status: 422, body: "{}" } : null;
    };
    const platform = await scriptedPlatform({
      clock: systemClock,
      callbacks: platformOf("http://127.0.0.1:9/", calls),
      instead: (request) => (isBroken ? answer(request) : null),
    }).listen();
    const env = { WHCB_URL: platform.url, ...account };
    try {
      const run = await markAll(env);
      isBroken = true;
      expect(await home.whcb(["undo", run, "--yes"], { env })).toMatchObject({ code: 8 });
      expect(calls.map(({ status }) => status)).toEqual(["FAILED", "SUCCESS"]);
      isBroken = false;
      expect(await home.whcb(["undo", run, "--yes"], { env })).toMatchObject({ code: 0 });
      expect(calls.map(({ status }) => status)).toEqual(["FAILED", "FAILED"]);
      expect((await home.whcb(["undo", run, "--yes"], { env })).stderr).toContain(`error: run ${run} was undone by run `);
    } finally {
      await platform.close();
    }
  });

  it("is marked FAILED though its list still has the call without an outcome", async () => {
    const calls = platformCalls(2);
    const listed = platformCalls(2, (index) => ({ status: ["FAILED", "PENDING"][index] }));
    const lagging = scriptedPlatform({ clock: systemClock, callbacks: platformOf("http://127.0.0.1:9/", listed) });
    const platform = await scriptedPlatform({
      clock: systemClock,
      callbacks: platformOf("http://127.0.0.1:9/", calls),
      instead: (request) => (request.method === "GET" ? lagging.answer(request) : null),
    }).listen();
    const env = { WHCB_URL: platform.url, ...account };
    try {
      writeFileSync(home.path("ids.txt"), calls.map(({ id }) => `${id}\n`).join(""));
      const mark = ["mark-success", "demo", "--file", home.path("ids.txt"), "--yes", "-o", "json"];
      const run = JSON.parse((await home.whcb(mark, { env })).stdout).runId;
      expect(calls.map(({ status }) => status)).toEqual(["SUCCESS", "SUCCESS"]);
      expect(await home.whcb(["undo", run, "--yes"], { env })).toMatchObject({
        code: 0,
        stdout: expect.stringContaining("2 calls marked FAILED"),
      });
      expect(calls.map(({ status }) => status)).toEqual(["FAILED", "FAILED"]);
    } finally {
      await platform.close();
    }
  });
});

it("takes back what two runs have marked at the same time once both are undone, and names the other run before", async () => {
  const calls = platformCalls(2);
  const callback = { id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls };
  let other: string | null = null;
  const platform = await scriptedPlatform({
    clock: systemClock,
    callbacks: [callback],
    // The second run lists the calls while the first one's mark is on its way.
    onArrival: async ({ method }) => {
      if (method !== "PUT" || other !== null) return;
      other = "";
      other = await markAll(env);
    },
  }).listen();
  const env = { WHCB_URL: platform.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  const undo = (run: string | null) => home.whcb(["mark-failed", "--undo", run ?? "", "--yes"], { env });
  try {
    const run = await markAll(env);
    expect(await undo(run)).toEqual({
      code: 0,
      stdout: "",
      stderr: `nothing to undo\n2 calls left out: run ${other} has marked them, too; if that was wrong: whcb undo ${other} --service ${platform.url}\n`,
    });
    expect(await undo(other)).toMatchObject({ code: 0, stdout: expect.stringContaining("2 calls marked FAILED") });
    expect(calls.map(({ status }) => status)).toEqual(["FAILED", "FAILED"]);
  } finally {
    await platform.close();
  }
});

it("is marked FAILED where the platform still lists as FAILED what the run has marked", async () => {
  const calls = platformCalls(2);
  const marks: string[] = [];
  const platform = await scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls }],
    onArrival: async ({ method, body }) => {
      if (method === "PUT") marks.push(body ?? "");
      // The list is from before the mark.
      if (method === "GET") for (const call of calls) call.status = "FAILED";
    },
  }).listen();
  const env = { WHCB_URL: platform.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  try {
    const undone = await home.whcb(["mark-failed", "--undo", await markAll(env), "--yes"], { env });
    expect(undone).toMatchObject({ code: 0, stdout: expect.stringContaining("2 calls marked FAILED") });
    expect(marks.flatMap((body) => JSON.parse(body).status ?? [])).toEqual(["SUCCESS", "FAILED"]);
  } finally {
    await platform.close();
  }
});

it("takes back of a reconcile what its list had, but for what has arrived or was marked since", async () => {
  const outage = await replayOutage(home, 5);
  try {
    const [missing = "", again = "", sent = "", delivered = "", accepted = ""] = outage.callIds;
    const list = home.path("seen.txt");
    writeFileSync(list, ["callid", missing, again, sent, delivered].map((line) => `${line}\n`).join(""));
    const reconciled = await works(home, ["reconcile", "demo", "--seen", list, "--yes"]);
    const [, run = ""] = /\n\nundo, if your list was wrong: whcb undo (\S+)\n$/.exec(reconciled) ?? [];
    await works(home, ["mark-failed", "demo", again, sent, "--yes"]);
    await works(home, ["mark-success", "demo", again, "--yes"]);
    await works(home, ["replay", "demo", sent, "--yes"]);
    await works(home, ["mark-failed", "demo", delivered, "--yes"]);
    await works(home, ["replay", "demo", delivered, "--via", "service", "--yes"]);
    expect(await works(home, ["undo", run, "--yes"])).toMatch(/^1 call marked FAILED in /);
    expect(await outage.failedIds()).toEqual([missing]);
    expect(await home.whcb(["undo", run, "--yes"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`error: run ${run} was undone by run `),
    });
    await works(home, ["replay", "demo", "--failed", "--yes"]);
    expect(outage.received()).toEqual([accepted, sent, delivered, missing]);
  } finally {
    await outage.close();
  }
});

it("leaves a call that was marked in a pause FAILED, which says that it was never sent", async () => {
  const outage = await replayOutage(home, 0);
  try {
    await works(home, ["callbacks", "pause", "demo"]);
    await works(home, ["trigger", "demo"]);
    const [waiting = ""] = await idsOf(home, ["calls", "list", "demo", "--pending"]);
    await works(home, ["mark-success", "demo", waiting, "--yes"]);
    await works(home, ["undo", (await idsOf(home, ["runs", "list"]))[0] ?? "", "--yes"]);
    await works(home, ["callbacks", "resume", "demo"]);
    expect(await works(home, ["calls", "get", "demo", waiting])).toMatch(
      /\n\nIt was marked FAILED.*\.\nNo attempt of it has ended\.\nRetries are off for this callback: the service won't send it by itself\.\n/,
    );
    expect(outage.received()).toEqual([]);
  } finally {
    await outage.close();
  }
});
