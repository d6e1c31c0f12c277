import { type TSchema, Type } from "@sinclair/typebox";
import { AUDIT_ACTIONS, WAYS } from "../../domain/audit/audit-entry.js";
import { HEALTH_NAMES } from "../../domain/callback.js";

const Instant = Type.String({ format: "date-time", description: "ISO 8601 with milliseconds" });

const LinkDocument = Type.Object(
  {
    uri: Type.String({ description: "Absolute" }),
    rel: Type.String(),
    method: Type.String(),
    type: Type.Optional(Type.String()),
    host: Type.String(),
    port: Type.Integer({ description: "-1 for the scheme's default port" }),
  },
  { $id: "Link" },
);

const Links = Type.Array(LinkDocument);

const Switch = Type.Union([Type.Literal("enabled"), Type.Literal("disabled")]);

export const CallbackDocument = Type.Object(
  {
    id: Type.String({ pattern: "^[0-9A-F]{16}$" }),
    name: Type.String(),
    url: Type.String(),
    auth: Type.Object({
      type: Type.Union([
        Type.Literal("queryparam"),
        Type.Literal("httpheader"),
        Type.Literal("basicauth"),
        Type.Literal("bearertoken"),
      ]),
      key: Type.String(),
    }),
    contentType: Type.Union([Type.Literal("json"), Type.Literal("xml")]),
    removeHTML: Switch,
    retriesEnabled: Type.Boolean(),
    email: Type.String(),
    callbacks: Type.Object({ reply: Switch, undeliverable: Switch }),
    signing: Type.Optional(Type.Literal("enabled")),
    signingSecret: Type.Optional(Type.String({ description: "Only of the request that made it" })),
    state: Type.Optional(Type.Union(HEALTH_NAMES.map((name) => Type.Literal(name)))),
    stateSince: Type.Optional(Instant),
    pausedUntil: Type.Optional(Type.String({ format: "date-time", description: "Without it, a pause ends when it is resumed" })),
    pausedBy: Type.Optional(Type.String()),
    downSince: Type.Optional(Instant),
    sending: Type.Optional(
      Type.String({
        description:
          "Why nothing can be sent to the endpoint: the egress proxy can't be used, or no process that sends is known to run",
      }),
    ),
    waitingSince: Type.Optional(Type.Union([Instant, Type.Null()])),
    waitingCalls: Type.Optional(Type.Integer()),
    expiredCalls: Type.Optional(Type.Integer()),
    link: Links,
  },
  { $id: "Callback" },
);

/** It is shown once. */
export const MadeSecretDocument = Type.Object(
  {
    id: Type.String(),
    signing: Type.Literal("enabled"),
    signingSecret: Type.String({ pattern: "^whsec_" }),
  },
  { $id: "MadeSecret" },
);

export const AttemptDocument = Type.Object(
  {
    number: Type.Integer(),
    attemptedDate: Instant,
    durationMs: Type.Integer(),
    statusCode: Type.Optional(Type.Integer()),
    statusMessage: Type.String(),
    error: Type.Optional(Type.String()),
    cause: Type.Union([Type.Literal("first"), Type.Literal("retry"), Type.Literal("probe"), Type.Literal("replay")]),
    sentFrom: Type.Optional(Type.String({ description: "user@host of the client that sent it, as it says" })),
    body: Type.Optional(Type.String({ description: "The first 1 KiB of the answer's body" })),
    resent: Type.Optional(Type.Literal(true, { description: "Sent again on a fresh connection, within this attempt" })),
    retryAfterMs: Type.Optional(Type.Integer({ description: "The endpoint's Retry-After; the service changes nothing by it" })),
  },
  { $id: "Attempt" },
);

/** A call has what was submitted, of whatever type. */
const asSubmitted = (description: string) => Type.Optional(Type.Unknown({ description: `As submitted: ${description}` }));

