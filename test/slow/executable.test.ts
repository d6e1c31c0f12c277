/** The self-contained executable, built for this platform. test/try/executable.sh tries it on a system of its own. */
import { execFileSync } from "node:child_process";
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Home, REPOSITORY } from "../support/process/whcb-process.js";

const home = new Home();
const built = home.path("built");
/** It is started from elsewhere, so it reads no file beside it. */
const whcb = home.path("whcb");

/** Such a Node, as Debian's, has its code in a library, and can't be contained. */
const isShared = Reflect.get(process.config.variables, "node_shared") === true;
if (isShared) process.stderr.write("The tests of the executable were left out: this Node is a shared library.\n");

describe.skipIf(isShared)("the executable", () => {
  beforeAll(() => {
    execFileSync(process.execPath, ["build-executable.mjs", built], { cwd: REPOSITORY, stdio: "pipe" });
    copyFileSync(join(built, "whcb"), whcb);
  });

  afterAll(() => home.leave());

  const run = (...args: readonly string[]) => home.spawn(whcb, args).ended;

  it("knows its version and its completions, and unpacks nothing for them", async () => {
    const { version } = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8"));
    expect(await run("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
    const { stdout } = await home.whcb(["completion", "bash"]);
    expect(await run("completion", "bash")).toEqual({ code: 0, stdout, stderr: "" });
    expect(readdirSync(home.folder).sort()).toEqual(["built", "whcb"]);
  });

  it("shows an outage and its replay", async () => {
    expect(await run("demo")).toMatchObject({ code: 0, stderr: expect.stringContaining("every count is right") });
    expect(readdirSync(home.path(".cache", "whcb"))).toEqual([expect.stringMatching(/^[0-9a-f]{32}\.node$/)]);
  });

  it("serves the console with its files", async () => {
    const service = home.spawn(whcb, ["serve", "--port", "0", "--db", home.path("x.db")]);
    const [, url = ""] = await service.says(/Listening on (http:\/\/\S+)/);
    const page = await (await fetch(`${url}/console/sign-in`)).text();
    const files = [...page.matchAll(/"(\/console\/assets\/[^"]+)"/g)].map(([, path]) => path);
    const answers = await Promise.all(files.map((path) => fetch(`${url}${path}`)));
    expect(answers.map(({ status, headers }) => [status, headers.get("content-encoding")])).toEqual(
      files.map(() => [200, "gzip"]),
    );
    expect(files.length).toBeGreaterThanOrEqual(2);
    await service.stop();
  });

  it("says that it needs a place for its native module", async () => {
    writeFileSync(home.path("file"), "");
    const env = { HOME: home.path("file"), TMPDIR: home.path("absent") };
    const { code, stderr } = await home.spawn(whcb, ["users", "list", "--db", home.path("x.db")], env).ended;
    expect([code, stderr]).toEqual([
      4,
      expect.stringMatching(/^error: the native module for SQLite can't .*\nhint: set WHCB_CACHE_DIR to /),
    ]);
  });

  it("names the lines of src where it breaks", async () => {
    const preload = home.path("break.cjs");
    writeFileSync(preload, 'process.umask = () => { throw new Error("broken by a test"); };');
    const { stderr } = await home.spawn(whcb, ["--version"], { NODE_OPTIONS: `--require ${preload}` }).ended;
    const lines = readFileSync(join(REPOSITORY, "src", "main.ts"), "utf8").split("\n");
    expect(stderr).toContain(`(src/main.ts:${lines.findIndex((line) => line.includes("process.umask(")) + 1}:`);
  });

  it("is the same when it's built again", () => {
    const again = home.path("again");
    execFileSync(process.execPath, ["build-executable.mjs", again], { cwd: REPOSITORY, stdio: "pipe" });
    expect(readFileSync(join(again, "whcb")).equals(readFileSync(whcb))).toBe(true);
  });

  it("comes with the licences of all that it contains", () => {
    const notices = readFileSync(join(built, "THIRD-PARTY-NOTICES"), "utf8");
    for (const name of ["Node.js, with what it contains", "better-sqlite3", "commander", "fastify", "idiomorph", "undici"]) {
      expect(notices).toMatch(new RegExp(`^-{80}\n${name}[ \n]`, "m"));
    }
    expect(readdirSync(built).sort()).toEqual(["LICENSE", "THIRD-PARTY-NOTICES", "whcb"]);
  });
});
