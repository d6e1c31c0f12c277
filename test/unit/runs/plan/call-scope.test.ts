import { expect, it } from "vitest";
import type { Client } from "../../../../src/client/client.js";
import { listMatchingCalls } from "../../../../src/runs/plan/call-scope.js";
import { aListedCall } from "../../../support/cli/listed.js";

it("a list that has other calls each time it is read, with long ids, is an error", async () => {
  let pages = 0;
  const listCalls: Client["listCalls"] = async function* () {
    const calls = [aListedCall({ id: `${++pages}${"x".repeat(80_000_000)}` })];
    yield { calls, withoutId: [], leftOut: 0, unclear: 0, total: 2 };
  };
  const listing = listMatchingCalls({ listCalls } as never, { callbackId: "A", filter: {} }, async () => undefined);
  await expect(listing).rejects.toMatchObject({ code: "unavailable" });
  expect(pages).toBe(4);
});
