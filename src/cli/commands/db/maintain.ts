import { resolve } from "node:path";
import { count } from "../../../domain/count.js";
import { WhcbError } from "../../../domain/errors.js";
import type { Invocation } from "../../args/command-spec.js";
import { EXIT_INTERRUPTED } from "../../exit-codes.js";
import { openProgress } from "../../output/progress-line.js";
import { safeJson, text } from "../../output/screen-text.js";
import { findAnyDatabase, isPostgresUrl } from "../../settings/database-path.js";
import { requireFile } from "../../settings/session.js";
import { FORCE } from "./command.js";

export async function backUp(invocation: Invocation): Promise<number> {
  const { args, deps, screen } = invocation;
  const database = await findAnyDatabase(invocation);
  if (isPostgresUrl(database)) {
    throw new WhcbError("usage", "db backup copies a SQLite file, and this database is PostgreSQL", {
      hint: "use pg_dump, or the backups of its server",
    });
  }
  await requireFile(database);
  const file = resolve(args.operand(0));
  const maintenance = await deps.loadMaintenance();
  const backup = await withProgress(invocation, { first: `copying ${database}`, left: "nothing was written" }, (show) =>
    maintenance.backUp(database, {
      file,
      overwrite: args.get(FORCE),
      onProgress: (done, total) => show(`copying ${database}: ${Math.floor((100 * done) / total)} %`),
    }),
  );
  if (screen.format === "json") await screen.out(text`${safeJson({ file, ...backup }, 2)}\n`);
  else screen.info(`copied ${database} to ${file}: ${count(backup.bytes, "byte")}`);
  screen.info(`the secret key isn't in it: keep ${backup.keyFile ?? "WHCB_SECRET_KEY"} too`);
  return 0;
}

/** Ctrl-C makes `show` throw `interrupted`; a second one ends the process at once. */
async function withProgress<Result>(
  { deps, screen }: Invocation,
  { first, left }: { readonly first: string; readonly left: string },
  work: (show: (text: string) => void) => Promise<Result>,
): Promise<Result> {
  const progress = await openProgress({ deps, screen }, first);
  let isInterrupted = false;
  const stopListening = deps.io.onInterrupt(() => {
    if (isInterrupted) return deps.io.exitNow(EXIT_INTERRUPTED);
    isInterrupted = true;
  });
  try {
    return await work((line) => {
      if (isInterrupted) throw new WhcbError("interrupted", `interrupted; ${left}`);
      progress.show(line);
    });
  } finally {
    stopListening();
    progress.clear();
  }
}
