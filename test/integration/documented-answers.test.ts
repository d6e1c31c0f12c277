/** The answers of `whcb serve` are compared with those of the platform's documents. Each difference is listed with its reason. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Edition } from "../support/platform/recorded-answers.js";
import { callbackId, openRecordedPlatform, PLATFORM_USER, recordedCalls } from "../support/platform/recorded-platform.js";
import { BUSY, pendingCalls, recordAttempts } from "../support/server/recorded-calls.js";
import { CALLBACK_BODY, CREDENTIALS, closeService, openService, type Service } from "../support/server/server-fixture.js";

const CALLS = 21;
const JSON_TYPES = { accept: "application/json" };
const XML_TYPES = { accept: "application/xml" };

let ours: Service;
let oursId: string;

beforeAll(async () => {
  ours = await openService();
  oursId = JSON.parse(await askOurs("/callbacks", JSON_TYPES, CALLBACK_BODY)).id;
  const calls = Array.from({ length: CALLS }, (_, index) => ({
    messageId: "0A".repeat(16),
    messageLocation: "https://api.au.whispir.com/messages/0A",
    from: { name: "Ada Byron", mri: "ada@contact", mobile: "61400000000", email: "ada@example.com", voice: "61400000000" },
    responseMessage: { channel: "SMS", acknowledged: "24/11/26 09:31", content: `Reply ${index}` },
  }));
  await askOurs(`/callbacks/${oursId}/calls`, JSON_TYPES, { calls });
  await recordAttempts(ours.store, await pendingCalls(ours.store, oursId), () => ({ result: BUSY, startedAt: Date.now() }));
});

afterAll(() => closeService(ours));

async function askOurs(url: string, headers: Readonly<Record<string, string>>, payload?: object): Promise<string> {
  const method = payload ? "POST" : "GET";
  const answer = await ours.app.inject({ method, url, headers: { ...CREDENTIALS, ...headers }, ...(payload && { payload }) });
  return answer.body;
}

async function askDocuments(edition: Edition, path: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const { name, url, ...settings } = CALLBACK_BODY;
  const callback = { id: callbackId(0), name, url, settings, calls: recordedCalls(CALLS) };
  const platform = await openRecordedPlatform({ edition, callbacks: [callback] });
  const { username, password, apiKey } = PLATFORM_USER;
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  try {
    const answer = await fetch(platform.url + path, { headers: { authorization, "x-api-key": apiKey, ...headers } });
    return await answer.text();
  } finally {
    await platform.close();
  }
}

/** Returns texts such as "calls[].callback.statusCode number". */
function membersOf(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => membersOf(item, `${path}[]`));
  if (typeof value !== "object" || value === null) return [`${path} ${typeof value}`];
  return Object.entries(value).flatMap(([name, member]) => membersOf(member, path === "" ? name : `${path}.${name}`));
}

/** Returns texts such as "return/call/callback/statusCode", without prefixes, and "link@uri" for an attribute. */
function elementsOf(xml: string): string[] {
  const path: string[] = [];
  const found: string[] = [];
  for (const [, close, name = "", attributes = "", empty] of xml.matchAll(/<(\/?)(?:ns\d:)?(\w+)([^>]*?)(\/?)>/g)) {
    if (close === "/") path.pop();
    else {
      path.push(name);
      found.push(path.join("/"));
      for (const [, attribute] of attributes.matchAll(/ (?!xmlns)(\w+)=/g)) found.push(`${path.join("/")}@${attribute}`);
      if (empty === "/") path.pop();
    }
  }
  return found;
}

/** It lists each member that only one of the two has, with the reason. */
interface Comparison {
  readonly edition: Edition;
  readonly path: string;
  readonly missing?: Readonly<Record<string, string>>;
  readonly added?: Readonly<Record<string, string>>;
}

const LINK = "a link has type, host and port in the newer documents";
const SETTINGS = "our list has every setting, so that a client needs no second request";
const BOOLEAN = "a boolean in the newer documents; a string is accepted";
const NUMBER = "an integer in the guide and in the schema; a string is accepted";
const OURS = "one of our additions (docs/contract.md)";
const MRI = "documented, though not in this example";

const each = (reason: string, ...members: readonly string[]) => Object.fromEntries(members.map((member) => [member, reason]));
const OURS_OF_CALLS = each(
  OURS,
  "calls[].attemptCount number",
  "calls[].changedDate string",
  "calls[].nextAttemptDate string",
  "calls[].retryUntil string",
  "calls[].submittedDate string",
);

