/** What a command loads: start-up time that doesn't depend on the machine. Node's coverage names every script that ran. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copyPackage, Home, REPOSITORY } from "../support/process/whcb-process.js";

const home = new Home();
const RECORDER = join(REPOSITORY, "test", "support", "process", "record-modules.cjs");

beforeAll(async () => {
  await home.serve(["--no-endpoint-check"]);
  await home.whcb(["callbacks", "create", "--name", "demo", "--url", "http://127.0.0.1:9/hook", "--email", "ops@example.com"]);
  await home.whcb(["trigger", "demo", "-n", "20"]);
});

afterAll(() => home.leave());

/** The modules of Node that it loads after its own start. */
async function nodeModulesOf(args: readonly string[]): Promise<string[]> {
  const file = join(mkdtempSync(home.path("modules-")), "list.json");
  const env = { NODE_OPTIONS: `--require ${RECORDER}`, MODULE_LIST: file };
  expect(await home.whcb(args, { env })).toMatchObject({ code: 0 });
  return JSON.parse(readFileSync(file, "utf8"));
}

/** Our files by name; the packages; the size of all. */
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

/** Each takes a millisecond or more, and these commands need none. */
const SLOW = ["child_process", "crypto", "fs/promises", "https", "perf_hooks", "readline", "timers/promises", "tls", "zlib"];

describe("at its start", () => {
  it.each([
    { args: ["--version"], own: ["bin/whcb.js", "bin/load.js", "dist/main.cjs"], kB: 25, nodeModules: 10 },
    { args: ["--help"], own: ["bin/whcb.js", "bin/load.js", "dist/main.cjs", "dist/cli.cjs"], kB: 320, nodeModules: 10 },
    {
      args: ["calls", "list", "demo", "--limit", "20"],
      own: ["bin/whcb.js", "bin/load.js", "dist/main.cjs", "dist/cli.cjs", "dist/list.cjs"],
      kB: 420,
      nodeModules: 50,
    },
  ])("whcb $args loads only what it needs", async ({ args, own, kB, nodeModules }) => {
    const loaded = await loadedBy(args);
    expect(loaded).toMatchObject({ own, packages: [] });
    expect(loaded.kB).toBeLessThanOrEqual(kB);
    const modules = await nodeModulesOf(args);
    expect(modules.filter((name) => SLOW.includes(name))).toEqual([]);
    expect(modules.length).toBeLessThanOrEqual(nodeModules);
  });
});

const COMPILED = ["main", "cli", "list"];

/** What became of the compiled code of each file. */
function uses(folder: string, nodeFlags: readonly string[] = []): Record<string, "taken" | "rejected" | "not read"> {
  const script = `const { load, files } = require(${JSON.stringify(join(folder, "bin", "load.js"))});
    const rejected = (name) => (load(name), files.get(name).script.cachedDataRejected);
    JSON.stringify(${JSON.stringify(COMPILED)}.map((name) => [name, { false: "taken", true: "rejected" }[rejected(name)] ?? "not read"]))`;
  return Object.fromEntries(JSON.parse(execFileSync(process.execPath, [...nodeFlags, "-p", script], { encoding: "utf8" })));
}

describe("compiled code", () => {
  const compiledOf = (folder: string, name: string) =>
    join(folder, "dist", `${name}.${process.version}-${process.platform}-${process.arch}.compiled`);

  function copy(): string {
    const folder = mkdtempSync(home.path("copy-"));
    copyPackage(folder);
    return folder;
  }

  const helpOf = (folder: string) => home.whcb(["--help"], { bin: join(folder, "bin", "whcb.js") });

  it("is used", () => {
    expect(uses(REPOSITORY)).toEqual({ main: "taken", cli: "taken", list: "taken" });
  });

  it("is rejected by a V8 with other flags, which compiles the source", () => {
    expect(uses(REPOSITORY, ["--no-opt"])).toEqual({ main: "rejected", cli: "rejected", list: "rejected" });
  });

  it.each<[string, (code: Buffer) => Buffer]>([
    ["empty", () => Buffer.alloc(0)],
    ["cut off", (code) => code.subarray(0, -1)],
    ["cut off in the middle", (code) => code.subarray(0, code.length / 2)],
    ["damaged", (code) => Buffer.from(code).fill(0, 4096, 8192)],
    ["damaged at its end", (code) => Buffer.from(code).fill(0, code.length - 10)],
  ])("isn't used if it is %s", async (_, damage) => {
    const folder = copy();
    const path = compiledOf(folder, "cli");
    writeFileSync(path, damage(readFileSync(path)));
    expect(uses(folder)).toEqual({ main: "taken", cli: "not read", list: "taken" });
    expect(await helpOf(folder)).toEqual(await helpOf(REPOSITORY));
  });

  it("isn't used for a source that was changed, even with the same length", async () => {
    const folder = copy();
    const path = join(folder, "dist", "cli.cjs");
    writeFileSync(path, readFileSync(path, "utf8").replaceAll("Lists, replays", "Lists, REPLAYS"));
    expect((await helpOf(folder)).stdout).toContain("Lists, REPLAYS and settles");
  });

  it("isn't needed", async () => {
    const folder = copy();
    for (const name of COMPILED) rmSync(compiledOf(folder, name));
    expect(await helpOf(folder)).toEqual(await helpOf(REPOSITORY));
  });
});