export const CallDocument = Type.Object(
  {
    id: Type.String(),
    messageId: asSubmitted("text"),
    messageLocation: asSubmitted("text"),
    status: Type.Union([Type.Literal("FAILED"), Type.Literal("SUCCESS"), Type.Literal("PENDING")]),
    from: asSubmitted("name, mri, mobile, email, voice"),
    responseMessage: asSubmitted("channel, acknowledged or undeliverable (dd/MM/yy HH:mm), content"),
    customParameters: asSubmitted("texts by name"),
    callback: Type.Object({
      id: Type.String(),
      name: Type.String(),
      url: Type.String(),
      attemptedDate: Type.Optional(Instant),
      statusCode: Type.Optional(Type.Integer()),
      statusMessage: Type.Optional(Type.String()),
    }),
    attemptCount: Type.Integer(),
    nextAttemptDate: Type.Optional(Instant),
    retryUntil: Type.Optional(Instant),
    settledBy: Type.Optional(Type.Union([Type.Literal("dispatcher"), Type.Literal("user"), Type.Literal("replay")])),
    settledByUser: Type.Optional(Type.String({ description: "Who has marked it" })),
    changedDate: Instant,
    submittedDate: Instant,
    attempts: Type.Optional(Type.Array(AttemptDocument)),
    answer: Type.Optional(Type.String()),
    link: Links,
  },
  { $id: "Call" },
);

export const OutageDocument = Type.Object(
  {
    id: Type.String(),
    callbackId: Type.String(),
    startedAt: Instant,
    endedAt: Type.Optional(Instant),
    state: Type.Union([Type.Literal("open"), Type.Literal("closed")]),
    recoveringSince: Type.Optional(Instant),
    failedCalls: Type.Integer(),
    notifiedAt: Type.Optional(Instant),
    notifiedBy: Type.Optional(Type.Union([Type.Literal("smtp"), Type.Literal("file")])),
    mailError: Type.Optional(Type.String({ description: "Why the e-mail isn't sent yet" })),
  },
  { $id: "Outage" },
);

export const AuditDocument = Type.Object(
  {
    id: Type.String(),
    at: Instant,
    action: Type.Union(AUDIT_ACTIONS.map((action) => Type.Literal(action))),
    user: Type.Optional(Type.String({ description: "A user of the service, or user@host of a command on the database" })),
    via: Type.Union(WAYS.map((way) => Type.Literal(way))),
    address: Type.Optional(Type.String()),
    callbackId: Type.Optional(Type.String()),
    callback: Type.Optional(Type.String({ description: "The name that it had" })),
    count: Type.Optional(Type.Integer({ description: "Calls, attempts, tests, or sign-ins that failed" })),
    details: Type.Optional(
      Type.Object({
        settings: Type.Optional(
          Type.Array(
            Type.Object({ setting: Type.String(), before: Type.Optional(Type.String()), after: Type.Optional(Type.String()) }),
          ),
        ),
        status: Type.Optional(Type.Union([Type.Literal("FAILED"), Type.Literal("SUCCESS")])),
        settledBy: Type.Optional(Type.Union([Type.Literal("user"), Type.Literal("replay")])),
        filter: Type.Optional(Type.Record(Type.String(), Type.String(), { description: "As parameters of the list of calls" })),
        callId: Type.Optional(Type.String()),
        callIdsDigest: Type.Optional(Type.String({ description: "SHA-256 of the ids, sorted, one a line" })),
        replayId: Type.Optional(Type.String()),
        until: Type.Optional(
          Type.String({ format: "date-time", description: "The end of the pause; without it, when it is resumed" }),
        ),
        username: Type.Optional(Type.String({ description: "Who was added, changed or removed" })),
        newApiKey: Type.Optional(Type.Literal(true)),
        mails: Type.Optional(Type.Integer()),
        filters: Type.Optional(Type.Integer()),
      }),
    ),
  },
  { $id: "AuditEntry" },
);

