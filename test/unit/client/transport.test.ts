import { expect, it } from "vitest";
import { isSuccess, lastHeaderValues } from "../../../src/client/transport.js";

it("keeps the last value of each header as text, with its name in lower case", () => {
  const headers = { "X-Limit": 20, "set-cookie": ["a=1", "b=2"], "Retry-After": "7", missing: undefined, empty: [] };
  expect(lastHeaderValues(headers)).toEqual({ "x-limit": "20", "set-cookie": "b=2", "retry-after": "7" });
});

it("takes statuses from 200 to 299 as a success", () => {
  expect([199, 200, 204, 299, 300].map((status) => isSuccess({ status }))).toEqual([false, true, true, true, false]);
});
