/** A stranger may send requests of every kind: right ones, nearly right ones, and noise. */
import fc from "fast-check";
import { toXml } from "../../../src/wire/xml/xml-write.js";
import { anyText } from "../wire/arbitrary-wire.js";
import { CALLBACK_BODY, CREDENTIALS } from "./server-fixture.js";
import type { RawRequest } from "./service-callers.js";

const oddText = fc.oneof(
  anyText,
  fc.constantFrom(
    "",
    "\0",
    "a\0b",
    "\ud800",
    "__proto__",
    "constructor",
    "'; DROP TABLE calls; --",
    "%",
    "../..",
    "x".repeat(70_000),
  ),
);
const oddValue = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  oddText,
  fc.constantFrom<unknown>(null, -1, 1e308, 0, true, [], {}, [[]], { id: [] }, "9".repeat(400)),
);

const id = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom("demo", "0123456789ABCDEF", "other") },
  { weight: 2, arbitrary: oddText.filter((text) => text.length < 2000).map(inPath) },
  { weight: 1, arbitrary: fc.constantFrom("%zz", "%00", "%ff%fe", "..%2f..", "a%2fb", "%F0%9F") },
);
const callId = fc.oneof(fc.constantFrom("A", "B", "C", "D"), id);

const anyPath = fc.oneof(
  fc.constantFrom(
    "/callbacks",
    "/outages",
    "/auth",
    "/auth/verify",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/",
    "//",
    "/*",
  ),
  id.map((one) => `/callbacks/${one}`),
  id.map((one) => `/callbacks/${one}/calls`),
  id.map((one) => `/callbacks/${one}/replays`),
  fc.tuple(id, callId).map(([one, replay]) => `/callbacks/${one}/replays/${replay}`),
  id.map((one) => `/callbacks/${one}/attempts`),
  id.map((one) => `/callbacks/${one}/run-lock`),
  id.map((one) => `/callbacks/${one}/call-states`),
  fc.tuple(id, callId).map(([one, call]) => `/callbacks/${one}/calls/${call}`),
  fc.tuple(id, callId).map(([one, call]) => `/callbacks/${one}/calls/${call}/attempts`),
);

const parameter = fc.tuple(
  fc.constantFrom(
    ...["id", "id[]", "id[0]", "limit", "offset", "cursor", "sortFields", "sortOrder", "status", "since", "until"],
    ...["statusCode", "channel", "messageId", "from", "q", "expand", "callbackId", "apikey", "__proto__", "x"],
  ),
  fc.oneof(
    callId,
    fc.constantFrom(
      "FAILED",
      "SUCCESS",
      "PENDING",
      "20",
      "0",
      "999999999999999",
      "1e9",
      "asc",
      "desc",
      "id",
      "name",
      "attemptedDate,id",
      "attempts",
    ),
    fc.constantFrom("2026-01-01", "01/01/26 10:00", "5xx,none", "SMS", "WyItc2VxIixbM10sMSxudWxsXQ", "W10", "%", "+", "a b"),
    oddText.filter((text) => text.length < 2000).map(inPath),
  ),
);
const anyQuery = fc.array(parameter, { maxLength: 4 }).map((pairs) => pairs.map(([name, value]) => `${name}=${value}`).join("&"));

const aCallBody = fc.record(
  {
    id: fc.oneof(callId, oddValue),
    messageId: fc.oneof(fc.constant("M1"), oddValue),
    messageLocation: oddValue,
    from: fc.oneof(fc.record({ mobile: oddValue, name: oddValue }), oddValue),
    responseMessage: fc.oneof(
      fc.record(
        { channel: fc.oneof(fc.constant("SMS"), oddValue), content: oddText, undeliverable: oddValue },
        { requiredKeys: [] },
      ),
      oddValue,
    ),
    customParameters: fc.oneof(fc.dictionary(oddText, oddValue, { maxKeys: 3 }), oddValue),
  },
  { requiredKeys: [] },
);
const aCallbackBody = fc
  .tuple(
    fc.constantFrom(...Object.keys(CALLBACK_BODY)),
    fc.oneof(oddValue, fc.constantFrom("new", "demo", "http://127.0.0.1/", "json")),
    fc.boolean(),
  )
  .map(([field, value, isRight]) =>
    isRight ? { ...CALLBACK_BODY, name: "new" } : { ...CALLBACK_BODY, name: "new", [field]: value },
  );

