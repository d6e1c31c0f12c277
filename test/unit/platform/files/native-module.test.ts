/** The native module that the executable contains, unpacked for real: better-sqlite3's own. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import Database from "better-sqlite3";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadNativeModule } from "../../../../src/platform/files/native-module.js";
import { cacheFolder } from "../../../../src/platform/paths.js";
import { mayTroubleDisks, SmallDisk } from "../../../support/process/troubled-disk.js";
import { IS_WINDOWS, isPrivate } from "../../../support/system.js";
import { newTemporaryFolder } from "../../../support/temporary-folders.js";

new Database(":memory:").close();
const binary = Object.keys(createRequire(import.meta.url).cache).find((path) => path.endsWith(".node")) ?? "";
const content = readFileSync(binary);
const LOADED = expect.objectContaining({ Database: expect.any(Function) });
const isRoot = process.getuid?.() === 0;

let home: string;
let cache: string;
let temporary: string;

beforeEach(() => {
  home = newTemporaryFolder("whcb-home-");
  temporary = newTemporaryFolder("whcb-temporary-");
  vi.stubEnv("HOME", home);
  vi.stubEnv("XDG_CACHE_HOME", join(home, ".cache"));
  vi.stubEnv("LOCALAPPDATA", home);
  for (const name of ["TMPDIR", "TEMP", "TMP"]) vi.stubEnv(name, temporary);
  vi.stubEnv("WHCB_CACHE_DIR", undefined);
  cache = cacheFolder(process.env, process.platform);
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const modeOf = (path: string) => (lstatSync(path).mode & 0o777).toString(8);

/** Returns the path of the only file in the folder. */
function onlyFile(folder: string): string {
  const names = readdirSync(folder);
  expect(names).toEqual([expect.stringMatching(/^[0-9a-f]{32}\.node$/)]);
  return join(folder, names[0] ?? "");
}

/** The system still runs what is in the file that is loaded, so another one takes its place. */
function replace(file: string, other: Buffer): void {
  rmSync(file);
  writeFileSync(file, other, { mode: 0o600 });
}

/** Unpacks the module and returns the path of its file. */
function unpack(): string {
  expect(loadNativeModule(content)).toEqual(LOADED);
  return onlyFile(cache);
}

/** Loads the module although the cache can't be used. */
function expectTemporary(): void {
  expect(loadNativeModule(content)).toEqual(LOADED);
  expect(readdirSync(temporary)).toEqual([]);
}

describe("the cache folder", () => {
  it("gets the module, for this user only, and keeps it for later starts", () => {
    const file = unpack();
    expect([isPrivate(cache), isPrivate(file)]).toEqual([true, true]);
    expect(readFileSync(file).equals(content)).toBe(true);
    const { ino, mtimeMs } = statSync(file);
    expect(unpack()).toBe(file);
    expect(statSync(file)).toMatchObject({ ino, mtimeMs });
    expect(readdirSync(temporary)).toEqual([]);
  });

  it("is the one that WHCB_CACHE_DIR names", () => {
    const named = join(home, "named");
    vi.stubEnv("WHCB_CACHE_DIR", named);
    expect(loadNativeModule(content)).toEqual(LOADED);
    expect(statSync(onlyFile(named)).size).toBe(content.length);
  });

  it.skipIf(IS_WINDOWS).each<[string, (file: string) => void]>([
    ["one byte of it differs", (file) => replace(file, Buffer.concat([content.subarray(0, -1), Buffer.from("x")]))],
    ["it was cut off", (file) => replace(file, content.subarray(0, 4_096))],
    ["its group may write to it", (file) => chmodSync(file, 0o620)],
    ["everybody may write to it", (file) => chmodSync(file, 0o602)],
  ])("gets the file again if %s", (_, spoil) => {
    const file = unpack();
    const { ino } = statSync(file);
    spoil(file);
    expect(unpack()).toBe(file);
    expect([readFileSync(file).equals(content), modeOf(file), statSync(file).ino === ino]).toEqual([true, "600", false]);
  });

  it.skipIf(IS_WINDOWS)("gets a file in place of a link, whose target stays as it is", () => {
    const other = join(home, "other.node");
    const file = unpack();
    copyFileSync(binary, other);
    const { ino, mtimeMs } = statSync(other);
    rmSync(file);
    symlinkSync(other, file);
    expect(unpack()).toBe(file);
    expect(lstatSync(file).isFile()).toBe(true);
    expect(statSync(other)).toMatchObject({ ino, mtimeMs });
  });

  it.runIf(isRoot)("gets the file again if it is another user's", () => {
    const file = unpack();
    chownSync(file, 1, 1);
    expect(statSync(unpack()).uid).toBe(0);
  });
});

