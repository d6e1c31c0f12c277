/** For those who run the service: is it there, can it work, what does it do. */
import type { FastifyInstance } from "fastify";
import type { ServerDeps } from "../deps.js";
import type { Metrics } from "../metrics.js";

export interface OperationRoutes {
  readonly deps: ServerDeps;
  readonly metrics: Metrics;
  openApi(): Promise<string>;
}

export function addOperationRoutes(app: FastifyInstance, { deps, metrics, openApi }: OperationRoutes): void {
  let document: Promise<string> | null = null;

  app.get("/healthz", { schema: { hide: true } }, async (_, reply) => reply.type("application/json").send('{"status":"ok"}'));

  /** Not ready while it starts or stops, or while the store can't be written. */
  app.get("/readyz", { schema: { hide: true } }, async (_, reply) => {
    const isReady = deps.isReady() && (await canWrite(deps));
    return reply
      .code(isReady ? 200 : 503)
      .type("application/json")
      .send(JSON.stringify({ status: isReady ? "ready" : "not ready" }));
  });

  app.get("/metrics", { schema: { hide: true } }, async (_, reply) => {
    const { contentType, text } = await metrics.render();
    return reply.type(contentType).send(text);
  });

  app.get("/openapi.json", { schema: { hide: true } }, async (_, reply) => {
    document ??= openApi();
    return reply.type("application/json").send(await document);
  });
}

async function canWrite({ store, logger }: ServerDeps): Promise<boolean> {
  try {
    await store.checkWritable();
    return true;
  } catch (error) {
    logger.warn({ err: error }, "The store can't be written");
    return false;
  }
}
