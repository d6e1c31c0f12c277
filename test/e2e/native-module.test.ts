/**
 * better-sqlite3 as it is after switching to another version of Node: its binary can't be loaded.
 * Covers: src/store/sqlite/open-database.ts
 */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Home } from "../support/process/whcb-process.js";

vi.setConfig({ testTimeout: 90_000 });

const home = new Home();
const FOLDER = "/opt/tools/lib";
const env = { NODE_OPTIONS: `--import=${home.path("other-node.mjs")}`, WHCB_URL: home.path("x.db") };

beforeAll(() => {
  writeFileSync(home.path("x.db"), "");
  writeFileSync(
    home.path("other-node.mjs"),
    `process.dlopen = () => {
      throw Object.assign(new Error(\`The module '${FOLDER}/node_modules/better-sqlite3/build/Release/better_sqlite3.node'
was compiled against a different Node.js version using
NODE_MODULE_VERSION 115. This version of Node.js requires
NODE_MODULE_VERSION 127. Please try re-compiling or re-installing
the module (for instance, using \\\`npm rebuild\\\` or \\\`npm install\\\`).\`), { code: "ERR_DLOPEN_FAILED" });
    };`,
  );
});

afterAll(() => home.leave());

describe("a native module built for another version of Node", () => {
  it.each([[["demo"]], [["serve", "--port", "0", "--db", home.path("new.db")]], [["callbacks", "list"]], [["trigger", "demo"]]])(
    "is named, with the command that rebuilds it, and the command ends at once: %j",
    async (args) => {
      const { code, stderr } = await home.whcb(args, { env });
      expect([code, stderr]).toEqual([
        4,
        `error: better-sqlite3, the native module for SQLite, was built for another version of Node (this is ${process.version})\nhint: rebuild it: cd ${FOLDER} && npm rebuild better-sqlite3\n`,
      ]);
    },
  );
});
