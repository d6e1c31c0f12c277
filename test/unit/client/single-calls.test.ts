import { expect, it } from "vitest";
import { clientOver } from "../../support/client/client-services.js";

it("takes of the ids that a service returns for a prefix only those that begin with it", async () => {
  const callIds = ["ABCDEF01".padEnd(32, "0"), "0".repeat(32)];
  const client = clientOver({
    name: "https://service.invalid",
    basePath: "",
    send: async () => ({ status: 200, headers: {}, body: JSON.stringify({ callIds, hasMore: false }) }),
    close: async () => undefined,
  });
  const found = await client.findCallIds("CB", ["abcdef"]);
  expect(found.get("abcdef")).toEqual({ callIds: callIds.slice(0, 1), hasMore: false });
});
