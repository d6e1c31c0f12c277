/** A callback is changed while a run sends its calls. Nothing is marked for the endpoint that it had before. */
import { afterEach, describe, expect, it } from "vitest";
import type { Client, ListedCallback } from "../../src/client/client.js";
import { planReplay } from "../../src/runs/plan/plan-replay.js";
import { DEFAULT_REPLAY_OPTIONS, type ReplayOptions } from "../../src/runs/run-options.js";
import { runReplay } from "../../src/runs/run-replay.js";
import type { RunControl } from "../../src/runs/run-session.js";
import { CLIENT_SERVICES } from "../support/client/client-services.js";
import { type CountingEndpoint, countingEndpoint, openDesk } from "../support/replay/replay-desk.js";

const CALLS = 1_500;
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Change {
  /** Returns what the service says of the callback once so many calls have arrived, or null if it is deleted. */
  readonly change: (callback: ListedCallback) => ListedCallback | null;
  readonly after: number;
  readonly options?: Partial<ReplayOptions> & RunControl;
  readonly endpoint?: CountingEndpoint;
}

async function anEndpoint(answer?: Parameters<typeof countingEndpoint>[0]): Promise<CountingEndpoint> {
  const endpoint = await countingEndpoint(answer);
  closing.push(endpoint.close);
  return endpoint;
}

const [, inProcess] = CLIENT_SERVICES;

async function replayWhere({ change, after, options = {}, ...given }: Change) {
  const endpoint = given.endpoint ?? (await anEndpoint());
  const opened = await inProcess?.open(CALLS, endpoint.url);
  if (opened === undefined) throw new Error("There is no such service.");
  const marks = { before: 0, later: 0 };
  const hasChanged = () => endpoint.received.length >= after;
  let reads = 0;
  const client: Client = {
    ...opened.client,
    async getCallback(idOrName) {
      reads++;
      const callback = await opened.client.getCallback(idOrName);
      return hasChanged() ? (change(callback) ?? opened.client.getCallback("gone")) : callback;
    },
    async markCalls(callbackId, ids, ...rest) {
      marks[hasChanged() ? "later" : "before"] += ids.length;
      return opened.client.markCalls(callbackId, ids, ...rest);
    },
  };
  const desk = openDesk({ client });
  closing.push(opened.close, desk.leave);
  const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, desk.deps);
  reads = 0;
  const summary = await runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, ...options }, desk.deps);
  return { summary, received: endpoint.received.length, marks, reads };
}

const CHANGES: readonly (readonly [string, (callback: ListedCallback) => ListedCallback])[] = [
  ["URL", (callback) => ({ ...callback, url: "http://127.0.0.1:9/new" })],
  ["key", (callback) => ({ ...callback, auth: { ...callback.auth, key: "another" } })],
  ["auth type", (callback) => ({ ...callback, auth: { ...callback.auth, type: "bearertoken" } })],
  ["content type", (callback) => ({ ...callback, contentType: "xml" })],
  ["removal of HTML", (callback) => ({ ...callback, removeHtml: callback.removeHtml !== true })],
];

describe("a callback that is changed while its calls are sent", () => {
  it.each(CHANGES)("in its %s: the run stops before the next mark, and can be resumed", async (_, change) => {
    const { summary, received, marks } = await replayWhere({ change, after: 600 });
    expect(summary.callbacks[0]?.stopped).toBe("changed");
    expect(summary).toMatchObject({ isResumable: true, error: { code: "items-failed" } });
    expect(summary.error?.message).toContain("demo was changed during the run, so the rest was neither sent nor marked");
    expect(marks.later).toBeLessThanOrEqual(500);
    expect(summary.counts).toMatchObject({ marked: marks.before + marks.later, accepted: received, left: CALLS - received });
    expect(received).toBeLessThan(CALLS);
  });

  it("in nothing that is sent: the run goes on, and reads the callback once for 500 marks", async () => {
    const change = (callback: ListedCallback) => ({
      ...callback,
      name: "renamed",
      email: "new@example.com",
      retriesEnabled: true,
    });
    const { summary, received, reads } = await replayWhere({ change, after: 600 });
    expect([summary.error, summary.counts.marked, received]).toEqual([null, CALLS, CALLS]);
    expect(reads).toBeLessThanOrEqual(CALLS / 500 + 3);
  });

  it("doesn't stop a run that sends to another address", async () => {
    const endpoint = await anEndpoint();
    const change = (callback: ListedCallback) => ({ ...callback, url: "http://127.0.0.1:9/new" });
    const { summary } = await replayWhere({ change, after: 0, options: { to: endpoint.url } });
    expect([summary.error, summary.counts.marked, endpoint.received.length]).toEqual([null, CALLS, CALLS]);
  });

  it("doesn't stop a run because the service returns less of it", async () => {
    const change = (callback: ListedCallback) => ({
      ...callback,
      auth: { type: null, key: null },
      contentType: null,
      removeHtml: null,
    });
    const { summary } = await replayWhere({ change, after: 600 });
    expect([summary.error, summary.counts.marked]).toEqual([null, CALLS]);
  });

  it.each(["changed", "gone"] as const)(
    "is read again when a lost lock was taken again, before a call is sent: %s",
    async (stopped) => {
      let isLost = false;
      const endpoint = await anEndpoint((_, number) => {
        if (number === 20) isLost = true;
        // Nothing is accepted, so no mark is due.
        return { status: 500 };
      });
      const locks = {
        lease: { run: "RUN", holder: "ada@desk", done: 0, total: 0 },
        maySend: () => !isLost,
        async retake() {
          isLost = false;
        },
        reportProgress: () => undefined,
      };
      const moved = (callback: ListedCallback) => (stopped === "gone" ? null : { ...callback, url: "http://127.0.0.1:9/new" });
      const options = { concurrency: 1, canary: false, maxFailures: CALLS, locks };
      const { summary, received } = await replayWhere({ change: moved, after: 20, endpoint, options });
      expect([summary.callbacks[0]?.stopped, received]).toEqual([stopped, 20]);
    },
  );
});
