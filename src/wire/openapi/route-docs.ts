/** What /openapi.json says of each route. The routes check their input themselves, by the same schemas (wire/parse-*). */
import { type TSchema, Type } from "@sinclair/typebox";
import { CallbackSchema, MarkSchema, SubmissionListSchema, SubmissionSchema } from "../json/schemas.js";
import {
  AcceptedDocument,
  AttemptDocument,
  CallbackDocument,
  CallDocument,
  listDocument,
  OutageDocument,
  SubmittedDocument,
  TokenDocument,
  VerifiedDocument,
} from "./document-schemas.js";

const CallbackParams = { id: Type.String({ description: "A callback's id or its name" }) };
const CallParams = { ...CallbackParams, callId: Type.String() };

const PAGE = {
  limit: Type.Optional(Type.Integer({ minimum: 1, default: 20, description: "Above the largest page: the largest" })),
  offset: Type.Optional(Type.Integer({ minimum: 0, default: 0 })),
  cursor: Type.Optional(Type.String({ description: "As rel=next gives it" })),
};
const SORT = {
  sortFields: Type.Optional(Type.String({ description: "Separated by commas" })),
  sortOrder: Type.Optional(Type.Union([Type.Literal("asc"), Type.Literal("desc")])),
};
const FILTER = {
  status: Type.Optional(Type.Union([Type.Literal("FAILED"), Type.Literal("SUCCESS"), Type.Literal("PENDING")])),
  since: Type.Optional(Type.String({ description: "Last attempt at or after: ISO 8601 or dd/MM/yy HH:mm" })),
  until: Type.Optional(Type.String({ description: "Last attempt before" })),
  statusCode: Type.Optional(Type.String({ description: "500,5xx,none" })),
  channel: Type.Optional(Type.String({ description: "SMS, EMAIL or VOICE" })),
  messageId: Type.Optional(Type.String()),
  from: Type.Optional(Type.String()),
  q: Type.Optional(Type.String({ description: "Somewhere in the content" })),
};
const ids = (maxItems: number) => ({
  id: Type.Optional(Type.Array(Type.String(), { maxItems, description: "Repeated; id[] as well" })),
});

const ERRORS: Readonly<Record<number, string>> = {
  400: "Malformed",
  401: "User, password or token missing or wrong",
  403: "API key missing or wrong, or the plan's limit reached",
  404: "No such thing",
  413: "Body over 10 485 760 bytes",
  415: "Another Accept or Content-Type",
  422: "A field missing or out of range",
  429: "Too many failed logins",
  503: "Not just now",
};

/** Each also as application/vnd.whispir.api-callback-v1 and api-call-v1, +json and +xml. */
const FORMS = ["application/json", "application/xml"];

interface RouteDoc {
  readonly summary: string;
  readonly tag: string;
  readonly params?: Record<string, TSchema>;
  readonly query?: Record<string, TSchema>;
  readonly body?: TSchema;
  readonly success: readonly [status: number, document: TSchema | null];
  readonly errors?: readonly number[];
  readonly isNdjson?: boolean;
}

/** What a server's route says of itself; of the shape that Fastify and its OpenAPI plug-in read. */
interface RouteSchema {
  readonly summary: string;
  readonly tags: readonly string[];
  readonly params?: TSchema;
  readonly querystring?: TSchema;
  readonly body?: TSchema;
  readonly consumes?: readonly string[];
  readonly produces: readonly string[];
  readonly response: Readonly<Record<number, unknown>>;
}

function route({ summary, tag, params, query, body, success, errors = [], isNdjson = false }: RouteDoc): RouteSchema {
  const [status, document] = success;
  const failures = [...new Set([401, 403, 415, 429, 503, ...errors, ...(params ? [404] : []), ...(body ? [400, 413, 422] : [])])];
  return {
    summary,
    tags: [tag],
    ...(params && { params: Type.Object(params) }),
    ...(query && { querystring: Type.Object(query) }),
    ...(body && { body, consumes: isNdjson ? [...FORMS, "application/x-ndjson"] : FORMS }),
    produces: FORMS,
    response: {
      [status]: document === null ? Type.Null({ description: "Done" }) : { description: "Done", ...document },
      ...Object.fromEntries(failures.map((failure) => [failure, { $ref: "Error#", description: ERRORS[failure] ?? "Error" }])),
    },
  };
}

export const docs = {
  createCallback: route({
    summary: "Register a callback; its URL must answer a GET with 200",
    tag: "callbacks",
    body: CallbackSchema,
    success: [201, CallbackDocument],
  }),
  listCallbacks: route({
    summary: "List callbacks",
    tag: "callbacks",
    query: { ...PAGE, ...SORT },
    success: [200, listDocument("callbacks", CallbackDocument)],
    errors: [422],
  }),
  getCallback: route({ summary: "A callback", tag: "callbacks", params: CallbackParams, success: [200, CallbackDocument] }),
  updateCallback: route({
    summary: "Change a callback, whole; without auth.key the stored one stays",
    tag: "callbacks",
    params: CallbackParams,
    body: CallbackSchema,
    success: [204, null],
  }),
  deleteCallback: route({
    summary: "Delete a callback and what waits for it",
    tag: "callbacks",
    params: CallbackParams,
    success: [204, null],
  }),
  listCalls: route({
    summary: "List a callback's calls, newest first",
    tag: "calls",
    params: CallbackParams,
    query: { ...FILTER, ...PAGE, ...SORT, expand: Type.Optional(Type.Literal("attempts")) },
    success: [200, listDocument("calls", CallDocument)],
    errors: [422],
  }),
  markCalls: route({
    summary: "Mark up to 100 calls, all or none",
    tag: "calls",
    params: CallbackParams,
    query: ids(100),
    body: MarkSchema,
    success: [204, null],
  }),
  submitCalls: route({
    summary: "Hand in responses to deliver: one, up to 1 000, or NDJSON of any length",
    tag: "calls",
    params: CallbackParams,
    body: Type.Union([SubmissionSchema, SubmissionListSchema]),
    success: [202, SubmittedDocument],
    isNdjson: true,
  }),
  getCall: route({ summary: "A call", tag: "calls", params: CallParams, success: [200, CallDocument] }),
  markCall: route({ summary: "Mark a call", tag: "calls", params: CallParams, body: MarkSchema, success: [204, null] }),
  listAttempts: route({
    summary: "Every attempt of a call",
    tag: "calls",
    params: CallParams,
    success: [200, listDocument("attempts", AttemptDocument)],
  }),
  requestReplays: route({
    summary: "Attempt failed calls again, now: up to 100 by id, or all that a filter means",
    tag: "calls",
    params: CallbackParams,
    query: { ...ids(100), ...FILTER },
    success: [202, AcceptedDocument],
    errors: [422],
  }),
  listOutages: route({
    summary: "Outages, newest first",
    tag: "outages",
    query: { callbackId: Type.Optional(Type.String()), ...PAGE },
    success: [200, listDocument("outages", OutageDocument)],
    errors: [404, 422],
  }),
  issueToken: route({ summary: "A token for a user and a password", tag: "auth", success: [200, TokenDocument] }),
  verifyToken: route({ summary: "Whether the credentials are valid", tag: "auth", success: [200, VerifiedDocument] }),
} as const;

export type RouteName = keyof typeof docs;
