/** Credentials that are taken away stop working, also on a running `serve`. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";
import { eventually, Home } from "../support/process/whcb-process.js";

interface Login {
  readonly username: string;
  readonly password: string;
  readonly apiKey: string;
}

const ALICE: Login = { username: "alice", password: "password of alice", apiKey: "key-of-alice" };
const BOB: Login = { username: "bob", password: "password of bob", apiKey: "key-of-bob" };

let home: Home;
/** Everything is real here as well, but runs in this process, which is faster. */
let machine: CliMachine;

beforeEach(() => {
  home = new Home();
  machine = new CliMachine();
});
afterEach(async () => {
  await machine.leave();
  await home.leave();
});

const serve = (login?: Login) => machine.serve(["--db", machine.path("x.db")], login === undefined ? {} : { env: envOf(login) });

const envOf = ({ username, password, apiKey }: Login) => ({
  WHCB_USERNAME: username,
  WHCB_PASSWORD: password,
  WHCB_API_KEY: apiKey,
});
const basicOf = ({ username, password }: Login) => `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

async function statusOf(url: string, authorization: string, apiKey: string): Promise<number> {
  const answer = await fetch(`${url}/auth/verify`, { headers: { authorization, "x-api-key": apiKey } });
  await answer.arrayBuffer();
  return answer.status;
}

const logIn = (url: string, login: Login) => statusOf(url, basicOf(login), login.apiKey);

async function tokenOf(url: string, login: Login): Promise<string> {
  const headers = { authorization: basicOf(login), "x-api-key": login.apiKey };
  const { token } = (await (await fetch(`${url}/auth`, { method: "POST", headers })).json()) as { token: string };
  return `Bearer ${token}`;
}

async function addUser(place: Pick<Home | CliMachine, "whcb" | "path">, username: string): Promise<Login> {
  const password = `password of ${username}`;
  const env = { WHCB_NEW_PASSWORD: password };
  const { code, stdout } = await place.whcb(["users", "add", username, "--db", place.path("x.db"), "-o", "json"], { env });
  expect(code).toBe(0);
  return { username, password, apiKey: JSON.parse(stdout).apiKey };
}

it("the credentials of a start replace those of an earlier start, and users that were added stay", async () => {
  const first = await home.serve([], { env: envOf(ALICE) });
  const ada = await addUser(home, "ada");
  const token = await tokenOf(first.url, ALICE);
  expect([await logIn(first.url, ALICE), await logIn(first.url, ada), await logIn(first.url, BOB)]).toEqual([200, 200, 401]);
  await first.stop();

  const second = await home.serve([], { env: envOf(BOB) });
  expect(second.stderr).toContain("removed alice, made by an earlier start: bob is the user now\n");
  const withBobsKey = { ...ALICE, apiKey: BOB.apiKey };
  expect({
    bob: await logIn(second.url, BOB),
    ada: await logIn(second.url, ada),
    alice: await logIn(second.url, ALICE),
    password: await logIn(second.url, withBobsKey),
    token: await statusOf(second.url, token, BOB.apiKey),
    key: await logIn(second.url, { ...BOB, apiKey: ALICE.apiKey }),
  }).toEqual({ bob: 200, ada: 200, alice: 401, password: 401, token: 401, key: 403 });
  const { stdout } = await home.whcb(["users", "list", "--db", home.path("x.db"), "-o", "json"]);
  expect(JSON.parse(stdout)).toMatchObject([
    { username: "ada", origin: "added" },
    { username: "bob", origin: "start" },
  ]);
});

it("a new password of the same user replaces the old one, and `serve` says so", async () => {
  await (await serve(ALICE)).stop();
  const changed = { ...ALICE, password: "another password" };
  const { url, io } = await serve(changed);
  expect(io.err()).toContain("replaced the password or the API key of alice, made by an earlier start\n");
  expect([await logIn(url, changed), await logIn(url, ALICE)]).toEqual([200, 401]);
});

it("a password that `users passwd` changed stays, also when the next start has the old one", async () => {
  const first = await serve();
  const db = ["--db", machine.path("x.db")];
  const env = { WHCB_NEW_PASSWORD: "changed password" };
  const changed = await machine.whcb(["users", "passwd", "local", "--new-key", ...db, "-o", "json"], { env });
  const login = { username: "local", password: "changed password", apiKey: JSON.parse(changed.stdout).apiKey };
  await eventually(
    () => logIn(first.url, login),
    (status) => status === 200,
  );
  await first.stop();
  const second = await serve();
  expect(second.io.err()).toContain(
    "warning: local was added or changed with `whcb users`, so it keeps its password and API key",
  );
  expect(await logIn(second.url, login)).toBe(200);
  expect((await machine.whcb(["status"])).code).toBe(4);
});

it("a running service rejects a removed user and the tokens of a changed password within a second", async () => {
  const { url } = await serve(BOB);
  const [ada, eve] = [await addUser(machine, "ada"), await addUser(machine, "eve")];
  await eventually(
    () => logIn(url, eve),
    (status) => status === 200,
  );
  const [adasToken, evesToken] = [await tokenOf(url, ada), await tokenOf(url, eve)];
  const state = async () => [
    await logIn(url, ada),
    await statusOf(url, adasToken, ada.apiKey),
    await logIn(url, eve),
    await statusOf(url, evesToken, eve.apiKey),
    await logIn(url, BOB),
  ];
  // Both are cached now. A key belongs to a user.
  expect([...(await state()), await statusOf(url, basicOf(eve), ada.apiKey)]).toEqual([200, 200, 200, 200, 200, 403]);
  const db = ["--db", machine.path("x.db")];
  expect((await machine.whcb(["users", "remove", "ada", "--yes", ...db])).code).toBe(0);
  expect((await machine.whcb(["users", "passwd", "eve", "--password-stdin", ...db], { stdin: "a new password\n" })).code).toBe(0);
  const gone = [401, 401, 401, 401, 200];
  const began = performance.now();
  await eventually(state, (statuses) => JSON.stringify(statuses) === JSON.stringify(gone));
  // A loaded machine needs time for the requests. If the key were cached for a minute, it would take 60 s.
  expect(performance.now() - began).toBeLessThan(30_000);
  expect(await logIn(url, { ...eve, password: "a new password" })).toBe(200);
});
