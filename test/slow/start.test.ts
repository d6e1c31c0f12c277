/** Failing starts of `whcb serve`: the code, the message, and what is left behind. */
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";
import { serveHere } from "../support/process/serve-here.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { makeImmutable, makeMutable, mayTroubleDisks } from "../support/process/troubled-disk.js";
import { eventually, Home } from "../support/process/whcb-process.js";

let home: Home;
/** Starts that would fail in any process run in this one, on the same files. */
let machine: CliMachine;
/** Another program listens at `takenPort`. */
let program: Server;
let takenPort: string;
/** Its database has been served. */
const origin = new Home();

beforeAll(async () => {
  await (await serveHere(origin, [], { env: USER_ENV })).stop();
  program = createServer().listen(0, "127.0.0.1");
  await once(program, "listening");
  takenPort = String((program.address() as AddressInfo).port);
});

beforeEach(() => {
  home = new Home();
  machine = new CliMachine({}, home.paths);
});

afterEach(() => home.leave());

afterAll(async () => {
  program.close();
  await origin.leave();
});

function copyDatabase(): void {
  for (const name of ["x.db", "x.db.key"]) copyFileSync(origin.path(name), home.path(name));
}

async function refused(args: readonly string[], by: CliMachine | Home = machine) {
  const { code, stdout, stderr } = await by.whcb(["serve", "--port", "0", ...args]);
  expect(stdout).toBe("");
  expect(stderr).not.toContain("    at ");
  const [sentence = "", ...hints] = stderr.trimEnd().split("\n");
  expect(hints.map((line) => line.slice(0, 6))).toEqual(["hint: "]);
  return { code, sentence };
}

/** All files of this home, by their paths in it; a lock that is left says nothing, since only who holds it counts. */
const leftBehind = () =>
  readdirSync(home.folder, { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith("-serve.lock"))
    .map(({ name }) => name)
    .sort();

describe("a failed start", () => {
  it("says that another process has the database; after kill -9 the same start succeeds and sends at once", async () => {
    const server = await home.serve([], { env: USER_ENV });
    const hanging = await home.listen(["--hang"]);
    const api = new ServedApi(server.url);
    const id = await api.create({ name: "demo", url: hanging.url });
    await api.hand(id, [callIdOf(1)]);
    await hanging.says(/POST/);
    expect(await refused(["--db", home.path("x.db")], home)).toEqual({
      code: 4,
      sentence: `error: ${home.path("x.db")} is already served by another process`,
    });
    await server.stop("SIGKILL");
    await hanging.stop();
    const repaired = await home.listen(["--port", new URL(hanging.url).port]);
    const again = await home.serve([], { env: USER_ENV });
    const delivered = await eventually(
      () => new ServedApi(again.url).list(id, "SUCCESS"),
      (calls) => calls.length === 1,
      // A lock or a lease that outlives its process would be waited for.
      10_000,
    );
    expect(delivered).toMatchObject([{ id: callIdOf(1), attemptCount: 1 }]);
    expect(repaired.stdout.match(/POST/g)).toHaveLength(1);
  });

  it("on a file with two names says so and serves neither, also while the first is served", async () => {
    const [file, other] = [home.path("x.db"), home.path("other.db")];
    const server = await home.serve();
    linkSync(file, other);
    const rejection = (name: string) => ({ code: 4, sentence: expect.stringContaining(`${name} has 2 names (hard links)`) });
    expect(await refused(["--db", other], home)).toEqual(rejection(other));
    await server.stop();
    expect(await refused(["--db", file])).toEqual(rejection(file));
    expect(await machine.whcb(["users", "list", "--db", other])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("hard links"),
    });
    rmSync(other);
    await serveHere(home);
  });

  it("on a taken port sends nothing and stores no settings", async () => {
    const endpoint = await home.listen();
    const waiting = await serveHere(home, ["--no-dispatch", "--db", home.path("y.db")], { env: USER_ENV });
    const id = await new ServedApi(waiting.url).create({ name: "demo", url: endpoint.url });
    await new ServedApi(waiting.url).hand(id, [callIdOf(1)]);
    await waiting.stop();
    const refusal = await home.whcb(["serve", "--port", takenPort, "--db", home.path("y.db")], {
      env: { WHCB_CONFIG_DIR: home.path("other") },
    });
    const stderr = expect.stringContaining(`port ${takenPort} of 127.0.0.1 is taken`);
    expect(refusal).toMatchObject({ code: 5, stdout: "", stderr });
    expect(existsSync(home.path("other"))).toBe(false);
    expect(endpoint.stdout).not.toContain("POST");
  });

  it.each([
    ["for a port that is taken", () => ["--port", takenPort], "port "],
    ["for a host that isn't this machine's", () => ["--port", "0", "--host", "192.0.2.1"], "can't listen on 192.0.2.1"],
  ] as const)("%s leaves no file and no folder behind", async (_, flags, sentence) => {
    const data = home.path("new-data");
    const { code, stderr } = await home.whcb(["serve", ...flags()], {
      env: { WHCB_CONFIG_DIR: home.path("new-config"), WHCB_DATA_DIR: data, NODE_DISABLE_COMPILE_CACHE: undefined },
    });
    expect([code, stderr]).toEqual([5, expect.stringContaining(`error: ${sentence}`)]);
    expect([existsSync(data), existsSync(home.path("new-config"))]).toEqual([false, false]);
  });

  it.each([4, 60, 100])("on a disk that has only %i KiB left removes the database that it began", async (longestFileKiB) => {
    const { code, stderr } = await home.whcb(["serve", "--port", "0", "--db", home.path("x.db")], { longestFileKiB });
    expect([code, stderr]).toEqual([5, expect.stringContaining("x.db: The database's disk can't be read or written")]);
    expect(leftBehind()).toEqual([]);
  });

  it("leaves a key that was there before the database, valid or not", async () => {
    for (const key of [`${Buffer.alloc(32).toString("base64")}\n`, "x\n"]) {
      writeFileSync(home.path("restored.db.key"), key);
      await machine.whcb(["serve", "--db", home.path("restored.db"), "--port", takenPort]);
      expect([readFileSync(home.path("restored.db.key"), "utf8"), existsSync(home.path("restored.db"))]).toEqual([key, false]);
    }
  });

  it("on a file that isn't a database changes nothing and creates no file beside it", async () => {
    writeFileSync(home.path("x.db"), "not a database, but long enough to be read as one ".repeat(100));
    expect(await refused(["--db", home.path("x.db")])).toEqual({
      code: 4,
      sentence: `error: ${home.path("x.db")}: The file is not a database`,
    });
    expect(leftBehind()).toEqual(["x.db"]);
  });

  it("on a database of a newer version names both versions", async () => {
    copyDatabase();
    const before = leftBehind();
    const database = new Database(home.path("x.db"));
    database.exec("INSERT INTO migrations (version, name) VALUES (999, 'of tomorrow')");
    database.close();
    const { code, sentence } = await refused(["--db", home.path("x.db")]);
    expect([code, sentence]).toEqual([
      4,
      expect.stringContaining("x.db was written by a newer whcb: it has database version 999"),
    ]);
    expect(leftBehind()).toEqual(before);
  });

  it("with a lost key file doesn't create a new one", async () => {
    copyDatabase();
    rmSync(home.path("x.db.key"));
    const { code, sentence } = await refused(["--db", home.path("x.db")]);
    expect([code, sentence]).toEqual([4, expect.stringContaining("x.db.key is missing")]);
    expect(existsSync(home.path("x.db.key"))).toBe(false);
  });

  it("in a missing folder doesn't create it", async () => {
    const { code, sentence } = await refused(["--db", home.path("nowhere", "x.db")]);
    expect([code, sentence]).toEqual([4, expect.stringContaining(home.path("nowhere"))]);
    expect([existsSync(home.path("nowhere")), leftBehind()]).toEqual([false, []]);
  });

  it.runIf(mayTroubleDisks)("for a folder that can't be written says so", async () => {
    mkdirSync(home.path("sealed"));
    makeImmutable(home.path("sealed"));
    try {
      const { code, sentence } = await refused(["--db", home.path("sealed", "x.db")]);
      expect([code, sentence]).toEqual([4, expect.stringContaining(home.path("sealed"))]);
      expect(leftBehind()).toEqual([]);
    } finally {
      makeMutable(home.path("sealed"));
    }
  });
});

