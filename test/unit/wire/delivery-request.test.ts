import { XMLParser } from "fast-xml-parser";
import { describe, expect, it } from "vitest";
import type { DeliveryTarget } from "../../../src/domain/callback.js";
import type { MessageResponse } from "../../../src/domain/message-response.js";
import { buildEndpointCheck } from "../../../src/wire/delivery-request.js";
import { buildDelivery } from "../../support/wire/build-delivery.js";

const response: MessageResponse = {
  messageId: "ABC4857BCCF484575FCA",
  messageLocation: "https://api.au.whispir.com/messages/ABC4857BCCF484575FCA",
  from: { name: "Fred <Waters>", mri: "", mobile: "+61400000000", email: "me@example.com", voice: "" },
  responseMessage: { channel: "SMS", kind: "reply", date: "09/01/16 13:22", content: 'Yes, "I" & <b>they</b>\r\naccept' },
  customParameters: { orderId: "42", "a b": "<&>" },
};
const call = { id: "0193A5F2C0DE7000800000000000ABCD", response };
const target: DeliveryTarget = {
  url: "https://example.com/hook?x=1#part",
  auth: { type: "httpheader", key: "s3cret/+ ü" },
  contentType: "json",
  removeHtml: false,
};

describe("buildDelivery", () => {
  it("sends a reply in JSON, with the call's id as webhook-id", () => {
    const request = buildDelivery(target, call);
    expect({ ...request, body: JSON.parse(request.body.toString()) }).toEqual({
      method: "POST",
      url: "https://example.com/hook?x=1#part",
      headers: { "content-type": "application/json", "x-whispir-callback-key": "s3cret/+ ü", "webhook-id": call.id },
      body: {
        messageid: response.messageId,
        messagelocation: response.messageLocation,
        from: { name: "Fred <Waters>", mobile: "+61400000000", email: "me@example.com" },
        responseMessage: { channel: "SMS", acknowledged: "09/01/16 13:22", content: response.responseMessage.content },
        customParameters: { orderId: "42", "a b": "<&>" },
      },
      secrets: ["s3cret/+ ü"],
    });
  });

  it("has 'undeliverable' instead of 'acknowledged' for an undeliverable message", () => {
    const undeliverable = { ...response, responseMessage: { ...response.responseMessage, kind: "undeliverable" as const } };
    const body = JSON.parse(buildDelivery(target, { id: "1", response: undeliverable }).body.toString());
    expect(body.responseMessage).toEqual({
      channel: "SMS",
      undeliverable: "09/01/16 13:22",
      content: response.responseMessage.content,
    });
  });

  it("sends a reply in XML", () => {
    const request = buildDelivery({ ...target, contentType: "xml" }, call);
    expect(request.headers["content-type"]).toBe("application/xml");
    expect(request.body).toContain('<ns2:deliveryResponse xmlns:ns2="http://schemas.api.whispir.com"><messageid>');
    const parser = new XMLParser({ parseTagValue: false, trimValues: false, htmlEntities: true, ignoreDeclaration: true });
    expect(parser.parse(request.body.toString())).toEqual({
      "ns2:deliveryResponse": {
        messageid: response.messageId,
        messagelocation: response.messageLocation,
        from: { name: "Fred <Waters>", mobile: "+61400000000", email: "me@example.com" },
        responseMessage: { channel: "SMS", acknowledged: "09/01/16 13:22", content: response.responseMessage.content },
        customParameters: {
          entry: [
            { key: "orderId", value: "42" },
            { key: "a b", value: "<&>" },
          ],
        },
      },
    });
  });

  it("removes markup from the content if the callback asks for it, and from nothing else", () => {
    const body = JSON.parse(buildDelivery({ ...target, removeHtml: true }, call).body.toString());
    expect(body.responseMessage.content).toBe('Yes, "I" & they\r\naccept');
    expect(body.from.name).toBe("Fred <Waters>");
  });

  it.each([
    ["queryparam", "https://example.com/hook?x=1&Auth=s3cret%2F%2B%20%C3%BC", {}],
    ["httpheader", target.url, { "x-whispir-callback-key": "s3cret/+ ü" }],
    ["basicauth", target.url, { authorization: "Basic s3cret/+ ü" }],
    ["bearertoken", target.url, { authorization: "Bearer s3cret/+ ü" }],
  ] as const)("authenticates by %s", (type, url, headers) => {
    const request = buildDelivery({ ...target, auth: { ...target.auth, type } }, call);
    expect([request.url, request.headers]).toEqual([
      url,
      { "content-type": "application/json", "webhook-id": call.id, ...headers },
    ]);
  });

  it("uses the given name of the query parameter, and adds a query if the URL has none", () => {
    const older = { ...target, url: "http://h/p", auth: { type: "queryparam", key: "k" } } as const;
    expect(buildDelivery(older, call, { authParameter: "auth" }).url).toBe("http://h/p?auth=k");
    expect(buildDelivery(older, call).url).toBe("http://h/p?Auth=k");
  });

  it("leaves the key out if asked to, even right after it was sent", () => {
    buildDelivery(target, call);
    const request = buildDelivery(target, call, { withAuth: false });
    expect(request.headers).toEqual({ "content-type": "application/json", "webhook-id": call.id });
    expect(buildDelivery(target, call).headers["x-whispir-callback-key"]).toBe("s3cret/+ ü");
  });
});

describe("buildEndpointCheck", () => {
  it("is a GET with the callback's auth and content type, and no body", () => {
    expect(buildEndpointCheck({ ...target, contentType: "xml" })).toEqual({
      method: "GET",
      url: target.url,
      headers: { "content-type": "application/xml", "x-whispir-callback-key": "s3cret/+ ü" },
      body: null,
      secrets: ["s3cret/+ ü"],
    });
  });
});
