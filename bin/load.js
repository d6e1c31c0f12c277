/** Loads files of dist/, with the code that V8 compiled for them at build time. Why: docs/adr/0010. */
const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { Script } = require("node:vm");

const DIST = join(__dirname, "..", "dist");

/** What is loaded, by name. */
const files = new Map();

/** The exports of dist/NAME.cjs, which is a function of the parameters that it is called with here. */
function load(name) {
  if (!files.has(name)) {
    const filename = join(DIST, `${name}.cjs`);
    const source = readFileSync(filename);
    const script = new Script(source.latin1Slice(), { filename, cachedData: readCompiled(name, source) });
    const module = { exports: {} };
    files.set(name, { module, script, source });
    script.runInThisContext()(module, requireModule, importModule, filename);
  }
  return files.get(name).module.exports;
}

function requireModule(id) {
  return OURS.test(id) ? ourModule(id) : require(id);
}

/** Instead of import(), which isn't available in a Script. */
async function importModule(id) {
  return OURS.test(id) ? ourModule(id) : import(id);
}

const OURS = /^dist:/;

/** "dist:cli:src/cli/run-command.ts" */
function ourModule(id) {
  const [, name, path] = id.split(":");
  return load(name)[path];
}

/** undefined if there is none for this Node, this source. V8 refuses code that was made with other flags, but runs damaged code. */
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

function compiledPath(name) {
  return join(DIST, `${name}.${process.version}-${process.platform}-${process.arch}.compiled`);
}

/** For the next process. */
function saveCompiled() {
  for (const [name, { script, source }] of files) {
    const code = script.createCachedData();
    // Twice: to compare takes less time than to load a checksum of Node.
    writeFileSync(compiledPath(name), Buffer.concat([code, code, source]));
  }
}

module.exports = { load, files, saveCompiled };