const aLeaseBody = fc.record(
  {
    run: fc.oneof(fc.constantFrom("R1", "R2"), oddValue),
    holder: fc.oneof(fc.constant("a@b"), oddValue),
    done: oddValue,
    total: oddValue,
  },
  { requiredKeys: ["run", "holder"] },
);
const aReportBody = fc.record({
  sentFrom: fc.oneof(fc.constant("a@b"), oddValue),
  attempts: fc.array(
    fc.record(
      {
        id: fc.oneof(callId, oddValue),
        attemptedDate: fc.oneof(fc.constant("2026-01-01T00:00:00Z"), oddValue),
        durationMs: fc.oneof(fc.constant(1), oddValue),
        statusCode: fc.oneof(fc.constant(503), oddValue),
        statusMessage: oddText,
        error: fc.oneof(fc.constant("timeout"), oddValue),
        body: oddText,
      },
      { requiredKeys: ["id", "attemptedDate", "durationMs"] },
    ),
    { maxLength: 3 },
  ),
});

const aDocument = fc.oneof(
  aCallBody,
  fc.record({ calls: fc.oneof(fc.array(aCallBody, { maxLength: 3 }), oddValue) }),
  aCallbackBody,
  aLeaseBody,
  aReportBody,
  fc.record({ status: fc.oneof(fc.constantFrom("SUCCESS", "FAILED", "PENDING"), oddValue) }),
  oddValue,
);

const anyBody = fc.oneof(
  {
    weight: 4,
    arbitrary: aDocument.map((document) => ({ type: "application/json", body: Buffer.from(JSON.stringify(document) ?? "") })),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(aDocument, fc.constantFrom("callback" as const, "calls" as const, "call" as const))
      .map(([document, shape]) => ({
        type: "application/xml",
        body: Buffer.from(toXml(shape, typeof document === "object" && document !== null ? { ...document } : {}).toString()),
      })),
  },
  {
    weight: 2,
    arbitrary: fc
      .array(
        fc.oneof(
          aDocument.map((one) => JSON.stringify(one) ?? ""),
          anyText,
        ),
        { maxLength: 5 },
      )
      .map((lines) => ({
        type: "application/x-ndjson",
        body: Buffer.from(lines.join("\n")),
      })),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "application/json",
        "application/xml",
        "application/x-ndjson",
        "text/plain",
        "garbage",
        "application/json; charset=utf-16",
      ),
      body: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      { type: "application/json", body: Buffer.from("[".repeat(100_000)) },
      { type: "application/json", body: Buffer.from(`{"a":`.repeat(20_000)) },
      { type: "application/xml", body: Buffer.from("<a>".repeat(100_000)) },
      { type: "application/xml", body: Buffer.from('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>') },
      { type: "application/json", body: Buffer.from("\ufeff{}") },
    ),
  },
);

const anyHeaders = fc.record(
  {
    accept: fc.oneof(
      fc.constantFrom("application/json", "application/xml", "*/*", "text/html", "application/json;q=x", ";;,,"),
      fc.stringMatching(/^[ -~]{0,30}$/),
    ),
    authorization: fc.constantFrom(CREDENTIALS.authorization, "Basic", "Bearer a.b", "Basic ZGVtbw==", "x"),
    "x-api-key": fc.constantFrom(CREDENTIALS["x-api-key"], "wrong", ""),
    host: fc.constantFrom("localhost", "a:99999", "[::1]:80", "<x>", "h"),
    "x-request-id": fc.stringMatching(/^[ -~]{0,80}$/),
    "x-forwarded-for": fc.constantFrom("1.2.3.4", ",", "x"),
    "x-forwarded-proto": fc.constantFrom("https", "javascript"),
  },
  { requiredKeys: [] },
);

type Shape = "callback" | "calls" | "call";

/** The document is one that the route takes, as JSON or XML. */
function sentAs(documents: fc.Arbitrary<Readonly<Record<string, unknown>>>, shape: Shape): fc.Arbitrary<Sent> {
  const asJson = documents.map((document) => ({ type: "application/json", body: Buffer.from(JSON.stringify(document)) }));
  const asXml = documents.map((document) => ({
    type: "application/xml",
    body: Buffer.from(toXml(shape, { ...document }).toString()),
  }));
  return fc.oneof(asJson, asXml);
}

interface Sent {
  readonly type: string;
  readonly body: Buffer;
}

const callback = fc.constantFrom("demo", "demo", "demo", "0123456789ABCDEF", "other");
const aResponse = fc.record(
  {
    messageId: fc.constant("M1"),
    from: fc.record({ mobile: fc.stringMatching(/^61\d{9}$/), name: anyText }),
    responseMessage: fc.record({ channel: fc.constantFrom("SMS", "EMAIL", "VOICE"), content: anyText }),
    customParameters: fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), anyText, { maxKeys: 3 }),
  },
  { requiredKeys: [] },
);
const someIds = fc
  .uniqueArray(fc.constantFrom("A", "B", "C"), { minLength: 1 })
  .map((ids) => ids.map((one) => `id=${one}`).join("&"));
