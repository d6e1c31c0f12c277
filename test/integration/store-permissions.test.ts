/** Root may write everything, so as root this process becomes `nobody`, in a test file of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createEmlNotifier, eraseMailFiles, removeMailFiles } from "../../src/notifier/eml-notifier.js";
import { systemClock } from "../../src/platform/clock.js";
import { openStore } from "../../src/store/open-store.js";
import { secretKeySource } from "../../src/store/secret-key.js";
import { lockDatabase, openSqlite } from "../../src/store/sqlite/open-sqlite.js";
import { aMail } from "../support/mail/mails.js";

const NOBODY = 65_534;
const STRANGER = 12_345;
const secretKey = new Uint8Array(32);
const folder = mkdtempSync(join(tmpdir(), "whcb-permissions-"));
const file = join(folder, "whcb.db");

const isRoot = process.getuid?.() === 0;
const shared = mkdtempSync(join(tmpdir(), "whcb-shared-"));
/** A group may write to it, which is that of `nobody`. */
const team = mkdtempSync(join(tmpdir(), "whcb-team-"));

/** A stranger plants them in it. */
const TEAM_PLANTED = ["wal.db-wal", "lock.db-serve.lock", "new-lock.db-serve.lock-wal", "groups.db-wal", "other-groups.db-wal"];

/** Its folder is a stranger's link, which he has made after the notifier was opened. */
const lateLink = createEmlNotifier({ directory: join(shared, "mail-link") });

/** It gives a log of its own the name of the database's, for some microseconds at a time. */
let planter: ChildProcess | undefined;
const PLANT = `const { linkSync, unlinkSync } = require("node:fs");
  process.on("disconnect", () => process.exit());
  process.once("message", () => {
    const plant = () => {
      for (let count = 0; count < 1_000; count++)
        try { linkSync("log", "raced.db-wal"); unlinkSync("raced.db-wal"); } catch {}
      setImmediate(plant);
    };
    plant();
  });`;

beforeAll(async () => {
  const theirs = join(team, "theirs.db");
  await (await openStore({ url: theirs, clock: systemClock, secretKey: secretKeySource(theirs) })).close();
  chmodSync(shared, 0o1777);
  for (const end of ["wal.db-wal", "key.db.key", "own.db.key"]) writeFileSync(join(shared, end), `${"A".repeat(43)}=\n`);
  writeFileSync(join(shared, "planted.db"), "");
  chmodSync(join(shared, "planted.db"), 0o666);
  symlinkSync(join(shared, "theirs.db"), join(shared, "link.db"));
  for (const name of ["folder", "mail-folder", "mail"]) mkdirSync(join(shared, name));
  for (const name of ["mail-folder", "mail"]) writeFileSync(join(shared, name, "outage-01.eml"), "");
  symlinkSync(join(shared, "mail"), join(shared, "mail-link"));
  chmodSync(team, 0o770);
  for (const end of ["key.db.key", "own.db.key", "new.db.key"]) writeFileSync(join(team, end), `${"A".repeat(43)}=\n`);
  writeFileSync(join(team, "new.db"), "");
  for (const end of ["theirs.db.key", "theirs.db", "new.db.key", "new.db"]) chmodSync(join(team, end), 0o660);
  writeFileSync(join(team, "planted"), `${"A".repeat(43)}=\n`);
  chmodSync(join(team, "planted"), 0o666);
  for (const name of ["wal.db", "lock.db", "groups.db", "other-groups.db"])
    await (await openStore({ url: join(team, name), clock: systemClock, secretKey })).close();
  for (const name of ["groups.db", "other-groups.db"]) chmodSync(join(team, name), 0o660);
  for (const name of TEAM_PLANTED) writeFileSync(join(team, name), "", { mode: 0o666 });
  symlinkSync(join(folder, "elsewhere.db"), join(team, "link.db"));
  symlinkSync(join(team, "groups.db"), join(team, "groups-link.db"));
  for (const name of ["mail", "own-mail"]) mkdirSync(join(team, name));
  for (const [name, mode] of [
    ["mail", 0o777],
    ["own-mail", 0o770],
  ] as const)
    chmodSync(join(team, name), mode);
  for (const name of ["mail", "own-mail"]) writeFileSync(join(team, name, "outage-01.eml"), "");
  if (!isRoot) return;
  chownSync(team, NOBODY, NOBODY);
  chownSync(join(team, "own.db.key"), NOBODY, NOBODY);
  for (const end of [...TEAM_PLANTED, "link.db", "groups-link.db", "mail", "own-mail/outage-01.eml"])
    lchownSync(join(team, end), STRANGER, NOBODY);
  chownSync(join(team, "other-groups.db"), NOBODY, STRANGER);
  for (const end of ["wal.db", "lock.db", "groups.db", "own-mail"]) chownSync(join(team, end), NOBODY, NOBODY);
  for (const end of ["key.db.key", "theirs.db.key", "theirs.db", "new.db.key", "new.db", "planted"])
    chownSync(join(team, end), STRANGER, NOBODY);
  chownSync(shared, NOBODY, NOBODY);
  planter = spawn(process.execPath, ["-e", PLANT], { cwd: shared, uid: STRANGER, stdio: ["ipc"] });
  for (const end of ["wal.db-wal", "key.db.key", "planted.db", "link.db", "folder", "mail-folder", "mail-link"])
    lchownSync(join(shared, end), STRANGER, STRANGER);
  for (const name of ["folder", "mail-folder"]) chmodSync(join(shared, name), 0o777);
  for (const name of ["mail", "mail/outage-01.eml"]) chownSync(join(shared, name), NOBODY, NOBODY);
  writeFileSync(join(shared, "log"), "");
  chmodSync(join(shared, "log"), 0o666);
  chownSync(join(shared, "log"), STRANGER, STRANGER);
  chownSync(folder, NOBODY, NOBODY);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
});

