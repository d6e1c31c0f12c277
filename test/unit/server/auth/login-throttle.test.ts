import { describe, expect, it } from "vitest";
import { type Login, LoginThrottle } from "../../../../src/server/auth/login-throttle.js";

const LOGIN = { username: "demo", address: "192.0.2.1", apiKey: "k" };

function attempt(throttle: LoginThrottle, login: Login, check: () => Promise<boolean>, now = 0): Promise<boolean> {
  return throttle.attempt(login, () => now, check);
}

async function fail(throttle: LoginThrottle, times: number, now: number, login: Login = LOGIN): Promise<void> {
  for (let count = 0; count < times; count++) await attempt(throttle, login, async () => false, now);
}

describe("LoginThrottle", () => {
  it("waits a second after the fifth failure, then twice as long each time, up to a minute", async () => {
    const throttle = new LoginThrottle();
    await fail(throttle, 4, 0);
    const waits = [throttle.waitMs(LOGIN, 0)];
    for (let count = 0; count < 8; count++) {
      await fail(throttle, 1, 0);
      waits.push(throttle.waitMs(LOGIN, 0));
    }
    expect(waits).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  it("ends the wait on the millisecond", async () => {
    const throttle = new LoginThrottle();
    await fail(throttle, 5, 0);
    expect([throttle.waitMs(LOGIN, 999), throttle.waitMs(LOGIN, 1000)]).toEqual([1, 0]);
  });

  it("throttles one user from one address, and forgets the failures after a success", async () => {
    const throttle = new LoginThrottle();
    await fail(throttle, 5, 0);
    expect([throttle.waitMs({ ...LOGIN, username: "other" }, 0), throttle.waitMs({ ...LOGIN, address: "192.0.2.2" }, 0)]).toEqual(
      [0, 0],
    );
    await attempt(throttle, LOGIN, async () => true, 1000);
    await fail(throttle, 4, 1000);
    expect(throttle.waitMs(LOGIN, 1000)).toBe(0);
  });

  it("lets an address fail 20 times, whatever the user, then once in three seconds", async () => {
    const throttle = new LoginThrottle();
    for (let user = 0; user < 20; user++) await fail(throttle, 1, 0, { ...LOGIN, username: `user${user}` });
    const other = { ...LOGIN, username: "other" };
    const waits = [throttle.waitMs(other, 0), throttle.waitMs(other, 2999), throttle.waitMs(other, 3000)];
    expect([...waits, throttle.waitMs({ ...other, address: "192.0.2.2" }, 0)]).toEqual([3000, 1, 0, 0]);
  });

  it("takes an IPv6 client's /64 for one address", async () => {
    const throttle = new LoginThrottle();
    for (let user = 0; user < 20; user++) {
      await fail(throttle, 1, 0, { ...LOGIN, username: `user${user}`, address: `2001:db8:0:1::${user}` });
    }
    const wait = (address: string) => throttle.waitMs({ ...LOGIN, address }, 0);
    expect([wait("2001:db8:0:1:ffff::1"), wait("2001:db8:0:2::1"), wait("::ffff:192.0.2.1")]).toEqual([3000, 0, 0]);
  });

  it("lets a key fail 200 times from all addresses, then twice a second", async () => {
    const throttle = new LoginThrottle();
    for (let address = 0; address < 200; address++) await fail(throttle, 1, 0, { ...LOGIN, address: `192.0.3.${address}` });
    const wait = (apiKey: string) => throttle.waitMs({ ...LOGIN, apiKey }, 0);
    expect([wait("k"), wait("another")]).toEqual([500, 0]);
  });

  it("has no limit for all where there is no key", async () => {
    const throttle = new LoginThrottle();
    const codes = { ...LOGIN, apiKey: null };
    for (let address = 0; address < 250; address++) await fail(throttle, 1, 0, { ...codes, address: `192.0.3.${address}` });
    expect([throttle.waitMs(codes, 0), throttle.waitMs(LOGIN, 0)]).toEqual([0, 0]);
    await fail(throttle, 5, 0, codes);
    expect(throttle.waitMs(codes, 0)).toBe(1000);
  });

  it("counts no success against an address or a key", async () => {
    const throttle = new LoginThrottle();
    for (let time = 0; time < 300; time++) expect(await attempt(throttle, LOGIN, async () => true)).toBe(true);
    expect(throttle.waitMs(LOGIN, 0)).toBe(0);
  });

  it("checks at most four passwords of one address at a time and eight of all; others wait for their turn", async () => {
    const throttle = new LoginThrottle();
    const ends: (() => void)[] = [];
    const start = (address: string) =>
      attempt(throttle, { ...LOGIN, address }, () => new Promise((resolve) => ends.push(() => resolve(true))));
    const running = ["a", "a", "a", "a", "b", "b", "b", "b", "c"].map(start);
    await Promise.resolve();
    const wait = (address: string) => throttle.waitMs({ ...LOGIN, address }, 0);
    expect([wait("a"), wait("b"), wait("c"), ends.length]).toEqual([1000, 1000, 0, 8]);
    ends[0]?.();
    await running[0];
    expect([wait("a"), ends.length]).toEqual([0, 9]);
    for (const end of ends) end();
    expect(await Promise.all(running)).toEqual(Array(9).fill(true));
  });
});
