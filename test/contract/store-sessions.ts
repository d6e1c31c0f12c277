import { describe, expect, it } from "vitest";
import type { StoredCredential } from "../../src/store/credentials.js";
import type { Store } from "../../src/store/open-store.js";
import { MINUTE, NOW, type OpenStore } from "./store-support.js";

const ADA: StoredCredential = { username: "ada", passwordHash: "p1", apiKeyHash: "k1", origin: "added" };
const NO_LIMITS = { createdAfter: 0, usedAfter: 0 };
const SESSION = { tokenHash: "t1", username: "ada", createdAt: NOW, usedAt: NOW };

export function describeSessions(open: OpenStore): void {
  async function openWithAda(): Promise<Store> {
    const store = await open();
    await store.credentials.save(ADA, NOW);
    return store;
  }

  describe("sessions", () => {
    it("are found with their user until they end", async () => {
      const store = await openWithAda();
      await store.sessions.create(SESSION, ADA, NO_LIMITS);
      expect(await store.sessions.find("t1", NO_LIMITS)).toEqual({ session: SESSION, credential: ADA });
      expect(await store.sessions.find("t2", NO_LIMITS)).toBeNull();
      await store.sessions.recordUse("t1", NOW + MINUTE);
      expect((await store.sessions.find("t1", NO_LIMITS))?.session).toEqual({ ...SESSION, usedAt: NOW + MINUTE });
      await store.sessions.end("t1");
      await store.sessions.end("t1");
      expect(await store.sessions.find("t1", NO_LIMITS)).toBeNull();
    });

    it("get another token once", async () => {
      const store = await openWithAda();
      await store.sessions.create(SESSION, ADA, NO_LIMITS);
      expect(await store.sessions.replaceToken("t2", "t3")).toBe(false);
      const replaced = await Promise.all(["t2", "t3"].map((token) => store.sessions.replaceToken("t1", token)));
      expect(replaced.sort()).toEqual([false, true]);
      expect(await store.sessions.find("t1", NO_LIMITS)).toBeNull();
      const found = await Promise.all(["t2", "t3"].map((token) => store.sessions.find(token, NO_LIMITS)));
      expect(found.filter((one) => one !== null)).toEqual([
        { session: { ...SESSION, tokenHash: expect.any(String) }, credential: ADA },
      ]);
    });

    it("expire by their creation and their last use, on the millisecond", async () => {
      const store = await openWithAda();
      await store.sessions.create({ ...SESSION, usedAt: NOW + MINUTE }, ADA, NO_LIMITS);
      const isFound = async (createdAfter: number, usedAfter: number) =>
        (await store.sessions.find("t1", { createdAfter, usedAfter })) !== null;
      expect(await isFound(NOW - 1, NOW + MINUTE - 1)).toBe(true);
      expect(await isFound(NOW, 0)).toBe(false);
      expect(await isFound(0, NOW + MINUTE)).toBe(false);
    });

    it("are removed once expired, by the next one that begins", async () => {
      const store = await openWithAda();
      await store.sessions.create(SESSION, ADA, NO_LIMITS);
      await store.sessions.create({ ...SESSION, tokenHash: "t2", createdAt: NOW + 1 }, ADA, { createdAfter: NOW, usedAfter: 0 });
      expect(await store.sessions.find("t1", NO_LIMITS)).toBeNull();
      await store.sessions.create({ ...SESSION, tokenHash: "t3", usedAt: NOW + 1 }, ADA, { createdAfter: 0, usedAfter: NOW });
      expect(await store.sessions.find("t2", NO_LIMITS)).toBeNull();
      expect(await store.sessions.find("t3", NO_LIMITS)).not.toBeNull();
    });

    it("end with another password and with the user, but not with another key", async () => {
      const store = await openWithAda();
      await store.sessions.create(SESSION, ADA, NO_LIMITS);
      await store.credentials.save({ ...ADA, apiKeyHash: "k2" }, NOW);
      expect(await store.sessions.find("t1", NO_LIMITS)).not.toBeNull();
      await store.credentials.save({ ...ADA, passwordHash: "p2" }, NOW);
      expect(await store.sessions.find("t1", NO_LIMITS)).toBeNull();
      await store.sessions.create({ ...SESSION, tokenHash: "t2" }, { ...ADA, passwordHash: "p2" }, NO_LIMITS);
      await store.credentials.remove("ada");
      expect(await store.sessions.find("t2", NO_LIMITS)).toBeNull();
    });
  });

  describe("a sign-in code", () => {
    const CODE = { id: "ABCD", secretHash: "s1", username: "ada", tries: 5 };
    const TIMES = { now: NOW, validAfter: NOW - MINUTE };

    it("returns its user once", async () => {
      const store = await openWithAda();
      expect(await store.sessions.createSignInCode(CODE, ADA, TIMES)).toBe(true);
      expect(await store.sessions.redeemSignInCode("ABCE", "s1", 0)).toBeNull();
      expect(await store.sessions.redeemSignInCode("ABCD", "s1", 0)).toEqual(ADA);
      expect(await store.sessions.redeemSignInCode("ABCD", "s1", 0)).toBeNull();
    });

    it("is void after the fifth wrong secret", async () => {
      const store = await openWithAda();
      await store.sessions.createSignInCode(CODE, ADA, TIMES);
      const guesses = Array.from({ length: 20 }, (_, guess) => store.sessions.redeemSignInCode(`X${guess}`, "s1", 0));
      expect(await Promise.all(guesses)).toEqual(Array(20).fill(null));
      for (let wrong = 0; wrong < 4; wrong++) expect(await store.sessions.redeemSignInCode("ABCD", "s2", 0)).toBeNull();
      expect(await store.sessions.redeemSignInCode("ABCD", "s1", 0)).toEqual(ADA);
      await store.sessions.createSignInCode(CODE, ADA, TIMES);
      for (let wrong = 0; wrong < 5; wrong++) await store.sessions.redeemSignInCode("ABCD", "s2", 0);
      expect(await store.sessions.redeemSignInCode("ABCD", "s1", 0)).toBeNull();
    });

    it("expires, and makes room for another one with its id", async () => {
      const store = await openWithAda();
      await store.sessions.createSignInCode(CODE, ADA, TIMES);
      expect(await store.sessions.redeemSignInCode("ABCD", "s1", NOW)).toBeNull();
      expect(
        await store.sessions.createSignInCode({ ...CODE, secretHash: "s2" }, ADA, { now: NOW + 1, validAfter: NOW - 1 }),
      ).toBe(false);
      expect(await store.sessions.createSignInCode({ ...CODE, secretHash: "s2" }, ADA, { now: NOW + 1, validAfter: NOW })).toBe(
        true,
      );
      expect(await store.sessions.redeemSignInCode("ABCD", "s2", NOW)).toEqual(ADA);
    });

    it("ends with another password and with the user", async () => {
      const store = await openWithAda();
      await store.sessions.createSignInCode(CODE, ADA, TIMES);
      await store.credentials.save({ ...ADA, passwordHash: "p2" }, NOW);
      expect(await store.sessions.redeemSignInCode("ABCD", "s1", 0)).toBeNull();
      await store.sessions.createSignInCode(CODE, ADA, TIMES);
      await store.credentials.remove("ada");
      expect(await store.sessions.redeemSignInCode("ABCD", "s1", 0)).toBeNull();
    });

    it("is one of at most ten of its user; the oldest go first", async () => {
      const store = await openWithAda();
      const bob = { ...ADA, username: "bob" };
      await store.credentials.save(bob, NOW);
      await store.sessions.createSignInCode({ ...CODE, id: "BOB0", username: "bob" }, bob, TIMES);
      for (let at = 0; at < 12; at++) {
        await store.sessions.createSignInCode({ ...CODE, id: `C${at}` }, ADA, { now: NOW + at, validAfter: NOW - MINUTE });
      }
      const ids = Array.from({ length: 12 }, (_, at) => `C${at}`);
      const found = [];
      for (const id of ids) if ((await store.sessions.redeemSignInCode(id, "s1", 0)) !== null) found.push(id);
      expect(found).toEqual(ids.slice(2));
      expect(await store.sessions.redeemSignInCode("BOB0", "s1", 0)).toEqual(bob);
    });
  });
}
