/** Files with people's messages and keys aren't open to other users of the machine, or whcb warns of them. */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, statSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Home } from "../support/process/whcb-process.js";

let home: Home;
let folder: string;

beforeEach(() => {
  home = new Home();
  folder = home.path("shared");
  mkdirSync(folder);
  // The mode is the same whatever the umask is.
  for (const path of [home.folder, folder]) chmodSync(path, 0o755);
});
afterEach(() => home.leave());

const file = (name: string) => home.path("shared", name);
const modeOf = (name: string) => (statSync(file(name)).mode & 0o777).toString(8);
const serve = () => home.serve(["--db", file("x.db"), "--no-endpoint-check"]);
const db = async (command: string, ...args: readonly string[]) => warningsOf((await home.whcb(["db", command, ...args])).stderr);

function warningsOf(stderr: string): string[] {
  return stderr.split("\n").filter((line) => line.startsWith("warning: "));
}

function warningOf(name: string): string {
  return `warning: other users of this machine can open ${file(name)}: chmod go-rwx ${file(name)}`;
}

/** Runs what the warnings say, as a user would type it. */
function type(warnings: readonly string[]): void {
  for (const warning of warnings) execFileSync("sh", ["-c", warning.slice(warning.lastIndexOf(": ") + 2)]);
}

it("are named at the start of a service, also the write-ahead log, each with the command that closes it", async () => {
  const first = await serve();
  expect(warningsOf(first.stderr)).toEqual([]);
  await first.stop();
  chmodSync(file("x.db"), 0o644);
  chmodSync(file("x.db.key"), 0o640);
  const second = await serve();
  const warnings = warningsOf(second.stderr);
  expect(warnings).toEqual(["x.db", "x.db-wal", "x.db-shm", "x.db.key"].map(warningOf));
  type(warnings);
  expect(["x.db", "x.db-wal", "x.db-shm", "x.db.key"].map(modeOf)).toEqual(["600", "600", "600", "600"]);
  await second.stop();
  expect(warningsOf((await serve()).stderr)).toEqual([]);
});

it("are named by the commands on a database, whether it is the one that is served, a backup or the source of a copy", async () => {
  await (await serve()).stop();
  expect(await db("backup", "--db", file("x.db"), file("copy.db"))).toEqual([]);
  expect(modeOf("copy.db")).toBe("600");
  for (const name of ["x.db", "copy.db"]) chmodSync(file(name), 0o604);
  expect(await db("check", "--db", file("copy.db"))).toEqual([warningOf("copy.db")]);
  expect(await db("migrate", "--db", file("copy.db"))).toEqual([warningOf("copy.db")]);
  expect(await db("backup", "--db", file("x.db"), file("another.db"))).toEqual([warningOf("x.db")]);
  expect(await db("erase", "--db", file("x.db"), "--sender", "+61491570156", "--dry-run")).toEqual([warningOf("x.db")]);
  expect(await db("copy", "--from", file("x.db"), "--db", "postgres://nobody@127.0.0.1:1/x")).toEqual([warningOf("x.db")]);
});

it("aren't those in a folder that other users can't enter, or that only its group can", async () => {
  await (await serve()).stop();
  chmodSync(file("x.db"), 0o644);
  for (const closed of [folder, home.folder]) {
    chmodSync(closed, 0o700);
    expect(await db("check", "--db", file("x.db"))).toEqual([]);
    chmodSync(closed, 0o750);
    expect(await db("check", "--db", file("x.db"))).toEqual([warningOf("x.db")]);
    chmodSync(file("x.db"), 0o604);
    expect(await db("check", "--db", file("x.db"))).toEqual([]);
    chmodSync(file("x.db"), 0o644);
    chmodSync(closed, 0o755);
  }
});

it("are the files that a link leads to", async () => {
  await (await serve()).stop();
  chmodSync(file("x.db"), 0o644);
  execFileSync("ln", ["-s", file("x.db"), home.path("link.db")]);
  copyFileSync(file("x.db.key"), home.path("link.db.key"));
  chmodSync(home.path("link.db.key"), 0o600);
  expect(await db("check", "--db", home.path("link.db"))).toEqual([warningOf("x.db")]);
});
