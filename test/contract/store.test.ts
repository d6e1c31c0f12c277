import { afterEach } from "vitest";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { describeStore } from "./store.js";

const opened: Store[] = [];

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

describeStore("sqlite", async () => {
  const store = await openStore({ url: ":memory:", secretKey: new Uint8Array(32) });
  opened.push(store);
  return store;
});
