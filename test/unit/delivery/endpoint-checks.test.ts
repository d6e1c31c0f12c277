import { expect, it } from "vitest";
import { limitChecks } from "../../../src/delivery/endpoint-checks.js";
import type { DeliveryResult } from "../../../src/domain/attempt.js";
import { ACCEPTED } from "../../support/builders.js";

const REQUEST = { method: "GET", url: "http://127.0.0.1:9/", headers: {}, body: "" } as const;

it("rejects a check while 64 others are going on, and takes the next one once one has ended, well or not", async () => {
  const ends: ((result: Promise<DeliveryResult>) => void)[] = [];
  const check = limitChecks(() => new Promise<DeliveryResult>((resolve) => ends.push(resolve)));
  const going = Array.from({ length: 64 }, (_, index) => check(REQUEST, `user ${index}`));
  await expect(check(REQUEST, "ada")).rejects.toMatchObject({ code: "unavailable" });
  ends[0]?.(Promise.reject(new Error("aborted")));
  await expect(going[0]).rejects.toThrow("aborted");
  const next = check(REQUEST, "ada");
  await expect(check(REQUEST, "eva")).rejects.toMatchObject({ code: "unavailable" });
  for (const end of ends) end(Promise.resolve(ACCEPTED));
  expect(await next).toEqual(ACCEPTED);
});

it("leaves half of them to others", async () => {
  const ends: (() => void)[] = [];
  const check = limitChecks(() => new Promise<DeliveryResult>((resolve) => ends.push(() => resolve(ACCEPTED))));
  const going = Array.from({ length: 32 }, () => check(REQUEST, "ada"));
  await expect(check(REQUEST, "ada")).rejects.toMatchObject({
    message: "32 of your endpoints, and 32 in all, are being checked",
  });
  const other = check(REQUEST, "eva");
  for (const end of ends.splice(0)) end();
  expect(new Set(await Promise.all([...going, other]))).toEqual(new Set([ACCEPTED]));
  const next = check(REQUEST, "ada");
  for (const end of ends) end();
  expect(await next).toEqual(ACCEPTED);
});
