/** Only this file loads better-sqlite3. It is an optional package, and which version runs depends on Node: docs/adr/0014. */
import { closeSync, openSync, realpathSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { isSea } from "node:sea";
import type Database from "better-sqlite3";
import { shellQuote } from "../../domain/command-line.js";
import { errorMessage, systemErrorCode, WhcbError } from "../../domain/errors.js";
import { readBuiltFile } from "../../platform/files/built-file.js";
import { loadNativeModule } from "../../platform/files/native-module.js";

/** Version 13 needs N-API 10, which Node has since 22.14. Without it, loading the binary ends the process. */
const NEEDED =
  Number(process.versions.napi) >= 10
    ? { major: 13, install: "install it", rebuild: "npm explore better-sqlite3 -- npm run build-release" }
    : {
        major: 12,
        // If it can't be built, npm leaves the optional package out and says nothing.
        install: "install it, with access to GitHub or with Python, make and a C++ compiler",
        rebuild: "npm rebuild better-sqlite3",
      };

const require = createRequire(import.meta.filename);
type Driver = (path: string, options: Database.Options) => Database.Database;

let driver: Driver | null = null;

/** Throws SQLite's errors, and `config` if there is no driver for this version of Node. */
export function openDatabase(path: string, options: Database.Options): Database.Database {
  driver ??= isSea() ? containedDriver() : installedDriver();
  try {
    return driver(path, options);
  } catch (error) {
    throw binaryError(error) ?? error;
  }
}

/** Creates a file for its owner only. SQLite gives its side files the same mode. */
export function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch {
    // The file exists, or SQLite reports why not.
  }
}

/** Returns whether its folder's group may write to the database, so it may be trusted with what is beside it. */
export function isSharedDatabase(path: string): boolean {
  const file = statSync(path, { throwIfNoEntry: false });
  return file !== undefined && (file.mode & 0o020) !== 0 && file.gid === statSync(dirname(realpathSync(path))).gid;
}

/** The build of the executable replaces this `createRequire` by the package, and leaves out the search for the binary. */
function containedDriver(): Driver {
  const Contained = createRequire(import.meta.filename)("better-sqlite3") as typeof Database;
  const content = readBuiltFile("better_sqlite3.node");
  if (content === null) throw new Error("the executable has no better_sqlite3.node");
  // The option also takes what the binary exports, which its type leaves out.
  const nativeBinding = loadNativeModule(content) as string;
  return (path, options) => new Contained(path, { ...options, nativeBinding });
}

function installedDriver(): Driver {
  const manifest = findManifest();
  if (manifest === null) throw driverError("isn't installed", installHint(packageFolder()));
  const { version } = require(manifest) as { readonly version: string };
  if (!version.startsWith(`${NEEDED.major}.`)) {
    const reason = `is version ${version}, but with this version of Node (${process.version}) whcb needs version ${NEEDED.major}`;
    throw driverError(reason, installHint(parentFolder(manifest)));
  }
  const Installed = require("better-sqlite3") as typeof Database;
  return (path, options) => new Installed(path, options);
}

function findManifest(): string | null {
  try {
    return require.resolve("better-sqlite3/package.json");
  } catch {
    return null;
  }
}

/** Explains why the binary, which the first `new Database` loads, can't be loaded. */
function binaryError(error: unknown): WhcbError | null {
  const message = errorMessage(error);
  const isMissing = message.startsWith("Could not locate the bindings file") || systemErrorCode(error) === "MODULE_NOT_FOUND";
  const manifest = findManifest();
  if (manifest === null || (!isMissing && systemErrorCode(error) !== "ERR_DLOPEN_FAILED")) return null;
  const reason = isMissing
    ? "has no binary for this system"
    : /NODE_MODULE_VERSION/.test(message)
      ? `was built for another version of Node (this is ${process.version})`
      : `can't be loaded: ${message.split("\n")[0]}`;
  return driverError(reason, `build it: cd ${shellQuote(parentFolder(manifest))} && ${NEEDED.rebuild}`, error);
}

/** Returns the folder that has the node_modules of this better-sqlite3/package.json. */
function parentFolder(manifest: string): string {
  return join(dirname(manifest), "..", "..");
}

/** Returns whcb's own folder: the built code is in its dist. */
function packageFolder(): string {
  return dirname(import.meta.dirname);
}

/** npm would also install the development packages of a package that is installed itself. */
function installHint(folder: string): string {
  const omit = basename(dirname(folder)) === "node_modules" ? "--omit=dev " : "";
  return `${NEEDED.install}: cd ${shellQuote(folder)} && npm install --no-save ${omit}better-sqlite3@${NEEDED.major}`;
}

function driverError(reason: string, hint: string, cause?: unknown): WhcbError {
  return new WhcbError("config", `better-sqlite3, the native module for SQLite, ${reason}`, { hint, cause });
}
