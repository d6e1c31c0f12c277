import { createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../../../src/platform/logger.js";
import { systemRandom } from "../../../../src/platform/random.js";
import { Authenticator, type Verdict } from "../../../../src/server/auth/authenticator.js";
import { makeCredential } from "../../../../src/server/auth/credential-hashes.js";
import { createSignInCode, redeemSignInCode } from "../../../../src/server/auth/sign-in-codes.js";
import type { StoredCredential } from "../../../../src/store/credentials.js";
import { openStore, type Store } from "../../../../src/store/open-store.js";
import { serverDeps } from "../../../support/server/server-fixture.js";
import { VirtualClock } from "../../../support/time/virtual-clock.js";

const ADA = { username: "ada", password: "correct:horse", apiKey: "k-0123456789abcdef" };
const BOB = { username: "bob", password: "another horse", apiKey: "k-of-bob-0123456" };

const basic = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
const OF_ADA = basic(ADA.username, ADA.password);

let clock: VirtualClock;
let store: Store;
let warnings: unknown[];
let auth: Authenticator;
let ada: StoredCredential;

const depsOf = () => {
  const logger = { ...silentLogger, warn: (...warning: unknown[]) => warnings.push(warning) } as typeof silentLogger;
  return serverDeps(store, { clock, logger });
};

beforeEach(async () => {
  clock = new VirtualClock();
  store = await openStore({ url: ":memory:", clock, secretKey: new Uint8Array(32) });
  ada = await makeCredential(ADA, systemRandom);
  for (const credential of [await makeCredential(BOB, systemRandom, "added"), ada]) await store.credentials.save(credential, 0);
  warnings = [];
  auth = new Authenticator(depsOf());
});
afterEach(() => store.close());

async function verify(authorization: string | undefined, apiKey: string | undefined = ADA.apiKey, address = "192.0.2.1") {
  return auth.verify({ authorization, apiKey, address });
}

const shortened = (verdict: Verdict): string =>
  verdict.kind === "granted"
    ? `granted to ${verdict.credential.username}`
    : verdict.kind === "throttled"
      ? `wait ${verdict.waitMs}`
      : `${verdict.code}: ${verdict.reason}`;

const outcome = async (...presented: Parameters<typeof verify>) => shortened(await verify(...presented));

const failures = async () =>
  (await store.audit.list({ limit: 99, offset: 0 })).items.map(({ user, via, count }) => [user, via, count]);

/** Makes the list of users be read again. */
async function wait(ms = 501): Promise<void> {
  clock.advance(ms);
}

const WRONG = "unauthenticated: The user or the password is wrong";
const WRONG_TOKEN = "unauthenticated: The token is wrong or has expired";

describe("credentials", () => {
  it("are a user with a password, and the user's key", async () => {
    expect(await outcome(OF_ADA)).toBe("granted to ada");
    expect(await outcome(`  bAsIc   ${OF_ADA.slice(6)}  `)).toBe("granted to ada");
    expect(await outcome(basic(BOB.username, BOB.password), BOB.apiKey)).toBe("granted to bob");
    expect(await outcome(undefined)).toBe("unauthenticated: Authorization is missing");
    expect(shortened(await auth.verify({ authorization: OF_ADA, apiKey: undefined, address: "" }))).toBe(
      "forbidden: The API key is missing",
    );
    expect(await outcome(OF_ADA, "")).toBe("forbidden: The API key is missing");
    expect(await failures()).toEqual([]);
  });

  it("are rejected otherwise, with what only their user may learn, and that is in the audit", async () => {
    const other = "unauthenticated: Authorization must be Basic or Bearer";
    for (const authorization of ["", "Basic", `x ${OF_ADA}`, `${OF_ADA} x`, `Digest ${OF_ADA.slice(6)}`])
      expect([authorization, await outcome(authorization)]).toEqual([authorization, other]);
    expect(await failures()).toEqual([]);
    for (const key of [BOB.apiKey, "wrong"]) expect(await outcome(OF_ADA, key)).toBe("forbidden: The API key is wrong");
    for (const authorization of [basic("ada", "wrong"), basic("ada", `${ADA.password}\0`), basic("ada", "")])
      expect([authorization, await outcome(authorization)]).toEqual([authorization, WRONG]);
    expect(await failures()).toEqual([["ada", "api", 5]]);
    clock.advance(60_000);
    expect(await outcome(basic("nobody", ADA.password))).toBe(WRONG);
    expect(await outcome(`Basic ${Buffer.from("ada").toString("base64")}`, "wrong", "192.0.2.2")).toBe(WRONG);
    expect((await failures()).map(([user]) => user).sort()).toEqual(["ada", "ada", null]);
  });

  it("that were right are granted at once for a minute, while the users are read twice a second", async () => {
    const granted = await verify(OF_ADA);
    expect(auth.verify({ authorization: OF_ADA, apiKey: ADA.apiKey, address: "" })).toEqual(granted);
    await wait(500);
    expect(auth.verify({ authorization: OF_ADA, apiKey: ADA.apiKey, address: "" })).not.toBeInstanceOf(Promise);
    await wait(1);
    expect(auth.verify({ authorization: OF_ADA, apiKey: ADA.apiKey, address: "" })).toBeInstanceOf(Promise);
    expect(await outcome(OF_ADA)).toBe("granted to ada");
    await store.credentials.remove("ada");
    expect(await outcome(OF_ADA)).toBe("granted to ada");
    await wait();
    expect(await outcome(OF_ADA)).toBe(WRONG);
  });

  it("that are checked at once are checked once", async () => {
    const both = [verify(OF_ADA), verify(OF_ADA), verify(OF_ADA, ADA.apiKey, "192.0.2.2")];
    const [one, other, elsewhere] = await Promise.all(both);
    expect([one === other, one === elsewhere]).toEqual([true, true]);
  });

  it("are slowed down after five wrong ones, but not those that were right before", async () => {
    await verify(OF_ADA);
    clock.advance(61_000);
    for (let time = 0; time < 5; time += 1) expect(await outcome(basic("ada", `wrong ${time}`), "wrong")).toBe(WRONG);
    expect(await outcome(basic("ada", "wrong 6"), "wrong")).toBe("wait 1000");
    expect(await outcome(OF_ADA)).toBe("granted to ada");
    expect(await failures()).toEqual([["ada", "api", 5]]);
  });

  it("have limits of their own where they show the user's key, and answers that don't tell", async () => {
    const wrong = (time: number) => basic("ada", `wrong ${time}`);
    for (let time = 0; time < 5; time += 1) expect(await outcome(wrong(time), "a wrong key")).toBe(WRONG);
    expect([await outcome(wrong(5), "a wrong key"), await outcome(wrong(5))]).toEqual(["wait 1000", "wait 1000"]);
    expect(await outcome(OF_ADA)).toBe("granted to ada");
    // Who shows the key of another user shows nothing.
    for (let time = 0; time < 5; time += 1) expect(await outcome(basic("bob", `wrong ${time}`))).toBe(WRONG);
    expect([await outcome(basic("bob", BOB.password)), await outcome(basic("bob", BOB.password), BOB.apiKey)]).toEqual([
      "wait 1000",
      "granted to bob",
    ]);
  });

  it("may be as many as the cache doesn't have", async () => {
    const weak = { ...ADA, username: "weak" };
    await store.credentials.save(await makeCredential(weak, systemRandom), 0);
    await wait();
    const tokens: string[] = [];
    for (let index = 0; index < 1_001; index += 1) {
      clock.jump(1);
      tokens.push(`Bearer ${await auth.issueToken(ada)}`);
      expect(await outcome(tokens[index])).toBe("granted to ada");
    }
    const isCached = (token = "") => !(auth.verify({ authorization: token, apiKey: ADA.apiKey, address: "" }) instanceof Promise);
    expect([isCached(tokens[0]), isCached(tokens[1]), isCached(tokens[1_000])]).toEqual([false, true, true]);
  });
});

describe("a token", () => {
  it("is its user's for an hour, until the password changes", async () => {
    const token = `Bearer ${await auth.issueToken(ada)}`;
    expect([await outcome(token), await outcome(token, BOB.apiKey)]).toEqual([
      "granted to ada",
      "forbidden: The API key is wrong",
    ]);
    clock.jump(3_599_999);
    expect(await outcome(token)).toBe("granted to ada");
    clock.jump(1);
    expect(await outcome(token)).toBe(WRONG_TOKEN);
    const next = `Bearer ${await auth.issueToken(ada)}`;
    await store.credentials.save({ ...ada, passwordHash: (await makeCredential(ADA, systemRandom)).passwordHash }, 1);
    await wait();
    expect([await outcome(next), await auth.issueToken(ada), await auth.issueToken(null)]).toEqual([WRONG_TOKEN, null, null]);
  });

  it("is one that the service signed for a user whom it has, and nothing else", async () => {
    const claimOf = (claim: unknown) => Buffer.from(JSON.stringify(claim)).toString("base64url");
    const signed = (claim: string, passwordHash = ada.passwordHash) => `${claim}.${store.sign(`token ${passwordHash} ${claim}`)}`;
    const later = clock.now() + 60_000;
    const right = signed(claimOf(["ada", later]));
    expect(await outcome(`Bearer ${right}`)).toBe("granted to ada");
    const forged = [
      `${right}.x`,
      `${right}x`,
      right.slice(0, -1),
      ".",
      "x.y",
      signed(claimOf(["ada", String(later)])),
      signed(claimOf(["ada"])),
      signed(claimOf(["bob", later])),
      signed(claimOf(["nobody", later])),
      signed(claimOf([null, later])),
      signed(claimOf({ 0: "ada", 1: later })),
      signed(claimOf(["ada", clock.now()])),
      signed("noJSON"),
      `${claimOf(["ada", later])}.${createHmac("sha256", "")
        .update(claimOf(["ada", later]))
        .digest("hex")}`,
    ];
    for (const token of forged) expect([token, await outcome(`Bearer ${token}`)]).toEqual([token, WRONG_TOKEN]);
    expect(await failures()).toEqual([]);
  });

  it("has a limit of its own, so that others' guesses don't keep its user out", async () => {
    const token = `Bearer ${await auth.issueToken(ada)}`;
    for (const apiKey of ["a wrong key", ADA.apiKey])
      for (let time = 0; time < 6; time += 1) await verify(basic("ada", `wrong ${time}`), apiKey);
    expect([await outcome(basic("ada", "wrong")), await outcome(token)]).toEqual(["wait 1000", "granted to ada"]);
  });
});

describe("signing in to the console", () => {
  it("takes a password, in the audit and under a limit of its own", async () => {
    const signIn = async (username: string, password: string) => shortened(await auth.signIn(username, password, "192.0.2.1"));
    expect(await signIn("ada", ADA.password)).toBe("granted to ada");
    expect([await signIn("ada", BOB.password), await signIn("nobody", ADA.password)]).toEqual([WRONG, WRONG]);
    expect((await failures()).map(([, via]) => via)).toEqual(["console"]);
    for (let time = 0; time < 4; time += 1) await signIn("ada", "wrong");
    expect(await signIn("ada", ADA.password)).toBe("wait 1000");
    expect(await signIn("bob", BOB.password)).toBe("granted to bob");
    expect(warnings).toEqual([]);
  });

  it("takes a code, which works however many guesses came from there", async () => {
    const redeem = (code: string) => shorten(auth.signInByCode("192.0.2.1", () => redeemSignInCode(depsOf(), code)));
    const shorten = async (verdict: Promise<Verdict>) => shortened(await verdict);
    const { code, expiresAt } = await createSignInCode(depsOf(), ada);
    expect([code, expiresAt - clock.now()]).toEqual([
      expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}$/),
      300_000,
    ]);
    for (let time = 0; time < 5; time += 1) expect(await redeem(`wrong ${time}`)).toBe(WRONG);
    expect([await redeem("wrong 5"), await failures()]).toEqual(["wait 1000", [[null, "console", 5]]]);
    expect([await redeem(code), await redeem(code)]).toEqual(["granted to ada", "wait 1000"]);
  });
});

describe("a short password or key", () => {
  it("of a user who was added is warned of once", async () => {
    const weak = { username: "weak", password: "short", apiKey: "k" };
    await store.credentials.save(await makeCredential(weak, systemRandom, "added"), 0);
    await store.credentials.save(await makeCredential({ ...weak, username: "start" }, systemRandom, "start"), 0);
    for (const username of ["weak", "start"]) await auth.signIn(username, "short", "192.0.2.1");
    expect(warnings).toHaveLength(1);
    for (let time = 0; time < 2; time += 1) {
      for (const username of ["weak", "start"]) await verify(basic(username, "short"), "k");
      await verify(OF_ADA);
      clock.advance(61_000);
    }
    const warning = (what: string, change: string) => [
      { user: "weak" },
      `The ${what} has fewer than 12 characters and can be guessed: ${change}`,
    ];
    expect(warnings).toEqual([warning("password", "whcb users passwd"), warning("API key", "whcb users passwd --new-key")]);
  });
});
