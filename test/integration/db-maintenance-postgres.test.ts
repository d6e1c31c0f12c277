/** Commands on a PostgreSQL database, as processes: no password in what they print. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { LATEST_VERSION } from "../../src/store/postgres/postgres-migration-steps.js";
import { createDatabase } from "../support/postgres/databases.js";
import { Home } from "../support/process/whcb-process.js";

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.leave());

it("migrates and checks", async () => {
  const { url, query } = await createDatabase("maintained");
  const { password, host } = new URL(url);
  const db = async (...args: readonly string[]) => {
    const result = await home.whcb(["db", ...args], { env: { WHCB_DB: url } });
    expect(JSON.stringify(result)).not.toMatch(new RegExp(`${password}|${decodeURIComponent(password)}`));
    return result;
  };
  const name = `postgres://****@${host}/maintained`;
  expect(await db("check")).toMatchObject({ code: 4, stderr: expect.stringContaining(`${host}/maintained has no data of whcb`) });
  expect(await db("migrate")).toEqual({ code: 0, stdout: "", stderr: `created version ${LATEST_VERSION} in ${name}\n` });
  expect(await db("migrate")).toEqual({
    code: 0,
    stdout: "",
    stderr: `${name} has version ${LATEST_VERSION} already: nothing to do\n`,
  });
  // On a busy machine stderr says what is being checked.
  expect(await db("check")).toMatchObject({ code: 0, stdout: `ok: 0 callbacks, 0 calls, 0 attempts in ${name}\n` });
  await query("INSERT INTO failure_counts VALUES (1, '503', 1)");
  expect(await db("check")).toMatchObject({
    code: 8,
    stdout: expect.stringContaining("callback 1 503: the counter is 1, and there are 0\n"),
  });
  expect(await home.whcb(["db", "check", "--db", url])).toMatchObject({ code: 2, stderr: expect.not.stringContaining(password) });

  const withoutPassword = url.replace(`:${password}`, "");
  const asked = await home.whcb(["db", "check", "--db", withoutPassword]);
  expect(asked).toMatchObject({ code: 4, stderr: expect.stringContaining("PGPASSFILE") });
});
