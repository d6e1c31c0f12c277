/** What a command loads stands for its start-up time, and doesn't depend on the machine. Node's coverage names every script that ran. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import nodeModule from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { Home, REPOSITORY } from "../support/process/whcb-process.js";

const home = new Home();
const RECORDER = join(REPOSITORY, "test", "support", "process", "record-modules.cjs");

beforeAll(async () => {
  await home.serve(["--no-endpoint-check"]);
  await home.whcb(["callbacks", "create", "--name", "demo", "--url", "http://127.0.0.1:9/hook", "--email", "ops@example.com"]);
  await home.whcb(["trigger", "demo", "-n", "20"]);
});

afterAll(() => home.leave());

/** Returns the modules of Node that whcb loads after Node's own start. */
async function nodeModulesOf(args: readonly string[]): Promise<string[]> {
  const file = join(mkdtempSync(home.path("modules-")), "list.json");
  const env = { NODE_OPTIONS: `--require ${RECORDER}`, MODULE_LIST: file };
  expect(await home.whcb(args, { env })).toMatchObject({ code: 0 });
  return JSON.parse(readFileSync(file, "utf8"));
}

/** Returns our files by name, the packages, and the size of all. */
async function loadedBy(args: readonly string[]): Promise<{ own: string[]; packages: string[]; kB: number }> {
  const folder = mkdtempSync(home.path("coverage-"));
  expect(await home.whcb(args, { env: { NODE_V8_COVERAGE: folder } })).toMatchObject({ code: 0 });
  const urls = readdirSync(folder).flatMap((name): string[] =>
    JSON.parse(readFileSync(join(folder, name), "utf8")).result.map(({ url }: { url: string }) => url),
  );
  const paths = [...new Set(urls.filter((url) => url.startsWith("file:")).map((url) => fileURLToPath(url)))];
  const packageOf = (path: string) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
  return {
    own: paths.filter((path) => packageOf(path) === undefined).map((path) => relative(REPOSITORY, path)),
    packages: [...new Set(paths.flatMap((path) => packageOf(path) ?? []))],
    kB: paths.reduce((sum, path) => sum + statSync(path).size, 0) / 1_000,
  };
}

/** Each takes milliseconds to load, and these commands need none. */
const SLOW = ["crypto", "https", "perf_hooks", "tls", "zlib"];

