import { expect, it } from "vitest";
import { clientOver } from "../../support/client/client-services.js";

it("an update isn't repeated: it has what was read too, which another user may have changed since", async () => {
  const methods: string[] = [];
  const client = clientOver({
    name: "http://127.0.0.1:9",
    basePath: "",
    async send({ method }) {
      methods.push(method);
      return { status: 504, headers: {}, body: "" };
    },
    close: async () => undefined,
  });
  await expect(client.updateCallback("00112233445566AA", { url: "http://127.0.0.1:9/old" })).rejects.toMatchObject({
    code: "unavailable",
  });
  expect(methods).toEqual(["PUT"]);
});
