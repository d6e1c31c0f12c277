/** Builds man/ of the declarations of all commands, without what these load when they run. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const BUNDLE = resolve("man", "man-pages.cjs");

const leaveLazy = {
  name: "leave-lazy",
  setup: ({ onResolve }) =>
    onResolve({ filter: /./ }, ({ path, kind }) =>
      kind === "dynamic-import" && !path.endsWith("/command.js") ? { path, external: true } : undefined,
    ),
};

rmSync("man", { recursive: true, force: true });
await build({
  entryPoints: ["src/cli/commands/man-pages.ts"],
  outfile: BUNDLE,
  bundle: true,
  format: "cjs",
  platform: "node",
  packages: "external",
  logLevel: "warning",
  plugins: [leaveLazy],
});
const { manPages } = createRequire(import.meta.url)(BUNDLE);
rmSync(BUNDLE);
const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const { SOURCE_DATE_EPOCH: seconds } = process.env;
const date = seconds === undefined ? new Date() : new Date(Number(seconds) * 1_000);
for (const [name, page] of await manPages(version, date.toISOString().slice(0, 10))) writeFileSync(join("man", name), page);
