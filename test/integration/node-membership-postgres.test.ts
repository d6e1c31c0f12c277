/** The nodes on one database have the same settings, and make room for what must be done without them. */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { joinNodes } from "../../src/dispatcher/node-membership.js";
import { systemClock } from "../../src/platform/clock.js";
import { silentLogger } from "../../src/platform/logger.js";
import { systemRandom } from "../../src/platform/random.js";
import { memberStore } from "../../src/store/nodes/members.js";
import type { NodeStore } from "../../src/store/nodes/open-nodes.js";
import { openPostgresAsIs } from "../../src/store/postgres/open-postgres.js";
import { aCallback, accept } from "../contract/store-support.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { USER_ENV } from "../support/process/served-api.js";
import { eventually } from "../support/process/whcb-process.js";

let database: TestDatabase;
let machine: CliMachine;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  database = await createDatabase("membership");
  await database.openStore();
});
beforeEach(async () => {
  await database.clear();
  machine = new CliMachine();
  env = { ...USER_ENV, WHCB_DB: database.url, WHCB_SECRET_KEY: Buffer.alloc(32).toString("base64") };
});
afterEach(() => machine.leave());

const serve = (...flags: readonly string[]) => machine.serve(flags, { env });
const refused = async (...flags: readonly string[]) => {
  const { code, stdout, stderr } = await machine.whcb(["serve", "--port", "0", ...flags], { env });
  return { code, stdout, stderr };
};
const isListed = async () => (await database.query("SELECT id FROM nodes")).length;

describe("a node's settings", () => {
  it("are those of the running nodes: another flag is refused, and stored once they have stopped", async () => {
    const first = await serve("--retry-interval", "7m");
    const second = await serve();
    expect(second.io.err()).toContain("retries   about every 7 minutes for 24 hours");
    const same = await serve("--retry-interval", "7m", "--no-dispatch");
    expect(await isListed()).toBe(3);
    expect(await refused("--retry-interval", "1m", "--retain-mail", "2d")).toEqual({
      code: 4,
      stdout: "",
      stderr:
        "error: running nodes use --retry-interval 7m and --retain-mail 365d, and this one has --retry-interval 1m and --retain-mail 2d\n" +
        "hint: leave the flag out, or stop all nodes first; a node that was killed counts for 15 seconds\n",
    });
    for (const node of [first, second, same]) await node.stop();
    expect(await isListed()).toBe(0);
    await (await serve("--retry-interval", "1m")).stop();
    expect((await serve()).io.err()).toContain("retries   about every 1 minute for 24 hours");
  });

  it("don't depend on who is first of two that start at once", async () => {
    const starts = await Promise.allSettled([serve("--retry-window", "1h"), serve("--retry-window", "2h")]);
    const [refusal, ...others] = starts.filter(({ status }) => status === "rejected");
    expect(others).toEqual([]);
    expect(refusal).toMatchObject({ reason: { message: expect.stringContaining("running nodes use --retry-window") } });
  });

  it("are compared with those of a node that is joining at the same time", async () => {
    await database.query(`
      CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END; $$;
      CREATE TRIGGER waiting BEFORE INSERT ON nodes FOR EACH ROW EXECUTE FUNCTION wait()`);
    const holder = await database.connect();
    await holder.query("SELECT pg_advisory_lock(1)");
    const db = await openPostgresAsIs(database.url);
    const joining = [];
    for (const windowMs of [1, 2]) {
      joining.push(memberStore(db).joinNodes(`N${windowMs}`, { windowMs }));
      const waiting = () =>
        database.query(
          "SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE datname = current_database() AND NOT granted",
        );
      await expect.poll(async () => (await waiting()).length).toBe(windowMs);
    }
    await holder.query("SELECT pg_advisory_unlock(1)");
    expect((await Promise.all(joining)).map(({ kind }) => kind)).toEqual(["joined", "differs"]);
    await db.destroy();
    await database.query("DROP FUNCTION wait CASCADE");
  });

  it("are no reason to replace the users of a start that is refused", async () => {
    await serve();
    env = { ...env, WHCB_USERNAME: "other" };
    expect((await refused("--retry-interval", "1m")).code).toBe(4);
    expect(await database.query("SELECT username FROM credentials")).toEqual([{ username: "u" }]);
  });

  it("are stored once a node may take them over, also if the start that gave them fails", async () => {
    await database.query(`
      CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RAISE 'no'; END; $$;
      CREATE TRIGGER failing BEFORE INSERT ON credentials FOR EACH ROW EXECUTE FUNCTION fail()`);
    const holder = await database.connect();
    await holder.query("SELECT pg_advisory_lock(1)");
    const failing = refused("--retry-interval", "7m");
    await eventually(isListed, (nodes) => nodes === 1);
    const second = await serve("--no-api");
    await holder.query("SELECT pg_advisory_unlock(1)");
    expect((await failing).code).not.toBe(0);
    await database.query("DROP FUNCTION fail CASCADE");
    expect(second.io.err()).toContain("retries   about every 7 minutes for 24 hours");
    await second.stop();
    expect((await serve()).io.err()).toContain("retries   about every 7 minutes for 24 hours");
  });

  it("that only a newer whcb knows stay when an older one starts", async () => {
    const storedSettings = () =>
      database.query("SELECT convert_from(value, 'UTF8')::json AS value FROM settings WHERE name = 'service-settings'");
    await (await serve("--retry-interval", "7m")).stop();
    await database.query(`UPDATE settings SET value = '{"retainNoticesMs": 5}' WHERE name = 'service-settings'`);
    await (await serve("--retry-interval", "8m")).stop();
    expect(await storedSettings()).toEqual([{ value: expect.objectContaining({ retainNoticesMs: 5, intervalMs: 480_000 }) }]);
  });

  it("are those of running nodes of a release with other defaults", async () => {
    const settings = JSON.stringify({ intervalMs: 60_000 });
    await database.query("INSERT INTO nodes VALUES ('older', clock_timestamp() + interval '1 h', $1)", [settings]);
    expect((await serve()).io.err()).toContain("retries   about every 1 minute for 24 hours");
  });

  it("are compared with those of nodes that are heard of, not of one that was killed", async () => {
    const settings = JSON.stringify({ intervalMs: 60_000 });
    await database.query("INSERT INTO nodes VALUES ('killed', clock_timestamp() - interval '1 ms', $1)", [settings]);
    await serve("--retry-interval", "2m");
    expect(await isListed()).toBe(1);
  });
});

