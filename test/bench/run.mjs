/** Bundles the benchmark with the product's sources (packages stay outside) and runs it: see README.md. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const here = import.meta.dirname;
// Below the product's node_modules, so that the bundle finds the very packages that the product uses.
const cache = join(here, "..", "..", "node_modules", ".cache");
mkdirSync(cache, { recursive: true });
const outdir = mkdtempSync(join(cache, "whcb-bench-"));
const contenders = readdirSync(join(here, "contenders")).map((name) => join(here, "contenders", name));

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
});
let code = 1;
try {
  const { main } = await import(pathToFileURL(join(outdir, "main.mjs")).href);
  code = await main(process.argv.slice(2), { home: here, bundle: outdir });
} finally {
  rmSync(outdir, { recursive: true, force: true });
}
// What was stopped may still wait for something.
process.exit(code);
