import { describe, expect, it } from "vitest";
import { LoginThrottle } from "../../../../src/server/auth/login-throttle.js";

const LOGIN = { username: "demo", address: "192.0.2.1" };

async function fail(throttle: LoginThrottle, times: number, now: number): Promise<void> {
  for (let count = 0; count < times; count++) {
    await throttle.attempt(
      LOGIN,
      () => now,
      async () => false,
    );
  }
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
    await throttle.attempt(
      LOGIN,
      () => 1000,
      async () => true,
    );
    await fail(throttle, 4, 1000);
    expect(throttle.waitMs(LOGIN, 1000)).toBe(0);
  });

  it("checks at most four passwords of one address at a time, and eight of all", async () => {
    const throttle = new LoginThrottle();
    const ends: (() => void)[] = [];
    const start = (address: string) =>
      throttle.attempt(
        { username: "demo", address },
        () => 0,
        () => new Promise((resolve) => ends.push(() => resolve(true))),
      );
    const running = ["a", "a", "a", "a"].map(start);
    expect([throttle.waitMs({ username: "x", address: "a" }, 0), throttle.waitMs({ username: "x", address: "b" }, 0)]).toEqual([
      1000, 0,
    ]);
    running.push(...["b", "b", "c", "c"].map(start));
    expect(throttle.waitMs({ username: "x", address: "d" }, 0)).toBe(1000);
    for (const end of ends) end();
    await Promise.all(running);
    expect(throttle.waitMs({ username: "x", address: "a" }, 0)).toBe(0);
  });
});
