/** What a command loads: start-up time that doesn't depend on the machine. Node's coverage names every script that ran. */
import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Home, REPOSITORY } from "../support/process/whcb-process.js";

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
    { args: ["--version"], own: ["bin/whcb.js", "dist/main.cjs"], kB: 25, nodeModules: 40 },
    { args: ["--help"], own: ["bin/whcb.js", "dist/main.cjs", "dist/cli.cjs"], kB: 320, nodeModules: 40 },
    {
      args: ["calls", "list", "demo", "--limit", "20"],
      own: ["bin/whcb.js", "dist/main.cjs", "dist/cli.cjs", "dist/list.cjs"],
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
