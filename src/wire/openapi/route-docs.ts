/** The routes check bodies against the same schemas (wire/json/parse-*.ts). */
import { type TSchema, Type } from "@sinclair/typebox";
import { GROUP_KEYS } from "../../domain/call-groups.js";
import { MAX_IDS_PER_REQUEST } from "../bulk-ids.js";
import {
  CallbackSchema,
  CallbackUpdateSchema,
  MarkSchema,
  PauseSchema,
  ReplayReportSchema,
  RunLeaseSchema,
  SubmissionListSchema,
  SubmissionSchema,
} from "../json/request-schemas.js";
import {
  AttemptDocument,
  AuditDocument,
  CallbackDocument,
  CallDocument,
  CallGroupsDocument,
  CallIdMatchesDocument,
  CallPlacesDocument,
  CallStatesDocument,
  HeldLockDocument,
  LeftCallsDocument,
  listDocument,
  MadeSecretDocument,
  OutageDocument,
  ReplayDocument,
  RequestedReplayDocument,
  SignInCodeDocument,
  SubmittedDocument,
  TestMailDocument,
  TokenDocument,
  VerifiedDocument,
} from "./document-schemas.js";

const CallbackParams = { id: Type.String({ description: "The callback's id or name" }) };
const CallParams = { ...CallbackParams, callId: Type.String() };
const ReplayParams = { ...CallbackParams, replayId: Type.String() };

/** Whether a parameter may be empty is checked in server/routes/query-parameters.ts. */
const TEXT = { minLength: 1 };

const PAGE = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, default: 20, description: "A value above the largest page size means the largest" }),
  ),
  offset: Type.Optional(Type.Integer({ minimum: 0, default: 0 })),
  cursor: Type.Optional(Type.String({ description: "Taken from the link rel=next" })),
};
const SORT = {
  sortFields: Type.Optional(Type.String({ description: "Comma-separated" })),
  sortOrder: Type.Optional(Type.Union([Type.Literal("asc"), Type.Literal("desc")])),
};
const FILTER = {
  status: Type.Optional(Type.Union([Type.Literal("FAILED"), Type.Literal("SUCCESS"), Type.Literal("PENDING")])),
  since: Type.Optional(Type.String({ ...TEXT, description: "Last attempt at or after this time: ISO 8601 or dd/MM/yy HH:mm" })),
  until: Type.Optional(Type.String({ ...TEXT, description: "Last attempt before this time" })),
  statusCode: Type.Optional(Type.String({ ...TEXT, description: "Comma-separated: 500, 5xx or none (no answer)" })),
  reason: Type.Optional(
    Type.String({ ...TEXT, description: "As a group's: the answer's message, no-message, or the kind of failure" }),
  ),
  channel: Type.Optional(Type.String({ ...TEXT, description: "SMS, EMAIL or VOICE; another one as listed" })),
  messageId: Type.Optional(Type.String(TEXT)),
  from: Type.Optional(Type.String(TEXT)),
  q: Type.Optional(Type.String({ ...TEXT, description: "Text anywhere in the content, in any letter case" })),
  answer: Type.Optional(Type.String({ ...TEXT, description: "Text anywhere in the endpoint's answer, in any letter case" })),
};
const IDS = {
  id: Type.Optional(
    Type.Array(Type.String(TEXT), { maxItems: MAX_IDS_PER_REQUEST, description: "Repeat the parameter; id[] works too" }),
  ),
};

export interface RouteDoc {
  readonly summary: string;
  readonly tag: "callbacks" | "calls" | "outages" | "audit" | "auth";
  readonly params?: Record<string, TSchema>;
  readonly query?: Record<string, TSchema>;
  readonly body?: TSchema;
  readonly success: readonly [status: number, document: TSchema | null];
  /** What else may be answered to a request that is done. */
  readonly otherSuccess?: readonly [status: number, document: TSchema];
  readonly errors?: readonly number[];
  readonly isNdjson?: boolean;
  /** It is answered in JSON, whatever Accept says. */
  readonly isAnsweredInJson?: boolean;
  /** A token isn't enough. */
  readonly needsPassword?: boolean;
}

function route(doc: RouteDoc): RouteDoc {
  return doc;
}

