/**
 * Calls that are attempted while a reconcile lists them.
 * Covers: src/runs/plan/plan-reconcile.ts
 */
import { afterEach, expect, it } from "vitest";
import type { Client } from "../../src/client/client.js";
import { planReconcile } from "../../src/runs/plan/plan-reconcile.js";
import { readSeenList } from "../../src/runs/plan/seen-list.js";
import { aResponse } from "../support/builders.js";
import { clientOver, injectTransport } from "../support/client/client-services.js";
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
      ids.map((id) => ({ id, response: aResponse({ messageId: id }) })),
    );
  await submit("failed");
  await recordAttempts(service.store, await pendingCalls(service.store, callback.id), () => ({ result: BUSY, startedAt: 1 }));
  await submit("fails", "is-delivered", "waits");
  let lists = 0;
  const listCalls: Client["listCalls"] = async function* (callbackId, query) {
    yield* client.listCalls(callbackId, query);
    if (query.limit !== undefined || ++lists !== 1) return;
    const waiting = (await pendingCalls(service.store, callback.id)).filter(({ id }) => id !== "waits");
    await recordAttempts(service.store, waiting, ({ id }) => ({ result: id === "fails" ? BUSY : OK, startedAt: Date.now() }));
  };
  const desk = openDesk({ client: { ...client, listCalls } });
  closing.push(() => closeService(service), desk.leave);
  const ids = ["fails", "is-delivered", "waits", "nope"];
  const plan = await planReconcile(
    { callback, seen: readSeenList(ids.join("\n"), "UTC"), timezone: "UTC", country: null, sendAmbiguous: false },
    desk.deps,
  );
  await plan.replay.discard();
  const { seen, ambiguous, failed, unmatched, replay } = plan;
  expect({ seen, ambiguous, failed, unmatched, toSend: replay.calls }).toEqual({
    seen: ["fails"],
    ambiguous: [],
    failed: 2,
    unmatched: 1,
    toSend: 1,
  });
});