describe("the files of a serving process", () => {
  it("are for its user only: database, lock, journals and mails, also behind a link to a file that isn't there", async () => {
    mkdirSync(home.path("real"));
    symlinkSync(home.path("real", "calls.db"), home.path("x.db"));
    await home.serve(["--mail-dir", home.path("new", "mail")]);
    const failing = await home.listen(["--status", "503"]);
    const created = ["--name", "demo", "--url", failing.url, "--email", "ops@example.com"];
    await machine.works(["callbacks", "create", ...created]);
    await machine.works(["trigger", "demo", "-n", "20"]);
    await eventually(async () => existsSync(home.path("new", "mail")) && readdirSync(home.path("new", "mail")).length, Boolean);
    expect(await home.whcb(["replay", "demo", "--failed", "--yes"])).toMatchObject({ code: 8 });
    const entries = readdirSync(home.folder, { recursive: true, encoding: "utf8", withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    const open = files.filter((path) => (statSync(path).mode & 0o077) !== 0);
    expect(open).toEqual([]);
    const names = files.map((path) => path.replace(/.*\.(\w+(?:-\w+)?)$/, "$1"));
    expect(names).toEqual(expect.arrayContaining(["db", "db-wal", "db-shm", "lock", "key", "eml", "ndjson", "json"]));
  });
});

describe("a malformed address", () => {
  it.each([
    ["WHCB_DB", ["serve", "--port", "0"], "postgres:/ops:hunter2@db/whcb"],
    ["WHCB_DB", ["serve", "--port", "0"], "//ops:hunter2@db/whcb.db"],
    ["WHCB_URL", ["status"], "ops:hunter2@api.example.com"],
    ["WHCB_URL", ["status"], "https:/ops:hunter2@api.example.com"],
    ["WHCB_URL", ["status"], "https://ops:hunter2@api.example.com:port"],
  ])("in %s isn't repeated with its password by whcb %j: %s", async (name, args, text) => {
    const { code, stdout, stderr } = await home.whcb(args, { env: { [name]: text } });
    expect([code === 2 || code === 4, stdout]).toEqual([true, ""]);
    expect(stderr).toContain(name);
    expect(stderr).not.toContain("hunter2");
  });
});
