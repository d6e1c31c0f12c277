import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { TypeCompiler, type ValueError } from "@sinclair/typebox/compiler";
import { MAX_REPORT_BODY, MAX_REPORT_DURATION_MS, UNREACHABLE_REASONS } from "../../domain/attempt.js";
import { cutText } from "../../domain/call-filter.js";
import { LONGEST_PAUSE_MS } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import { isObject } from "./json-value.js";

const SwitchOff = Type.Union([Type.Literal("enabled"), Type.Literal("disabled")], {
  title: "enabled or disabled",
  description: "A new callback without it has disabled",
});

/** A scalar is sent as it came. */
const Scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()], { title: "text or null" });

const AuthSchema = Type.Object(
  {
    type: Type.Union(
      [
        Type.Literal("queryparam"),
        Type.Literal("querystring"),
        Type.Literal("httpheader"),
        Type.Literal("basicauth"),
        Type.Literal("bearertoken"),
      ],
      { title: "queryparam, httpheader, basicauth or bearertoken" },
    ),
    key: Type.Optional(Type.String({ maxLength: 128, description: "Empty: no credential is sent" })),
  },
  { title: "an object" },
);

export const CallbackSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 50, description: "Unique; a message refers to it as its callbackId" }),
    url: Type.String({ minLength: 1, maxLength: 2048, description: "http or https" }),
    auth: AuthSchema,
    contentType: Type.Union([Type.Literal("json"), Type.Literal("xml")], { title: "json or xml" }),
    removeHTML: Type.Optional(SwitchOff),
    retriesEnabled: Type.Optional(
      Type.Union([Type.Boolean(), Type.Literal("true"), Type.Literal("false")], {
        title: "true or false",
        description: "A new callback without it has false",
      }),
    ),
    email: Type.String({ minLength: 1, maxLength: 64, description: "Who is notified of an outage" }),
    callbacks: Type.Optional(
      Type.Object({ reply: Type.Optional(SwitchOff), undeliverable: Type.Optional(SwitchOff) }, { title: "an object" }),
    ),
    signing: Type.Optional(
      Type.Union([Type.Literal("enabled"), Type.Literal("disabled"), Type.Literal("new")], {
        title: "enabled, disabled or new",
        description: "Whether deliveries are signed; new: with a new secret. A new callback without it has disabled",
      }),
    ),
  },
  { $id: "NewCallback", title: "an object" },
);

/** Only /openapi.json has it: an update is merged before the check. */
export const CallbackUpdateSchema = Type.Partial(Type.Object({ ...CallbackSchema.properties, auth: Type.Partial(AuthSchema) }), {
  $id: "CallbackUpdate",
  title: "an object",
  description: "What is left out is kept",
});

export type CallbackBody = Static<typeof CallbackSchema>;

/** Such an id is the same in a path. */
const ID_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$";

const NO_CONTROL_CHARACTERS = "^[^\\u0000-\\u001f\\u007f]*$";

const Count = Type.Optional(Type.Integer({ minimum: 0, title: "a whole number" }));

const Reason = Type.Union(
  UNREACHABLE_REASONS.map((reason) => Type.Literal(reason)),
  { title: "the reason of a failed request" },
);

export const ReplayReportSchema = Type.Object(
  {
    sentFrom: Type.String({ minLength: 1, maxLength: 256, pattern: NO_CONTROL_CHARACTERS, title: "text" }),
    attempts: Type.Array(
      Type.Object({
        id: Type.String({ minLength: 1, maxLength: 64, title: "a call id" }),
        attemptedDate: Type.String({ title: "ISO 8601", description: "At most 5 minutes ahead of the service's clock" }),
        durationMs: Type.Integer({ minimum: 0, maximum: MAX_REPORT_DURATION_MS, title: "milliseconds, at most a day" }),
        statusCode: Type.Optional(Type.Integer({ minimum: 100, maximum: 999, title: "a status code" })),
        statusMessage: Type.Optional(Type.String({ maxLength: 1_000, title: "text" })),
        error: Type.Optional(Reason),
        body: Type.Optional(Type.String({ maxLength: MAX_REPORT_BODY, title: "text" })),
        resent: Type.Optional(
          Type.Boolean({ title: "true or false", description: "Sent again on a fresh connection, within this attempt" }),
        ),
      }),
      { minItems: 1, maxItems: 100, title: "a list" },
    ),
  },
  { $id: "ReplayReport", title: "an object" },
);

export const ListedChangeSchema = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 64, title: "a call id" }),
  changedDate: Type.Optional(Type.String({ title: "a date" })),
  submittedDate: Type.Optional(Type.String({ title: "a date" })),
});

export const MarkSchema = Type.Object(
  {
    status: Type.Union([Type.Literal("SUCCESS"), Type.Literal("FAILED")], { title: "SUCCESS or FAILED" }),
    settledBy: Type.Optional(Type.Union([Type.Literal("user"), Type.Literal("replay")], { title: "user or replay" })),
    replays: Type.Optional(ReplayReportSchema),
    unlessDeliveredSince: Type.Optional(Type.String({ title: "a date" })),
    unlessSettled: Type.Optional(Type.Boolean({ title: "true or false" })),
    unlessFailedSince: Type.Optional(Type.String({ title: "a date" })),
    unlessChanged: Type.Optional(Type.Array(ListedChangeSchema, { maxItems: 100, title: "a list" })),
    markedAt: Type.Optional(Type.String({ title: "a date" })),
  },
  { $id: "Mark", title: "an object" },
);

export const PauseSchema = Type.Object(
  {
    durationMs: Type.Optional(
      Type.Integer({ minimum: 1, maximum: LONGEST_PAUSE_MS, title: "milliseconds, from 1 to those of 365 days" }),
    ),
  },
  { $id: "Pause", title: "an object", description: "Without `durationMs` it lasts until it is resumed" },
);

