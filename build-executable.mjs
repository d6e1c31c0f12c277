/**
 * Builds whcb as one file for this platform, of dist/, what it needs of node_modules, and the Node that runs this: docs/adr/0015.
 * `node build-executable.mjs [folder]`; the folder is build/executable unless it is named.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { build } from "esbuild";
import { inject } from "postject";

/** Node's own name of the place that says whether something was added. */
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";
const BUNDLE = "whcb.cjs";
/** Of these, the bundle needs nothing: better-sqlite3 is given its binary, and pg's native driver is never chosen. */
const LEFT_OUT = ["bindings", "pg-native"];

const folder = resolve(process.argv[2] ?? "build/executable");
const executable = join(folder, process.platform === "win32" ? "whcb.exe" : "whcb");
const work = mkdtempSync(join(tmpdir(), "whcb-build-"));
try {
  mkdirSync(folder, { recursive: true });
  const packages = await writeBundle();
  await writeExecutable();
  copyFileSync("LICENSE", join(folder, "LICENSE"));
  writeFileSync(join(folder, "THIRD-PARTY-NOTICES"), noticesOf(packages));
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Returns the folders of the packages whose code it contains. */
async function writeBundle() {
  const { metafile, outputFiles } = await build({
    entryPoints: ["bin/whcb.js"],
    outfile: BUNDLE,
    write: false,
    metafile: true,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node20.19",
    external: LEFT_OUT,
    // The script of an executable can't import.
    supported: { "dynamic-import": false },
    minifyWhitespace: true,
    // Node shows the line in which an uncaught error was thrown.
    lineLimit: 200,
    legalComments: "none",
    sourcemap: "external",
    sourcesContent: false,
    logLevel: "warning",
    plugins: [containLatePackages()],
  });
  for (const { path, contents } of outputFiles) writeFileSync(join(work, basename(path)), contents);
  const folders = Object.keys(metafile.inputs).map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  return [...new Set([...folders, "node_modules/commander", "node_modules/idiomorph"])].filter(Boolean).sort();
}

/** What our code requires on first use by a `createRequire`, esbuild wouldn't see. */
function containLatePackages() {
  return {
    name: "contain-late-packages",
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]dist[\\/]\w+\.cjs$/ }, ({ path }) => ({
        contents: readFileSync(path, "utf8").replaceAll(
          /(?:\(0, \w+\.createRequire\)|\bcreateRequire)\(__filename\)\("/g,
          'require("',
        ),
      }));
    },
  };
}

async function writeExecutable() {
  const assets = Object.fromEntries([
    ...readdirSync("dist/assets").map((name) => [name, join("dist/assets", name)]),
    [`${BUNDLE}.map`, join(work, `${BUNDLE}.map`)],
    ["better_sqlite3.node", driverBinary()],
  ]);
  const config = { main: BUNDLE, output: "whcb.blob", assets, disableExperimentalSEAWarning: true, useCodeCache: true };
  for (const [name, path] of Object.entries(assets)) assets[name] = resolve(path);
  writeFileSync(join(work, "sea.json"), JSON.stringify(config));
  // V8's compiled code depends on the seed of its hashes: each build would differ.
  execFileSync(process.execPath, ["--random-seed=1", "--experimental-sea-config", "sea.json"], { cwd: work, stdio: "pipe" });
  const unfinished = join(work, basename(executable));
  copyFileSync(process.execPath, unfinished);
  chmodSync(unfinished, 0o755);
  const isMac = process.platform === "darwin";
  if (isMac) execFileSync("codesign", ["--remove-signature", unfinished]);
  const segment = isMac ? { machoSegmentName: "NODE_SEA" } : {};
  await inject(unfinished, "NODE_SEA_BLOB", readFileSync(join(work, "whcb.blob")), { sentinelFuse: FUSE, ...segment });
  if (isMac) execFileSync("codesign", ["--sign", "-", unfinished]);
  copyFileSync(unfinished, executable);
}

/** Returns the binary that this Node loads. Version 12 has a build of its own, 13 one for each platform. */
function driverBinary() {
  const require = createRequire(import.meta.url);
  const Database = require("better-sqlite3");
  new Database(":memory:").close();
  return Object.keys(require.cache).find((path) => path.endsWith(".node"));
}

function noticesOf(packages) {
  const parts = [["Node.js, with what it contains", readFileSync(nodeLicence(), "utf8")], ...packages.map(noticeOf)];
  const line = "-".repeat(80);
  return parts.map(([title, text]) => `${line}\n${title}\n${line}\n\n${text.trim()}\n`).join("\n");
}

/** An archive of Node has the file at its top, a package of a distribution elsewhere. */
function nodeLicence() {
  const prefix = dirname(dirname(process.execPath));
  const paths = [join(dirname(process.execPath), "LICENSE"), join(prefix, "LICENSE"), join(prefix, "share/doc/nodejs/copyright")];
  const path = paths.find(existsSync);
  if (path === undefined) throw new Error(`The executable contains Node, whose licence is in none of these: ${paths.join(", ")}`);
  return path;
}

/** A few packages have their licence at the end of the readme only. */
function noticeOf(path) {
  const { name, version, license, author } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
  const read = (pattern) =>
    readdirSync(path)
      .filter((file) => pattern.test(file))
      .map((file) => readFileSync(join(path, file), "utf8"));
  const texts = read(/^(?:licen[cs]e|notice|copying)/i);
  if (texts.length === 0) texts.push(...read(/^readme/i).flatMap((text) => /^#+ licen[cs]e\s+(.*)/ims.exec(text)?.[1] ?? []));
  if (texts.length === 0) throw new Error(`${path} has no text of its licence`);
  const by = author === undefined ? "" : `, by ${author.name ?? author}`;
  return [`${name} ${version} (${license})${by}`, texts.join("\n\n")];
}
