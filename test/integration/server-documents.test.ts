/** The answers match the schemas of /openapi.json. */
import type { TSchema } from "@sinclair/typebox";
import { FormatRegistry } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  AttemptDocument,
  CallbackDocument,
  CallDocument,
  CallIdMatchesDocument,
  CallPlacesDocument,
  CallStatesDocument,
  ErrorSchema,
  listDocument,
  OutageDocument,
  RequestedReplayDocument,
  SubmittedDocument,
  TokenDocument,
  VerifiedDocument,
} from "../../src/wire/openapi/document-schemas.js";
import { BUSY, pendingCalls, REFUSED, recordAttempts } from "../support/server/recorded-calls.js";
import { CALLBACK_BODY, CREDENTIALS, closeService, openService, type Service } from "../support/server/server-fixture.js";

FormatRegistry.Set("date-time", (text) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text));

let service: Service;
beforeAll(async () => {
  service = await openService();
  await ask("POST", "/callbacks", CALLBACK_BODY);
  await ask("POST", "/callbacks/demo/calls", { calls: [{ id: "A", customParameters: { n: 1 } }, { id: "B" }] });
  const callback = await service.store.callbacks.find("demo");
  const calls = await pendingCalls(service.store, callback?.id ?? "");
  const outage = { id: "0".repeat(32), startedAt: 1, failedCalls: 2, quietSince: null };
  await recordAttempts(service.store, calls, (_, index) => ({ result: index === 0 ? BUSY : REFUSED, startedAt: 1 }), outage);
});
afterAll(() => closeService(service));

async function ask(method: "GET" | "POST", url: string, payload?: object): Promise<unknown> {
  const answer = await service.app.inject({
    method,
    url,
    headers: { ...CREDENTIALS, accept: "application/json" },
    ...(payload && { payload }),
  });
  return answer.json();
}

it.each<[string, "GET" | "POST", string, object | undefined, TSchema]>([
  ["a callback", "GET", "/callbacks/demo", undefined, CallbackDocument],
  ["callbacks", "GET", "/callbacks", undefined, listDocument("callbacks", CallbackDocument)],
  ["a created callback", "POST", "/callbacks", { ...CALLBACK_BODY, name: "two" }, CallbackDocument],
  ["a call", "GET", "/callbacks/demo/calls/A", undefined, CallDocument],
  ["calls", "GET", "/callbacks/demo/calls?expand=attempts&limit=1", undefined, listDocument("calls", CallDocument)],
  ["no calls", "GET", "/callbacks/demo/calls?status=SUCCESS", undefined, listDocument("calls", CallDocument)],
  ["the ids of a prefix", "GET", "/callbacks/demo/call-ids?prefix=ABCDEF", undefined, CallIdMatchesDocument],
  ["the states of calls", "GET", "/callbacks/demo/call-states?id=A&id=nope", undefined, CallStatesDocument],
  ["the calls of an id", "GET", "/call-ids?id=A", undefined, CallPlacesDocument],
  ["attempts", "GET", "/callbacks/demo/calls/B/attempts", undefined, listDocument("attempts", AttemptDocument)],
  ["outages", "GET", "/outages", undefined, listDocument("outages", OutageDocument)],
  ["a submission", "POST", "/callbacks/demo/calls", { id: "C" }, SubmittedDocument],
  ["what is replayed", "POST", "/callbacks/demo/replays?status=FAILED", undefined, RequestedReplayDocument],
  ["a token", "POST", "/auth", undefined, TokenDocument],
  ["its verification", "GET", "/auth/verify", undefined, VerifiedDocument],
  ["an error", "GET", "/callbacks/nope", undefined, ErrorSchema],
])("%s", async (_, method, url, payload, schema) => {
  const document = await ask(method, url, payload);
  expect([...Value.Errors(schema, document)].map(({ path, message }) => `${path}: ${message}`)).toEqual([]);
  // The answer has nothing that isn't described.
  expect(Value.Clean(schema, structuredClone(document))).toEqual(document);
});
