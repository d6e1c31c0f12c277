/** Builds dist/. Why these files, and why CommonJS: docs/adr/0007. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { build } from "esbuild";

const MAIN = "src/main.ts";

/**
 * The entries of each file: modules that are loaded by `import()`. With them goes what they import and no earlier file has. The modules of
 * an eager file all run when it is loaded; those of another when they are first imported.
 */
const FILES = [
  { name: "main", isEager: true, entries: /^src\/main\.ts$/ },
  { name: "cli", isEager: true, entries: /^src\/cli\/run-command\.ts$/ },
  { name: "list", isEager: true, entries: /^src\/(main\/open-http-client|cli\/commands\/calls\/calls-listing)\.ts$/ },
  { name: "commands", entries: /^src\/cli\/(?!commands\/(demo|mark|reconcile|replay|runs|status)\/)/ },
  { name: "runs", entries: /^src\/(cli|runs)\// },
  { name: "service", entries: /^(?!src\/server\/console\/)/ },
  { name: "console", entries: /./ },
];

/** Bundled: a package costs more to find and read than to contain. The other packages stay outside. */
const CONTAINED = "commander";
const CONTAINED_ENTRY = createRequire(import.meta.url).resolve(CONTAINED);

/** Modules of Node that take about a millisecond to load. An eager file loads them when it first uses them. */
const LATE = /^node:(child_process|fs\/promises|module|readline|stream|timers\/promises)$/;

const OPTIONS = {
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20.19",
  packages: "external",
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
  define: { "import.meta.url": "ownUrl" },
  banner: {
    js: '(function (module, require, importModule, __filename) { const ownUrl = require("node:url").pathToFileURL(__filename).href;',
  },
  footer: { js: "})" },
};

const { metafile } = await build({ ...OPTIONS, entryPoints: [MAIN], outdir: "dist", write: false, metafile: true });
/** Each import from one module of ours to another, by their paths. */
const imports = Object.entries(metafile.inputs).flatMap(([from, module]) =>
  module.imports
    .filter(({ external }) => !external)
    .map(({ path, kind }) => ({ from, path, isDynamic: kind === "dynamic-import" })),
);
const fileOf = new Map();
for (const { name, entries } of FILES) {
  for (const path of [MAIN, ...imports.filter(({ isDynamic }) => isDynamic).map((one) => one.path)]) {
    if (entries.test(path)) assign(path, name);
  }
}
rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
await Promise.all(FILES.map(buildFile));
// Beside the file that reads them.
cpSync("src/server/console/assets", "dist/assets", { recursive: true });
// Whoever passes a copy on must pass this on too.
cpSync(join(dirname(CONTAINED_ENTRY), "LICENSE"), `dist/${CONTAINED}.LICENSE`);
// The flags of this process, and the settings of who builds, have no influence on it.
execFileSync(process.execPath, ["compile.mjs"], {
  env: { WHCB_CONFIG_DIR: resolve("dist", "none"), WHCB_USERNAME: "build", WHCB_PASSWORD: "build", WHCB_API_KEY: "build" },
  stdio: ["ignore", "ignore", "inherit"],
});

function assign(path, name) {
  if (fileOf.has(path)) return;
  fileOf.set(path, name);
  for (const one of imports) if (one.from === path && !one.isDynamic) assign(one.path, name);
}

/** Its exports are the modules that are imported from other files, by path. */
async function buildFile({ name, isEager = false }) {
  const used = imports.filter(({ from, path }) => fileOf.get(from) !== fileOf.get(path)).map(({ path }) => path);
  const paths = [...new Set([MAIN, ...used])].filter((path) => fileOf.get(path) === name);
  const contents = isEager
    ? `${paths.map((path, index) => `import * as m${index} from "./${path}";`).join("\n")}
       module.exports = { ${paths.map((path, index) => `"${path}": m${index}`).join(", ")} };`
    : `module.exports = { ${paths.map((path) => `get "${path}"() { return require("./${path}"); }`).join(", ")} };`;
  const { outputFiles } = await build({
    ...OPTIONS,
    stdin: { contents, resolveDir: ".", sourcefile: `${name}.js` },
    write: false,
    plugins: [leaveOtherFiles(name), contain(), ...(isEager ? [loadLate()] : [])],
  });
  writeFileSync(`dist/${name}.cjs`, outputFiles[0].text.replaceAll(/\bimport\(/g, "importModule("));
}

function contain() {
  return {
    name: "contain",
    setup({ onResolve }) {
      onResolve({ filter: new RegExp(`^${CONTAINED}$`) }, () => ({ path: CONTAINED_ENTRY }));
    },
  };
}

function loadLate() {
  const lateExport = (path) => (name) => `get ${name}() { return require("${path}").${name}; }`;
  return {
    name: "load-late",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: LATE }, ({ path, namespace }) =>
        namespace === "late" ? { path, external: true } : { path, namespace: "late" },
      );
      onLoad({ filter: LATE, namespace: "late" }, ({ path }) => ({
        contents: `module.exports = { ${Object.keys(process.getBuiltinModule(path)).map(lateExport(path)).join(", ")} };`,
      }));
    },
  };
}

/** They stay outside, as "dist:FILE:MODULE": bin/load.js knows what that means. */
function leaveOtherFiles(name) {
  return {
    name: "leave-other-files",
    setup({ onResolve }) {
      onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) => {
        if (resolveDir.includes("node_modules")) return undefined;
        const typescript = relative(".", resolve(resolveDir, path)).replace(/\.js$/, ".ts");
        const source = fileOf.has(`${typescript}x`) ? `${typescript}x` : typescript;
        const file = fileOf.get(source);
        return file === name ? undefined : { path: `dist:${file}:${source}`, external: true };
      });
    },
  };
}
