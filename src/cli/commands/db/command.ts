import { resolve } from "node:path";
import { command, type GroupBody } from "../../args/command-spec.js";
import { flag, value } from "../../args/flag.js";
import { DATABASE, OUTPUT_TEXT_JSON } from "../../args/shared-flags.js";
import { YES } from "../../output/questions.js";

const ANY_DATABASE = {
  ...DATABASE,
  syntax: "--db <file|url>",
  summary:
    "the SQLite file, or the URL of PostgreSQL without password (default: a typed profile's, then WHCB_DB, then the profile's)",
};
const FLAGS = {
  backup: { database: DATABASE, force: flag("--force", "replace the file, if it is a database"), output: OUTPUT_TEXT_JSON },
  copy: {
    from: value("--from <file>", "the SQLite file to copy; nothing may serve it", String),
    database: ANY_DATABASE,
    output: OUTPUT_TEXT_JSON,
  },
  erase: {
    sender: value("--sender <mobile|e-mail>", "the person: a mobile number such as +61491570100, or an e-mail address", String),
    database: DATABASE,
    mailFolder: value("--mail-dir <dir>", "where serve writes .eml files (default: mail/ beside the database)", (text) =>
      resolve(text),
    ),
    dryRun: flag("--dry-run", "only count what would be erased"),
    yes: YES,
    output: OUTPUT_TEXT_JSON,
  },
};
export type DbFlags = typeof FLAGS;

export const DB: GroupBody = {
  commands: [
    command({
      name: "backup",
      operands: [["<file>", "the file to write"]],
      summary: "copy a SQLite database to a file, also while serve runs",
      details: `The copy has what was committed when it began. It gets its name once it is whole, and is for its owner only. The key that encrypts the
callbacks' auth keys isn't in it: keep FILE.key, which is beside the database, or WHCB_SECRET_KEY too. A PostgreSQL database is backed up with
its own tools, such as pg_dump.`,
      flags: FLAGS.backup,
      examples: [
        ["whcb db backup /backups/monday.db", "of the database that the profile's serve uses"],
        ["whcb db backup --db x.db --force /backups/latest.db", "replaces the last one"],
      ],
      load: async () => ({ run: (await import("./maintain.js")).backUpDatabase }),
    }),
    {
      name: "check",
      summary: "compare a database's counters, references and states with its rows, and its schema with this version's",
      details: `It reads one state of the rows and changes nothing, also beside a running serve. Of a SQLite file it checks the pages and indexes too. The
schema is compared with what this version creates: a trigger, view, rule, function, table or index that was added, changed or removed is found.
Exit code 8 if something is wrong: it lists the tables, how many rows, and the first of them. Restore a backup then; a service goes on with what
there is.`,
      flags: { database: ANY_DATABASE, output: OUTPUT_TEXT_JSON },
      examples: [
        ["whcb db check", "the database that the profile's serve uses"],
        ["whcb db check --db /backups/monday.db -o json", "a backup, for a script"],
      ],
      load: async () => ({ run: (await import("./maintain.js")).checkDatabase }),
    },
    {
      name: "migrate",
      summary: "bring a database to this version's schema, before serve does it",
      details: `serve migrates what it opens; this does it at a time of your choice, and says from which version to which. In an empty PostgreSQL database it
creates the tables. Make a backup first: an older whcb can't open the database any more, unless the migration of PostgreSQL is a compatible one.`,
      flags: { database: ANY_DATABASE, output: OUTPUT_TEXT_JSON },
      examples: [
        ["whcb db migrate --db x.db", "a SQLite file that nothing serves"],
        ["whcb db migrate --db postgres://ada@db.example.com/calls", "a PostgreSQL database; the password by PGPASSFILE"],
      ],
      load: async () => ({ run: (await import("./maintain.js")).migrateDatabase }),
    },
    command({
      name: "copy",
      summary: "copy a SQLite file into an empty PostgreSQL database",
      details: `Stop serve first, and don't start it on the file again: then two services would send the same calls. The copy is compared with the file
by the numbers of rows and by a digest of each callback with all that belongs to it. If it was interrupted, type the same again: it goes on
where it was. Until it is complete, serve doesn't start on the database.

The secret key isn't copied: serve needs the one of the file.`,
      flags: FLAGS.copy,
      examples: [
        ["whcb db copy --from x.db", "into the database of WHCB_DB"],
        ["whcb db copy --from x.db --db postgres://ada@db.example.com/calls", "the password by PGPASSFILE"],
      ],
      load: async () => ({ run: (await import("./maintain.js")).copyDatabase }),
    }),
    command({
      name: "erase",
      summary: "erase one person's content and addresses; ids and counts stay",
      details: `Of the calls whose sender has this mobile number (however it was written) or e-mail address, it erases content, addresses, name, custom
parameters and the endpoint's answers; it also erases them from outage e-mails and .eml files. The database is then rewritten, so that
it no longer contains the bytes. A call that waits or has failed can't be sent any more: it becomes SUCCESS, and its reason says that it was
erased.

Stop serve first, on PostgreSQL all nodes: while one runs, this ends with exit code 4. E-mails that were sent to a mail server and backups are not changed.`,
      flags: FLAGS.erase,
      examples: [
        ["whcb db erase --sender +61491570100 --dry-run", "count what there is"],
        ["whcb db erase --sender ada@example.com", "asks, then erases"],
      ],
      load: async () => ({ run: (await import("./run.js")).erasePerson }),
    }),
  ],
  examples: [["whcb db erase --sender +61491570100 --dry-run", "count what there is of one person"]],
};
