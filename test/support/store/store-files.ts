/** Database files are in a folder of their own, which is gone after each test with the stores on them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { systemClock } from "../../../src/platform/clock.js";
import { type OpenStoreOptions, openStore, type Store } from "../../../src/store/open-store.js";

export interface StoreFiles {
  /** Returns a path in a new folder. */
  path(name?: string): string;
  open(path: string, over?: Partial<OpenStoreOptions>): Promise<Store>;
}

export function storeFiles(): StoreFiles {
  const folders: string[] = [];
  const stores: Store[] = [];
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });
  return {
    path(name = "whcb.db") {
      const folder = mkdtempSync(join(tmpdir(), "whcb-store-"));
      folders.push(folder);
      return join(folder, name);
    },
    async open(path, over = {}) {
      const store = await openStore({ url: path, clock: systemClock, secretKey: new Uint8Array(32), ...over });
      stores.push(store);
      return store;
    },
  };
}