export const RunLeaseSchema = Type.Object(
  {
    run: Type.String({ pattern: ID_PATTERN, title: "up to 64 letters, digits and . _ ~ -, with a letter or digit first" }),
    holder: Type.String({
      minLength: 1,
      maxLength: 256,
      pattern: NO_CONTROL_CHARACTERS,
      title: "text without control characters",
    }),
    done: Count,
    total: Count,
  },
  { $id: "RunLease", title: "an object" },
);

const Sender = Type.Object(
  {
    name: Type.Optional(Scalar),
    mri: Type.Optional(Scalar),
    mobile: Type.Optional(Scalar),
    email: Type.Optional(Scalar),
    voice: Type.Optional(Scalar),
  },
  { description: "Other members are sent too" },
);

const ResponseMessage = Type.Object(
  {
    channel: optionalText(64, "SMS, EMAIL or VOICE; another one is sent as it came"),
    acknowledged: optionalText(64, "dd/MM/yy HH:mm of a reply"),
    undeliverable: optionalText(64, "dd/MM/yy HH:mm; if not empty, the message was undeliverable"),
    content: Type.Optional(Scalar),
  },
  { description: "Other members are sent too" },
);

const MessageId = orNull(Type.String({ maxLength: 64, pattern: NO_CONTROL_CHARACTERS }), "up to 64 characters");

export const SubmissionSchema = Type.Object(
  {
    id: Type.Optional(
      Type.String({
        pattern: ID_PATTERN,
        title: "up to 64 letters, digits and . _ ~ -",
        description: "A call sent twice is accepted once",
      }),
    ),
    messageId: MessageId,
    messageid: MessageId,
    messageLocation: optionalText(2048),
    messagelocation: optionalText(2048),
    from: orNull(Sender, "an object"),
    responseMessage: orNull(ResponseMessage, "an object"),
    customParameters: orNull(
      Type.Record(Type.String(), Type.Unknown(), { maxProperties: 1_000, description: "Values are sent as strings" }),
      "an object of up to 1 000 members",
    ),
  },
  { $id: "Submission", title: "an object" },
);

function optionalText(maxLength: number, description?: string) {
  return orNull(
    Type.String({ maxLength, ...(description !== undefined && { description }) }),
    `text of up to ${maxLength} characters, or null`,
  );
}

function orNull<Schema extends TSchema>(schema: Schema, title: string) {
  return Type.Optional(Type.Union([schema, Type.Null()], { title }));
}

export const SubmissionListSchema = Type.Object(
  { calls: Type.Array(SubmissionSchema, { minItems: 1, maxItems: 1000 }) },
  { $id: "SubmissionList" },
);

/** An error names at most so many. */
const MAX_PROBLEMS = 20;

/** Returns the value, or throws `invalid` (`malformed` if it isn't an object). The schema is compiled at first use. */
export function checkerOf<Schema extends TSchema>(schema: Schema): (value: unknown) => Static<Schema> {
  let compiled: ReturnType<typeof TypeCompiler.Compile<Schema>> | null = null;
  return (value) => {
    compiled ??= TypeCompiler.Compile(schema);
    if (compiled.Check(value)) return value;
    if (!isObject(value)) throw new WhcbError("malformed", "the body must be an object");
    const problems = new Map<string, string>();
    for (const { path, value: found, schema: wanted } of innermost(compiled.Errors(value))) {
      const field = path.slice(1).replaceAll("/", ".");
      if (!problems.has(field)) problems.set(field, describeProblem(found, wanted));
      if (problems.size === MAX_PROBLEMS) break;
    }
    throw invalidFields(problems);
  };
}

/** An object that may also be null has two schemas; the errors of interest are those within the object. */
function* innermost(errors: Iterable<ValueError>): Generator<ValueError> {
  for (const error of errors) {
    const [ofObject] = isObject(error.value) ? error.errors : [];
    if (ofObject === undefined) yield error;
    else yield* innermost(ofObject);
  }
}

/**
 * Throws `invalid` with this problem for each member that the schema doesn't have: a misspelled guard would be none. `path` leads to the
 * value within the body.
 */
export function requireKnownMembers(
  value: unknown,
  { properties }: { readonly properties: object },
  problem: string,
  path = "",
): void {
  const unknown = unknownMembers(value, properties);
  if (unknown.length > 0) throw invalidFields(new Map(unknown.map((name) => [path + name, problem])));
}

/** Returns at most as many as an error names, each cut to what it shows. */
export function unknownMembers(value: unknown, known: object): readonly string[] {
  const unknown = isObject(value) ? Object.keys(value).filter((name) => !Object.hasOwn(known, name)) : [];
  return unknown.slice(0, MAX_PROBLEMS).map((name) => cutText(name));
}

export function invalidFields(problems: ReadonlyMap<string, string>): WhcbError {
  const message = [...problems].map(([field, problem]) => `${field} ${problem}`).join("; ");
  return new WhcbError("invalid", message, { fields: problems });
}

/** The text never includes the value, which may be a secret. */
function describeProblem(found: unknown, { title, type, minLength, maxLength, minItems, maxItems }: TSchema): string {
  if (found === undefined) return "is required";
  if (typeof found === "string" && type === "string") {
    if (minLength !== undefined && found.length < minLength) return "must not be empty";
    if (maxLength !== undefined && found.length > maxLength) return `must be at most ${maxLength} characters`;
  }
  if (Array.isArray(found) && type === "array")
    return `must have ${minItems === undefined ? "at most" : `${minItems} to`} ${maxItems} items`;
  return `must be ${title ?? (type === "array" ? "a list" : `a ${type}`)}`;
}
