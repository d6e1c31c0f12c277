import { describe, expect, it } from "vitest";
import type { Random } from "../../../../src/platform/random.js";
import { newRunId } from "../../../../src/runs/journal/run-id.js";

const randomOf = (byte: number): Random => ({ fraction: () => 0, bytes: (length) => new Uint8Array(length).fill(byte) });

describe("newRunId", () => {
  it("sorts by time, also within a second", () => {
    const at = Date.parse("2026-11-24T23:30:15.042Z");
    const ids = [newRunId(at, randomOf(0xff)), newRunId(at + 1, randomOf(0))];
    expect(ids).toEqual(["20261124-233015-042FFFF", "20261124-233015-0430000"]);
  });
});
