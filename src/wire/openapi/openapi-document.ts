import { OptionalKind, type TSchema } from "@sinclair/typebox";
import { NDJSON, type ResourceKind, vendorType } from "../media-types.js";
import { ErrorSchema } from "./document-schemas.js";
import { ROUTE_DOCS, type RouteDoc, type RouteName } from "./route-docs.js";

export interface DescribedRoute {
  readonly method: string;
  /** The path with its parameters, as in `/callbacks/:id`. */
  readonly url: string;
  readonly operationId: RouteName;
}

const DESCRIPTION = `Callbacks, their calls, and the outcome of each call.

Ask for JSON with \`Accept: application/json\`. Without Accept, or with \`*/*\`, the answer is XML of the same members, except of /auth and
/auth/verify, which answer with JSON. An error is \`application/xml\` then.`;

const SECURITY_SCHEMES = {
  apiKey: { type: "apiKey", in: "header", name: "x-api-key" },
  apiKeyParameter: { type: "apiKey", in: "query", name: "apikey" },
  basic: { type: "http", scheme: "basic" },
  bearer: { type: "http", scheme: "bearer" },
} as const;

const WITH_PASSWORD = [
  { apiKey: [], basic: [] },
  { apiKeyParameter: [], basic: [] },
];
const WITH_TOKEN = [
  { apiKey: [], bearer: [] },
  { apiKeyParameter: [], bearer: [] },
];

const ERRORS = {
  400: "Malformed",
  401: "Missing or wrong user, password or token",
  403: "Missing or wrong API key, or the plan's limit is reached",
  404: "Not found",
  409: "Another run has the lock; the body of run-lock has its run, holder, done and total. Or this node sends no e-mails",
  413: "Body over 10 485 760 bytes",
  415: "Unsupported Accept or Content-Type",
  421: "The service doesn't know the name in Host",
  422: "A field is missing or out of range",
  429: "Too many failed logins or test e-mails",
  503: "Temporarily unavailable",
};

const KINDS = { callbacks: "callback", calls: "call", outages: "call", audit: "call", auth: "auth" } as const satisfies Record<
  RouteDoc["tag"],
  ResourceKind
>;

const TEXT = { type: "string" };

/** A schema with an `$id` becomes a component of that name. */
export function openApiDocument(version: string, routes: readonly DescribedRoute[]): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { method, url, operationId } of routes) {
    const path = url.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [method.toLowerCase()]: { operationId, ...operation(ROUTE_DOCS[operationId]) } };
  }
  const responses = Object.fromEntries(
    Object.entries(ERRORS).map(([status, description]) => [status, { description, content: bodyIn(PLAIN, ErrorSchema) }]),
  );
  const schemas: Record<string, unknown> = {};
  return {
    openapi: "3.1.0",
    info: {
      title: "whcb callbacks service",
      version,
      description: DESCRIPTION,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    security: [...WITH_PASSWORD, ...WITH_TOKEN],
    paths: withReferences(paths, schemas),
    components: { securitySchemes: SECURITY_SCHEMES, responses: withReferences(responses, schemas), schemas },
  };
}

interface MediaTypes {
  readonly json: readonly string[];
  readonly xml: readonly string[];
  readonly ndjson?: readonly string[];
}

const PLAIN: MediaTypes = { json: ["application/json"], xml: ["application/xml"] };
const ONLY_JSON: MediaTypes = { json: ["application/json"], xml: [] };

function operation(doc: RouteDoc): object {
  const { summary, tag, params = {}, query = {}, body, errors = [], needsPassword = false } = doc;
  const { success, otherSuccess, isAnsweredInJson = false, isNdjson = false } = doc;
  const kind = KINDS[tag];
  const types: MediaTypes = {
    json: [...PLAIN.json, vendorType(kind, "json")],
    xml: [...PLAIN.xml, vendorType(kind, "xml")],
  };
  const failures = [401, 403, 415, 421, 429, 503, ...errors, ...(doc.params ? [404] : []), ...(body ? [400, 413, 422] : [])];
  const response = ([status, document]: readonly [number, TSchema | null], answered: MediaTypes) => [
    status,
    { description: "Done", ...(document && { content: bodyIn(answered, document) }) },
  ];
  return {
    summary,
    tags: [tag],
    ...(needsPassword && { security: WITH_PASSWORD }),
    parameters: [...parametersIn("path", params), ...parametersIn("query", query)],
    ...(body && {
      requestBody: { required: !isOptional(body), content: bodyIn({ ...types, ndjson: isNdjson ? [NDJSON] : [] }, body) },
    }),
    responses: Object.fromEntries([
      response(success, isAnsweredInJson ? ONLY_JSON : types),
      ...(otherSuccess ? [response(otherSuccess, ONLY_JSON)] : []),
      ...failures.map((status) => [status, { $ref: `#/components/responses/${status}` }]),
    ]),
  };
}

function bodyIn({ json, xml, ndjson = [] }: MediaTypes, document: TSchema): object {
  return Object.fromEntries([
    ...json.map((type) => [type, { schema: document }]),
    ...[...xml, ...ndjson].map((type) => [type, { schema: TEXT }]),
  ]);
}

function parametersIn(place: "path" | "query", schemas: Readonly<Record<string, TSchema>>): object[] {
  return Object.entries(schemas).map(([name, { description, ...schema }]) => ({
    name,
    in: place,
    required: !isOptional(schema),
    ...(description !== undefined && { description }),
    schema,
  }));
}

function isOptional(schema: object): boolean {
  return OptionalKind in schema;
}

/** Adds each schema that has an `$id` to `schemas`, and puts a reference in its place. */
function withReferences(value: unknown, schemas: Record<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((item) => withReferences(item, schemas));
  if (typeof value !== "object" || value === null) return value;
  const { $id, ...members } = value as { readonly $id?: string };
  const written = Object.fromEntries(Object.entries(members).map(([name, member]) => [name, withReferences(member, schemas)]));
  if ($id === undefined) return written;
  schemas[$id] = written;
  return { $ref: `#/components/schemas/${$id}` };
}
