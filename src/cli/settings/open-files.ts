/** Warns of files that other users of the machine can open. */
import { existsSync, realpathSync } from "node:fs";
import { shellQuote } from "../../domain/command-line.js";
import { placeOf } from "../../platform/database-url.js";
import { excessMode } from "../../platform/files/excess-mode.js";
import type { Invocation } from "../args/command-spec.js";

/** Checks the database, its write-ahead log and its secret key, as far as they exist. */
export function warnOfOpenDatabase(invocation: Invocation, database: string): void {
  const place = placeOf(database, invocation.deps.paths.data);
  const file = existsSync(place) ? realpathSync(place) : place;
  for (const path of [file, `${file}-wal`, `${file}-shm`, `${place}.key`]) warnOfOpenFile(invocation, path);
}

export function warnOfOpenFile({ screen }: Invocation, path: string): void {
  const excess = excessMode(path);
  if (excess !== null) screen.info(`warning: other users of this machine can open ${path}: chmod ${excess} ${shellQuote(path)}`);
}
