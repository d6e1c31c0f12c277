import { afterEach, beforeEach, expect, it } from "vitest";
import { systemRandom } from "../../../../src/platform/random.js";
import { makeCredential } from "../../../../src/server/auth/credential-hashes.js";
import { createSignInCode, redeemSignInCode } from "../../../../src/server/auth/sign-in-codes.js";
import type { StoredCredential } from "../../../../src/store/credentials.js";
import { openStore, type Store } from "../../../../src/store/open-store.js";
import { serverDeps } from "../../../support/server/server-fixture.js";
import { VirtualClock } from "../../../support/time/virtual-clock.js";

let clock: VirtualClock;
let store: Store;
let ada: StoredCredential;
beforeEach(async () => {
  clock = new VirtualClock();
  store = await openStore({ url: ":memory:", clock, secretKey: new Uint8Array(32) });
  ada = await makeCredential({ username: "ada", password: "p", apiKey: "k" }, systemRandom);
  await store.credentials.save(ada, 0);
});
afterEach(() => store.close());

/** The codes consist of these letters' places in Crockford's alphabet. */
const depsWith = (...bytes: readonly (readonly number[])[]) => {
  let made = 0;
  const random = { ...systemRandom, bytes: () => Uint8Array.from(bytes[Math.min(made++, bytes.length - 1)] ?? []) };
  return serverDeps(store, { clock, random });
};
const FIRST = [0, 1, 10, 31, 32, 33, 17, 18, 19, 20, 21, 255];
const redeem = (typed: string) => redeemSignInCode(serverDeps(store, { clock }), typed);

it("a code has twelve of Crockford's letters, and may be typed in any case, with others that look alike", async () => {
  expect(await createSignInCode(depsWith(FIRST), ada)).toEqual({ code: "01AZ-01HJ-KMNZ", expiresAt: clock.now() + 300_000 });
  expect(await redeem("01AZ-01HJ-KMNY")).toBeNull();
  expect(await redeem(" oiaz.OLhj/kmnz ")).toMatchObject({ username: "ada" });
  expect(await redeem("01AZ-01HJ-KMNZ")).toBeNull();
  await createSignInCode(depsWith(FIRST), ada);
  expect(await redeem(`${" ".repeat(88)}01AZ01HJKMNZ`)).toMatchObject({ username: "ada" });
  await createSignInCode(depsWith(FIRST), ada);
  expect(await redeem(`${" ".repeat(89)}01AZ01HJKMNZ`)).toBeNull();
});

it("a code is valid for five minutes, and for five tries", async () => {
  await createSignInCode(depsWith(FIRST), ada);
  clock.jump(299_999);
  expect(await redeem("01AZ-01HJ-KMNZ")).toMatchObject({ username: "ada" });
  await createSignInCode(depsWith(FIRST), ada);
  clock.jump(300_000);
  expect(await redeem("01AZ-01HJ-KMNZ")).toBeNull();
  for (const wrong of [4, 5]) {
    clock.jump(300_001);
    await createSignInCode(depsWith(FIRST), ada);
    for (let tries = 0; tries < wrong; tries += 1) expect(await redeem("01AZ-01XX-XXXX")).toBeNull();
    expect((await redeem("01AZ-01HJ-KMNZ"))?.username).toBe(wrong === 4 ? "ada" : undefined);
  }
});

it("guesses that have five of a code's letters cost it no try, so strangers can't use them up", async () => {
  await createSignInCode(depsWith(FIRST), ada);
  for (let tries = 0; tries < 5; tries += 1) expect(await redeem("01AZ-0XXX-XXXX")).toBeNull();
  expect(await redeem("01AZ-01HJ-KMNZ")).toMatchObject({ username: "ada" });
});

it("ten codes are tried, where those that are valid begin alike", async () => {
  await createSignInCode(depsWith(FIRST), ada);
  const other = [1, ...FIRST.slice(1)];
  const alike = (count: number) => depsWith(...Array.from({ length: count }, () => FIRST), other);
  expect((await createSignInCode(alike(9), ada)).code).toBe("11AZ-01HJ-KMNZ");
  await expect(createSignInCode(alike(10), ada)).rejects.toMatchObject({
    code: "unavailable",
    message: "Too many sign-in codes are valid",
  });
});

it("a code is stored by a hash that needs the service's key", async () => {
  await createSignInCode(depsWith(FIRST), ada);
  const other = await openStore({ url: ":memory:", clock, secretKey: new Uint8Array(32).fill(1) });
  const signs: string[] = [];
  const spied = { ...store, sign: (text: string) => signs.push(text) && other.sign(text) } as Store;
  expect(await redeemSignInCode(serverDeps(spied, { clock }), "01AZ-01HJ-KMNZ")).toBeNull();
  expect(signs).toEqual(["sign-in code 01AZ01HJKMNZ"]);
  await other.close();
});
