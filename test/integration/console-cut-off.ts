/** An action that was cut off goes on when its form is sent again, to this process or another. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createReplayCollector } from "../../src/dispatcher/replay-collector.js";
import { systemClock } from "../../src/platform/clock.js";
import { silentLogger } from "../../src/platform/logger.js";
import type { Store } from "../../src/store/open-store.js";
import { markMatching } from "../contract/store-support.js";
import { aResponse } from "../support/builders.js";
import { hiddenFields, Visitor } from "../support/server/console-visitor.js";
import { CALLBACK_SETTINGS, closeService, openService, type Service } from "../support/server/server-fixture.js";

const ID = "0123456789ABCDEF";
const CONFIRM = `/console/callbacks/${ID}/confirm`;
/** A mark and a replay of so many calls take several transactions. */
const CALLS = 3_000;
const SHOWN = "3 000 calls";

/** `openStores` opens one empty database twice. */
export function describeCutOff(name: string, openStores: () => Promise<readonly [Store, Store]>): void {
  describe(`what was cut off in the console, on ${name}`, () => {
    let first: Service;
    let second: Service;
    let visitor: Visitor;
    let cutOff: () => void;

    beforeEach(async () => {
      const [store, other] = await openStores();
      const gone = new Promise<void>((resolve) => (cutOff = resolve));
      // Otherwise a slow test might look only when all calls are collected.
      const collect: typeof store.replays.collect = async (...step) => {
        const replay = await store.replays.collect(...step);
        if (replay.total > 0) await gone;
        return replay;
      };
      // On a busy machine the time for collecting before the answer would be over before it begins.
      const clock = { ...systemClock, monotonicMs: () => 0 };
      first = await openService({ store: { ...store, replays: { ...store.replays, collect } }, clock });
      second = await openService({ store: other });
      await store.callbacks.create(ID, { ...CALLBACK_SETTINGS, retriesEnabled: false }, 0);
      const calls = Array.from({ length: CALLS }, (_, index) => ({ id: `c${index}`, response: aResponse() }));
      await store.calls.accept([{ callbackId: ID, calls }], 0);
      await markMatching(store, ID, { status: "PENDING" }, { status: "SUCCESS", settledBy: "user", now: 1 });
      await markMatching(store, ID, { status: "SUCCESS" }, { status: "FAILED", settledBy: "user", now: 2 });
      visitor = await new Visitor(first.app).signIn();
    });
    afterEach(async () => {
      await first.app.close();
      await closeService(second);
    });

    /** Sends the form to the first process, whose database goes away when a part is done. Returns the form and that part. */
    async function confirmOnce(action: string, countDone: () => Promise<number>) {
      const form = hiddenFields((await visitor.open(`${CONFIRM}?action=${action}&all=on`)).html, CONFIRM);
      const answer = visitor.post(CONFIRM, form);
      while ((await countDone()) === 0) await systemClock.nextTurn();
      await first.store.close();
      cutOff();
      expect((await answer).status).toBeGreaterThanOrEqual(400);
      return { form, part: await countDone() };
    }

    /** Then sends it to the second process. */
    async function confirmTwice(action: string, countDone: () => Promise<number>) {
      const { form, part } = await confirmOnce(action, countDone);
      const later = new Visitor(second.app);
      for (const [cookie, value] of visitor.cookies) later.cookies.set(cookie, value);
      return { part, later, page: await later.post(CONFIRM, form) };
    }

    /** Returns the callbacks whose calls the second process has added to a replay. */
    async function collectRest(): Promise<readonly string[]> {
      const told: string[] = [];
      const onAdded = (callbackId: string) => void told.push(callbackId);
      const collector = createReplayCollector({ store: second.store, clock: systemClock, logger: silentLogger, onAdded });
      while ((await second.store.replays.findCollecting()) !== null) await collector.tick();
      return told;
    }

    it("a mark is taken back whole by its Undo", async () => {
      const countMarked = async () => (await second.store.calls.count(ID)).SUCCESS;
      const { part, page, later } = await confirmTwice("success", countMarked);
      expect(part).toBeLessThan(CALLS);
      expect(page.text).toContain(`${SHOWN} were marked successful. Undo`);
      expect(await countMarked()).toBe(CALLS);
      const [undo = ""] = /[^"]*marked=\d+/.exec(page.html) ?? [];
      expect((await later.send(undo.replaceAll("&amp;", "&"), CONFIRM)).text).toContain(`${SHOWN} were marked failed again.`);
      expect(await countMarked()).toBe(0);
    });

    it("a replay has all calls that were confirmed", async () => {
      const countRequested = async () => (await second.store.replays.list(ID, 1))[0]?.total ?? 0;
      const { part, page } = await confirmTwice("replay", countRequested);
      expect(part).toBeLessThan(CALLS);
      expect(page.text).toMatch(/The replay of 3 000 calls was requested\.|The replay was requested\./);
      await collectRest();
      expect(await second.store.replays.list(ID, 9)).toMatchObject([{ total: CALLS, collecting: null }]);
    });

    it("a replay gets the rest of its calls from another process, though nobody sends its form again", async () => {
      const countRequested = async () => (await second.store.replays.list(ID, 1))[0]?.total ?? 0;
      expect((await confirmOnce("replay", countRequested)).part).toBeLessThan(CALLS);
      const told = await collectRest();
      expect(await second.store.replays.list(ID, 9)).toMatchObject([{ total: CALLS, collecting: null }]);
      expect(told).toContain(ID);
    });
  });
}
