import { expect, it } from "vitest";
import type { TransportRequest } from "../../../src/client/transport.js";
import { changeCallbackJson } from "../../../src/wire/json/callback-json.js";
import { clientOver, injectTransport } from "../../support/client/client-services.js";
import { CALLBACK_SETTINGS, closeService, openService } from "../../support/server/server-fixture.js";

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
  await expect(client.updateCallback("00112233445566AA", { url: "http://127.0.0.1:9/old" }, {})).rejects.toMatchObject({
    code: "unavailable",
  });
  expect(methods).toEqual(["PUT"]);
});

it("an update that arrives after another one changes nothing on whcb serve", async () => {
  const service = await openService();
  const inner = injectTransport(service.app);
  const kept: TransportRequest[] = [];
  const hanging = clientOver({
    ...inner,
    async send(request) {
      if (request.method === "PUT") kept.push(request);
      return request.method === "PUT" ? { status: 504, headers: {}, body: "" } : inner.send(request);
    },
  });
  const client = clientOver(inner);
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/before" });
  for (const [by, name] of [
    [hanging, "wrong"],
    [client, "right"],
  ] as const) {
    const { raw } = await by.getCallback(id);
    const url = `http://127.0.0.1:9/${name}`;
    await by.updateCallback(id, changeCallbackJson(raw, { url }), raw).catch(() => undefined);
  }
  const { status } = await inner.send(kept[0] ?? expect.fail("nothing was sent"));
  expect([status, (await client.getCallback(id)).url]).toEqual([409, "http://127.0.0.1:9/right"]);
  await closeService(service);
});
