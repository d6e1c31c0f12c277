/** With `--via service`, the service is asked to attempt the calls itself, and the run keeps the books. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Client } from "../../src/client/client.js";
import { WhcbError } from "../../src/domain/errors.js";
import { readRun } from "../../src/runs/journal/stored-runs.js";
import { planReplay } from "../../src/runs/plan/plan-replay.js";
import { resumeRun } from "../../src/runs/resume-run.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../src/runs/run-options.js";
import { runReplay } from "../../src/runs/run-replay.js";
import type { RunControl } from "../../src/runs/run-session.js";
import { CLIENT_SERVICES, type OpenedClient } from "../support/client/client-services.js";
import { type Desk, openDesk } from "../support/replay/replay-desk.js";

const CALLS = 230;
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const [ours, , platform] = CLIENT_SERVICES;

interface Scene {
  readonly desk: Desk;
  readonly opened: OpenedClient;
  /** Each request for replays that reached the service had these ids. */
  readonly asked: (readonly string[])[];
}

/** `before` sees the ids of each request for replays, and may throw instead of letting it through. */
async function scene(service: typeof ours, before: (ids: readonly string[]) => void = () => {}): Promise<Scene> {
  if (service === undefined) throw new Error("There is no such service.");
  const opened = await service.open(CALLS);
  const asked: (readonly string[])[] = [];
  const client: Client = {
    ...opened.client,
    async requestReplays(callbackId, ids) {
      before(ids);
      const accepted = await opened.client.requestReplays(callbackId, ids);
      asked.push(ids);
      return accepted;
    },
  };
  const desk = openDesk({ client });
  closing.push(opened.close, desk.leave);
  return { desk, opened, asked };
}

async function replay({ desk }: Scene, control: RunControl = {}, callIds: readonly string[] | null = null) {
  const calls = callIds === null ? { filter: {} } : { callIds };
  const plan = await planReplay({ callbacks: ["demo"], calls, skipRetrying: false }, desk.deps);
  return runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, viaService: true, ...control }, desk.deps, desk.listener);
}

async function booksOf({ desk }: Scene, runId: string) {
  const { state, counts } = await readRun(desk.deps, runId);
  return { state, counts };
}

