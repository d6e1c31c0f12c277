import { afterEach, beforeEach, expect, it } from "vitest";
import type { Callback } from "../../../../src/domain/callback.js";
import { systemClock } from "../../../../src/platform/clock.js";
import { CallbackLookup } from "../../../../src/server/routes/route-context.js";
import { openStore, type Store } from "../../../../src/store/open-store.js";
import { CALLBACK_SETTINGS } from "../../../support/server/server-fixture.js";

const CALLBACK: Callback = {
  ...CALLBACK_SETTINGS,
  id: "0123456789ABCDEF",
  createdAt: 0,
  targetVersion: "",
  repairedAt: 0,
  replayRequestedAt: 0,
  replayProbeAt: 0,
  signingSecrets: [],
  pause: null,
};

let store: Store;

beforeEach(async () => {
  store = await openStore({ url: ":memory:", clock: systemClock, secretKey: new Uint8Array(32) });
});

afterEach(() => store.close());

function aLookup() {
  const state = { nowMs: 0, reads: 0 };
  const find = async (idOrName: string) => {
    state.reads += 1;
    return idOrName === CALLBACK.id || idOrName === CALLBACK.name ? CALLBACK : null;
  };
  return {
    state,
    lookup: new CallbackLookup({ ...store.callbacks, find }, { ...systemClock, monotonicMs: () => state.nowMs }),
  };
}

it("findRecent reads a callback at most once a second, and again after forget", async () => {
  const { state, lookup } = aLookup();
  for (const nowMs of [0, 999, 1000]) {
    state.nowMs = nowMs;
    expect(await lookup.findRecent("demo")).toBe(CALLBACK);
  }
  expect(state.reads).toBe(2);
  lookup.forgetAll();
  await lookup.findRecent("demo");
  expect(state.reads).toBe(3);
});

it("find reads the store each time", async () => {
  const { state, lookup } = aLookup();
  await lookup.find("demo");
  await lookup.find(CALLBACK.id);
  expect(state.reads).toBe(2);
});

it.each(["nope", "x".repeat(65), "de\0mo"])("throws not-found for %j", async (name) => {
  const { lookup } = aLookup();
  await expect(lookup.find(name)).rejects.toMatchObject({ code: "not-found", message: `No callback ${name.slice(0, 64)}` });
});
