import { describe, expect, it } from "vitest";
import { changeCallbackJson, missingMembers, readCallback, readCallbackList } from "../../../../src/wire/json/callback-json.js";

describe("the body of an update", () => {
  const read = {
    id: "BCD3",
    name: "n",
    auth: { type: "querystring", extra: 1 },
    removeHTML: "enabled",
    callbacks: { reply: "enabled" },
    link: [],
    later: [1],
  };

  it("has every member that was read, known or not, except id and link, with the changes", () => {
    const { id: _, link: __, ...rest } = read;
    expect(changeCallbackJson(read, {})).toEqual(rest);
    expect(
      changeCallbackJson(read, { authType: "basicauth", key: "k", removeHtml: false, undeliverable: true, url: "u" }),
    ).toEqual({
      ...rest,
      url: "u",
      auth: { type: "basicauth", extra: 1, key: "k" },
      removeHTML: "disabled",
      callbacks: { reply: "enabled", undeliverable: "enabled" },
    });
  });

  it("lacks what was neither read nor given", () => {
    expect(changeCallbackJson({ id: "1", name: "n" }, { retriesEnabled: true, email: undefined })).toEqual({
      name: "n",
      retriesEnabled: true,
    });
    expect(missingMembers({ name: "n", auth: { key: "k" }, contentType: "" })).toEqual([
      "url",
      "email",
      "contentType",
      "auth.type",
    ]);
  });
});

describe("readCallback", () => {
  it("reads the older spelling of queryparam, and booleans written as text", () => {
    const older = { id: 1, name: "n", auth: { type: "querystring", key: "k" }, retriesEnabled: "true", removeHTML: "enabled" };
    expect(readCallbackList({ status: "1 to 1 of 1", callbacks: [older] }).items).toEqual([
      {
        id: "1",
        name: "n",
        url: "",
        auth: { type: "queryparam", key: "k" },
        contentType: null,
        removeHtml: true,
        isSigned: false,
        signingSecret: null,
        retriesEnabled: true,
        email: null,
        events: { reply: null, undeliverable: null },
        downSince: null,
        waitingCalls: null,
        sending: null,
        expiredCalls: null,
        health: null,
        pause: null,
        raw: older,
      },
    ]);
  });

  it("reads an endpoint's state, but none that this version doesn't know", () => {
    const state = { state: "down", stateSince: "2026-11-24T12:00:00.000Z" };
    expect(readCallback({ name: "n", ...state }).health).toEqual({ health: "down", since: Date.UTC(2026, 10, 24, 12) });
    expect(readCallback({ name: "n", state: "idle" }).health).toEqual({ health: "idle", since: null });
    expect(readCallback({ name: "n", ...state, state: "enchanted" }).health).toBeNull();
  });

  it("sends no masked key or URL back with a change", () => {
    const raw = {
      name: "n",
      url: "https://e.example/?token=****",
      auth: { type: "httpheader", key: "****2345" },
      retriesEnabled: false,
    };
    const changed = { name: "n", auth: { type: "httpheader" }, retriesEnabled: true };
    expect(changeCallbackJson(raw, { retriesEnabled: true })).toEqual(changed);
    expect(missingMembers(changed)).toContain("url");
  });

  it.each([
    ...["****", "abc****", "***", "*", "••••", "xxxx", "-", " ", "[REDACTED]", "(hidden)", "<secret>", "null", "NULL"],
    ...[null, false, true, 0, 12345, { value: "k" }, ["k"]],
  ])("takes the key %j for one that isn't returned", (key) => {
    expect(readCallback({ name: "n", auth: { key } }).auth.key).toBe(null);
  });

  it.each(["", "k", "xx", "s3cret-(1)", "nullable", "ключ", "٣"])("takes the key %j as it is", (key) => {
    expect(readCallback({ name: "n", auth: { key } }).auth.key).toBe(key);
  });

  it("sends nothing back with a change that isn't a key", () => {
    for (const key of ["xxxx", true]) {
      const auth = { type: "httpheader", key };
      expect(changeCallbackJson({ name: "n", auth }, {})).toEqual({ name: "n", auth: { type: "httpheader" } });
    }
  });

  it("takes the id from the self link if it is nowhere else", () => {
    const link = [{ uri: "https://api.au.whispir.com/callbacks/BCD3?apikey=x", rel: "self", method: "GET" }];
    expect(readCallback({ name: "n", link }).id).toBe("BCD3");
  });
});
