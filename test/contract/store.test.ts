/** Runs the store's contract on SQLite. */
import { afterEach } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openStore, type Store } from "../../src/store/open-store.js";
import { describeStore } from "./store.js";
import type { OpenStore } from "./store-support.js";

const opened: Store[] = [];

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

async function open(options: Parameters<OpenStore>[0] = { clock: systemClock }): Promise<Store> {
  const store = await openStore({ url: ":memory:", secretKey: new Uint8Array(32), ...options });
  opened.push(store);
  return store;
}

describeStore("sqlite", open, 25);
