import { existsSync } from "node:fs";
import type { DatabaseMaintenance } from "../cli/cli-deps.js";
import { systemClock } from "../platform/clock.js";
import { checkDatabase } from "../store/maintenance/check-database.js";
import { findDatabaseId, migrateDatabase } from "../store/open-store.js";
import { secretKeyPath } from "../store/secret-key.js";
import { backUpDatabase } from "../store/sqlite/back-up-database.js";

export const databaseMaintenance: DatabaseMaintenance = {
  check: (database, onProgress) => checkDatabase(database, systemClock, onProgress),
  migrate: migrateDatabase,
  findId: findDatabaseId,
  async copy(path, url, onProgress) {
    return (await import("../store/copy/copy-database.js")).copyDatabase(path, url, systemClock, onProgress);
  },
  async backUp(path, target) {
    const keyFile = secretKeyPath(path);
    return { ...(await backUpDatabase(path, target)), keyFile: existsSync(keyFile) ? keyFile : null };
  },
};
