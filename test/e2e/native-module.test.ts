/** What a command says where better-sqlite3 can't be loaded: it is left out, of the other version, without its binary, or built for another Node. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { copyWithoutDriver, Home, REPOSITORY } from "../support/process/whcb-process.js";

const home = new Home();
const MODULE = "better-sqlite3, the native module for SQLite,";
const [needed, other] = Number(process.versions.napi) >= 10 ? [13, 12] : [12, 13];
const install = needed === 13 ? "install it" : "install it, with access to GitHub or with Python, make and a C++ compiler";
const rebuild = needed === 13 ? "npm explore better-sqlite3 -- npm run build-release" : "npm rebuild better-sqlite3";

afterAll(() => home.leave());

function newCopy(...names: string[]): string {
  const copy = home.path(...names);
  copyWithoutDriver(copy);
  return copy;
}

/** The copy has no binary. */
function copyDriver(copy: string): string {
  const driver = join("node_modules", "better-sqlite3");
  for (const part of ["lib", "package.json"])
    cpSync(join(REPOSITORY, driver, part), join(copy, driver, part), { recursive: true });
  return join(copy, driver);
}

async function outcomeOf(args: readonly string[], copy: string, env: Readonly<Record<string, string>> = {}) {
  const { code, stderr } = await home.whcb(args, { bin: join(copy, "bin", "whcb.js"), env });
  return { code, stderr };
}

describe("without better-sqlite3", () => {
  const copy = newCopy("a clone");
  const env = { WHCB_URL: home.path("x.db") };
  writeFileSync(home.path("x.db"), "");

  it.each([[["demo"]], [["serve", "--port", "0", "--db", home.path("new.db")]], [["callbacks", "list"]], [["trigger", "demo"]]])(
    "%j ends at once, with the command that installs it",
    async (args) => {
      expect(await outcomeOf(args, copy, env)).toEqual({
        code: 4,
        stderr: `error: ${MODULE} isn't installed\nhint: ${install}: cd '${copy}' && npm install --no-save better-sqlite3@${needed}\n`,
      });
    },
  );

  it("an installed whcb gets no development packages by that command", async () => {
    const installed = newCopy("node_modules", "whcb");
    expect((await outcomeOf(["callbacks", "list"], installed, env)).stderr).toContain(
      `cd ${installed} && npm install --no-save --omit=dev better-sqlite3@${needed}\n`,
    );
  });

  it("commands against a service still work", async () => {
    const { url } = await home.serve(["--no-endpoint-check"]);
    expect(await outcomeOf(["callbacks", "list"], copy, { WHCB_URL: url })).toMatchObject({ code: 0 });
  });
});

it("the version for other Nodes isn't loaded: its binary would end the process", async () => {
  const copy = newCopy("other-version");
  const driver = copyDriver(copy);
  const manifest = JSON.parse(readFileSync(join(driver, "package.json"), "utf8"));
  writeFileSync(join(driver, "package.json"), JSON.stringify({ ...manifest, version: `${other}.0.1` }));
  writeFileSync(join(driver, manifest.main), "process.abort()");
  expect(await outcomeOf(["callbacks", "list"], copy, { WHCB_URL: home.path("x.db") })).toEqual({
    code: 4,
    stderr:
      `error: ${MODULE} is version ${other}.0.1, but with this version of Node (${process.version}) whcb needs version ${needed}\n` +
      `hint: ${install}: cd ${copy} && npm install --no-save better-sqlite3@${needed}\n`,
  });
});

it("a binary that was never built is named, with the command that builds it", async () => {
  const copy = newCopy("no-binary");
  copyDriver(copy);
  expect(await outcomeOf(["callbacks", "list"], copy, { WHCB_URL: home.path("x.db") })).toEqual({
    code: 4,
    stderr: `error: ${MODULE} has no binary for this system\nhint: build it: cd ${copy} && ${rebuild}\n`,
  });
});

it("so is one that was built for another version of Node", async () => {
  writeFileSync(
    home.path("other-node.mjs"),
    `process.dlopen = () => {
      throw Object.assign(new Error(\`The module '/opt/better_sqlite3.node'
was compiled against a different Node.js version using
NODE_MODULE_VERSION 115. This version of Node.js requires
NODE_MODULE_VERSION 127.\`), { code: "ERR_DLOPEN_FAILED" });
    };`,
  );
  const env = { NODE_OPTIONS: `--import=${home.path("other-node.mjs")}`, WHCB_URL: home.path("x.db") };
  expect(await outcomeOf(["callbacks", "list"], REPOSITORY, env)).toEqual({
    code: 4,
    stderr: `error: ${MODULE} was built for another version of Node (this is ${process.version})\nhint: build it: cd ${REPOSITORY} && ${rebuild}\n`,
  });
});
