/** The document is generated at the first request. */
import Fastify, { type FastifyInstance } from "fastify";
import { lazyParts } from "../lazy-parts.js";
import { decorateRequests } from "../requests/send-document.js";
import type { RouteContext } from "../routes/route-context.js";

const SECURITY = {
  apiKey: { type: "apiKey", in: "header", name: "x-api-key" },
  basic: { type: "http", scheme: "basic" },
  bearer: { type: "http", scheme: "bearer" },
} as const;

/** A second app gets the routes with their schemas, so the first one doesn't pay for them. */
export async function openApiDocument(
  version: string,
  addRoutes: (app: FastifyInstance, schemaFor: RouteContext["schemaFor"]) => void,
): Promise<string> {
  const [{ default: swagger }, { ROUTE_DOCS }, { ErrorSchema }] = await Promise.all([
    lazyParts.swagger(),
    lazyParts.routeDocs(),
    lazyParts.documentSchemas(),
  ]);
  const app = Fastify({ logger: false, exposeHeadRoutes: false });
  app.addSchema(ErrorSchema);
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => JSON.stringify);
  await app.register(swagger, {
    refResolver: {
      buildLocalReference: (schema, _, __, index) => (typeof schema.$id === "string" ? schema.$id : `Schema${index}`),
    },
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "whcb callbacks service",
        version,
        description: "Callbacks, their calls, and the outcome of each call.",
      },
      components: { securitySchemes: SECURITY },
      security: [
        { apiKey: [], basic: [] },
        { apiKey: [], bearer: [] },
      ],
    },
  });
  decorateRequests(app);
  addRoutes(app, (route) => ({ schema: ROUTE_DOCS[route] }));
  await app.ready();
  const document = JSON.stringify(app.swagger());
  await app.close();
  return document;
}