describe("a replay by the service", () => {
  it("requests every call once, oldest first, 100 at a time, and sends nothing itself", async () => {
    const at = await scene(ours);
    const summary = await replay(at);
    expect(summary.error).toBeNull();
    expect(summary.counts).toMatchObject({ planned: CALLS, requested: CALLS, left: 0, accepted: 0, toMark: 0, unknown: 0 });
    expect(at.asked.map(({ length }) => length)).toEqual([100, 100, 30]);
    expect(at.asked.flat()).toEqual(at.opened.callIds);
    const { id } = await at.opened.client.getCallback("demo");
    const listed = await at.opened.client.findCalls(id, at.opened.callIds.slice(0, 3));
    expect(listed.map(({ nextAttemptAt }) => nextAttemptAt === null)).toEqual([false, false, false]);
    expect(await booksOf(at, summary.header.runId)).toEqual({ state: "finished", counts: summary.counts });
  });

  it("counts calls that were settled before they were requested as such", async () => {
    const at = await scene(ours);
    const { client, callIds } = at.opened;
    const settled = callIds.slice(0, 3);
    const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, at.desk.deps);
    await client.markCalls((await client.getCallback("demo")).id, settled, "SUCCESS");
    const summary = await runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, viaService: true }, at.desk.deps);
    expect(summary.counts).toMatchObject({ requested: CALLS - 3, skipped: { settled: 3, order: 0 }, left: 0 });
    const { calls } = await readRun(at.desk.deps, summary.header.runId);
    expect(calls.filter(({ state }) => state === "skipped").map(({ id }) => id)).toEqual(settled);
  });

  it("isn't requested if the callback's URL has changed since the calls were listed", async () => {
    const at = await scene(ours);
    const { deps } = at.desk;
    const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, deps);
    const getCallback = async (id: string) => ({ ...(await deps.client.getCallback(id)), url: "http://127.0.0.1:9/new" });
    const changed = { ...deps, client: { ...deps.client, getCallback } };
    const summary = await runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, viaService: true }, changed);
    expect([summary.callbacks[0]?.stopped, at.asked]).toEqual(["changed", []]);
    expect(summary).toMatchObject({ isResumable: true, error: { code: "items-failed" }, counts: { left: CALLS } });
  });

  it("leaves out a call that is gone, and requests the others", async () => {
    const gone = new Set<string>();
    const at = await scene(ours, (ids) => {
      const missing = ids.find((id) => gone.has(id));
      if (missing !== undefined) throw new WhcbError("not-found", `No call ${missing} of this callback`);
    });
    gone.add(at.opened.callIds[7] ?? "").add(at.opened.callIds[150] ?? "");
    const summary = await replay(at);
    expect(summary.counts).toMatchObject({ requested: CALLS - 2, skipped: { settled: 2, order: 0 }, left: 0 });
    expect(at.asked.flat().length).toBe(CALLS - 2);
    expect(await booksOf(at, summary.header.runId)).toEqual({ state: "finished", counts: summary.counts });
  });

  it("requests again, after a cut, what the service still lists as FAILED", async () => {
    let requests = 0;
    const at = await scene(ours, () => {
      requests += 1;
      if (requests === 2) throw new WhcbError("network", "the connection was closed");
    });
    const cut = await replay(at);
    expect(cut.error).toMatchObject({ code: "network" });
    expect(cut.isResumable).toBe(true);
    expect(cut.callbacks.map(({ counts }) => counts.requested)).toEqual([100]);
    const resumed = await resumeRun(cut.header.runId, { resendUnknown: false }, at.desk.deps);
    expect(resumed?.counts).toMatchObject({ requested: CALLS, left: 0, unknown: 0 });
    expect(at.asked.flat().sort()).toEqual([...at.opened.callIds].sort());
  });

  it("requests again, after a kill, what was being requested, if it is asked to", async () => {
    const at = await scene(ours);
    const { header } = await replay(at);
    const path = join(at.desk.deps.runsDirectory, `${header.runId}.ndjson`);
    const lines = readFileSync(path, "utf8").split("\n");
    // The second request is written ahead, and the process is killed before the answer.
    const [, second = 0] = lines.flatMap((line, index) => (line.includes('"step":"requested"') ? [index] : []));
    writeFileSync(path, lines.slice(0, second).join("\n"));
    expect((await booksOf(at, header.runId)).counts).toMatchObject({ requested: 100, unknown: 100, left: 30 });
    const resumed = await resumeRun(header.runId, { resendUnknown: true }, at.desk.deps);
    expect(resumed.counts).toMatchObject({ planned: CALLS, requested: CALLS, unknown: 0, left: 0 });
    expect(resumed.troubled).toEqual([]);
    expect(await booksOf(at, header.runId)).toEqual({ state: "finished", counts: resumed.counts });
  });

  describe("whose second request is executed, while its answer is lost,", () => {
    /** `findsReplay` tells whether the service answers right after that. */
    async function aLostAnswer(findsReplay: () => boolean): Promise<Scene> {
      const { desk, opened } = await scene(ours);
      const asked: (readonly string[])[] = [];
      const { client } = desk.deps;
      const lost = () => new WhcbError("network", "the connection was closed");
      const losing: Client = {
        ...client,
        async requestReplays(callbackId, ids) {
          const [run = ""] = desk.events.flatMap((event) => (event.type === "started" ? [event.header.runId] : []));
          const lease = { run, holder: "ada@desk", done: 0, total: CALLS };
          const accepted = await opened.client.requestReplays(callbackId, ids, lease);
          if (asked.push(ids) === 2) throw lost();
          return accepted;
        },
        async findReplay(callbackId, run) {
          if (!findsReplay()) throw lost();
          return client.findReplay(callbackId, run);
        },
      };
      return { desk: { ...desk, deps: { ...desk.deps, client: losing } }, opened, asked };
    }

    it("goes on if the service has those calls", async () => {
      const at = await aLostAnswer(() => true);
      const summary = await replay(at);
      expect([summary.error, summary.counts.requested, summary.counts.left]).toEqual([null, CALLS, 0]);
      expect(at.asked.flat()).toEqual(at.opened.callIds);
    });

    it("says that the service may have begun if it can't know, and asks for none of them again when it is resumed", async () => {
      let isBack = false;
      const at = await aLostAnswer(() => isBack);
      const cut = await replay(at);
      expect(cut.error).toMatchObject({
        code: "network",
        message: "the connection was closed; the service may have begun to send 100 calls",
      });
      isBack = true;
      const resumed = await resumeRun(cut.header.runId, { resendUnknown: false }, at.desk.deps);
      expect([resumed.error, resumed.counts.requested, resumed.counts.left]).toEqual([null, CALLS, 0]);
      expect(at.asked.flat()).toEqual(at.opened.callIds);
      expect(await booksOf(at, cut.header.runId)).toEqual({ state: "finished", counts: resumed.counts });
    });
  });

  it("stops between two requests when it is interrupted", async () => {
    const stop = new AbortController();
    const at = await scene(ours, () => stop.abort());
    const summary = await replay(at, { signal: stop.signal });
    expect(summary.error).toMatchObject({ code: "interrupted" });
    expect(summary.counts).toMatchObject({ requested: 100, left: CALLS - 100, unknown: 0 });
  });

  it("says that the service can't do it, and leaves every call unsent", async () => {
    const at = await scene(platform);
    const summary = await replay(at);
    expect(summary.error).toMatchObject({ code: "usage", message: expect.stringContaining("can't replay calls itself") });
    expect(summary.counts).toMatchObject({ planned: CALLS, requested: 0 });
    expect(at.asked).toEqual([]);
  });
});
