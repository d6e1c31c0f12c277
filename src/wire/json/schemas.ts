/** The documents that callers send, as schemas: they check, they type, and they are what /openapi.json shows. */
import { type Static, Type } from "@sinclair/typebox";

const Switch = Type.Union([Type.Literal("enabled"), Type.Literal("disabled")], { title: "enabled or disabled" });

/** A number or a boolean is taken as its text. */
const Scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean()], { title: "text" });

export const AuthSchema = Type.Object(
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
    key: Type.Optional(Type.String({ maxLength: 128, description: "Left out of a PUT: the stored one stays" })),
  },
  { title: "an object" },
);

export const CallbackSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 50, description: "Unique; what a message names as its callbackId" }),
    url: Type.String({ minLength: 1, maxLength: 2048, description: "http or https" }),
    auth: AuthSchema,
    contentType: Type.Union([Type.Literal("json"), Type.Literal("xml")], { title: "json or xml" }),
    removeHTML: Switch,
    retriesEnabled: Type.Optional(
      Type.Union([Type.Boolean(), Type.Literal("true"), Type.Literal("false")], { title: "true or false", default: false }),
    ),
    email: Type.String({ minLength: 1, maxLength: 64, description: "Who is told of an outage" }),
    callbacks: Type.Object({ reply: Switch, undeliverable: Switch }, { title: "an object" }),
  },
  { $id: "Callback", title: "an object" },
);

export type CallbackBody = Static<typeof CallbackSchema>;

export const MarkSchema = Type.Object(
  { status: Type.Union([Type.Literal("SUCCESS"), Type.Literal("FAILED")], { title: "SUCCESS or FAILED" }) },
  { $id: "Mark", title: "an object" },
);

/** What an index or a header must carry: no control characters. */
const PLAIN = "^[^\\u0000-\\u001f\\u007f]*$";

export const CALL_ID_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$";

const Sender = Type.Object(
  {
    name: Type.Optional(Scalar),
    mri: Type.Optional(Scalar),
    mobile: Type.Optional(Scalar),
    email: Type.Optional(Scalar),
    voice: Type.Optional(Scalar),
  },
  { title: "an object" },
);

export const SubmissionSchema = Type.Object(
  {
    id: Type.Optional(
      Type.String({
        pattern: CALL_ID_PATTERN,
        title: "up to 64 letters, digits and . _ ~ -",
        description: "Sent twice, it is taken once",
      }),
    ),
    messageId: Type.Optional(Type.String({ maxLength: 64, pattern: PLAIN, title: "up to 64 characters" })),
    messageid: Type.Optional(Type.String({ maxLength: 64, pattern: PLAIN, title: "up to 64 characters" })),
    messageLocation: Type.Optional(Type.String({ maxLength: 2048 })),
    messagelocation: Type.Optional(Type.String({ maxLength: 2048 })),
    from: Type.Optional(Sender),
    responseMessage: Type.Optional(
      Type.Object(
        {
          channel: Type.Optional(
            Type.String({
              pattern: "^\\s*(?:[Ss][Mm][Ss]|[Ee][Mm][Aa][Ii][Ll]|[Vv][Oo][Ii][Cc][Ee])\\s*$",
              title: "SMS, EMAIL or VOICE",
            }),
          ),
          acknowledged: Type.Optional(Type.String({ maxLength: 64, description: "dd/MM/yy HH:mm of a reply" })),
          undeliverable: Type.Optional(
            Type.String({ maxLength: 64, description: "dd/MM/yy HH:mm; its presence makes it undeliverable" }),
          ),
          content: Type.Optional(Scalar),
        },
        { title: "an object" },
      ),
    ),
    customParameters: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), { title: "an object", description: "Values are sent as strings" }),
    ),
  },
  { $id: "Submission", title: "an object" },
);

export const SubmissionListSchema = Type.Object({ calls: Type.Array(SubmissionSchema, { minItems: 1, maxItems: 1000 }) });

export const ErrorSchema = Type.Object(
  { errorSummary: Type.String(), errorText: Type.String(), errorDetail: Type.String() },
  { $id: "Error" },
);
