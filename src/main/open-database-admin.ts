import type { DatabaseAdmin } from "../cli/cli-deps.js";
import { keepNodesOut } from "../dispatcher/node-membership.js";
import type { Author } from "../domain/audit/audit-entry.js";
import { eraseMailFiles, mailDirectoryOf } from "../notifier/eml-notifier.js";
import { eraseOutageMail } from "../notifier/outage-mail.js";
import { systemClock } from "../platform/clock.js";
import { placeOf } from "../platform/database-url.js";
import { systemRandom } from "../platform/random.js";
import { systemUser } from "../runs/run-deps.js";
import { addUser, changePassword, removeUser } from "../server/auth/users.js";
import { openAdminStore } from "../store/open-store.js";
import { lockDatabase } from "../store/sqlite/open-sqlite.js";

/** Throws what `openStore` throws. */
export async function openDatabaseAdmin(path: string, dataDirectory: string): Promise<DatabaseAdmin> {
  let store = await openAdminStore(path, systemClock);
  const author = (): Author => ({ user: systemUser(), via: "database", address: null, at: systemClock.now() });
  const deps = () => ({ credentials: store.credentials, random: systemRandom, author: author() });
  return {
    listUsers: () => store.credentials.list(),
    addUser: (username, password) => addUser({ username, password }, deps()),
    changePassword: (username, password, withNewKey) => changePassword({ username, password }, withNewKey, deps()),
    removeUser: (username) => removeUser(username, deps()),
    async eraseSender({ isSender, mailDirectory, dryRun }) {
      const { members } = store;
      // `lockDatabase` needs the only connection.
      if (members === null) await store.close();
      const lock = await (members === null
        ? lockDatabase(path)
        : keepNodesOut(members, "whcb db erase", systemClock, systemRandom));
      try {
        if (members === null) store = await openAdminStore(path, systemClock);
        const { callIds, mails, ...found } = await store.eraseSender({
          isSender,
          dryRun,
          now: systemClock.now(),
          author: author(),
          eraseMail: (mail, ids) => eraseOutageMail(mail, { isSender, callIds: ids }),
          eraseFiles: ({ callIds: ids, ...known }) =>
            eraseMailFiles(mailDirectory ?? mailDirectoryOf(placeOf(path, dataDirectory)), {
              ...known,
              dryRun,
              isAbout: (text) => (eraseOutageMail({ subject: "", text }, { isSender, callIds: ids })?.text ?? text) !== text,
            }),
        });
        return { ...found, calls: callIds.size, mails: mails.length };
      } finally {
        await lock.release();
      }
    },
    close: () => store.close(),
  };
}