afterAll(() => {
  if (planter?.connected) planter.disconnect();
  for (const each of [folder, shared, team]) rmSync(each, { recursive: true, force: true });
});

it.each(["wal.db", "key.db", "own.db", "planted.db", "link.db", "folder/new.db"])(
  "takes no file of a stranger where everybody may write, neither a database nor one beside it, nor one in his folder: %s",
  async (name) => {
    const opened = openStore({ url: join(shared, name), clock: systemClock, secretKey: secretKeySource(join(shared, name)) });
    if (isRoot && name !== "own.db")
      await expect(opened).rejects.toMatchObject({ code: "config", message: expect.stringContaining("belongs to another user") });
    else await (await opened).close();
  },
);

it.runIf(isRoot).each([
  ["a log beside our own database", "wal.db", "wal.db-wal"],
  ["a log beside our own database, which is another group's", "other-groups.db", "other-groups.db-wal"],
  ["a lock beside our own database", "lock.db", "lock.db-serve.lock"],
  ["a log of the lock", "new-lock.db", "new-lock.db-serve.lock-wal"],
  ["a link that leads elsewhere", "link.db", "link.db"],
  ["a link that leads to the group's database", "groups-link.db", "groups-link.db"],
])("serves no database with %s, of a stranger, where a group may write, and makes nothing", async (_, name, planted) => {
  const before = [...readdirSync(folder), ...readdirSync(team)];
  await expect(lockDatabase(join(team, name))).rejects.toMatchObject({
    code: "config",
    message: `${join(team, planted)} belongs to another user, and others may write to its folder`,
  });
  expect([...readdirSync(folder), ...readdirSync(team)]).toEqual(before);
});

it("opens no log of a stranger where a group may write, unless the database is the group's", async () => {
  const opened = openStore({ url: join(team, "wal.db"), clock: systemClock, secretKey });
  const refused = { code: "config", message: expect.stringContaining("wal.db-wal belongs to another user") };
  if (isRoot) await expect(opened).rejects.toMatchObject(refused);
  else await (await opened).close();
  await (await openStore({ url: join(team, "groups.db"), clock: systemClock, secretKey })).close();
});

it.runIf(isRoot)("erases no e-mails in a stranger's folder where a group may write, and reads none of his", async () => {
  const erasure = { mails: [], erasedMails: [], isAbout: () => true, dryRun: true };
  for (const [directory, planted] of [
    ["mail", "mail"],
    ["own-mail", "own-mail/outage-01.eml"],
  ] as const)
    await expect(eraseMailFiles(join(team, directory), erasure)).rejects.toMatchObject({
      message: `${join(team, planted)} belongs to another user, and others may write to its folder`,
    });
});

