import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openStore } from "../../src/store/open-store.js";
import { eventually, Home } from "../support/process/whcb-process.js";

/** So large that its backup takes many steps. */
const PAD_BYTES = 128 * 1024 * 1024;

it("a backup that is killed leaves no file of its name, and one that it was to replace as it was", async () => {
  const home = new Home();
  try {
    const db = home.path("x.db");
    await (await openStore({ url: db, clock: systemClock, secretKey: new Uint8Array(32) })).close();
    const writer = new Database(db);
    writer.prepare("INSERT INTO settings (name, value) VALUES ('pad', zeroblob(?))").run(PAD_BYTES);
    writer.close();
    writeFileSync(home.path("old.db"), OLD);
    for (const [file, more] of [
      ["new.db", []],
      ["old.db", ["--force"]],
    ] as const) {
      const backup = home.start(["db", "backup", home.path(file), "--db", db, ...more]);
      await eventually(
        async () => partials(home).some((name) => name.startsWith(file)),
        (hasBegun) => hasBegun,
      );
      const { code } = await backup.stop("SIGKILL");
      expect(code).toBeNull();
    }
    expect(existsSync(home.path("new.db"))).toBe(false);
    expect(readFileSync(home.path("old.db"), "utf8")).toBe(OLD);
    expect(partials(home)).toHaveLength(2);
  } finally {
    await home.leave();
  }
});

/** It begins as a database does. */
const OLD = "SQLite format 3\0the backup of yesterday";

const partials = (home: Home) => readdirSync(home.folder).filter((name) => name.endsWith(".partial"));
