/** docs/contract.md, Callbacks. */
import type { FastifyInstance } from "fastify";
import { isAccepted, resultMessage } from "../../domain/attempt.js";
import type { CallbackSettings } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import { shortId } from "../../platform/random.js";
import { buildEndpointCheck } from "../../wire/delivery-request.js";
import { callbackToJson } from "../../wire/json/callback-json.js";
import { outageToJson } from "../../wire/json/outage-json.js";
import { lazyParts } from "../lazy-parts.js";
import { send } from "../requests/send-document.js";
import type { ServerDeps } from "../server-deps.js";
import { sendList } from "./list-answer.js";
import { one, type Query, readPage, readSort } from "./query-parameters.js";
import { callbackLinks, Linker } from "./resource-links.js";
import type { CallbackPath, RouteContext } from "./route-context.js";

export function addCallbackRoutes(app: FastifyInstance, { docs, deps, lookup, largestPage }: RouteContext): void {
  const { store, clock } = deps;

  app.post("/callbacks", docs("createCallback"), async (request, reply) => {
    const { parseCallback } = await lazyParts.callbackParsers();
    const settings = parseCallback(request.body, null);
    deps.checkCallbackUrl(settings.url);
    await rejectDuplicateName(deps, settings);
    await checkEndpoint(deps, settings);
    const callback = await store.createCallback(shortId(deps.random), settings, clock.now());
    lookup.forget();
    const linker = new Linker(request);
    reply.header("location", linker.uri(`/callbacks/${callback.id}`));
    const document = callbackToJson(callback, callbackLinks(linker, callback.id));
    return send(request, reply, { kind: "callback", shape: "callback", document, status: 201 });
  });

  app.get<{ Querystring: Query }>("/callbacks", docs("listCallbacks"), async (request, reply) => {
    const { query } = request;
    const asked = readPage(query, largestPage);
    const sort = readSort(query, { name: false, id: false }, "name");
    const page = await store.listCallbacks({ ...asked, sort });
    return sendList(request, reply, {
      name: "callbacks",
      kind: "callback",
      path: "/callbacks",
      query,
      asked,
      page,
      largestPage,
      write: (callback, linker) => callbackToJson(callback, callbackLinks(linker, callback.id)),
    });
  });

  app.get<CallbackPath>("/callbacks/:id", docs("getCallback"), async (request, reply) => {
    const callback = await lookup.find(request.params.id);
    const linker = new Linker(request);
    // For a known client's PUT.
    reply.header("location", linker.uri(`/callbacks/${callback.id}`));
    const document = callbackToJson(callback, callbackLinks(linker, callback.id));
    return send(request, reply, { kind: "callback", shape: "callback", document });
  });

  app.put<CallbackPath>("/callbacks/:id", docs("updateCallback"), async (request, reply) => {
    const before = await lookup.find(request.params.id);
    const { parseCallback } = await lazyParts.callbackParsers();
    const settings = parseCallback(request.body, before);
    if (settings.url !== before.url) deps.checkCallbackUrl(settings.url);
    await store.updateCallback(before.id, settings, clock.now(), deps.policy);
    lookup.forget();
    deps.onWork(before.id, "changed");
    return reply.code(204).send();
  });

  app.delete<CallbackPath>("/callbacks/:id", docs("deleteCallback"), async (request, reply) => {
    const callback = await lookup.find(request.params.id);
    await store.deleteCallback(callback.id, clock.now());
    lookup.forget();
    deps.onWork(callback.id, "changed");
    return reply.code(204).send();
  });
}

/** Newest first. */
export function addOutageRoute(app: FastifyInstance, { docs, deps, lookup, largestPage }: RouteContext): void {
  app.get<{ Querystring: Query }>("/outages", docs("listOutages"), async (request, reply) => {
    const { query } = request;
    const asked = readPage(query, largestPage);
    const named = one(query, "callbackId");
    const callback = named === undefined ? null : await lookup.find(named);
    const page = await deps.store.listOutages({ ...asked, ...(callback && { callbackId: callback.id }) });
    return sendList(request, reply, {
      name: "outages",
      kind: "call",
      path: "/outages",
      query,
      asked,
      page,
      largestPage,
      write: outageToJson,
    });
  });
}

/** The check may take a minute. The store checks names again. */
async function rejectDuplicateName({ store }: ServerDeps, { name }: CallbackSettings): Promise<void> {
  const existing = await store.findCallback(name);
  if (existing?.name === name) throw new WhcbError("duplicate-name", `A callback named ${name} already exists`);
}

/** One GET; exactly 200. */
async function checkEndpoint(deps: ServerDeps, settings: CallbackSettings): Promise<void> {
  const result = await deps.checkEndpoint?.(buildEndpointCheck(settings, { authParameter: deps.authParameter }));
  if (result === undefined || isAccepted(result)) return;
  const answer = result.kind === "answered" ? `${result.statusCode} ${result.statusMessage}`.trim() : resultMessage(result);
  throw new WhcbError("endpoint-check-failed", `url must answer a GET with exactly 200; it answered: ${answer}`);
}