describe("a running node", () => {
  /** Renews all the time. */
  const clock = {
    ...systemClock,
    sleepUntil: (_: number, signal?: AbortSignal) => systemClock.sleepUntil(systemClock.now() + 5, signal),
  };
  const warnings: string[] = [];
  const surroundings = {
    clock,
    random: systemRandom,
    logger: { ...silentLogger, warn: (_: object, message: string) => void warnings.push(message) },
  };

  async function join(changes = {}) {
    const { nodes } = await database.openStore();
    if (nodes === null) throw new Error("several nodes may share PostgreSQL");
    const lost: string[] = [];
    const membership = await joinNodes(nodes, changes, ({ message }) => void lost.push(message), surroundings);
    return { membership, lost };
  }

  afterEach(() => database.query("DELETE FROM migrations WHERE version = 99"));

  it("goes on under a migration that is compatible, and says so once; otherwise it ends", async () => {
    const { membership, lost } = await join();
    await database.query("INSERT INTO migrations VALUES (99, 'of the future', true)");
    await expect
      .poll(() => warnings)
      .toEqual([expect.stringContaining("A newer whcb has migrated the database, compatibly: this node works on it")]);
    await database.query("UPDATE migrations SET is_compatible = false WHERE version = 99");
    await expect.poll(() => lost).toEqual(["a newer whcb has migrated the database, so this node has stopped"]);
    expect(warnings).toHaveLength(1);
    await membership.leave();
  });

  it("that was away joins again, unless others run with other settings", async () => {
    const { membership, lost } = await join({ intervalMs: 60_000 });
    await database.query("DELETE FROM nodes");
    await expect.poll(isListed).toBe(1);
    expect(lost).toEqual([]);
    const settings = JSON.stringify({ intervalMs: 120_000 });
    await database.query(
      "WITH gone AS (DELETE FROM nodes) INSERT INTO nodes VALUES ('other', clock_timestamp() + interval '1 h', $1)",
      [settings],
    );
    await expect.poll(() => lost).toEqual([expect.stringContaining("running nodes use --retry-interval 2m")]);
    await membership.leave();
  });

  it("goes on when the database rejects it for a while, such as while its password is changed", async () => {
    const { membership, lost } = await join();
    warnings.length = 0;
    await database.query(`
      CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING ERRCODE = '28P01'; END $$;
      CREATE TRIGGER rejected BEFORE UPDATE ON nodes EXECUTE FUNCTION reject()`);
    await expect.poll(() => lost.length + warnings.length).toBeGreaterThan(0);
    await database.query("DROP FUNCTION reject CASCADE; DELETE FROM nodes");
    await expect.poll(isListed).toBe(1);
    expect(lost).toEqual([]);
    await membership.leave();
  });
});

describe("what must be alone", () => {
  let nodes: NodeStore;
  beforeEach(async () => {
    const store = await database.openStore();
    if (store.nodes === null) throw new Error("several nodes may share PostgreSQL");
    nodes = store.nodes;
  });

  it("isn't while a node or a dispatcher is heard of; then no node starts", async () => {
    const node = await serve();
    expect(await nodes.joinAlone("T", "a task")).toBe(false);
    await node.stop();
    await nodes.startLease("D");
    expect(await nodes.joinAlone("T", "a task")).toBe(false);
    await nodes.endLease("D");
    expect(await nodes.joinAlone("T", "a task")).toBe(true);
    expect(await nodes.joinAlone("T2", "another task")).toBe(false);
    expect(await refused()).toMatchObject({ code: 4, stderr: expect.stringContaining("a task is changing the database\n") });
    await nodes.leaveMembers("T");
    await serve();
  });

  it("takes all callbacks from a dispatcher that hung, also if it comes back", async () => {
    const store = await database.openStore();
    await accept(store, await aCallback(store), ["CALL"]);
    await nodes.startLease("hung");
    expect((await nodes.takeCallbacks("hung", 10)).fences.size).toBe(1);
    await database.query("UPDATE dispatchers SET expires_at = clock_timestamp() - interval '1 ms'");
    expect(await nodes.joinAlone("T", "a task")).toBe(true);
    expect(await nodes.renewLease("hung")).toBe(false);
    expect(await database.query("SELECT owner, fence::int AS fence FROM callbacks")).toEqual([{ owner: null, fence: 2 }]);
  });
});

describe("db erase", () => {
  it("is refused while a node runs, and erases once it has stopped", async () => {
    const node = await serve();
    const erase = () => machine.whcb(["db", "erase", "--sender", "+61491570156", "--yes"], { env });
    expect(await erase()).toMatchObject({ code: 4, stderr: expect.stringContaining("nodes run on the database") });
    await node.stop();
    expect(await erase()).toMatchObject({ code: 0, stderr: expect.stringContaining("erased 0 calls") });
    expect(await isListed()).toBe(0);
  });
});
