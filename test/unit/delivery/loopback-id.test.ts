import { expect, test } from "vitest";
import { loopbackId } from "../../../src/delivery/loopback-id.js";

test("the place that a loopback address means stays the same, and is another one on another system", () => {
  expect(loopbackId()).toMatch(/^[\da-f]{32}$/);
  expect(loopbackId()).toBe(loopbackId());
  expect(new Set([loopbackId("linux"), loopbackId("darwin"), loopbackId("win32")]).size).toBe(3);
});
