import type { FastifyInstance } from "fastify";
import type { DescribedRoute } from "../../wire/openapi/openapi-document.js";
import type { RouteName } from "../../wire/openapi/route-docs.js";
import { lazyParts } from "../lazy-parts.js";

declare module "fastify" {
  interface FastifySchema {
    readonly operationId?: RouteName;
  }
}

/** Describes the routes with an operationId that are added after it. The document is made at the first request. */
export function addOpenApiRoute(app: FastifyInstance, version: string): void {
  const routes: DescribedRoute[] = [];
  let document: Promise<Buffer> | null = null;

  app.addHook("onRoute", ({ method, url, schema }) => {
    if (schema?.operationId !== undefined && method !== "HEAD") {
      routes.push({ method: String(method), url, operationId: schema.operationId });
    }
  });

  app.get("/openapi.json", { config: { takesNoReadSlot: true } }, async (_, reply) => {
    document ??= render();
    document.catch(() => {
      document = null;
    });
    return reply.header("content-type", "application/json").send(await document);
  });

  async function render(): Promise<Buffer> {
    const { openApiDocument } = await lazyParts.openApiDocument();
    return Buffer.from(JSON.stringify(openApiDocument(version, routes)));
  }
}