function makeFolder(folder: string, mode: number): string {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, mode);
  return folder;
}

function linkTo(target: string): void {
  mkdirSync(dirname(cache), { recursive: true });
  symlinkSync(target, cache);
}

/** The cache folder itself is this user's alone. */
function linkAbove(shared: string): void {
  makeFolder(join(shared, "own", "whcb"), 0o700);
  symlinkSync(join(shared, "own"), dirname(cache));
}

function giveAway(folder: string): void {
  chmodSync(folder, 0o755);
  chownSync(folder, 1, 1);
}

describe.skipIf(IS_WINDOWS)("a cache folder that isn't this user's alone", () => {
  const unsafe: [string, () => void, string][] = [
    ["its group may write to it", () => makeFolder(cache, 0o770), "others may write to it"],
    ["everybody may write to it", () => makeFolder(cache, 0o1777), "others may write to it"],
    ["it is a link", () => linkTo(makeFolder(join(home, "elsewhere"), 0o700)), "isn't a folder itself"],
    ["everybody may exchange it", () => chmodSync(dirname(makeFolder(cache, 0o700)), 0o777), "others may write to it"],
    [
      "a group may exchange a folder above",
      () => chmodSync(dirname(dirname(makeFolder(cache, 0o700))), 0o770),
      "others may write",
    ],
    ["a link above it may be turned", () => linkAbove(makeFolder(join(home, "everybody's"), 0o777)), "others may write to it"],
  ];
  if (isRoot) {
    unsafe.push(
      ["it is another user's", () => chownSync(makeFolder(cache, 0o700), 1, 1), "belongs to another user"],
      ["a folder above is another user's", () => giveAway(dirname(dirname(makeFolder(cache, 0o700)))), "belongs to another user"],
    );
  }

  it.each(unsafe)("isn't used if %s: the module is loaded from a temporary file, which is gone then", (_, spoil) => {
    spoil();
    expectTemporary();
    expect(readdirSync(cache)).toEqual([]);
  });

  it.each(unsafe)("isn't replaced by another if WHCB_CACHE_DIR names it and %s", (_, spoil, reason) => {
    spoil();
    vi.stubEnv("WHCB_CACHE_DIR", cache);
    expect(() => loadNativeModule(content)).toThrow(reason);
    expect([readdirSync(cache), readdirSync(temporary)]).toEqual([[], []]);
  });

  it("may be below one in which nobody renames what is another's", () => {
    chmodSync(dirname(makeFolder(cache, 0o700)), 0o1777);
    unpack();
  });

  it("may be below a link, if what it leads to is this user's or root's", () => {
    symlinkSync(makeFolder(join(home, "elsewhere"), 0o700), dirname(cache));
    unpack();
  });
});

it("a folder's mode says nothing where the system has no modes, as on Windows", () => {
  const { getuid } = process;
  Object.defineProperty(process, "getuid", { value: undefined });
  try {
    chmodSync(dirname(makeFolder(cache, 0o777)), 0o777);
    unpack();
  } finally {
    Object.defineProperty(process, "getuid", { value: getuid });
  }
});

