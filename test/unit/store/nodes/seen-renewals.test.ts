import { describe, expect, it } from "vitest";
import { SeenRenewals } from "../../../../src/store/nodes/seen-renewals.js";

describe("a lease that is watched", () => {
  it("counts as unrenewed from when its last renewal was first seen", () => {
    const seen = new SeenRenewals<string>();
    const looks = [
      seen.look(new Map([["A", 1]]), 100, false),
      seen.look(new Map(Object.entries({ A: 1, B: 7 })), 105, false),
      seen.look(new Map(Object.entries({ A: 2, B: 7 })), 110, false),
    ];
    expect(looks.map((look) => Object.fromEntries(look))).toEqual([{ A: 0 }, { A: 5, B: 0 }, { A: 0, B: 5 }]);
  });

  it("counts from now after a look that is late", () => {
    const seen = new SeenRenewals<string>();
    const renewals = new Map([["A", 1]]);
    const looks = [seen.look(renewals, 0, false), seen.look(renewals, 60, true), seen.look(renewals, 65, false)];
    expect(looks.map((look) => look.get("A"))).toEqual([0, 0, 5]);
  });
});
