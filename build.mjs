/** Builds dist/. docs/adr/0007 says why these files, and why CommonJS. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { relative, resolve, sep } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build, transform } from "esbuild";

const MAIN = "src/main.ts";
const ASSETS = "src/server/console/assets";
const BUNDLED_ASSETS = [`${ASSETS}/live.js`, `${ASSETS}/console.css`];

/**
 * The entries of a file are modules that are loaded by `import()`. With them goes what they import and no earlier file has. The
 * modules of an eager file all run when it is loaded; those of another run when they are first imported.
 */
const FILES = [
  { name: "main", isEager: true, entries: /^src\/main\.ts$/ },
  { name: "cli", isEager: true, entries: /^src\/cli\/run-command\.ts$/ },
  { name: "list", isEager: true, entries: /^src\/(main\/open-http-|cli\/(output\/progress-|commands\/calls\/(command|calls-)))/ },
  { name: "commands", entries: /^src\/cli(ent|\/(?!full-|commands\/(demo|mark|reconcile|replay|runs|status|triage|watch)\/))/ },
  { name: "runs", entries: /^src\/(cli\/(?!full-screen\/|commands\/(triage|watch)\/)|runs\/)/ },
  { name: "screens", entries: /^src\/(cli|platform\/full-screen)/ },
  { name: "service", entries: /^(?!src\/main\/start-service)/ },
  { name: "serve", entries: /./ },
];

/** This package is bundled, as it costs more to find and read than to contain. The others stay outside. */
const CONTAINED = resolve("node_modules/commander/index.js");

/** These modules of Node take about a millisecond to load. An eager file loads them when it first uses them. */
const LATE = /^node:(child_process|fs\/promises|readline|sea)$/;

const OPTIONS = {
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20.19",
  packages: "external",
  alias: { commander: CONTAINED },
  define: { "import.meta.filename": "__filename", "import.meta.dirname": "__dirname" },
};

const { metafile } = await build({ ...OPTIONS, entryPoints: [MAIN], outdir: "dist", write: false, metafile: true });
const imports = Object.entries(metafile.inputs).flatMap(([from, module]) =>
  module.imports
    .filter(({ external }) => !external)
    .map(({ path, kind }) => ({ from, path, isDynamic: kind === "dynamic-import" })),
);
const fileOf = new Map();
const starts = [MAIN, ...imports.filter(({ isDynamic }) => isDynamic).map((one) => one.path)];
for (const { name, entries } of FILES) for (const path of starts) if (entries.test(path)) assign(path, name);
const ours = [...fileOf.keys()].filter((path) => path.startsWith("src/"));
const modules = await build({ entryPoints: ours, outdir: "dist", format: "esm", write: false, metafile: true });
const exportsOf = new Map(Object.values(modules.metafile.outputs).map((module) => [module.entryPoint, module.exports]));
rmSync("dist", { recursive: true, force: true });
await Promise.all(FILES.map(buildFile));
cpSync(ASSETS, "dist/assets", { recursive: true });
await build({ entryPoints: BUNDLED_ASSETS, outdir: "dist/assets", bundle: true, format: "esm", minify: true });
const compressors = Object.entries({ br: brotliCompressSync, gzip: gzipSync });
for (const asset of readdirSync("dist/assets").map((name) => `dist/assets/${name}`))
  for (const [ending, compress] of compressors) writeFileSync(`${asset}.${ending}`, compress(readFileSync(asset)));
cpSync("node_modules/idiomorph/LICENSE", "dist/assets/idiomorph.LICENSE");
cpSync("node_modules/commander/LICENSE", "dist/commander.LICENSE");

function assign(path, name) {
  if (fileOf.has(path)) return;
  fileOf.set(path, name);
  for (const one of imports) if (one.from === path && !one.isDynamic) assign(one.path, name);
}

/** Exports the modules that other files import, by path. */
async function buildFile({ name, isEager = false }) {
  const used = imports.filter((one) => one.isDynamic || fileOf.get(one.from) !== fileOf.get(one.path)).map(({ path }) => path);
  const paths = [...new Set([MAIN, ...used])].filter((path) => fileOf.get(path) === name);
  const contents = isEager
    ? `${paths.map((path, index) => `import ${names(path, (name) => `${name} as ${name}${index}`)} from "./${path}";`).join("\n")}
       module.exports = { ${paths.map((path, index) => `"${path}": ${names(path, (name) => `${name}: ${name}${index}`)}`).join(", ")} };`
    : `module.exports = { ${paths.map((path) => `get "${path}"() { return require("./${path}"); }`).join(", ")} };`;
  await build({
    ...OPTIONS,
    stdin: { contents, resolveDir: ".", sourcefile: `${name}.js` },
    outfile: `dist/${name}.cjs`,
    sourcemap: true,
    sourcesContent: false,
    plugins: [requireOtherFiles(name), leaveOutUnused(), ...(isEager ? [loadLate()] : [])],
  });
}

/** The names that a module exports, each in this form, in braces. */
function names(path, form = (name) => name) {
  return `{ ${exportsOf.get(path).map(form).join(", ")} }`;
}

/** A module of another file is what that file exports under its path, and so is one that is imported later. */
function requireOtherFiles(name) {
  return {
    name: "require-other-files",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir, namespace, kind }) => {
        if (namespace === "other") return { path, external: true };
        if (resolveDir.includes("node_modules")) return undefined;
        const typescript = relative(".", resolve(resolveDir, path)).replaceAll(sep, "/").replace(/\.js$/, ".ts");
        const source = fileOf.has(`${typescript}x`) ? `${typescript}x` : typescript;
        return fileOf.get(source) === name && kind !== "dynamic-import" ? undefined : { path: source, namespace: "other" };
      });
      onLoad({ filter: /./, namespace: "other" }, ({ path }) => ({
        contents: `export const ${names(path)} = require("./${fileOf.get(path)}.cjs")["${path}"];`,
      }));
    },
  };
}

/** Node would read these at each start: half of commander is comments, and of package.json only the version is used. */
function leaveOutUnused() {
  return {
    name: "leave-out-unused",
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]commander[\\/]lib[\\/]/ }, async ({ path }) => ({
        contents: (await transform(readFileSync(path, "utf8"), { minifyWhitespace: true })).code,
      }));
      const { version } = JSON.parse(readFileSync("package.json", "utf8"));
      onLoad({ filter: /[\\/]package\.json$/ }, () => ({ contents: JSON.stringify({ version }), loader: "json" }));
    },
  };
}

function loadLate() {
  const getters = (path) => Object.keys(process.getBuiltinModule(path)).map((name) => `get ${name}() { return late().${name}; }`);
  return {
    name: "load-late",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: LATE }, ({ path, namespace }) =>
        namespace === "late" ? { path, external: true } : { path, namespace: "late" },
      );
      onLoad({ filter: LATE, namespace: "late" }, ({ path }) => ({
        contents: `const late = () => require("${path}"); module.exports = { ${getters(path).join(", ")} };`,
      }));
    },
  };
}