describe.skipIf(IS_WINDOWS)("without a cache folder", () => {
  // Root may write to a read-only folder.
  beforeEach(() => {
    mkdirSync(dirname(dirname(cache)), { recursive: true });
    writeFileSync(dirname(cache), "");
  });

  it("the module is loaded from a temporary file, which is gone then", () => {
    expectTemporary();
  });

  it("nor a temporary one, the error names both and WHCB_CACHE_DIR", () => {
    vi.stubEnv("TMPDIR", join(home, "absent"));
    expect(() => loadNativeModule(content)).toThrow(
      expect.objectContaining({
        code: "config",
        message: expect.stringMatching(/^the native module for SQLite can't be loaded from a file: .*\/whcb'; .*absent\/whcb-/),
        hint: expect.stringContaining("Set WHCB_CACHE_DIR to a folder"),
      }),
    );
  });

  it("nor one that others can't exchange, the module isn't loaded", () => {
    chmodSync(temporary, 0o777);
    expect(() => loadNativeModule(content)).toThrow(
      `; ${realpathSync(temporary)} belongs to another user, or others may write to it`,
    );
    expect(readdirSync(temporary)).toEqual([]);
  });

  it("a module that the system doesn't load leaves nothing behind", () => {
    expect(() => loadNativeModule(Buffer.from("no module"))).toThrow(
      /can't be loaded from a file: .*; .*(?:file too short|invalid ELF header|not a mach-o file)/i,
    );
    expect(readdirSync(temporary)).toEqual([]);
  });
});

describe.runIf(mayTroubleDisks && process.platform === "linux")("where nothing may be run", () => {
  const disks: SmallDisk[] = [];

  function mountWithoutRunning(folder: string): string {
    disks.push(SmallDisk.mount(folder, 8));
    execFileSync("mount", ["-o", "remount,noexec", folder]);
    return folder;
  }

  afterEach(() => {
    for (const disk of disks.splice(0)) disk.unmount();
  });

  it("the module is loaded from the other folder: the temporary one, or the cache", () => {
    mountWithoutRunning(join(home, ".cache"));
    expectTemporary();
    vi.stubEnv("XDG_CACHE_HOME", join(home, "executable"));
    mountWithoutRunning(temporary);
    expect(loadNativeModule(content)).toEqual(LOADED);
    expect(statSync(onlyFile(join(home, "executable", "whcb"))).size).toBe(content.length);
  });

  it("the error says why for both, and names WHCB_CACHE_DIR", () => {
    mountWithoutRunning(join(home, ".cache"));
    mountWithoutRunning(temporary);
    expect(() => loadNativeModule(content)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/\.cache.*failed to map segment.*; .*whcb-temporary.*failed to map segment/),
        hint: expect.stringContaining("noexec"),
      }),
    );
    expect(readdirSync(temporary)).toEqual([]);
  });
});

it("processes that start at once all load it, and leave one file", async () => {
  const script = join(home, "load.cjs");
  await build({
    stdin: {
      contents: `import { loadNativeModule } from "./src/platform/files/native-module.ts";
        import { readFileSync } from "node:fs";
        console.log(typeof loadNativeModule(readFileSync(process.argv[2])).Database);`,
      resolveDir: join(import.meta.dirname, "..", "..", "..", ".."),
    },
    bundle: true,
    platform: "node",
    outfile: script,
  });
  const outputs = Array.from({ length: 6 }, async () => {
    const child = spawn(process.execPath, [script, binary], { stdio: ["ignore", "pipe", "inherit"] });
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
    return `${code} ${output}`;
  });
  expect(new Set(await Promise.all(outputs))).toEqual(new Set(["0 function\n"]));
  expect(readFileSync(onlyFile(cache)).equals(content)).toBe(true);
  expect(readdirSync(temporary)).toEqual([]);
});