const IN_JSON: readonly Comparison[] = [
  {
    edition: "guide",
    path: "/callbacks",
    added: {
      ...each(LINK, "callbacks[].link[].host string", "callbacks[].link[].port number", "callbacks[].link[].type string"),
      ...each(SETTINGS, "callbacks[].auth.key string", "callbacks[].auth.type string", "callbacks[].contentType string"),
      ...each(SETTINGS, "callbacks[].callbacks.reply string", "callbacks[].callbacks.undeliverable string"),
      ...each(SETTINGS, "callbacks[].email string", "callbacks[].removeHTML string", "callbacks[].retriesEnabled boolean"),
      ...each(OURS, "callbacks[].state string", "callbacks[].waitingSince object"),
    },
  },
  {
    edition: "openapi",
    path: "/callbacks",
    added: {
      ...each(LINK, "callbacks[].link[].type string"),
      ...each(SETTINGS, "callbacks[].auth.key string", "callbacks[].auth.type string", "callbacks[].contentType string"),
      ...each(SETTINGS, "callbacks[].callbacks.reply string", "callbacks[].callbacks.undeliverable string"),
      ...each(SETTINGS, "callbacks[].email string", "callbacks[].removeHTML string"),
      ...each(OURS, "callbacks[].state string", "callbacks[].waitingSince object"),
    },
  },
  {
    edition: "guide",
    path: "/callbacks/ID",
    missing: each(BOOLEAN, "retriesEnabled string"),
    added: {
      ...each(LINK, "link[].host string", "link[].port number", "link[].type string"),
      ...each(BOOLEAN, "retriesEnabled boolean"),
      ...each(OURS, "state string", "waitingSince object"),
    },
  },
  {
    edition: "openapi",
    path: "/callbacks/ID",
    added: { ...each(LINK, "link[].type string"), ...each(OURS, "state string", "waitingSince object") },
  },
  {
    edition: "guide",
    path: "/callbacks/ID/calls",
    added: {
      ...each(LINK, "calls[].link[].host string", "calls[].link[].port number", "calls[].link[].type string"),
      ...each(LINK, "link[].host string", "link[].port number", "link[].type string"),
      ...OURS_OF_CALLS,
    },
  },
  {
    edition: "openapi",
    path: "/callbacks/ID/calls",
    missing: each(NUMBER, "calls[].callback.statusCode string"),
    added: {
      ...each(NUMBER, "calls[].callback.statusCode number"),
      ...each(MRI, "calls[].from.mri string"),
      ...each(LINK, "link[].type string"),
      ...OURS_OF_CALLS,
    },
  },
];

const CALLBACK_ELEMENT = "return/callbacks/callback";
const IN_XML: readonly Comparison[] = [
  {
    edition: "guide",
    path: "/callbacks",
    added: {
      ...each(LINK, ...["host", "port", "type"].map((name) => `${CALLBACK_ELEMENT}/link@${name}`)),
      ...each(SETTINGS, ...["auth", "auth/key", "auth/type"].map((name) => `${CALLBACK_ELEMENT}/${name}`)),
      ...each(
        SETTINGS,
        ...["callbacks", "callbacks/reply", "callbacks/undeliverable"].map((name) => `${CALLBACK_ELEMENT}/${name}`),
      ),
      ...each(SETTINGS, ...["contentType", "email", "removeHTML", "retriesEnabled"].map((name) => `${CALLBACK_ELEMENT}/${name}`)),
      ...each(OURS, `${CALLBACK_ELEMENT}/state`, `${CALLBACK_ELEMENT}/waitingSince`),
    },
  },
  {
    edition: "guide",
    path: "/callbacks/ID/calls",
    added: {
      ...each(LINK, "return/call/link/host", "return/call/link/port", "return/call/link/type"),
      ...each(LINK, "return/link/host", "return/link/port", "return/link/type"),
      ...each(
        OURS,
        "return/call/attemptCount",
        "return/call/changedDate",
        "return/call/nextAttemptDate",
        "return/call/retryUntil",
        "return/call/submittedDate",
      ),
    },
  },
];

describe("an answer has the documented members and no others but", () => {
  it.each(IN_JSON)("the listed ones: $path as JSON, $edition", async ({ edition, path, missing = {}, added = {} }) => {
    const documented = membersOf(JSON.parse(await askDocuments(edition, path.replace("ID", callbackId(0)), JSON_TYPES)));
    const found = membersOf(JSON.parse(await askOurs(path.replace("ID", oursId), JSON_TYPES)));
    expect(without(documented, found)).toEqual(Object.keys(missing).sort());
    expect(without(found, documented)).toEqual(Object.keys(added).sort());
  });

  it.each(IN_XML)("the listed ones: $path as XML, $edition", async ({ edition, path, added = {} }) => {
    const documented = elementsOf(await askDocuments(edition, path.replace("ID", callbackId(0)), XML_TYPES));
    const found = elementsOf(await askOurs(path.replace("ID", oursId), XML_TYPES));
    expect(without(documented, found)).toEqual([]);
    expect(without(found, documented)).toEqual(Object.keys(added).sort());
  });
});

function without(members: readonly string[], others: readonly string[]): string[] {
  return [...new Set(members)].filter((member) => !others.includes(member)).sort();
}
