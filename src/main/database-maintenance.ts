import { existsSync } from "node:fs";
import type { DatabaseMaintenance } from "../cli/cli-deps.js";
import { secretKeyPath } from "../store/secret-key.js";
import { backUpDatabase } from "../store/sqlite/back-up-database.js";

export const databaseMaintenance: DatabaseMaintenance = {
  async backUp(path, target) {
    const keyFile = secretKeyPath(path);
    return { ...(await backUpDatabase(path, target)), keyFile: existsSync(keyFile) ? keyFile : null };
  },
};
