import { describe, expect, it } from "vitest";
import { REPLACED_SECRET_MS, secretsAfter } from "../../../src/domain/callback.js";

const NOW = 1_000;
const [A] = secretsAfter("enabled", [], "A", NOW);
if (A === undefined) throw new Error("There is no secret");

describe("signing secrets", () => {
  it("are none while signing is disabled", () => {
    expect(secretsAfter("disabled", [A], "B", NOW)).toEqual([]);
  });

  it("stay when a signed callback is saved again", () => {
    expect(A).toEqual({ secret: "A", until: null });
    expect(secretsAfter("enabled", [A], "B", NOW)).toEqual([A]);
  });

  it("sign for a day after they were replaced, not longer, and at most two of them", () => {
    const end = NOW + REPLACED_SECRET_MS;
    const replaced = secretsAfter("new", [A], "B", NOW);
    expect(replaced).toEqual([
      { secret: "B", until: null },
      { secret: "A", until: end },
    ]);
    const twice = secretsAfter("new", replaced, "C", end - 1);
    expect(twice.map(({ secret }) => secret)).toEqual(["C", "B", "A"]);
    expect(secretsAfter("new", twice, "D", end - 1).map(({ secret }) => secret)).toEqual(["D", "C", "B"]);
    expect(secretsAfter("new", replaced, "C", end).map(({ secret }) => secret)).toEqual(["C", "B"]);
  });
});
