/** A copy of this release whose PostgreSQL schema has one more version. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LATEST_VERSION } from "../../../src/store/postgres/postgres-migration-steps.js";
import { copyPackage } from "./whcb-process.js";

const STEPS = /(POSTGRES_MIGRATIONS = \[[^\]]*)\]/;

/** Creates `folder` and returns the path of bin/whcb.js in it. */
export function newerWhcb(folder: string, step: { readonly sql: string; readonly isCompatible: boolean }): string {
  copyPackage(folder);
  const dist = join(folder, "dist");
  const file = readdirSync(dist)
    .map((name) => join(dist, name))
    .find((path) => path.endsWith(".cjs") && STEPS.test(readFileSync(path, "utf8")));
  if (file === undefined) throw new Error(`no file of ${dist} has the migrations`);
  const added = JSON.stringify({ ...step, version: LATEST_VERSION + 1, name: "of the newer whcb" });
  writeFileSync(
    file,
    readFileSync(file, "utf8").replace(STEPS, (_, steps: string) => `${steps}, ${added}]`),
  );
  return join(folder, "bin", "whcb.js");
}
