/** Loads files of dist/, with the code that V8 compiled for them at build time. Why: docs/adr/0010. */
const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { Script } = require("node:vm");

const DIST = join(__dirname, "..", "dist");

/** What is loaded, by name: its V8 script and its module. */
const files = new Map();

/** The exports of dist/NAME.cjs, which is a function of what it is called with here. */
function load(name) {
  if (!files.has(name)) {
    const filename = sourcePath(name);
    const source = readFileSync(filename);
    const script = new Script(source.latin1Slice(), { filename, cachedData: readCompiled(name, source) });
    const module = { exports: {} };
    files.set(name, { script, module });
    script.runInThisContext()(module, requireModule, importModule, filename);
  }
  return files.get(name).module.exports;
}

function requireModule(id) {
  return OURS.test(id) ? ourModule(id) : require(id);
}

/** For import(), which a Script can't use without a warning. */
async function importModule(id) {
  return OURS.test(id) ? ourModule(id) : import(id);
}

const OURS = /^dist:/;

/** "dist:cli:src/cli/run-command.ts" */
function ourModule(id) {
  const [, name, path] = id.split(":");
  return load(name)[path];
}

/**
 * undefined: none for this Node and this source. V8 rejects code that another V8 made, or one with other flags, but would run damaged
 * code, and that of another source of the same length.
 */
function readCompiled(name, source) {
  let content;
  try {
    content = readFileSync(compiledPath(name));
  } catch {
    return undefined;
  }
  const length = (content.length - source.length) / 2;
  const code = content.subarray(0, length);
  const isIntact = code.equals(content.subarray(length, -source.length)) && source.equals(content.subarray(-source.length));
  return isIntact ? code : undefined;
}

/** Writes the code of all functions that ran until now, of every loaded file. Twice: comparing is faster than loading a checksum of Node. */
function saveCompiled() {
  for (const [name, { script }] of files) {
    const code = script.createCachedData();
    writeFileSync(compiledPath(name), Buffer.concat([code, code, readFileSync(sourcePath(name))]));
  }
}

function sourcePath(name) {
  return join(DIST, `${name}.cjs`);
}

function compiledPath(name) {
  return join(DIST, `${name}.${process.version}-${process.platform}-${process.arch}.compiled`);
}

module.exports = { load, files, saveCompiled };
