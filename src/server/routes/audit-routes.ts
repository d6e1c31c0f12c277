/** The route is that of docs/contract.md, What ours adds: audit. */
import type { FastifyInstance } from "fastify";
import { LONGEST_ENTRY } from "../../domain/audit/audit-entry.js";
import type { AuditQuery } from "../../store/audit.js";
import { auditEntryToJson } from "../../wire/json/audit-json.js";
import { withoutUndefined } from "../../wire/json/json-value.js";
import { reservePage, sendList } from "./list-answer.js";
import { type Query, readFilter, readPage, readParameter } from "./query-parameters.js";
import type { RouteContext } from "./route-context.js";

/** Lists the newest first. */
export function addAuditRoute(app: FastifyInstance, context: RouteContext): void {
  const { schemaFor, deps, largestPage } = context;
  app.get<{ Querystring: Query }>("/audit", schemaFor("listAudit"), async (request, reply) => {
    const { query } = request;
    const asked = readPage(query, largestPage);
    reservePage(request, reply, asked, LONGEST_ENTRY);
    const page = await deps.store.audit.list({ ...asked, ...(await readAuditFilter(query, context)) });
    return sendList(request, reply, {
      ...{ name: "audit", kind: "call", path: "/audit", asked, page, largestPage },
      writeItem: auditEntryToJson,
    });
  });
}

/** Changes of a callback are found by its name, also those before it was called so, and by the names of deleted ones. */
export async function readAuditFilter(
  query: Query,
  { deps }: Pick<RouteContext, "deps">,
): Promise<Pick<AuditQuery, "callback" | "user" | "since">> {
  const named = readParameter(query, "callbackId");
  const callback = named === undefined ? null : await deps.store.callbacks.find(named);
  const user = readParameter(query, "user");
  return { ...withoutUndefined({ callback: callback?.id ?? named, user }), ...readFilter({ since: query.since }) };
}