describe("at its start", () => {
  it.each([
    { args: ["--version"], own: ["bin/whcb.js", "dist/main.cjs"], kB: 28, nodeModules: 10 },
    { args: ["--help"], own: ["bin/whcb.js", "dist/main.cjs", "dist/cli.cjs"], kB: 200, nodeModules: 10 },
    {
      args: ["calls", "list", "demo", "--limit", "20"],
      own: ["bin/whcb.js", "dist/main.cjs", "dist/cli.cjs", "dist/list.cjs"],
      kB: 418,
      nodeModules: 50,
    },
  ])("whcb $args loads only what it needs", async ({ args, own, kB, nodeModules }) => {
    const loaded = await loadedBy(args);
    expect(loaded).toMatchObject({ own, packages: [] });
    expect(loaded.kB).toBeLessThanOrEqual(kB);
    for (const file of own) {
      const source = readFileSync(join(REPOSITORY, file), "latin1");
      // One character beyond Latin-1 makes V8 keep the file with two bytes a character.
      expect(source).toMatch(/^[\0-\x7f]*$/);
      // Node 20 builds the Unicode classes of each regular expression's literal, used or not.
      expect(source).not.toMatch(/[^\\]\\p\{/);
    }
    const modules = await nodeModulesOf(args);
    expect(modules.filter((name) => SLOW.includes(name))).toEqual([]);
    expect(modules.length).toBeLessThanOrEqual(nodeModules);
  });

  // Undici takes longer to load than all that they need.
  it.each(["callbacks list", "runs list", "status", "mark-success demo --failed --dry-run", "replay demo --failed --dry-run"])(
    "whcb %s, which delivers nothing, loads no client for deliveries",
    async (line) => {
      expect((await loadedBy(line.split(" "))).packages).not.toContain("undici");
    },
  );
});

describe("Node's compile cache", () => {
  const hasCache = "enableCompileCache" in nodeModule;
  const enabled = { NODE_DISABLE_COMPILE_CACHE: undefined };
  const helpIn = async (data: string, env = {}) => {
    expect(await home.whcb(["--help"], { env: { ...enabled, WHCB_DATA_DIR: data, ...env } })).toMatchObject({
      code: 0,
      stderr: "",
    });
  };
  const dataFolder = (name: string) => {
    mkdirSync(home.path(name), { mode: 0o700 });
    return home.path(name);
  };
  const filesIn = (folder: string) =>
    existsSync(folder)
      ? readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length
      : 0;

  it("is used where Node has one, in a folder of this user only", async () => {
    const data = dataFolder("cached");
    await helpIn(data);
    expect(filesIn(data) > 0).toBe(hasCache);
    if (hasCache) expect(statSync(join(data, "compile-cache")).mode & 0o777).toBe(0o700);
  });

  it("creates no data folder, and is in none if it is disabled or elsewhere", async () => {
    await helpIn(home.path("absent"));
    expect(existsSync(home.path("absent"))).toBe(false);
    const data = dataFolder("without");
    await helpIn(data, { NODE_DISABLE_COMPILE_CACHE: "1" });
    await helpIn(data, { NODE_COMPILE_CACHE: home.path("elsewhere") });
    expect(readdirSync(data)).toEqual([]);
  });

  it("is used by each Node that has one, whichever built the package", async () => {
    const preload = home.path("enable-compile-cache.cjs");
    writeFileSync(
      preload,
      `Object.defineProperty(process.versions, "node", { value: "22.14.0" });
       require("node:module").enableCompileCache = (folder) => console.error(folder);`,
    );
    const data = dataFolder("enabled");
    const used = { ...enabled, WHCB_DATA_DIR: data, NODE_OPTIONS: `--require ${preload}` };
    expect(await home.whcb(["--version"], { env: used })).toMatchObject({
      code: 0,
      stderr: `${join(realpathSync(data), "compile-cache")}\n`,
    });
    chmodSync(dirname(data), 0o770);
    expect(await home.whcb(["--version"], { env: used })).toMatchObject({ code: 0, stderr: "" });
    chmodSync(dirname(data), 0o700);
  });

  it.each([
    ["the folder", "compile-cache", 0o750],
    ["the data folder", "", 0o770],
  ])("isn't used if others may read or write %s", async (_, name, mode) => {
    const data = home.path(`shared-${mode}`);
    mkdirSync(join(data, "compile-cache"), { recursive: true, mode: 0o700 });
    chmodSync(join(data, name), mode);
    await helpIn(data);
    expect(filesIn(data)).toBe(0);
  });

  it("isn't used if the folder is another user's, or a link to one, or can't be made", async () => {
    const preload = home.path("be-another-user.cjs");
    writeFileSync(preload, "const uid = process.getuid() + 1; process.getuid = () => uid;");
    const foreign = dataFolder("foreign");
    await helpIn(foreign, { NODE_OPTIONS: `--require ${preload}` });
    expect(filesIn(foreign)).toBe(0);
    const data = dataFolder("planted");
    symlinkSync(mkdtempSync(home.path("elsewhere-")), join(data, "compile-cache"));
    await helpIn(data);
    expect(filesIn(join(data, "compile-cache"))).toBe(0);
    writeFileSync(home.path("no-folder"), "");
    await helpIn(home.path("no-folder"));
  });
});

test("a stack trace names the files and lines of src", async () => {
  const preload = home.path("break.cjs");
  writeFileSync(preload, 'process.umask = () => { throw new Error("broken by a test"); };');
  const { stderr } = await home.whcb(["--version"], { env: { NODE_OPTIONS: `--require ${preload}` } });
  const line =
    readFileSync(join(REPOSITORY, "src", "main.ts"), "utf8")
      .split("\n")
      .findIndex((text) => text.includes("process.umask(")) + 1;
  expect(stderr).toMatch(new RegExp(`at main \\(src/main\\.ts:${line}:`));
});
