/** Builds dist/ and man/. Why these files, and why CommonJS: docs/adr/0007. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
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
  { name: "commands", entries: /^src\/cli\/(?!full-screen\/|commands\/(demo|mark|reconcile|replay|runs|status|triage|watch)\/)/ },
  { name: "runs", entries: /^src\/(cli\/(?!full-screen\/|commands\/(triage|watch)\/)|runs\/)/ },
  { name: "screens", entries: /^src\/(cli|platform\/full-screen)/ },
  { name: "service", entries: /^(?!src\/server\/console\/)/ },
  { name: "console", entries: /./ },
];

/** Bundled: a package costs more to find and read than to contain. The other packages stay outside. */
const CONTAINED = "commander";
const CONTAINED_ENTRY = createRequire(import.meta.url).resolve(CONTAINED);

/** A file of its own, with Ink and React: those await at their top level, which CommonJS can't. */
const DISPLAY = "src/cli/full-screen/display.tsx";

/** What Ink would do besides drawing: nothing on a CI machine, exit handlers (platform/full-screen.ts has them), a debugger's connection. */
const LEFT_OUT_OF_INK = {
  "is-in-ci": "export default false;",
  "signal-exit": "const onExit = () => () => undefined; export { onExit }; export default onExit;",
  "./devtools.js": "",
};

/** Its package has no text of its licence, which is the same, of the same holder. */
const LICENSED_AS = { "yoga-layout": "node_modules/react" };

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
    if (entries.test(path) && path !== DISPLAY) assign(path, name);
  }
}
rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
await Promise.all([...FILES.map(buildFile), buildDisplay()]);
// Beside the file that reads them.
cpSync("src/server/console/assets", "dist/assets", { recursive: true });
// Whoever passes a copy on must pass this on too.
cpSync(join(dirname(CONTAINED_ENTRY), "LICENSE"), `dist/${CONTAINED}.LICENSE`);
// The flags of this process, and the settings of who builds, have no influence on it.
execFileSync(process.execPath, ["compile.mjs"], {
  env: { WHCB_CONFIG_DIR: resolve("dist", "none"), WHCB_USERNAME: "build", WHCB_PASSWORD: "build", WHCB_API_KEY: "build" },
  stdio: ["ignore", "ignore", "inherit"],
});

await writeManPages();

/** What the declarations of the commands load when they run is left out. */
async function writeManPages() {
  const leaveLazy = {
    name: "leave-lazy",
    setup({ onResolve }) {
      onResolve({ filter: /./ }, ({ path, kind }) => (kind === "dynamic-import" ? { path, external: true } : undefined));
    },
  };
  const { bundle, platform, target } = OPTIONS;
  const { outputFiles } = await build({
    ...{ bundle, platform, target, format: "esm", write: false, plugins: [contain(), leaveLazy] },
    entryPoints: ["src/cli/commands/man-pages.ts"],
    banner: {
      js: `import { createRequire } from "node:module"; const require = createRequire("${pathToFileURL(resolve("build.mjs"))}");`,
    },
  });
  const { manPages } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString("base64")}`);
  rmSync("man", { recursive: true, force: true });
  mkdirSync("man");
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  const date = new Date().toISOString().slice(0, 10);
  for (const [name, page] of manPages(version, date)) writeFileSync(join("man", name), page);
}

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

async function buildDisplay() {
  const { metafile } = await build({
    ...OPTIONS,
    format: "esm",
    packages: "bundle",
    entryPoints: [DISPLAY],
    outfile: "dist/display.mjs",
    minify: true,
    legalComments: "none",
    metafile: true,
    define: { "process.env.NODE_ENV": '"production"' },
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    footer: {},
    plugins: [leaveOutOfInk()],
  });
  const folders = Object.keys(metafile.inputs).flatMap((path) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  const licences = [...new Set(folders)].sort().map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    return `${name} ${version}\n\n${licenceIn(LICENSED_AS[name] ?? folder)}\n`;
  });
  writeFileSync("dist/display.LICENSES", licences.join(`\n${"-".repeat(80)}\n\n`));
}

function licenceIn(folder) {
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  return readFileSync(join(folder, file), "utf8").trim();
}

function leaveOutOfInk() {
  return {
    name: "leave-out-of-ink",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /./ }, ({ path }) => (path in LEFT_OUT_OF_INK ? { path, namespace: "left-out" } : undefined));
      onLoad({ filter: /./, namespace: "left-out" }, ({ path }) => ({ contents: LEFT_OUT_OF_INK[path] }));
    },
  };
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
        // As bin/load.js imports it.
        if (`${typescript}x` === DISPLAY) return { path: "../dist/display.mjs", external: true };
        const source = fileOf.has(`${typescript}x`) ? `${typescript}x` : typescript;
        const file = fileOf.get(source);
        return file === name ? undefined : { path: `dist:${file}:${source}`, external: true };
      });
    },
  };
}
