import { resolve } from "node:path";
import { count } from "../../../domain/count.js";
import { WhcbError } from "../../../domain/errors.js";
import { isPostgresUrl } from "../../../platform/database-url.js";
import type { Invocation } from "../../args/command-spec.js";
import type { DatabaseMaintenance } from "../../cli-deps.js";
import { EXIT_DONE, EXIT_ITEMS_FAILED } from "../../exit-codes.js";
import { onFirstInterrupt } from "../../on-interrupt.js";
import { writeJson } from "../../output/json-fields.js";
import { openProgress } from "../../output/progress-line.js";
import { text } from "../../output/screen-text.js";
import { findDatabase, maskedDatabase } from "../../settings/database-path.js";
import { warnOfOpenDatabase } from "../../settings/open-files.js";
import { requireTrimmed } from "../../settings/service-address.js";
import { requireDatabaseFile } from "../../settings/session.js";
import type { DbFlags } from "./command.js";

export async function backUpDatabase(invocation: Invocation<DbFlags["backup"]>): Promise<void> {
  const { args, values, screen } = invocation;
  const given = args.operand(0);
  const file = requireTrimmed(given, "the file", resolve(given));
  const [database, maintenance] = await openMaintenance(invocation);
  if (isPostgresUrl(database)) {
    throw new WhcbError("usage", "db backup copies a SQLite file, and this database is PostgreSQL", {
      hint: "use pg_dump, or the backups of its server",
    });
  }
  const backup = await withProgress(invocation, { first: `copying ${database}`, left: "nothing was written" }, (show) =>
    maintenance.backUp(database, {
      file,
      overwrite: values.force,
      onProgress: (done, total) => show(`copying ${database}: ${Math.floor((100 * done) / total)} %`),
    }),
  );
  if (screen.format === "json") await writeJson({ file, ...backup }, screen);
  else screen.info(`copied ${database} to ${file}: ${count(backup.bytes, "byte")}`);
  screen.info(`the secret key isn't in it: keep ${backup.keyFile ?? "WHCB_SECRET_KEY"} too`);
}

export async function checkDatabase(invocation: Invocation): Promise<number> {
  const { screen } = invocation;
  const [database, maintenance] = await openMaintenance(invocation);
  const name = maskedDatabase(database);
  const progress = await openProgress(invocation, `checking ${name}`);
  const { rows, problems, unchecked } = await maintenance
    .check(database, (where) => progress.show(`checking ${name}: ${where}`))
    .finally(() => progress.clear());
  if (unchecked !== null) screen.info(UNCHECKED[unchecked]);
  const isFine = problems.length === 0;
  if (screen.format === "json") {
    await writeJson({ ok: isFine, database: name, ...rows, problems }, screen);
    return isFine ? EXIT_DONE : EXIT_ITEMS_FAILED;
  }
  const { palette } = screen.renderOptions;
  for (const { where, rows: wrong, examples } of problems) {
    await screen.out(
      text`${palette.bad("wrong")}: ${where}, ${count(wrong, where === "file" || where === "schema" ? "fault" : "row")}\n`,
    );
    for (const example of examples) await screen.out(text`  ${example}\n`);
    if (wrong > examples.length) await screen.out(text`  and ${wrong - examples.length} more\n`);
  }
  if (rows !== null) {
    const { callbacks, calls, attempts } = rows;
    const size = `${[count(callbacks, "callback"), count(calls, "call"), count(attempts, "attempt")].join(", ")} in ${name}`;
    await screen.out(isFine ? text`${palette.good("ok")}: ${size}\n` : text`in all: ${size}\n`);
  }
  return isFine ? EXIT_DONE : EXIT_ITEMS_FAILED;
}

const UNCHECKED = {
  newer: "a newer whcb has migrated it: its schema, and what that added, weren't checked",
  schema:
    "its schema wasn't checked: that needs a server that isn't a standby, and a user with the right to create a schema for a moment (GRANT CREATE ON DATABASE)",
};

export async function copyDatabase(invocation: Invocation<DbFlags["copy"]>): Promise<void> {
  const { values, screen } = invocation;
  const given = values.from;
  if (given === undefined) throw new WhcbError("usage", "db copy needs --from: the SQLite file to copy");
  // It isn't shown, as it may contain a password.
  if (given.includes("://")) throw new WhcbError("usage", "--from must be a SQLite file");
  const path = requireTrimmed(given, "--from", resolve(given));
  const url = await findDatabase(invocation);
  if (!isPostgresUrl(url)) {
    throw new WhcbError("usage", "db copy writes to a PostgreSQL database", {
      hint: "give its URL, postgres://…, as WHCB_DB, or without a password as --db",
    });
  }
  await requireDatabaseFile(path);
  warnOfOpenDatabase(invocation, path);
  const maintenance = await invocation.deps.loadMaintenance();
  const name = maskedDatabase(url);
  const left = "type the same again to go on";
  const { rows, isResumed } = await withProgress(invocation, { first: `reading ${path}`, left }, (show) =>
    maintenance.copy(path, url, ({ step, table, rows: done }) => show(`${step} ${table}: ${count(done, "row")}`)),
  );
  if (screen.format === "json") {
    const document = { from: path, to: name, rows: Object.fromEntries(rows), resumed: isResumed };
    await writeJson(document, screen);
    return;
  }
  const size = ["callback", "call", "attempt"].map((noun) => count(rows.get(`${noun}s`) ?? 0, noun)).join(", ");
  screen.info(`${isResumed ? "resumed and finished the copy of" : "copied"} ${path} to ${name}: ${size}`);
  screen.info("each callback has the same digest in both; the secret key isn't copied, and serve needs the one of the file");
  screen.info("don't serve the file any more: its calls would be sent twice");
}

export async function migrateDatabase(invocation: Invocation): Promise<void> {
  const { screen } = invocation;
  const [database, maintenance] = await openMaintenance(invocation);
  const name = maskedDatabase(database);
  const { from, to } = await maintenance.migrate(database);
  if (screen.format === "json") await writeJson({ database: name, from, to }, screen);
  else if (from === to) screen.info(`${name} has version ${to} already: nothing to do`);
  else screen.info(from === 0 ? `created version ${to} in ${name}` : `migrated ${name} from version ${from} to ${to}`);
}

async function openMaintenance(invocation: Invocation): Promise<readonly [database: string, DatabaseMaintenance]> {
  const database = await findDatabase(invocation);
  if (!isPostgresUrl(database)) await requireDatabaseFile(database);
  warnOfOpenDatabase(invocation, database);
  return [database, await invocation.deps.loadMaintenance()];
}

/** The work isn't ended just anywhere: Ctrl-C makes `show` throw `interrupted`. A second one ends the process at once. */
async function withProgress<Result>(
  invocation: Invocation,
  { first, left }: { readonly first: string; readonly left: string },
  work: (show: (text: string) => void) => Promise<Result>,
): Promise<Result> {
  const progress = await openProgress(invocation, first);
  let isInterrupted = false;
  using _interrupts = onFirstInterrupt(invocation.deps.io, () => {
    isInterrupted = true;
  });
  try {
    return await work((line) => {
      if (isInterrupted) throw new WhcbError("interrupted", `interrupted; ${left}`);
      progress.show(line);
    });
  } finally {
    progress.clear();
  }
}
