/** Random operations on callbacks and calls with few names, so that they meet each other. */
import fc from "fast-check";
import { CALLBACK_BODY } from "../server/server-fixture.js";

export type Operation =
  | {
      readonly kind: "request";
      readonly method: "GET" | "POST" | "PUT" | "DELETE";
      readonly path: string;
      readonly body?: unknown;
    }
  /** `statusCode` is null if the endpoint wasn't reached. */
  | { readonly kind: "attempt"; readonly callback: string; readonly calls: readonly string[]; readonly statusCode: number | null }
  | { readonly kind: "hold"; readonly callback: string; readonly calls: readonly string[] }
  | { readonly kind: "beginOutage" | "endOutage"; readonly callback: string }
  | { readonly kind: "sendMails" }
  | { readonly kind: "purge"; readonly limit: number }
  | { readonly kind: "advance"; readonly ms: number };

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const callback = fc.constantFrom("one", "one", "one", "two", "drei");
const callId = fc.constantFrom("A", "a", "B", "C", "d", "E-1", "Ä", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef", "%_");
const callIds = fc.uniqueArray(callId, { minLength: 1, maxLength: 5 });
/** Spelled in capitals and small letters, also those that aren't ASCII. */
const spelling = fc.constantFrom("GRÖSSE", "grösse", "ÄÖ", "äö", "İ", "i̇", "ΟΔΟΣ", "οδος", "οδοσ");
const word = fc.oneof(spelling, fc.constantFrom("Yes", "yes", "100%", "a_b", "", "'", "😀"));
const response = fc.record(
  {
    messageId: fc.constantFrom("M1", "m1", "M2"),
    from: fc.record(
      { name: word, mobile: fc.constantFrom("61400000001", "+61 400 000 001", ""), email: fc.constantFrom("a@b.c", "A@B.C", "") },
      { requiredKeys: [] },
    ),
    responseMessage: fc.record(
      { channel: fc.constantFrom("SMS", "EMAIL", "VOICE"), content: word },
      { requiredKeys: ["channel"] },
    ),
    customParameters: fc.dictionary(fc.constantFrom("k", "K"), word, { maxKeys: 2 }),
  },
  { requiredKeys: [] },
);
const calls = callIds.chain((ids) => fc.tuple(...ids.map((id) => response.map((one) => ({ id, ...one })))));
const status = fc.constantFrom("SUCCESS", "FAILED");

/** Has at most two of the parameters: more would hardly ever match anything. */
function query(parameters: Readonly<Record<string, fc.Arbitrary<string>>>): fc.Arbitrary<string> {
  return fc
    .subarray(Object.entries(parameters), { maxLength: 2 })
    .chain((some) => fc.tuple(...some.map(([name, value]) => value.map((text) => `${name}=${encodeURIComponent(text)}`))))
    .map((all) => all.join("&"));
}

/** Some of one list and some of the other. */
function queries(...all: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> {
  return fc.tuple(...all).map((texts) => texts.filter((text) => text !== "").join("&"));
}

const filters = {
  status: fc.constantFrom("SUCCESS", "FAILED", "PENDING"),
  since: fc.constantFrom("2030-01-01T00:01:00Z", "2030-01-01T12:00:00Z"),
  until: fc.constantFrom("2030-01-01T00:06:00Z", "2030-01-02T00:00:00Z"),
  statusCode: fc.constantFrom("503", "5xx", "none", "200,none"),
  channel: fc.constantFrom("SMS", "EMAIL"),
  messageId: fc.constantFrom("M1", "m1"),
  reason: fc.constantFrom("as 503", "refused", "not-sent"),
  from: fc.constantFrom("61400000001", "a@b.c"),
  q: word.filter((text) => text !== ""),
  answer: fc.constantFrom("busy", "BUSY", "ß", "ÜBER", "über"),
};
const somePage = {
  limit: fc.constantFrom("1", "2", "20"),
  offset: fc.constantFrom("0", "1", "5"),
};
const listQuery = queries(
  query(filters),
  query({
    ...somePage,
    sortFields: fc.constantFrom("attemptedDate", "id", "status", "status,messageId"),
    sortOrder: fc.constantFrom("asc", "desc"),
    expand: fc.constantFrom("attempts"),
  }),
);
const search = fc.oneof(
  spelling.map((text) => `q=${encodeURIComponent(text)}`),
  filters.answer.map((text) => `answer=${encodeURIComponent(text)}`),
);
const groupQuery = queries(
  query(filters),
  fc.constantFrom("statusCode", "reason", "statusCode,reason", "channel", "from", "hour").map((keys) => `groupBy=${keys}`),
);
const chosen = fc.oneof(
  callIds.map((ids) => ids.map((id) => `id=${encodeURIComponent(id)}`).join("&")),
  query({ ...filters, status: fc.constantFrom("FAILED") }),
);

function request(
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: fc.Arbitrary<string>,
  parameters: fc.Arbitrary<string> = fc.constant(""),
  body: fc.Arbitrary<unknown> = fc.constant(undefined),
): fc.Arbitrary<Operation> {
  return fc.tuple(path, parameters, body).map(([where, given, sent]) => ({
    ...{ kind: "request", method, path: given === "" ? where : `${where}?${given}` },
    ...(sent !== undefined && { body: sent }),
  }));
}

const on = (rest = "") => callback.map((name) => `/callbacks/${name}${rest}`);
const onCall = (rest = "") =>
  fc.tuple(callback, callId).map(([name, id]) => `/callbacks/${name}/calls/${encodeURIComponent(id)}${rest}`);
const onReplay = fc.tuple(callback, fc.constantFrom("R1", "R2")).map(([name, run]) => `/callbacks/${name}/replays/${run}`);
const lease = fc.record({ run: fc.constantFrom("R1", "R2"), holder: fc.constant("ada@desk") });
const report = fc.record({
  sentFrom: fc.constant("ada@desk"),
  attempts: fc.array(
    fc.record({ id: callId, attemptedDate: filters.since, durationMs: fc.nat(999), statusCode: fc.constantFrom(200, 503) }),
    { minLength: 1, maxLength: 3 },
  ),
});
const settings = fc.record(
  {
    retriesEnabled: fc.boolean(),
    contentType: fc.constantFrom("json", "xml"),
    name: callback,
    url: fc.constantFrom("http://127.0.0.1:9001/x"),
  },
  { requiredKeys: [] },
);
const created = fc.record({ name: callback, retriesEnabled: fc.boolean() }).map((changes) => ({ ...CALLBACK_BODY, ...changes }));
const statusCode = fc.constantFrom(200, 200, 503, 503, 500, 404, null);

/** So that most of what follows finds something. */
export const PREPARATION: readonly Operation[] = [
  { kind: "request", method: "POST", path: "/callbacks", body: { ...CALLBACK_BODY, name: "one" } },
  {
    kind: "request",
    method: "POST",
    path: "/callbacks/one/calls",
    body: {
      calls: [
        { id: "A", responseMessage: { channel: "SMS", content: "Die GRÖSSE" } },
        { id: "B", responseMessage: { channel: "EMAIL", content: "äö, οδός, ΟΔΟΣ" } },
        { id: "C" },
        { id: "d" },
      ],
    },
  },
  { kind: "attempt", callback: "one", calls: ["A", "B"], statusCode: 503 },
];

export const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: request("POST", fc.constant("/callbacks"), undefined, created) },
  { weight: 2, arbitrary: request("PUT", on(), undefined, settings) },
  { weight: 1, arbitrary: request("DELETE", on()) },
  { weight: 1, arbitrary: request("GET", on()) },
  {
    weight: 2,
    arbitrary: request(
      "GET",
      fc.constant("/callbacks"),
      query({ ...somePage, sortFields: fc.constantFrom("name", "id"), sortOrder: fc.constantFrom("asc", "desc") }),
    ),
  },
  {
    weight: 12,
    arbitrary: request(
      "POST",
      on("/calls"),
      undefined,
      calls.map((all) => ({ calls: all })),
    ),
  },
  { weight: 14, arbitrary: request("GET", on("/calls"), listQuery) },
  { weight: 8, arbitrary: request("GET", on("/calls"), search) },
  { weight: 5, arbitrary: request("GET", on("/calls"), groupQuery) },
  { weight: 2, arbitrary: request("GET", onCall()) },
  { weight: 2, arbitrary: request("GET", onCall("/attempts")) },
  { weight: 3, arbitrary: request("PUT", onCall(), undefined, fc.record({ status })) },
  { weight: 4, arbitrary: request("PUT", on("/calls"), chosen, fc.record({ status })) },
  { weight: 3, arbitrary: request("POST", on("/replays"), chosen) },
  { weight: 3, arbitrary: request("POST", on("/replays"), chosen, lease) },
  { weight: 2, arbitrary: request("GET", onReplay) },
  { weight: 2, arbitrary: request("DELETE", onReplay) },
  { weight: 2, arbitrary: request("PUT", on("/run-lock"), undefined, lease) },
  { weight: 1, arbitrary: request("DELETE", on("/run-lock"), undefined, lease) },
  { weight: 2, arbitrary: request("POST", on("/attempts"), undefined, report) },
  { weight: 1, arbitrary: request("GET", on("/call-ids"), fc.constantFrom("prefix=012345", "prefix=A")) },
  {
    weight: 1,
    arbitrary: request(
      "GET",
      fc.constant("/call-ids"),
      callId.map((id) => `id=${encodeURIComponent(id)}`),
    ),
  },
  { weight: 2, arbitrary: request("GET", fc.constant("/outages"), query(somePage)) },
  { weight: 16, arbitrary: fc.record({ kind: fc.constant("attempt" as const), callback, calls: callIds, statusCode }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("hold" as const), callback, calls: callIds }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("beginOutage" as const, "endOutage" as const), callback }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("sendMails" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("purge" as const), limit: fc.constantFrom(1, 3, 1_000) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("advance" as const),
      ms: fc.constantFrom(1, 1_000, MINUTE, 5 * MINUTE, DAY, 31 * DAY, 366 * DAY),
    }),
  },
);
