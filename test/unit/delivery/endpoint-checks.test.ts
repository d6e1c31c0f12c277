import { expect, it } from "vitest";
import { limitChecks } from "../../../src/delivery/endpoint-checks.js";
import type { DeliveryResult } from "../../../src/domain/attempt.js";
import { ACCEPTED } from "../../support/builders.js";

const REQUEST = { method: "GET", url: "http://127.0.0.1:9/", headers: {}, body: "" } as const;

it("rejects a check while 64 others are going on, and takes the next one once one has ended, well or not", async () => {
  const ends: ((result: Promise<DeliveryResult>) => void)[] = [];
  const check = limitChecks(() => new Promise<DeliveryResult>((resolve) => ends.push(resolve)));
  const going = Array.from({ length: 64 }, () => check(REQUEST));
  await expect(check(REQUEST)).rejects.toMatchObject({ code: "unavailable" });
  ends[0]?.(Promise.reject(new Error("aborted")));
  await expect(going[0]).rejects.toThrow("aborted");
  const next = check(REQUEST);
  await expect(check(REQUEST)).rejects.toMatchObject({ code: "unavailable" });
  for (const end of ends) end(Promise.resolve(ACCEPTED));
  expect(await next).toEqual(ACCEPTED);
});
