import { describe, expect, it } from "vitest";
import { DEFAULT_SERVICE_SETTINGS } from "../../src/domain/service-settings.js";
import { DAY, MINUTE, type OpenStore } from "./store-support.js";

export function describeSettings(open: OpenStore): void {
  describe("the service's settings", () => {
    it("are the defaults until they are set, and a setting that isn't given keeps its value", async () => {
      const store = await open();
      expect(await store.settings.read()).toEqual(DEFAULT_SERVICE_SETTINGS);
      await store.settings.save({ intervalMs: MINUTE, retainFailedMs: 2 * DAY });
      await store.settings.save({ intervalMs: 2 * MINUTE });
      await store.settings.save({});
      expect(await store.settings.read()).toEqual({
        ...DEFAULT_SERVICE_SETTINGS,
        intervalMs: 2 * MINUTE,
        retainFailedMs: 2 * DAY,
      });
    });

    it("are shortened to what is a valid date, and never to the default: what was kept for ever isn't removed", async () => {
      const store = await open();
      await store.settings.save({ windowMs: 1e21, retainSuccessMs: 1e20 });
      expect(await store.settings.read()).toEqual({
        ...DEFAULT_SERVICE_SETTINGS,
        windowMs: 1_000_000 * DAY,
        retainSuccessMs: 1_000_000 * DAY,
      });
    });
  });
}
