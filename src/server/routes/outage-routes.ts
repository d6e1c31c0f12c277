import type { FastifyInstance } from "fastify";
import { listToJson } from "../../wire/json/list-json.js";
import { outageToJson } from "../../wire/json/outage-json.js";
import { send } from "../requests/send-document.js";
import { Linker } from "./linker.js";
import { pageLinks } from "./pages.js";
import { one, type Query, readPage } from "./query.js";
import type { RouteContext } from "./route-context.js";

/** Outages, newest first. */
export function addOutageRoutes(app: FastifyInstance, { docs, deps, lookup, largestPage }: RouteContext): void {
  app.get<{ Querystring: Query }>("/outages", docs("listOutages"), async (request, reply) => {
    const { query } = request;
    const asked = readPage(query, largestPage);
    const named = one(query, "callbackId");
    const callback = named === undefined ? null : await lookup.find(named);
    const page = await deps.store.listOutages({ ...asked, ...(callback && { callbackId: callback.id }) });
    const link = pageLinks(new Linker(request), page, { kind: "call", path: "/outages", query, asked });
    const document = listToJson("outages", page.items.map(outageToJson), { ...page, link });
    return send(request, reply, { kind: "call", shape: "outages", document });
  });
}
