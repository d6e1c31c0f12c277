import { beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/platform/clock.js";
import { type LoginAttempt, LoginThrottle, networkOf } from "../../../../src/server/auth/login-throttle.js";
import type { LimitStore } from "../../../../src/store/nodes/limits.js";
import { heapBytes } from "../../../support/heap-bytes.js";
import { sharedLimits } from "../../../support/server/shared-limits.js";

const LOGIN = { username: "demo", address: "192.0.2.1", apiKey: "k" };

let now = 0;
beforeEach(() => {
  now = 0;
});

const newThrottle = () => new LoginThrottle({ ...systemClock, now: () => now });

/** The attempt is made even if it should have waited. */
async function attempt(throttle: LoginThrottle, login: LoginAttempt, check: () => Promise<boolean>, at = 0): Promise<void> {
  now = at;
  await throttle.attemptLogin(login, check, { isLimited: false });
}

function waitMs(throttle: LoginThrottle, login: LoginAttempt, at: number): number {
  now = at;
  return throttle.waitMs(login);
}

async function fail(throttle: LoginThrottle, times: number, now: number, login: LoginAttempt = LOGIN): Promise<void> {
  for (let count = 0; count < times; count++) await attempt(throttle, login, async () => false, now);
}

describe("LoginThrottle", () => {
  it("waits a second after the fifth failure, then twice as long each time, up to a minute", async () => {
    const throttle = newThrottle();
    await fail(throttle, 4, 0);
    const waits = [waitMs(throttle, LOGIN, 0)];
    for (let count = 0; count < 8; count++) {
      await fail(throttle, 1, 0);
      waits.push(waitMs(throttle, LOGIN, 0));
    }
    expect(waits).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  it("doesn't wait after the first failures, also where a clock is behind the one that saw them", async () => {
    const throttle = newThrottle();
    await fail(throttle, 4, 1000);
    expect(waitMs(throttle, LOGIN, 990)).toBe(0);
  });

  it("has no wait from before the clock was set back by an hour", async () => {
    const throttle = newThrottle();
    await fail(throttle, 30, 3_600_000);
    expect(waitMs(throttle, LOGIN, 3_600_000)).toBeGreaterThan(0);
    const other = { ...LOGIN, username: "other" };
    expect([waitMs(throttle, LOGIN, 0), waitMs(throttle, other, 0)]).toEqual([0, 0]);
    await fail(throttle, 20, 0, other);
    expect(waitMs(throttle, { ...LOGIN, username: "third" }, 0)).toBe(3000);
  });

  it("ends the wait on the millisecond", async () => {
    const throttle = newThrottle();
    await fail(throttle, 5, 0);
    expect([waitMs(throttle, LOGIN, 999), waitMs(throttle, LOGIN, 1000)]).toEqual([1, 0]);
  });

  it("throttles one user from one address, and forgets the failures after a success", async () => {
    const throttle = newThrottle();
    await fail(throttle, 5, 0);
    expect([
      waitMs(throttle, { ...LOGIN, username: "other" }, 0),
      waitMs(throttle, { ...LOGIN, address: "192.0.2.2" }, 0),
    ]).toEqual([0, 0]);
    await attempt(throttle, LOGIN, async () => true, 1000);
    await fail(throttle, 4, 1000);
    expect(waitMs(throttle, LOGIN, 1000)).toBe(0);
  });

  it("lets an address fail 20 times, whatever the user, then once in three seconds", async () => {
    const throttle = newThrottle();
    for (let user = 0; user < 20; user++) await fail(throttle, 1, 0, { ...LOGIN, username: `user${user}` });
    const other = { ...LOGIN, username: "other" };
    const waits = [waitMs(throttle, other, 0), waitMs(throttle, other, 2999), waitMs(throttle, other, 3000)];
    expect([...waits, waitMs(throttle, { ...other, address: "192.0.2.2" }, 0)]).toEqual([3000, 1, 0, 0]);
  });

  it("takes an IPv6 client's /64 for one address", async () => {
    const throttle = newThrottle();
    for (let user = 0; user < 20; user++) {
      await fail(throttle, 1, 0, { ...LOGIN, username: `user${user}`, address: `2001:db8:0:1::${user}` });
    }
    const wait = (address: string) => waitMs(throttle, { ...LOGIN, address }, 0);
    expect([wait("2001:db8:0:1:ffff::1"), wait("2001:db8:0:2::1"), wait("::ffff:192.0.2.1")]).toEqual([3000, 0, 0]);
  });

  it("lets a key fail 200 times from all addresses, then twice a second", async () => {
    const throttle = newThrottle();
    for (let address = 0; address < 200; address++) await fail(throttle, 1, 0, { ...LOGIN, address: `192.0.3.${address}` });
    const wait = (apiKey: string) => waitMs(throttle, { ...LOGIN, apiKey }, 0);
    expect([wait("k"), wait("another")]).toEqual([500, 0]);
  });

  it("has no limit for all where there is no key", async () => {
    const throttle = newThrottle();
    const codes = { ...LOGIN, apiKey: null };
    for (let address = 0; address < 250; address++) await fail(throttle, 1, 0, { ...codes, address: `192.0.3.${address}` });
    expect([waitMs(throttle, codes, 0), waitMs(throttle, LOGIN, 0)]).toEqual([0, 0]);
    await fail(throttle, 5, 0, codes);
    expect(waitMs(throttle, codes, 0)).toBe(1000);
  });

  it("lets wrong keys fail 200 times from all addresses, then fails them unchecked, and no right key", async () => {
    const throttle = newThrottle();
    const wrong = (index: number) => ({ ...LOGIN, address: `192.0.3.${index}`, apiKey: `guess${index}`, isKeyWrong: true });
    let checked = 0;
    const check = async () => {
      checked += 1;
      return false;
    };
    for (let index = 0; index < 200; index++) await attempt(throttle, wrong(index), check);
    expect(checked).toBe(200);
    checked = 0;
    const attempts = async (login: LoginAttempt, count: number) => {
      const waits = [];
      for (let time = 0; time < count; time++) waits.push(await throttle.attemptLogin(login, check, { isLimited: true }));
      return waits;
    };
    // The limits of an address still apply.
    expect([await attempts(wrong(200), 6), checked]).toEqual([[0, 0, 0, 0, 0, 1000], 0]);
    const users = Array.from({ length: 21 }, (_, user) => ({ ...wrong(220), username: `user${user}` }));
    const waits = [];
    for (const login of users) waits.push(...(await attempts(login, 1)));
    expect([waits.slice(0, 20).some((wait) => wait > 0), waits[20], checked]).toEqual([false, 3000, 0]);
    expect([await attempts(LOGIN, 1), checked]).toEqual([[0], 1]);
    // Strangers don't use up the limit of wrong keys with a token.
    expect([await attempts({ ...wrong(221), shows: "a token" }, 1), checked]).toEqual([[0], 2]);
    checked -= 1;
    now = 500;
    expect([await attempts(wrong(201), 2), checked]).toEqual([[0, 0], 2]);
  });

  it("limits a key's failures likewise, wrong or right", async () => {
    const throttle = newThrottle();
    const guess = (address: number) => ({ ...LOGIN, address: `192.0.3.${address}`, isKeyWrong: true });
    for (let address = 0; address < 200; address++) await fail(throttle, 1, 0, guess(address));
    expect([waitMs(throttle, guess(200), 0), waitMs(throttle, { ...guess(201), apiKey: "another" }, 0)]).toEqual([500, 0]);
  });

  it("forgets no limit that is used up, however many made-up names, addresses and keys fail", async () => {
    const throttle = newThrottle();
    for (let user = 0; user < 20; user++) await fail(throttle, 1, 0, { ...LOGIN, username: `user${user}`, apiKey: null });
    for (let index = 0; index < 200; index++) await fail(throttle, 1, 0, { ...LOGIN, address: `192.0.3.${index}` });
    for (let index = 0; index < 31_000; index++) {
      const name = `made up ${index}`;
      await fail(throttle, 1, 0, { username: name, address: name, apiKey: name, isKeyWrong: true });
    }
    const other = { ...LOGIN, username: "other" };
    const waits = [
      { ...other, apiKey: "another" },
      { ...other, address: "192.0.2.2" },
    ].map((login) => waitMs(throttle, login, 0));
    expect(waits).toEqual([3000, 500]);
  });

  it("counts no success against an address or a key", async () => {
    const throttle = newThrottle();
    for (let time = 0; time < 300; time++) await attempt(throttle, LOGIN, async () => true);
    expect(waitMs(throttle, LOGIN, 0)).toBe(0);
  });

  it("checks at most four passwords of one address at a time and eight of all; others wait for their turn", async () => {
    const throttle = newThrottle();
    const ends: (() => void)[] = [];
    const start = (address: string) =>
      attempt(throttle, { ...LOGIN, address }, () => new Promise((resolve) => ends.push(() => resolve(true))));
    const running = ["a", "a", "a", "a", "b", "b", "b", "b", "c"].map(start);
    await new Promise(setImmediate);
    const wait = (address: string) => waitMs(throttle, { ...LOGIN, address }, 0);
    expect([wait("a"), wait("b"), wait("c"), ends.length]).toEqual([1000, 1000, 0, 8]);
    const limited = { ...LOGIN, address: "a" };
    expect(await throttle.attemptLogin(limited, async () => true, { isLimited: true })).toBe(1000);
    ends[0]?.();
    await running[0];
    await new Promise(setImmediate);
    expect([wait("a"), ends.length]).toEqual([0, 9]);
    for (const end of ends) end();
    await Promise.all(running);
  });

  it("lets eight logins of strangers use the database at a time, and 64 wait for their turn", async () => {
    const ends: (() => void)[] = [];
    const { store } = sharedLimits();
    const changeLimits: LimitStore["changeLimits"] = async (keys, change) => {
      await new Promise<void>((resolve) => ends.push(resolve));
      return store.changeLimits(keys, change);
    };
    const throttle = new LoginThrottle({ ...systemClock, now: () => now }, { changeLimits });
    const waits: number[] = [];
    const logins = Array.from({ length: 100 }, async (_, index) => {
      const login = { ...LOGIN, address: `192.0.2.${index}`, apiKey: `guess${index}`, isKeyWrong: true };
      waits.push(await throttle.attemptLogin(login, async () => false, { isLimited: true }));
    });
    await new Promise(setImmediate);
    expect([ends.length, waits]).toEqual([8, Array(28).fill(1000)]);
    let mostAtOnce = 0;
    while (ends.length > 0) {
      mostAtOnce = Math.max(mostAtOnce, ends.length);
      ends.shift()?.();
      await new Promise(setImmediate);
    }
    await Promise.all(logins);
    expect([mostAtOnce, waits.slice(28)]).toEqual([8, Array(72).fill(0)]);
  });

  it("lets who shows the user's key, or was right before, go before strangers, however many wait", async () => {
    const throttle = newThrottle();
    const ends: (() => void)[] = [];
    const started: string[] = [];
    const start = (login: LoginAttempt, isLimited = true) =>
      throttle.attemptLogin(
        login,
        () => {
          started.push(login.address);
          return new Promise((resolve) => ends.push(() => resolve(true)));
        },
        { isLimited },
      );
    const running = Array.from({ length: 72 }, (_, index) => start({ ...LOGIN, address: `192.0.2.${index + 2}` }));
    await new Promise(setImmediate);
    const owner: LoginAttempt = { ...LOGIN, address: "owner", shows: "the user's key" };
    expect([waitMs(throttle, { ...LOGIN, address: "stranger" }, 0), waitMs(throttle, owner, 0)]).toEqual([1000, 0]);
    running.push(start(owner), start({ ...LOGIN, address: "known" }, false));
    await new Promise(setImmediate);
    for (const index of [0, 1]) {
      ends[index]?.();
      await running[index];
      await new Promise(setImmediate);
    }
    expect(started.slice(8).sort()).toEqual(["known", "owner"]);
    for (let index = 2; index < 74; index += 1) {
      ends[index]?.();
      await new Promise(setImmediate);
    }
    await Promise.all(running);
  });

  it("lets others wait in the order in which they came", async () => {
    const throttle = newThrottle();
    const ends: (() => void)[] = [];
    const started: string[] = [];
    const running = Array.from({ length: 11 }, (_, index) =>
      throttle.attemptLogin(
        { ...LOGIN, address: `192.0.2.${index}` },
        () => {
          started.push(`192.0.2.${index}`);
          return new Promise((resolve) => ends.push(() => resolve(true)));
        },
        { isLimited: true },
      ),
    );
    for (let index = 0; index < 11; index += 1) {
      await new Promise(setImmediate);
      ends[index]?.();
    }
    await Promise.all(running);
    expect(started).toEqual(Array.from({ length: 11 }, (_, index) => `192.0.2.${index}`));
  });

  it("limits who shows the user's key or a token apart, each user and each of the two", async () => {
    const throttle = newThrottle();
    const owner: LoginAttempt = { ...LOGIN, shows: "the user's key" };
    await fail(throttle, 30, 0);
    expect([waitMs(throttle, LOGIN, 0) > 0, waitMs(throttle, owner, 0)]).toEqual([true, 0]);
    await fail(throttle, 30, 0, owner);
    const others: readonly LoginAttempt[] = [
      { ...LOGIN, shows: "a token" },
      { ...owner, username: "other" },
    ];
    expect([waitMs(throttle, owner, 0) > 0, ...others.map((login) => waitMs(throttle, login, 0))]).toEqual([true, 0, 0]);
  });

  it("remembers up to ten minutes of an address's failures", async () => {
    const throttle = newThrottle();
    for (let user = 0; user < 200; user++) await fail(throttle, 1, 0, { ...LOGIN, username: `user${user}`, apiKey: null });
    expect(waitMs(throttle, { ...LOGIN, username: "other" }, 0)).toBe(600_000 - 19 * 3000);
  });

  it("knows on each node what all of them have seen, from the first login on", async () => {
    const limits = sharedLimits();
    const clock = { ...systemClock, now: () => now };
    const [one, other] = [new LoginThrottle(clock, limits.store), new LoginThrottle(clock, limits.store)];
    await fail(one, 5, 0);
    const stored = JSON.stringify([...limits.stored]);
    let checked = 0;
    const check = async () => {
      checked += 1;
      return true;
    };
    expect(waitMs(other, LOGIN, 0)).toBe(0);
    expect([await other.attemptLogin(LOGIN, check, { isLimited: true }), checked]).toEqual([1000, 0]);
    expect([JSON.stringify([...limits.stored]), waitMs(other, LOGIN, 0)]).toEqual([stored, 1000]);
    now = 1000;
    expect([await other.attemptLogin(LOGIN, check, { isLimited: true }), checked]).toEqual([0, 1]);
    await fail(one, 4, 1000);
    expect(waitMs(one, LOGIN, 1000)).toBe(0);
    // Failures are kept for ten minutes, and a budget until all of it is allowed again.
    const expiries = [...limits.stored.values()].map(({ expiresAt }) => expiresAt);
    expect(Math.max(...expiries)).toBe(601_000);
  });

  it("tells a limited attempt how long to wait, and doesn't check it", async () => {
    const throttle = newThrottle();
    await fail(throttle, 5, 0);
    const checked: string[] = [];
    const check = async () => checked.push("checked") > 0;
    const waits = [await throttle.attemptLogin(LOGIN, check, { isLimited: true })];
    now = 1000;
    waits.push(await throttle.attemptLogin(LOGIN, check, { isLimited: true }));
    expect([waits, checked]).toEqual([[1000, 0], ["checked"]]);
  });

  it.each(["username", "address"] as const)(
    "keeps nothing of the long header that a failed login's %s was cut out of",
    async (cut) => {
      const throttle = newThrottle();
      const before = heapMiB();
      for (let login = 0; login < 3000; login++) {
        const header = Buffer.from(`${login}-`.padEnd(12_000, "x")).toString();
        await fail(throttle, 1, 0, { ...LOGIN, username: `user${login}`, [cut]: header.slice(0, 30) });
      }
      expect(heapMiB() - before).toBeLessThan(10);
      expect(waitMs(throttle, LOGIN, 0)).toBeGreaterThan(0);
    },
  );
});

const heapMiB = (): number => heapBytes() / 2 ** 20;

it.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
  ["2001:db8::1", "2001:db8:0:0"],
  ["2001:db8:0:0:5:6:7:8", "2001:db8:0:0"],
  ["2001:db8:0:1::", "2001:db8:0:1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["::1", "0:0:0:0"],
  ["unknown", "unknown"],
  ["", ""],
])("the address %j is of the network %j", (address, network) => {
  expect(networkOf(address)).toBe(network);
});
