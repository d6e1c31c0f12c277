import { expect, test } from "vitest";
import { EXIT_CODES, EXIT_INTERRUPTED, EXIT_ITEMS_FAILED } from "../../../src/cli/exit-codes.js";
import { exitCodeOf } from "../../../src/cli/output/render-error.js";
import { WhcbError } from "../../../src/domain/errors.js";

test("exit codes are a contract with scripts", () => {
  expect(EXIT_CODES).toEqual({
    usage: 2,
    malformed: 2,
    invalid: 2,
    "duplicate-name": 2,
    "endpoint-check-failed": 2,
    "address-refused": 2,
    "too-large": 2,
    "too-late": 5,
    "other-database": 5,
    "not-found": 3,
    unauthenticated: 4,
    forbidden: 4,
    config: 4,
    "rate-limited": 5,
    "quota-exceeded": 5,
    "unsupported-media-type": 5,
    "method-not-allowed": 5,
    unavailable: 5,
    network: 5,
    locked: 5,
    "items-failed": 8,
    interrupted: 130,
  });
  expect([EXIT_ITEMS_FAILED, EXIT_INTERRUPTED]).toEqual([8, 130]);
});

test("an unexpected error exits 1", () => {
  expect([exitCodeOf(new WhcbError("network", "gone")), exitCodeOf(new TypeError("x is undefined"))]).toEqual([5, 1]);
});
