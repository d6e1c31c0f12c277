/** Calls are attempted while a reconcile lists them. */
import { afterEach, describe, expect, it } from "vitest";
import type { Client } from "../../src/client/client.js";
import { systemClock } from "../../src/platform/clock.js";
import { planReconcile } from "../../src/runs/plan/plan-reconcile.js";
import { readSeenList } from "../../src/runs/plan/seen-list.js";
import { deliveryBody } from "../../src/wire/delivery-request.js";
import { aGroup } from "../contract/store-support.js";
import { aResponse } from "../support/builders.js";
import { clientOver, injectTransport } from "../support/client/client-services.js";
import { type PlatformCall, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { openDesk } from "../support/replay/replay-desk.js";
import { BUSY, OK, pendingCalls, recordAttempts } from "../support/server/recorded-calls.js";
import { CALLBACK_SETTINGS, closeService, openService } from "../support/server/server-fixture.js";

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

it("finds a call that is attempted between the lists, in its later state", async () => {
  const service = await openService();
  const client = clientOver(injectTransport(service.app));
  const callback = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
  const submit = (...ids: readonly string[]) =>
    client.submitCalls(
      callback.id,
      ids.map((id) => ({ id, response: aResponse({ messageId: `message of ${id}` }) })),
    );
  await submit("failed");
  await recordAttempts(service.store, await pendingCalls(service.store, callback.id), () => ({ result: BUSY, startedAt: 1 }));
  await submit("is-busy", "is-delivered", "waits");
  let lists = 0;
  const listCalls: Client["listCalls"] = async function* (callbackId, query) {
    yield* client.listCalls(callbackId, query);
    if (query.limit !== undefined || ++lists !== 1) return;
    const waiting = (await pendingCalls(service.store, callback.id)).filter(({ id }) => id !== "waits");
    await recordAttempts(service.store, waiting, ({ id }) => ({ result: id === "is-busy" ? BUSY : OK, startedAt: Date.now() }));
  };
  const desk = openDesk({ client: { ...client, listCalls } });
  closing.push(() => closeService(service), desk.leave);
  const ids = ["is-busy", "is-delivered", "waits", "nope"];
  const plan = await planReconcile(
    { callback, seen: readSeenList(ids.join("\n"), "UTC"), timezone: "UTC", country: null, sendAmbiguous: false },
    desk.deps,
  );
  await plan.replay.discard();
  const { seen, ambiguous, failed, unmatched, waiting, replay } = plan;
  expect({ seen, ambiguous, failed, unmatched, waiting, toSend: replay.calls }).toEqual({
    seen: ["is-busy"],
    ambiguous: [],
    failed: 2,
    unmatched: 1,
    waiting: 1,
    toSend: 1,
  });
});

it("finds a call whose place is taken by others, though as many calls are listed as counted", async () => {
  const service = await openService();
  const client = clientOver(injectTransport(service.app));
  const { store } = service;
  const callback = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook", retriesEnabled: true });
  const submit = (ids: readonly string[], messageId: string) =>
    client.submitCalls(
      callback.id,
      ids.map((id) => ({ id, response: aResponse({ messageId }) })),
    );
  await submit(["accepted-meanwhile", "never-accepted"], "equal");
  const twins = await pendingCalls(store, callback.id);
  await recordAttempts(store, twins, () => ({ result: BUSY, startedAt: 1 }));
  await submit(["comes-in"], "slow");
  const [comesIn] = await pendingCalls(store, callback.id);
  const others = Array.from({ length: 600 }, (_, index) => `other-${index}`);
  await submit(others, "other");
  const failed = (await pendingCalls(store, callback.id)).filter(({ id }) => id !== "comes-in");
  await recordAttempts(store, failed, (_, index) => ({ result: BUSY, startedAt: 1_000 + index }));
  await submit(["held"], "held");
  const held = (await pendingCalls(store, callback.id)).filter(({ id }) => id === "held");
  const at = Date.now();
  await store.outcomes.commit(
    aGroup({
      holdings: held.map(({ id, seq }) => ({ callbackId: callback.id, callId: id, callSeq: seq, at, downSince: at })),
    }),
  );
  let pages = 0;
  const listCalls: Client["listCalls"] = async function* (callbackId, query) {
    for await (const page of client.listCalls(callbackId, query)) {
      yield page;
      if (query.filter.status !== undefined || query.limit !== undefined || ++pages !== 1) continue;
      await client.updateCallback(callback.id, { retriesEnabled: false }, {});
      await recordAttempts(store, twins.slice(0, 1), () => ({ result: OK, startedAt: at + 1 }));
      await recordAttempts(store, comesIn === undefined ? [] : [comesIn], () => ({ result: BUSY, startedAt: 2 }));
    }
  };
  const desk = openDesk({ client: { ...client, listCalls } });
  closing.push(() => closeService(service), desk.leave);
  const line = deliveryBody({ contentType: "json", removeHtml: false }, aResponse({ messageId: "equal" }));
  const plan = await planReconcile(
    { callback, seen: readSeenList(line, "UTC"), timezone: "UTC", country: null, sendAmbiguous: false },
    desk.deps,
  );
  await plan.replay.discard();
  expect(plan.seen).toEqual([]);
  expect(plan.ambiguous.map(({ id }) => id)).toEqual(expect.arrayContaining(["accepted-meanwhile", "never-accepted"]));
});

const reply = {
  messageId: "M1",
  from: { mobile: "61491570001" },
  responseMessage: { content: "Yes", channel: "SMS", acknowledged: "24/11/26 09:30" },
};
const callback = { id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/hook", key: null };

it("finds delivered calls that a service lists only if it is asked for them", async () => {
  const failed = { id: "a".repeat(32), status: "FAILED" as const, fields: reply };
  const calls = [failed, { id: "b".repeat(32), status: "SUCCESS" as const, fields: reply }];
  const body = JSON.stringify({ calls: [{ id: failed.id, status: failed.status, ...reply }], status: "1 to 1 of 1" });
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ ...callback, calls }],
    instead: ({ path }) => (path.includes("/calls") && !path.includes("status=") ? { status: 200, body } : null),
  });
  const desk = openDesk({ transport: platform.transport() });
  closing.push(desk.leave);
  const seen = readSeenList(JSON.stringify({ messageid: "M1", from: reply.from, responseMessage: reply.responseMessage }), "UTC");
  const request = { callback: await desk.deps.client.getCallback("demo"), seen, timezone: "UTC", country: null };
  const plan = await planReconcile({ ...request, sendAmbiguous: false }, desk.deps);
  await plan.replay.discard();
  expect([plan.seen, plan.ambiguous.map(({ id }) => id), plan.failed]).toEqual([[], [failed.id], 1]);
});

