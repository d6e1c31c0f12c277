/** Bundles the benchmark with the product's sources (packages stay outside) and runs it: see README.md. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const here = import.meta.dirname;
const root = join(here, "..", "..");
/** A contender that imports these has the product in its own process. */
const PRODUCT = /\/(src|support)\/|\/run\/product\.js"/;
const outdirs = [];

let code = 1;
try {
  const bundle = await bundled(here, root, ["main.ts", join("run", "probe.ts"), ...contendersOf(here)]);
  const { main } = await import(pathToFileURL(join(bundle, "main.mjs")).href);
  const own = { home: here, bundle, product: bundle, repository: root };
  code = await main(process.argv.slice(2), own, async (repository) => {
    const bench = join(repository, "test", "bench");
    const withProduct = contendersOf(bench).filter((path) => PRODUCT.test(readFileSync(join(bench, path), "utf8")));
    return { ...own, product: await bundled(bench, repository, withProduct), repository };
  });
} finally {
  for (const outdir of outdirs) rmSync(outdir, { recursive: true, force: true });
}
// What was stopped may still wait for something.
process.exit(code);

function contendersOf(bench) {
  return readdirSync(join(bench, "contenders")).map((name) => join("contenders", name));
}

/** The folder of these files of a benchmark, bundled. */
async function bundled(bench, repository, paths) {
  // Below the product's node_modules, so that the bundle finds the very packages that the product uses.
  const cache = join(repository, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  const outdir = mkdtempSync(join(cache, "whcb-bench-"));
  outdirs.push(outdir);
  await build({
    entryPoints: paths.map((path) => join(bench, path)),
    outdir,
    outbase: bench,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    packages: "external",
    logLevel: "warning",
  });
  return outdir;
}