export const CallGroupsDocument = Type.Object({
  groupedBy: Type.String({ description: "The keys of groupBy" }),
  groups: Type.Array(
    Type.Object({
      statusCode: Type.Optional(Type.Integer()),
      reason: Type.Optional(Type.String({ description: "The answer's message, the kind of failure, or not-sent" })),
      answer: Type.Optional(Type.String()),
      hour: Type.Optional(Instant),
      from: Type.Optional(Type.String()),
      messageId: Type.Optional(Type.String()),
      channel: Type.Optional(Type.String()),
      count: Type.Integer({ description: "Calls; those of the same group on the next page are others" }),
      firstAttemptedDate: Type.Optional(Instant),
      lastAttemptedDate: Type.Optional(Instant),
      exampleId: Type.Optional(Type.String({ description: "One of the calls" })),
    }),
  ),
  retried: Type.Object({
    calls: Type.Integer(),
    nextAttemptDate: Type.Optional(Instant),
    retryUntil: Type.Optional(Instant),
  }),
});

export function listDocument(name: string, item: TSchema) {
  return Type.Object({
    status: Type.String({ description: '"1 to 20 of 347"' }),
    [name]: Type.Optional(Type.Array(item)),
    link: Type.Optional(Links),
  });
}

export const SubmittedDocument = Type.Object({
  calls: Type.Optional(Type.Array(Type.Object({ id: Type.String() }))),
  accepted: Type.Optional(Type.Integer({ description: "New calls, without repeats" })),
  rejected: Type.Optional(Type.Array(Type.Object({ line: Type.Integer(), errorDetail: Type.String() }))),
});

export const RequestedReplayDocument = Type.Object({
  id: Type.String({ description: "The run's of the body; without one, a new id" }),
  total: Type.Integer({ description: "Calls of the replay, with those of earlier requests of the run" }),
  accepted: Type.Integer({ description: "Failed calls of this request; those that wait for an earlier replay count too" }),
});

export const CallIdMatchesDocument = Type.Object({
  callIds: Type.Array(Type.String(), { description: "In order; at most 1 000" }),
  hasMore: Type.Boolean({ description: "There are or may be others" }),
});

export const CallStatesDocument = Type.Object({
  calls: Type.Array(Type.Pick(CallDocument, ["id", "status", "settledBy", "changedDate", "submittedDate"]), {
    description: "In the order of the request",
  }),
});

export const CallPlacesDocument = Type.Object({
  calls: Type.Array(Type.Object({ id: Type.String(), callbackId: Type.String() }), { description: "By id" }),
  hasMore: Type.Boolean({ description: "There are others" }),
});

export const ReplayDocument = Type.Object({
  id: Type.String(),
  state: Type.Union([Type.Literal("running"), Type.Literal("finished"), Type.Literal("cancelled")]),
  requestedDate: Instant,
  total: Type.Integer({ description: "succeeded + failed + cancelled + left" }),
  succeeded: Type.Integer(),
  failed: Type.Integer(),
  cancelled: Type.Integer({ description: "Not attempted: cancelled, marked or erased before" }),
  left: Type.Integer({ description: "Wait for their attempt, or are in flight" }),
});

export const HeldLockDocument = Type.Object({
  run: Type.String({ description: "Empty: the service replays calls itself" }),
  holder: Type.String(),
  done: Type.Integer(),
  total: Type.Integer(),
  replay: Type.Optional(Type.String({ description: "Of the service" })),
});

export const LeftCallsDocument = Type.Object({
  status: Type.Union([Type.Literal("FAILED"), Type.Literal("SUCCESS")]),
  left: Type.Array(Type.String(), { description: "The calls that stayed as they were; the others are marked" }),
});

export const TokenDocument = Type.Object({ token: Type.String(), link: Links });

export const SignInCodeDocument = Type.Object({ code: Type.String(), expiresAt: Instant });

export const TestMailDocument = Type.Object({
  to: Type.String(),
  channel: Type.Union([Type.Literal("smtp"), Type.Literal("file")]),
  sent: Type.Boolean({ description: "The mail server accepted it, or the file was written" }),
  answer: Type.String({ description: "The mail server's answer, why it wasn't sent, or the file's path" }),
});

export const VerifiedDocument = Type.Object({ status: Type.String(), link: Links });

export const ErrorSchema = Type.Object(
  { errorSummary: Type.String(), errorText: Type.String(), errorDetail: Type.String() },
  { $id: "Error" },
);