describe("PENDING calls of the platform", () => {
  const waiting = Array.from({ length: 40 }, (_, index) => ({
    id: String(index).padStart(32, "a"),
    status: "PENDING" as const,
    fields: { ...reply, messageId: index === 25 ? "M1" : `other ${index}` },
  }));

  it.each<[string, (calls: PlatformCall[]) => PlatformCall[], (calls: PlatformCall[]) => void]>([
    ["", (calls) => calls.slice(25, 26), () => {}],
    [
      ", though others are delivered while they are read",
      (calls) => calls,
      (calls) => {
        for (const call of calls.slice(0, 20)) call.status = "SUCCESS";
      },
    ],
  ])("are compared, as the line may be of one%s", async (_, choose, onSecondPage) => {
    const pending = choose(waiting.map((call) => ({ ...call })));
    const calls = [{ id: "f".repeat(32), status: "FAILED" as const, fields: reply }, ...pending];
    const instead = ({ path }: { readonly path: string }) => {
      if (path.includes("PENDING") && path.includes("offset=20")) onSecondPage(pending);
      return null;
    };
    const platform = scriptedPlatform({ clock: systemClock, callbacks: [{ ...callback, calls }], instead });
    const desk = openDesk({ transport: platform.transport() });
    closing.push(desk.leave);
    const line = JSON.stringify({ messageid: "M1", from: reply.from, responseMessage: reply.responseMessage });
    const seen = readSeenList(line, "UTC");
    const plan = await planReconcile(
      { callback: await desk.deps.client.getCallback("demo"), seen, timezone: "UTC", country: null, sendAmbiguous: false },
      desk.deps,
    );
    await plan.replay.discard();
    expect([plan.seen, plan.ambiguous.length]).toEqual([[], 1]);
  });
});
