import type { ServeOptions } from "../cli/cli-deps.js";
import { systemClock } from "../platform/clock.js";
import { systemRandom } from "../platform/random.js";
import { hashApiKey, makeCredential, matchesApiKey, verifyPassword } from "../server/auth/credential-hashes.js";
import { lockDatabase } from "../store/lock-database.js";
import { openStore } from "../store/open-store.js";
import { secretKeySource } from "../store/secret-key.js";
import type { Store } from "../store/store.js";
import type { Teardown } from "./teardown.js";

/** With the user of `options` added. Throws as lockDatabase and openStore. */
export async function openServedStore(options: ServeOptions, teardown: Teardown): Promise<Store> {
  const { database, credentials, secretKey } = options;
  const keySource = secretKeySource(database, secretKey);
  const lock = await lockDatabase(database);
  teardown.add(() => lock.release());
  const store = await openStore({ url: database, clock: systemClock, secretKey: keySource });
  teardown.add(() => store.close());
  await letIn(credentials, store);
  return store;
}

/** Keeps existing hashes: new ones would invalidate issued tokens. */
async function letIn(credentials: ServeOptions["credentials"], store: Store): Promise<void> {
  const stored = (await store.listCredentials()).find(({ username }) => username === credentials.username);
  const isKnown =
    stored && matchesApiKey(hashApiKey(credentials.apiKey), stored) && (await verifyPassword(credentials.password, stored));
  if (!isKnown) await store.saveCredential(await makeCredential(credentials, systemRandom), systemClock.now());
}
