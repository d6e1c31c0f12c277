/** Two releases on one PostgreSQL database, as processes: this one and a newer one. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LATEST_VERSION } from "../../src/store/postgres/postgres-migration-steps.js";

import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { newerWhcb } from "../support/process/newer-whcb.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { BIN, eventually, Home, type Running } from "../support/process/whcb-process.js";

const ADDED = "CREATE TABLE labels (callback_key bigint PRIMARY KEY, label text); ALTER TABLE calls ADD COLUMN label text";
const WARNING = /"msg":"A newer whcb has migrated the database[^"]*"/g;

let home: Home;
let database: TestDatabase;
let compatible: string;
let incompatible: string;

beforeAll(async () => {
  home = new Home();
  database = await createDatabase("upgraded");
  compatible = newerWhcb(home.path("compatible"), { sql: ADDED, isCompatible: true });
  incompatible = newerWhcb(home.path("incompatible"), { sql: ADDED, isCompatible: false });
});
afterAll(() => home.leave());
beforeEach(async () => {
  await database.query("DROP SCHEMA public CASCADE");
  await database.query("CREATE SCHEMA public");
});

const env = () => ({ ...USER_ENV, WHCB_DB: database.url, WHCB_SECRET_KEY: Buffer.alloc(32, 7).toString("base64") });
const whcb = (args: readonly string[], more = {}) => home.whcb(args, { env: { ...env(), ...more } });

interface Node extends ServedApi {
  readonly server: Running;
}

async function start(bin: string): Promise<Node> {
  const server = home.start(["serve", "--port", "0"], { env: env(), bin });
  const [, url = ""] = await server.says(/Listening on (http:\/\/\S+)/);
  return Object.assign(new ServedApi(url), { server });
}

describe("beside a newer whcb with a compatible migration", () => {
  it("older nodes go on and start, also after a rollback, and each says so once", async () => {
    const endpoint = await home.listen();
    const first = await start(BIN);
    const callback = await first.create({ name: "demo", url: endpoint.url });
    let accepted = 0;
    const deliverBy = async (...nodes: readonly Node[]) => {
      for (const node of nodes) expect((await node.hand(callback, [callIdOf(accepted++)])).status).toBe(202);
      const [asked] = nodes;
      await eventually(
        async () => asked?.count(callback, "SUCCESS"),
        (delivered) => delivered === accepted,
      );
    };

    const newer = await start(compatible);
    await first.server.says(WARNING);
    await deliverBy(first, newer);

    const restarted = await start(BIN);
    await restarted.server.says(WARNING);
    expect((await first.server.stop()).code).toBe(0);
    await deliverBy(newer, restarted);

    expect((await newer.server.stop()).code).toBe(0);
    const rolledBack = await start(BIN);
    await rolledBack.server.says(WARNING);
    await deliverBy(restarted, rolledBack);

    const upgradedAgain = await start(compatible);
    await deliverBy(upgradedAgain, rolledBack);
    for (const { server } of [restarted, rolledBack, upgradedAgain]) expect((await server.stop()).code).toBe(0);
    const warnings = [first, restarted, rolledBack, newer, upgradedAgain].map(
      ({ server }) => server.stderr.match(WARNING)?.length ?? 0,
    );
    expect(warnings).toEqual([1, 1, 1, 0, 0]);
  });

  it("older commands read and change what they know, and don't claim to erase or copy all", async () => {
    const { host } = new URL(database.url);
    const name = `postgres://****@${host}/upgraded`;
    const tooNew = {
      code: 4,
      stdout: "",
      stderr:
        `error: ${host}/upgraded was written by a newer whcb: it has database version ${LATEST_VERSION + 1}, and this whcb knows versions up to ${LATEST_VERSION}\n` +
        "hint: use the whcb that wrote it, or a newer one\n",
    };
    await home.whcb(["db", "migrate"], { env: env(), bin: compatible });

    expect(await whcb(["db", "migrate"])).toEqual({
      code: 0,
      stdout: "",
      stderr: `${name} has version ${LATEST_VERSION + 1} already: nothing to do\n`,
    });
    expect(await whcb(["users", "add", "ada"], { WHCB_NEW_PASSWORD: "another horse staple" })).toMatchObject({ code: 0 });
    // On a busy machine stderr also says what is being checked.
    expect(await whcb(["db", "check"])).toEqual({
      code: 0,
      stdout: `ok: 0 callbacks, 0 calls, 0 attempts in ${name}\n`,
      stderr: expect.stringContaining("a newer whcb has migrated it: its schema, and what that added, weren't checked\n"),
    });
    expect(await whcb(["db", "erase", "--sender", "+61491570156", "--dry-run"])).toEqual(tooNew);
    await (await home.serve()).stop();
    await database.query("DELETE FROM credentials");
    expect(await whcb(["db", "copy", "--from", home.path("x.db")])).toEqual(tooNew);
  });
});

describe("after a newer whcb's migration that isn't compatible", () => {
  it("which only a start makes, older nodes end and don't start, and older commands exit with 4", async () => {
    const old = await start(BIN);
    expect(await home.whcb(["users", "list"], { env: env(), bin: incompatible })).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/has database version .*\nhint: migrate it: `whcb db migrate`\n$/),
    });
    const newer = await start(incompatible);
    expect(await old.server.ended).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("error: a newer whcb has migrated the database, so this node has stopped\n"),
    });
    expect((await newer.server.stop()).code).toBe(0);
    for (const args of [
      ["serve", "--port", "0"],
      ["users", "list"],
      ["db", "check"],
      ["db", "migrate"],
    ]) {
      expect(await whcb(args)).toMatchObject({
        code: 4,
        stderr: expect.stringContaining(
          `was written by a newer whcb: it has database version ${LATEST_VERSION + 1}, and this whcb knows versions up to ${LATEST_VERSION}\n`,
        ),
      });
    }
  });
});
