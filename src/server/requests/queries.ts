import { parse } from "node:querystring";
import type { FastifyInstance } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import type { Timers } from "../../platform/clock.js";
import { answerTo } from "./error-answers.js";
import { rejectUnread } from "./send-errors.js";

/** A request has at most 100 ids and each filter once. Parsed, a parameter takes far more memory than its bytes, until the answer is sent. */
const MAX_PARAMETERS = 200;

/** Parses no more parameters than a request may have. */
export function parseQuery(text: string): Readonly<Record<string, string | string[] | undefined>> {
  return parse(text, "&", "=", { maxKeys: MAX_PARAMETERS });
}

/** Rejects a request with more parameters, of which only some were parsed. */
export function limitQueries(app: FastifyInstance, timers: Timers): void {
  app.addHook("onRequest", (request, reply, done) => {
    if (hasMoreFields(request.url, MAX_PARAMETERS)) rejectUnread(request, reply, TOO_MANY, timers);
    else done();
  });
}

const TOO_MANY = answerTo(new WhcbError("malformed", `the query has more than ${MAX_PARAMETERS} parameters`));

/** Returns whether a query or a form has more than `most` fields. It is asked before they are parsed. */
export function hasMoreFields(text: string, most: number): boolean {
  let fields = 1;
  for (let at = text.indexOf("&"); at !== -1 && fields <= most; at = text.indexOf("&", at + 1)) fields += 1;
  return fields > most;
}