const newCallback = fc
  .record({
    name: fc.stringMatching(/^new-[a-z]{1,6}$/),
    contentType: fc.constantFrom("json", "xml"),
    removeHTML: fc.constantFrom("enabled", "disabled"),
  })
  .map((changes) => ({ ...CALLBACK_BODY, ...changes }));
const lines = fc.array(aResponse, { maxLength: 5 }).map((responses) => ({
  type: "application/x-ndjson",
  body: Buffer.from(responses.map((response) => JSON.stringify(response)).join("\n")),
}));
const aLease = fc.record({ run: fc.constantFrom("R1", "R2"), holder: fc.constant("a@b") });
const aReport = fc.record({
  id: fc.constantFrom("A", "B"),
  attemptedDate: fc.constant("2026-01-01T00:00:00Z"),
  durationMs: fc.nat(),
});

/** The method, the path's end behind the callback, the query and the body belong together. */
const aRightRequest = fc
  .oneof(
    ...[
      right("POST", fc.constant("/callbacks"), sentAs(newCallback, "callback")),
      right(
        "PUT",
        onCallback(),
        sentAs(
          newCallback.map(({ contentType }) => ({ contentType })),
          "callback",
        ),
      ),
      right("GET", onCallback()),
      right(
        "GET",
        onCallback("/calls"),
        undefined,
        fc.constantFrom("", "status=FAILED", "groupBy=statusCode", "expand=attempts"),
      ),
      right("POST", onCallback("/calls"), sentAs(aResponse, "call")),
      right(
        "POST",
        onCallback("/calls"),
        sentAs(fc.record({ calls: fc.array(aResponse, { minLength: 1, maxLength: 5 }) }), "calls"),
      ),
      right("POST", onCallback("/calls"), lines),
      right("PUT", onCallback("/calls"), sentAs(fc.record({ status: fc.constantFrom("SUCCESS", "FAILED") }), "call"), someIds),
      right("POST", onCallback("/replays"), undefined, someIds),
      right("POST", onCallback("/replays"), sentAs(aLease, "call"), someIds),
      right("GET", onCallback("/replays/R")),
      right("DELETE", onCallback("/replays/R")),
      right(
        "POST",
        onCallback("/attempts"),
        sentAs(fc.record({ sentFrom: fc.constant("a@b"), attempts: fc.array(aReport, { minLength: 1, maxLength: 3 }) }), "call"),
      ),
      right("PUT", onCallback("/run-lock"), sentAs(aLease, "call")),
      right("GET", onCallback("/run-lock")),
      right("GET", onCallback("/call-states"), undefined, someIds),
      right("DELETE", onCallback("/run-lock"), sentAs(aLease, "call")),
      right("GET", onCallback("/calls/A")),
      right("GET", onCallback("/calls/A/attempts")),
      right("GET", fc.constantFrom("/callbacks", "/outages", "/metrics", "/openapi.json", "/readyz")),
      right("POST", fc.constant("/auth")),
    ],
  )
  .chain((request) =>
    fc.constantFrom("application/json", "application/xml").map((accept) => ({
      ...request,
      headers: { ...CREDENTIALS, accept, ...request.headers },
    })),
  );

function onCallback(rest = ""): fc.Arbitrary<string> {
  return callback.map((one) => `/callbacks/${one}${rest}`);
}

function right(
  method: string,
  path: fc.Arbitrary<string>,
  sent: fc.Arbitrary<Sent | null> = fc.constant(null),
  query: fc.Arbitrary<string> = fc.constant(""),
): fc.Arbitrary<RawRequest> {
  return fc.tuple(path, sent, query).map(([where, body, parameters]) => ({
    method,
    path: where + (parameters === "" ? "" : `?${parameters}`),
    ...(body && { headers: { "content-type": body.type }, body: body.body }),
  }));
}

/** Most of them have the right credentials, so that they get further than the door. */
const aWildRequest: fc.Arbitrary<RawRequest> = fc
  .record({
    method: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom("GET", "POST", "PUT") },
      { weight: 1, arbitrary: fc.constantFrom("DELETE", "PATCH", "OPTIONS", "HEAD") },
    ),
    path: anyPath,
    query: anyQuery,
    sent: fc.option(anyBody, { freq: 4 }),
    headers: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: anyHeaders }),
  })
  .map(({ method, path, query, sent, headers }) => ({
    method,
    path: path + (query === "" ? "" : `?${query}`),
    headers: { ...CREDENTIALS, accept: "application/json", ...(sent && { "content-type": sent.type }), ...headers },
    ...(sent && method !== "GET" && method !== "HEAD" && { body: sent.body }),
  }));

export const anyRequest: fc.Arbitrary<RawRequest> = fc.oneof(aWildRequest, aRightRequest);

function inPath(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, "?"));
}
