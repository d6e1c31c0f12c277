/** The routes are those of docs/contract.md, Callbacks. */
import type { FastifyInstance } from "fastify";
import type { Callback } from "../../domain/callback.js";
import { endpointHealth } from "../../domain/callback.js";
import { callbackToJson, NO_SENDER } from "../../wire/json/callback-json.js";
import { objectOf } from "../../wire/json/json-value.js";
import { outageToJson } from "../../wire/json/outage-json.js";
import { authorOf } from "../auth/author.js";
import { lazyParts } from "../lazy-parts.js";
import { ownerOf } from "../requests/byte-budget.js";
import { sendDocument, sendJson } from "../requests/send-document.js";
import type { ServerDeps } from "../server-deps.js";
import { createCallback, deleteCallback, setPause, updateCallback } from "../use-cases/change-callbacks.js";
import { testMails } from "../use-cases/send-test-mail.js";
import { reservePage, sendList } from "./list-answer.js";
import { type Query, readPage, readParameter, readSort } from "./query-parameters.js";
import { callbackLinks, Linker } from "./resource-links.js";
import type { CallbackPath, RouteContext } from "./route-context.js";

/** A URL has up to 2 048 characters, each with up to six bytes of JSON, and each of four links the host twice. */
export const LONGEST_CALLBACK = 18 * 1024;
export const LONGEST_OUTAGE = 2 * 1024;

export function addCallbackRoutes(app: FastifyInstance, context: RouteContext): void {
  const { schemaFor, deps, lookup, largestPage } = context;
  const serviceHeaders = {
    // A replay by a client sends what this service would send.
    "x-auth-parameter": deps.authParameter,
    "x-body-names": deps.bodyNames,
    // Our clients don't mark on another database what they have listed on this one.
    ...(deps.store.databaseId !== null && { "x-database-id": deps.store.databaseId }),
  };

  async function documentOf(callback: Callback, linker: Linker, madeSecret?: string) {
    const reports = await readReports(deps, [callback]);
    return callbackToJson(callback, callbackLinks(linker, callback.id), { report: reports.get(callback.id), madeSecret });
  }

  app.post("/callbacks", schemaFor("createCallback"), async (request, reply) => {
    const { parseCallback } = await lazyParts.callbackParsers();
    const settings = parseCallback(request.body, null);
    const callback = await createCallback(context, settings, ownerOf(request), authorOf(request, deps));
    const linker = new Linker(request);
    reply.header("location", linker.uri(`/callbacks/${callback.id}`));
    const document = await documentOf(callback, linker, callback.signingSecrets[0]?.secret);
    return sendDocument(request, reply, { kind: "callback", shape: "callback", document, status: 201 });
  });

  app.get<{ Querystring: Query }>("/callbacks", schemaFor("listCallbacks"), async (request, reply) => {
    reply.headers(serviceHeaders);
    const { query } = request;
    const asked = readPage(query, largestPage);
    const sort = readSort(query, { name: false, id: false }, "name");
    reservePage(request, reply, asked, LONGEST_CALLBACK);
    const page = await deps.store.callbacks.list({ ...asked, sort });
    const reports = await readReports(deps, page.items);
    return sendList(request, reply, {
      name: "callbacks",
      kind: "callback",
      path: "/callbacks",
      asked,
      page,
      largestPage,
      writeItem: (callback, linker) => {
        return callbackToJson(callback, callbackLinks(linker, callback.id), { report: reports.get(callback.id) });
      },
    });
  });

  app.get<CallbackPath>("/callbacks/:id", schemaFor("getCallback"), async (request, reply) => {
    const callback = await lookup.find(request.params.id);
    const linker = new Linker(request);
    // A known client needs it for its PUT.
    reply.header("location", linker.uri(`/callbacks/${callback.id}`));
    // Our clients read it before they mark calls that they have not listed.
    reply.header("x-max-limit", String(largestPage));
    reply.headers(serviceHeaders);
    return sendDocument(request, reply, { kind: "callback", shape: "callback", document: await documentOf(callback, linker) });
  });

  app.put<CallbackPath>("/callbacks/:id", schemaFor("updateCallback"), async (request, reply) => {
    const before = await lookup.find(request.params.id);
    const { parseCallback } = await lazyParts.callbackParsers();
    const settings = parseCallback(request.body, before);
    const { expected } = objectOf(request.body);
    const { callback, madeSecret } = await updateCallback(context, before, settings, {
      author: authorOf(request, deps),
      expected: expected === undefined ? undefined : parseCallback(expected, before),
    });
    if (madeSecret === undefined) return reply.code(204).send();
    const document = { id: callback.id, signing: callback.signing, signingSecret: madeSecret };
    return sendDocument(request, reply, { kind: "callback", shape: "callback", document });
  });

  const sendTestMail = testMails(deps);
  app.post<CallbackPath>("/callbacks/:id/test-email", schemaFor("sendTestMail"), async (request, reply) => {
    const { isSent, ...mail } = await sendTestMail(await lookup.find(request.params.id));
    return sendJson(reply, { ...mail, sent: isSent });
  });

  app.post<CallbackPath>("/callbacks/:id/pause", schemaFor("pauseCallback"), async (request, reply) => {
    const { parsePause } = await lazyParts.callbackParsers();
    const pause = parsePause(request.body, deps.clock.now());
    await setPause(context, await lookup.find(request.params.id), pause, authorOf(request, deps));
    return reply.code(204).send();
  });

  app.delete<CallbackPath>("/callbacks/:id/pause", schemaFor("resumeCallback"), async (request, reply) => {
    await setPause(context, await lookup.find(request.params.id), null, authorOf(request, deps));
    return reply.code(204).send();
  });

  app.delete<CallbackPath>("/callbacks/:id", schemaFor("deleteCallback"), async (request, reply) => {
    await deleteCallback(context, await lookup.find(request.params.id), authorOf(request, deps));
    return reply.code(204).send();
  });
}

/** Resolves to what is known of each endpoint, by the callback's id. */
async function readReports({ store, egressFailure, hasSender }: ServerDeps, callbacks: readonly Callback[]) {
  const records = await store.endpoints.listReports(callbacks.map(({ id }) => id));
  const senderFailure = (await hasSender()) ? null : NO_SENDER;
  return new Map(
    records.map((record) => {
      const { callback, endpoint, oldestWaiting, pendingCalls: waitingCalls, expiredCalls, pause } = record;
      const health = endpointHealth({ ...record, events: callback.events });
      const waitingSince = oldestWaiting?.acceptedAt ?? null;
      const report = { ...health, downSince: endpoint.downSince, waitingSince, waitingCalls, expiredCalls, pause };
      return [callback.id, { ...report, sendingFailure: egressFailure(callback.url) ?? senderFailure }];
    }),
  );
}

/** Lists the newest first. */
export function addOutageRoute(app: FastifyInstance, { schemaFor, deps, lookup, largestPage }: RouteContext): void {
  app.get<{ Querystring: Query }>("/outages", schemaFor("listOutages"), async (request, reply) => {
    const { query } = request;
    const asked = readPage(query, largestPage);
    const named = readParameter(query, "callbackId");
    const callback = named === undefined ? null : await lookup.find(named);
    reservePage(request, reply, asked, LONGEST_OUTAGE);
    const page = await deps.store.outages.list({ ...asked, ...(callback && { callbackId: callback.id }) });
    return sendList(request, reply, {
      name: "outages",
      kind: "call",
      path: "/outages",
      asked,
      page,
      largestPage,
      writeItem: outageToJson,
    });
  });
}
