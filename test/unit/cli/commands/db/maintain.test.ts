import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { DatabaseMaintenance } from "../../../../../src/cli/cli-deps.js";
import { run } from "../../../../../src/cli/run.js";
import { captureIo } from "../../../../support/cli/cli-streams.js";
import { cliDeps, newCliWorld, runCli, storeSettings } from "../../../../support/cli/run-cli.js";

const WHCB_DB = "postgres://ada:hidden@db.example.com/calls";

/** Runs `whcb db …` on a file, with this maintenance. */
async function db(
  argv: readonly string[],
  maintenance: (io: ReturnType<typeof captureIo>) => Partial<DatabaseMaintenance>,
  env = {},
) {
  const io = captureIo({ env });
  const world = newCliWorld({ loadMaintenance: async () => maintenance(io) as DatabaseMaintenance });
  mkdirSync(world.paths.data, { recursive: true });
  const file = join(world.paths.data, "whcb.db");
  writeFileSync(file, "");
  const words = argv.map((word) => (word === "FILE" ? file : word));
  return { code: await run(["db", ...words], cliDeps(world, io)), stdout: io.out(), stderr: io.err(), file };
}

describe("Ctrl-C", () => {
  it("ends a backup at its next step", async () => {
    const result = await db(["backup", "copy.db"], (io) => ({
      async backUp(_, target) {
        target.onProgress(1, 3);
        io.interrupt();
        target.onProgress(2, 3);
        throw new Error("not reached");
      },
    }));
    expect(result).toMatchObject({ code: 130, stdout: "", stderr: "error: interrupted; nothing was written\n" });
  });

  it("ends a copy at its next step, and says how it goes on", async () => {
    const maintenance = (io: ReturnType<typeof captureIo>): Partial<DatabaseMaintenance> => ({
      async copy(_path, _url, onProgress) {
        io.interrupt();
        onProgress({ step: "copying", table: "calls", rows: 5_000 });
        throw new Error("not reached");
      },
    });
    const result = await db(["copy", "--from", "FILE"], maintenance, { WHCB_DB });
    expect(result).toMatchObject({ code: 130, stderr: "error: interrupted; type the same again to go on\n" });
  });
});

it("takes WHCB_DB, with its password, for a typed profile of the same database only", async () => {
  const checked: string[] = [];
  const check: DatabaseMaintenance["check"] = async (database) => {
    checked.push(database);
    return { rows: null, problems: [], unchecked: null };
  };
  const world = newCliWorld({ loadMaintenance: async () => ({ check }) as Partial<DatabaseMaintenance> as DatabaseMaintenance });
  const names = ["calls", "other"];
  const profileOf = (name: string) => ({ url: "http://127.0.0.1:1", database: `postgres://ada@db.example.com/${name}` });
  await storeSettings(world, (before) => ({ ...before, profiles: new Map(names.map((name) => [name, profileOf(name)])) }));
  for (const name of names) await runCli(world, ["db", "check", "--profile", name], { env: { WHCB_DB } });
  expect(checked).toEqual([WHCB_DB, "postgres://ada@db.example.com/other"]);
});

describe("a profile's database of PostgreSQL", () => {
  const run = async (profile: object, { found = "", env = {} }: { found?: string | null; env?: object }) => {
    const opened: string[] = [];
    const maintenance: Partial<DatabaseMaintenance> = {
      async migrate(database) {
        opened.push(database);
        return { from: 1, to: 1 };
      },
      findId: async () => found,
    };
    const world = newCliWorld({ loadMaintenance: async () => maintenance as DatabaseMaintenance });
    const profiles = new Map([["here", { url: "http://127.0.0.1:1", ...profile }]]);
    await storeSettings(world, (before) => ({ ...before, profiles, current: "here" }));
    const { code, stderr } = await runCli(world, ["db", "migrate"], { env: { ...env } });
    return { code, stderr, opened };
  };

  it("is opened only if it is the one that its `serve` had, wherever the URL leads by now", async () => {
    const profile = { database: "postgres:///calls", databaseId: "c8f9" };
    for (const env of [{}, { WHCB_DB: "postgres:///calls?sslmode=require", WHCB_PROFILE: "here" }])
      expect(await run(profile, { found: "0000", env })).toEqual({
        code: 4,
        stderr:
          "error: another database than that of profile here is at postgres:///calls\nhint: look where that URL, PGHOST, PGPORT, PGDATABASE and PGOPTIONS lead; if you mean that one, name it with --db alone; nothing was done\n",
        opened: [],
      });
    for (const found of ["c8f9", null]) expect((await run(profile, { found })).opened).toEqual(["postgres:///calls"]);
    const WHCB_DB = "postgres:///other";
    expect((await run(profile, { found: "0000", env: { WHCB_DB } })).opened).toEqual([WHCB_DB]);
  });

  it.each(["host=/run/postgresql&port=5433", "user=ada", "options=-c%20search_path%3Dstaging"])(
    "is another one with ?%s than without",
    async (parameters) => {
      const database = `postgres:///calls?${parameters}`;
      const env = { WHCB_PROFILE: "here", WHCB_DB: `${database}&password=hidden&sslmode=require` };
      expect((await run({ database }, { env })).opened).toEqual([env.WHCB_DB]);
      const other = await run({ database: "postgres:///calls" }, { env });
      expect([other.code, other.opened, other.stderr]).toEqual([
        2,
        [],
        expect.stringContaining(`names the database postgres:///calls, and WHCB_DB another one: ${database}\n`),
      ]);
    },
  );
});

it("says how many wrong rows a check doesn't show, and escapes what it shows", async () => {
  const { code, stdout, file } = await db(["check"], () => ({
    check: async () => ({
      rows: { callbacks: 1, calls: 20, attempts: 1 },
      problems: [{ where: "calls", rows: 12, examples: ["a\u001b[2Jb: its state is unknown"] }],
      unchecked: null,
    }),
  }));
  expect([code, stdout.replace(file, "FILE")]).toEqual([
    8,
    "wrong: calls, 12 rows\n  a␛[2Jb: its state is unknown\n  and 11 more\nin all: 1 callback, 20 calls, 1 attempt in FILE\n",
  ]);
});

it("shows no totals of a damaged file", async () => {
  const problems = [{ where: "file", rows: 1, examples: ["page 3 is never used"] }];
  const check = async () => ({ rows: null, problems, unchecked: null });
  expect(await db(["check"], () => ({ check }))).toMatchObject({
    code: 8,
    stdout: "wrong: file, 1 fault\n  page 3 is never used\n",
  });
});

it("names WHCB_SECRET_KEY if there is no key file", async () => {
  const backUp = async () => ({ bytes: 4_096, version: 14, keyFile: null });
  const { stderr } = await db(["backup", "copy.db"], () => ({ backUp }));
  expect(stderr).toMatch(/: 4096 bytes\nthe secret key isn't in it: keep WHCB_SECRET_KEY too\n$/);
});
