import type { DatabaseAdmin } from "../cli/cli-deps.js";
import { systemClock } from "../platform/clock.js";
import { systemRandom } from "../platform/random.js";
import { addUser, changePassword, removeUser } from "../server/auth/users.js";
import { openAdminStore } from "../store/open-store.js";

/** Throws as openStore. */
export async function openDatabaseAdmin(path: string): Promise<DatabaseAdmin> {
  const store = openAdminStore(path, systemClock);
  const deps = () => ({ store, random: systemRandom, now: systemClock.now() });
  return {
    listUsers: () => store.listCredentials(),
    addUser: (username, password) => addUser({ username, password }, deps()),
    changePassword: (username, password, withNewKey) => changePassword({ username, password }, withNewKey, deps()),
    removeUser: (username) => removeUser(username, store),
    close: () => store.close(),
  };
}
