import { expect, it } from "vitest";
import { AUDIT_ACTIONS, jsonBytes, LONGEST_ENTRY, settingChanges, WAYS } from "../../../../src/domain/audit/audit-entry.js";
import { describeChange } from "../../../../src/domain/audit/change-text.js";
import { someSettings } from "../../../support/builders.js";

const BEFORE = someSettings({ url: "https://example.com/?token=s3cret", retriesEnabled: true });

it("a created callback has all its settings, without its key and the URL's secrets", () => {
  expect(settingChanges(null, BEFORE)).toStrictEqual([
    { setting: "name", after: "demo" },
    { setting: "url", after: "https://example.com/?token=****" },
    { setting: "auth.type", after: "httpheader" },
    { setting: "contentType", after: "json" },
    { setting: "removeHTML", after: "disabled" },
    { setting: "retriesEnabled", after: "true" },
    { setting: "email", after: "ops@example.com" },
    { setting: "callbacks.reply", after: "enabled" },
    { setting: "callbacks.undeliverable", after: "enabled" },
    { setting: "signing", after: "disabled" },
    { setting: "auth.key" },
  ]);
});

it("a deleted one had them, and a change has what differs", () => {
  const deleted = settingChanges(BEFORE, null);
  expect(deleted[0]).toStrictEqual({ setting: "name", before: "demo" });
  expect(deleted.map(({ setting }) => setting)).toEqual(settingChanges(null, BEFORE).map(({ setting }) => setting));
  expect(settingChanges(BEFORE, { ...BEFORE, name: "other", removeHtml: true })).toEqual([
    { setting: "name", before: "demo", after: "other" },
    { setting: "removeHTML", before: "disabled", after: "enabled" },
  ]);
  expect(settingChanges(BEFORE, BEFORE)).toEqual([]);
  expect(settingChanges(null, null)).toEqual([]);
});

it("a secret that changed is said, though it isn't shown", () => {
  const masked = "https://example.com/?token=****";
  expect(settingChanges(BEFORE, { ...BEFORE, url: "https://example.com/?token=other" })).toEqual([
    { setting: "url", before: masked, after: masked },
  ]);
  expect(settingChanges(BEFORE, { ...BEFORE, auth: { ...BEFORE.auth, key: "another-key" } })).toEqual([{ setting: "auth.key" }]);
});

it("a URL is cut to 2,560 bytes of JSON, between two characters, and two such URLs fit into an entry", () => {
  const shown = (url: string) => settingChanges(null, { ...BEFORE, url }).find(({ setting }) => setting === "url")?.after ?? "";
  const host = "https://example.com/";
  const longest = host.padEnd(2_558, "a/");
  expect([jsonBytes(longest), shown(longest)]).toEqual([2_560, longest]);
  expect(shown(`${longest}a`)).toBe(`${longest.slice(0, 2_555)}…`);
  expect(shown(host + "ü".repeat(2_000))).toBe(`${host}${"ü".repeat(1_267)}…`);
  const change = settingChanges({ ...BEFORE, url: longest }, { ...BEFORE, url: `${longest}a` });
  expect(Buffer.byteLength(JSON.stringify(change))).toBeLessThan(LONGEST_ENTRY);
});

it("a callback without a key has none to say", () => {
  const keyless = { ...BEFORE, auth: { ...BEFORE.auth, key: "" } };
  expect(settingChanges(null, keyless)).not.toContainEqual({ setting: "auth.key" });
  expect(settingChanges(keyless, null)).not.toContainEqual({ setting: "auth.key" });
});

it("each action has words of its own, and each way a name", () => {
  for (const action of AUDIT_ACTIONS) expect(describeChange({ action, count: null, details: {} })).not.toBe(action);
  expect(AUDIT_ACTIONS).toHaveLength(16);
  expect(WAYS).toEqual(["api", "console", "database"]);
});
