/** Bundles the benchmark with the product's sources (packages stay outside) and runs it: see README.md. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const here = import.meta.dirname;
const root = join(here, "..", "..");
const contenders = readdirSync(join(here, "contenders")).map((name) => join(here, "contenders", name));
const outdirs = [];

let code = 1;
try {
  const own = await bundle(root);
  const { main } = await import(pathToFileURL(join(own.bundle, "main.mjs")).href);
  code = await main(process.argv.slice(2), own, bundle);
} finally {
  for (const outdir of outdirs) rmSync(outdir, { recursive: true, force: true });
}
// What was stopped may still wait for something.
process.exit(code);

/** This benchmark with the product's sources in `repository`. */
async function bundle(repository) {
  // Below the product's node_modules, so that the bundle finds the very packages that the product uses.
  const cache = join(repository, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  const outdir = mkdtempSync(join(cache, "whcb-bench-"));
  outdirs.push(outdir);
  await build({
    entryPoints: [join(here, "main.ts"), join(here, "run", "probe.ts"), ...contenders],
    outdir,
    outbase: here,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    packages: "external",
    logLevel: "warning",
    plugins: repository === root ? [] : [productOf(repository)],
  });
  return { home: here, bundle: outdir, repository };
}

/** What this benchmark imports of the product, and of test/support, comes from `repository`. */
function productOf(repository) {
  return {
    name: "product-of",
    setup({ onResolve, resolve }) {
      onResolve({ filter: /^\.\.\/.*\/(src|support)\// }, ({ path, resolveDir, kind }) =>
        resolveDir.startsWith(here)
          ? resolve(path, { kind, resolveDir: join(repository, relative(root, resolveDir)) })
          : undefined,
      );
    },
  };
}