it.runIf(isRoot).each(["mail-folder", "mail-link"])(
  "neither writes nor changes nor removes an e-mail in a stranger's folder, or behind his link, where everybody may write: %s",
  async (name) => {
    const directory = join(shared, name);
    const stranger = { code: "config", message: expect.stringContaining("belongs to another user") };
    const erasure = { mails: [], erasedMails: [], isAbout: () => true, dryRun: false };
    expect(() => createEmlNotifier({ directory })).toThrow("belongs to another user");
    await expect(eraseMailFiles(directory, erasure)).rejects.toMatchObject(stranger);
    await expect(removeMailFiles(directory, Date.now() + 1_000)).rejects.toMatchObject(stranger);
    expect(readdirSync(directory)).toEqual(["outage-01.eml"]);
  },
);

it.runIf(isRoot)("writes no e-mail behind a link that a stranger makes later, and says why", async () => {
  const said = { code: "unavailable", message: expect.stringMatching(/can't be written .* belongs to another user/) };
  await expect(lateLink.send(aMail())).rejects.toMatchObject(said);
  expect(readdirSync(join(shared, "mail"))).toEqual(["outage-01.eml"]);
});

it.runIf(isRoot)("writes to no log that a stranger puts there while a database is opened", async () => {
  const path = join(shared, "raced.db");
  await (await openStore({ url: path, clock: systemClock, secretKey })).close();
  planter?.send("plant");
  for (let count = 0; count < 600; count++) {
    const db = await openSqlite({ path, mustExist: true, clock: systemClock }).catch((error: Error) => error);
    if (db instanceof Error) {
      expect(db.message).toMatch(/belongs to another user|was removed/);
      continue;
    }
    await sql`PRAGMA user_version = ${sql.lit(count)}`.execute(db);
    await db.destroy();
  }
  planter?.disconnect();
  expect(statSync(join(shared, "log")).size).toBe(0);
});

it.each(["key.db", "own.db", "theirs.db"])(
  "takes no secret key of a stranger where a group may write, but one of the database's owner: %s",
  async (name) => {
    const url = join(team, name);
    const opened = openStore({ url, clock: systemClock, secretKey: secretKeySource(url) });
    if (isRoot && name === "key.db")
      await expect(opened).rejects.toMatchObject({ code: "config", message: expect.stringContaining("belongs to another user") });
    else await (await opened).close();
  },
);

it("takes no secret key of the database's owner while nothing is encrypted yet: it could be a stranger's, for a moment", async () => {
  const url = join(team, "new.db");
  const opened = openStore({ url, clock: systemClock, secretKey: secretKeySource(url) });
  if (isRoot)
    await expect(opened).rejects.toMatchObject({ code: "config", message: expect.stringContaining("belongs to another user") });
  else await (await opened).close();
});

it("takes no secret key that a stranger puts there while one is looked for", async () => {
  const key = secretKeySource(join(team, "raced.db"))({ mayCreate: true });
  linkSync(join(team, "planted"), join(team, "raced.db.key"));
  if (isRoot)
    await expect(key).rejects.toMatchObject({ code: "config", message: expect.stringContaining("belongs to another user") });
  else await key;
});

it("reports a file or folder that isn't writable, and creates nothing", async () => {
  await (await openStore({ url: file, clock: systemClock, secretKey })).close();
  chmodSync(file, 0o444);
  const refused = { code: "config", message: `${file} can't be read and written`, hint: expect.stringContaining("writable") };
  await expect(openStore({ url: file, clock: systemClock, secretKey })).rejects.toMatchObject(refused);
  chmodSync(file, 0o644);
  chmodSync(folder, 0o555);
  await expect(openStore({ url: file, clock: systemClock, secretKey })).rejects.toMatchObject(refused);
  await expect(openStore({ url: `${file}.new`, clock: systemClock, secretKey })).rejects.toMatchObject({
    code: "config",
    message: `The folder ${folder} isn't writable`,
  });
  chmodSync(folder, 0o755);
  expect(readdirSync(folder)).toEqual(["whcb.db"]);
});
