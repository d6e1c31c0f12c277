/** What is loaded with the service; the rest of the console follows later. */
import type { IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { loadConsole } from "../lazy-parts.js";
import { readBody } from "../requests/bodies.js";
import type { ErrorAnswer } from "../requests/error-answers.js";
import type { RouteContext } from "../routes/route-context.js";
import type { Console } from "./console.js";

export const CONSOLE_PATH = "/console";

/** A form with a page of selected calls, or a callback's settings. */
const FORM_LIMIT = 262_144;
/** Without a session. */
const OPEN_FORM_LIMIT = 8_192;

declare module "fastify" {
  interface FastifyInstance {
    /** Otherwise its first request does. Never rejects. */
    loadConsole(): Promise<unknown>;
  }
}

/** Not below the API's authentication: the console has sessions. Everything else applies to both. */
export function addConsoleRoutes(app: FastifyInstance, context: RouteContext): void {
  let loaded: Promise<Console> | null = null;
  const load = (): Promise<Console> => {
    loaded ??= loadConsole().then(({ createConsole }) => createConsole(context, app.connections));
    loaded.catch(() => {
      loaded = null;
    });
    return loaded;
  };

  const page = {
    sendError(request: FastifyRequest, reply: FastifyReply, answer: ErrorAnswer): FastifyReply {
      const { status, document } = answer;
      // A browser would ask for a password itself.
      const { "www-authenticate": _, ...headers } = answer.headers;
      reply.code(status).headers(headers);
      load()
        .then((console) => console.errorPage(request, reply, answer))
        .then(
          (html) => reply.type("text/html; charset=utf-8").send(html),
          () => reply.type("text/plain; charset=utf-8").send(`${document.errorSummary}: ${document.errorDetail}\n`),
        );
      return reply;
    },
  };

  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("application/x-www-form-urlencoded", async (request: FastifyRequest, payload: IncomingMessage) => {
      return new URLSearchParams((await readBody(request, payload)).toString());
    });
    scope.addHook("onRequest", async (request, reply) => {
      if (!(await (await load()).admit(request, reply))) return reply;
    });
    const open = ["sign-in", "sign-out"].map((name) => `${CONSOLE_PATH}/${name}`);
    for (const url of [CONSOLE_PATH, `${CONSOLE_PATH}/*`, ...open]) {
      scope.route({
        method: ["GET", "HEAD", "POST"],
        url,
        config: { page },
        bodyLimit: open.includes(url) ? OPEN_FORM_LIMIT : FORM_LIMIT,
        schema: { hide: true },
        handler: async (request, reply) => (await load()).answer(request, reply),
      });
    }
  });

  // A stop waits for requests, and a stream doesn't end by itself.
  app.addHook("preClose", async () => {
    const console = await loaded?.catch(() => null);
    console?.close();
  });
  app.decorate("loadConsole", () => load().catch(() => undefined));
}
