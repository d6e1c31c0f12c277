import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Client } from "../../../src/client/client.js";
import type { TransportResponse } from "../../../src/client/transport.js";
import { aResponse } from "../../support/builders.js";
import { clientOver, injectTransport } from "../../support/client/client-services.js";
import { CALLBACK_SETTINGS, closeService, openService } from "../../support/server/server-fixture.js";

describe("a gateway that answers what changes something in the place of `whcb serve`", () => {
  let service: Awaited<ReturnType<typeof openService>>;
  let gateway: TransportResponse | null;
  let client: Client;
  let callbackId: string;

  beforeEach(async () => {
    service = await openService();
    gateway = null;
    const inner = injectTransport(service.app);
    client = clientOver({
      ...inner,
      send: async (request) => (request.method === "GET" ? null : gateway) ?? inner.send(request),
    });
    callbackId = (await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/" })).id;
    await client.submitCalls(callbackId, [{ id: "order-1", response: aResponse() }]);
  });

  afterEach(() => closeService(service));

  it.each([
    { status: 204, body: "" },
    { status: 200, body: '{"status":"SUCCESS"}' },
    { status: 202, body: "" },
  ])("isn't taken for it: $status $body", async (answer) => {
    gateway = { ...answer, headers: {} };
    const changes = [
      () => client.markCalls(callbackId, ["order-1"], "SUCCESS"),
      () => client.submitCalls(callbackId, [{ id: "order-2", response: aResponse() }]),
      () => client.deleteCallback(callbackId),
    ];
    for (const change of changes)
      await expect(change()).rejects.toMatchObject({
        code: "unavailable",
        message: `whcb.db: something between here and the service answered ${answer.status} in its place`,
      });
    expect((await client.getCall(callbackId, "order-1"))?.status).toBe("PENDING");
    gateway = null;
    await client.markCalls(callbackId, ["order-1"], "SUCCESS");
    expect((await client.getCall(callbackId, "order-1"))?.status).toBe("SUCCESS");
  });
});
