import { describe, expect, it } from "vitest";
import { readCallback, readCallbackList } from "../../../../src/wire/json/callback-json.js";

describe("readCallback", () => {
  it("reads the older spelling of queryparam, and booleans written as text", () => {
    const older = { id: 1, name: "n", auth: { type: "querystring", key: "k" }, retriesEnabled: "true", removeHTML: "enabled" };
    expect(readCallbackList({ status: "1 to 1 of 1", callbacks: [older] }).callbacks).toEqual([
      {
        id: "1",
        name: "n",
        url: "",
        auth: { type: "queryparam", key: "k" },
        contentType: "json",
        removeHtml: true,
        retriesEnabled: true,
        email: "",
        events: { reply: false, undeliverable: false },
      },
    ]);
  });

  it("takes the id from the self link if it is nowhere else", () => {
    const link = [{ uri: "https://api.au.whispir.com/callbacks/BCD3?apikey=x", rel: "self", method: "GET" }];
    expect(readCallback({ name: "n", link }).id).toBe("BCD3");
  });
});