export const ROUTE_DOCS = {
  createCallback: route({
    summary: "Create a callback; its URL must answer a GET with 200",
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
  getCallback: route({ summary: "Get a callback", tag: "callbacks", params: CallbackParams, success: [200, CallbackDocument] }),
  updateCallback: route({
    summary: "Change a callback's settings; what is left out is kept. 200 shows a signing secret that was made",
    tag: "callbacks",
    params: CallbackParams,
    body: CallbackUpdateSchema,
    success: [204, null],
    otherSuccess: [200, MadeSecretDocument],
  }),
  deleteCallback: route({
    summary: "Delete a callback; what waits to be sent is cancelled",
    tag: "callbacks",
    params: CallbackParams,
    success: [204, null],
  }),
  pauseCallback: route({
    summary: "Pause a callback, in place of an earlier pause: nothing is sent, and what is accepted waits",
    tag: "callbacks",
    params: CallbackParams,
    body: Type.Optional(PauseSchema),
    success: [204, null],
  }),
  resumeCallback: route({
    summary: "End the pause of a callback, if it has one: what has waited is sent",
    tag: "callbacks",
    params: CallbackParams,
    success: [204, null],
  }),
  sendTestMail: route({
    summary: "Send the e-mail of an outage to the callback's address, as a test: one a minute to an address, 20 an hour in all",
    tag: "callbacks",
    params: CallbackParams,
    success: [200, TestMailDocument],
    isAnsweredInJson: true,
    errors: [409],
  }),
  listCalls: route({
    summary: "List a callback's calls, newest first",
    tag: "calls",
    params: CallbackParams,
    query: {
      ...FILTER,
      ...PAGE,
      ...SORT,
      expand: Type.Optional(Type.Literal("attempts")),
      include: Type.Optional(Type.Literal("answer")),
      groupBy: Type.Optional(
        Type.String({ ...TEXT, description: `Counts instead of calls. Comma-separated: ${GROUP_KEYS.join(", ")}` }),
      ),
    },
    success: [200, Type.Composite([listDocument("calls", CallDocument), Type.Partial(CallGroupsDocument)])],
    errors: [422],
  }),
  markCalls: route({
    summary: `Mark up to ${MAX_IDS_PER_REQUEST} calls, all or none`,
    tag: "calls",
    params: CallbackParams,
    query: IDS,
    body: MarkSchema,
    success: [204, null],
    otherSuccess: [200, LeftCallsDocument],
  }),
  submitCalls: route({
    summary: "Submit responses to deliver: one, up to 1 000, or NDJSON of any length",
    tag: "calls",
    params: CallbackParams,
    body: Type.Union([SubmissionSchema, SubmissionListSchema]),
    success: [202, SubmittedDocument],
    isNdjson: true,
  }),
  getCall: route({ summary: "Get a call", tag: "calls", params: CallParams, success: [200, CallDocument] }),
  markCall: route({
    summary: "Mark a call",
    tag: "calls",
    params: CallParams,
    body: MarkSchema,
    success: [204, null],
    otherSuccess: [200, LeftCallsDocument],
  }),
  findCallIds: route({
    summary: "Complete a generated call id from its first 6 or more hex digits, whatever the calls' status",
    tag: "calls",
    params: CallbackParams,
    query: { prefix: Type.String(TEXT) },
    success: [200, CallIdMatchesDocument],
    errors: [422],
  }),
  findStates: route({
    summary: `Get the states of up to ${MAX_IDS_PER_REQUEST} calls; unknown ones are left out`,
    tag: "calls",
    params: CallbackParams,
    query: IDS,
    success: [200, CallStatesDocument],
    errors: [422],
  }),
  findCallPlaces: route({
    summary: "Find the calls of all callbacks that have an id, or whose generated id begins with it",
    tag: "calls",
    query: { id: Type.String(TEXT) },
    success: [200, CallPlacesDocument],
    errors: [422],
  }),
  listAttempts: route({
    summary: "List a call's attempts",
    tag: "calls",
    params: CallParams,
    success: [200, listDocument("attempts", AttemptDocument)],
  }),
  requestReplays: route({
    summary: `Replay failed calls now: up to ${MAX_IDS_PER_REQUEST} by id, or all that match a filter; another parameter is an error`,
    tag: "calls",
    params: CallbackParams,
    query: { ...IDS, ...FILTER },
    body: Type.Optional(RunLeaseSchema),
    success: [202, RequestedReplayDocument],
    errors: [409, 422],
  }),
  getReplay: route({
    summary: "Get a replay by the service: its state and the number of calls by outcome",
    tag: "calls",
    params: ReplayParams,
    success: [200, ReplayDocument],
  }),
  cancelReplay: route({
    summary: "Cancel what a replay by the service has not begun to send; the calls keep their retries",
    tag: "calls",
    params: ReplayParams,
    success: [204, null],
  }),
  recordReplays: route({
    summary: "Add up to 100 attempts that a client made to the history of their calls; this changes no status",
    tag: "calls",
    params: CallbackParams,
    body: ReplayReportSchema,
    success: [204, null],
  }),
  findRunLock: route({
    summary: "Get who has the lock of a callback, if anybody has it",
    tag: "calls",
    params: CallbackParams,
    success: [204, null],
    otherSuccess: [200, HeldLockDocument],
  }),
  takeRunLock: route({
    summary: "Take the lock of a callback for 30 seconds, or renew it: one run at a time sends a callback's calls",
    tag: "calls",
    params: CallbackParams,
    body: RunLeaseSchema,
    success: [204, null],
    errors: [409],
  }),
  releaseRunLock: route({
    summary: "Release the lock of a callback, if this run has it",
    tag: "calls",
    params: CallbackParams,
    body: RunLeaseSchema,
    success: [204, null],
  }),
  listOutages: route({
    summary: "List outages, newest first",
    tag: "outages",
    query: { callbackId: Type.Optional(Type.String(TEXT)), ...PAGE },
    success: [200, listDocument("outages", OutageDocument)],
    errors: [404, 422],
  }),
  listAudit: route({
    summary: "List who changed what, newest first",
    tag: "audit",
    query: {
      callbackId: Type.Optional(Type.String({ ...TEXT, description: "The callback's id or name; a deleted one's, too" })),
      user: Type.Optional(Type.String(TEXT)),
      since: Type.Optional(Type.String({ ...TEXT, description: "At or after this time: ISO 8601 or dd/MM/yy HH:mm" })),
      ...PAGE,
    },
    success: [200, listDocument("audit", AuditDocument)],
    errors: [422],
  }),
  getRoot: route({ summary: "Check that the credentials are valid", tag: "auth", success: [200, VerifiedDocument] }),
  issueToken: route({
    summary: "Get a token for a user and password",
    tag: "auth",
    success: [200, TokenDocument],
    needsPassword: true,
  }),
  createSignInCode: route({
    summary: "Get a code to sign in to the console, for a user and password",
    tag: "auth",
    success: [201, SignInCodeDocument],
    isAnsweredInJson: true,
    needsPassword: true,
  }),
  verifyToken: route({ summary: "Check that the credentials are valid", tag: "auth", success: [200, VerifiedDocument] }),
} as const;

export type RouteName = keyof typeof ROUTE_DOCS;
