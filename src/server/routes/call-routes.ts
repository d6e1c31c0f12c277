/** The routes are those of docs/contract.md, Calls. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Attempt } from "../../domain/attempt.js";
import { type Call, ID_PREFIX, isIdPrefix } from "../../domain/call.js";
import type { Callback } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import { PAGE_BYTES } from "../../store/calls/list-calls.js";
import { attemptsToJson, callStateToJson, callToJson } from "../../wire/json/call-json.js";
import { authorOf } from "../auth/author.js";
import { lazyParts } from "../lazy-parts.js";
import { readExecuteBefore } from "../requests/late-requests.js";
import { roomToRead, scanInTurn } from "../requests/read-slots.js";
import { lengthIn, sendDocument, sendJson } from "../requests/send-document.js";
import { findCall, findOutline, findStates, markCalls, withStoredIds } from "../use-cases/settle-calls.js";
import { readGroupKeys, sendGroups } from "./group-answer.js";
import { sendList } from "./list-answer.js";
import { type Query, readFilter, readIds, readPage, readParameter, readSort, rejectFilter } from "./query-parameters.js";
import { callLinks, Linker } from "./resource-links.js";
import type { CallbackPath, CallPath, RouteContext } from "./route-context.js";

/** By date, the newest come first. */
const SORT_FIELDS = { attemptedDate: true, status: false, messageId: false, id: false } as const;

/** No more of an answer is kept. */
const ANSWER_BYTES = 1_024;

export function addCallRoutes(app: FastifyInstance, context: RouteContext): void {
  const { schemaFor, deps, lookup, largestPage } = context;
  const { store, policy, clock } = deps;

  // Finding calls by what is in them may take long, and holds none: it takes turns.
  const listing = { ...schemaFor("listCalls"), config: { takesNoReadSlot: true } } as const;
  app.get<CallbackPath>("/callbacks/:id/calls", listing, async (request, reply) => {
    const { query } = request;
    const by = readGroupKeys(query);
    if (by !== null) return sendGroups(request, reply, by, context);
    const asked = readPage(query, largestPage);
    const sort = readSort(query, SORT_FIELDS, "attemptedDate");
    const filter = readFilter(query);
    const isExpanded = readExpand(query);
    const hasAnswers = filter.answer !== undefined || readInclude(query);
    const callback = await lookup.find(request.params.id);
    const makeRoom = roomToRead(request, reply);
    const page = await store.calls.list(callback.id, {
      ...asked,
      filter,
      sort,
      withAttempts: isExpanded,
      maxPageBytes: PAGE_BYTES / lengthIn(request),
      inTurn: scanInTurn(request, reply),
      beforeRead: (bytes) => makeRoom(bytes + (hasAnswers ? asked.limit * ANSWER_BYTES : 0)),
    });
    const ids = page.items.map(({ id }) => id);
    const attempts = isExpanded ? await store.calls.listAttempts(callback.id, ids) : null;
    const markers = await store.calls.findMarkers(callback.id, page.items);
    const answers = hasAnswers ? await store.calls.listAnswers(callback.id, ids) : null;
    return sendList(request, reply, {
      name: "calls",
      kind: "call",
      path: `/callbacks/${callback.id}/calls`,
      asked,
      page,
      largestPage,
      writeItem: (call, linker) => ({
        ...writeCall(call, { callback, linker, markers, attempts: attempts && (attempts.get(call.id) ?? []) }),
        ...(answers && { answer: answers.get(call.id) ?? "" }),
      }),
    });
  });

  app.get<CallbackPath>("/callbacks/:id/call-ids", schemaFor("findCallIds"), async (request, reply) => {
    const prefix = readParameter(request.query, "prefix") ?? "";
    if (!isIdPrefix(prefix)) throw new WhcbError("invalid", `prefix must be ${ID_PREFIX}`);
    const callback = await lookup.find(request.params.id);
    const document = { ...(await store.calls.findIds(callback.id, prefix)) };
    return sendDocument(request, reply, { kind: "call", shape: "call-ids", document });
  });

  app.get<CallbackPath>("/callbacks/:id/call-states", schemaFor("findStates"), async (request, reply) => {
    const callback = await lookup.find(request.params.id);
    const states = await findStates(deps, callback, readIds(request.query));
    const document = { calls: states.map(callStateToJson) };
    return sendDocument(request, reply, { kind: "call", shape: "call-states", document });
  });

  app.get<{ Querystring: Query }>("/call-ids", schemaFor("findCallPlaces"), async (request, reply) => {
    const id = readParameter(request.query, "id");
    if (id === undefined) throw new WhcbError("invalid", "id is missing: name a call, or the beginning of its id");
    const document = { ...(await store.calls.findPlaces(id)) };
    return sendDocument(request, reply, { kind: "call", shape: "call-places", document });
  });

  app.put<CallbackPath>("/callbacks/:id/calls", schemaFor("markCalls"), async (request, reply) => {
    const ids = readIds(request.query);
    if (ids.length === 0) throw new WhcbError("invalid", "id is missing: name the calls to mark");
    return answerMark(request, reply, ids);
  });

  app.get<CallPath>("/callbacks/:id/calls/:callId", schemaFor("getCall"), async (request, reply) => {
    const callback = await lookup.find(request.params.id);
    const call = await findCall(deps, callback, request.params.callId, roomToRead(request, reply));
    const markers = await store.calls.findMarkers(callback.id, [call]);
    const document = writeCall(call, { callback, linker: new Linker(request), markers, attempts: null });
    return sendDocument(request, reply, { kind: "call", shape: "call", document });
  });

  app.put<CallPath>("/callbacks/:id/calls/:callId", schemaFor("markCall"), async (request, reply) => {
    if (readIds(request.query).length > 0) throw new WhcbError("invalid", "id is in the path: name no other call");
    return answerMark(request, reply, [request.params.callId]);
  });

  app.get<CallPath>("/callbacks/:id/calls/:callId/attempts", schemaFor("listAttempts"), async (request, reply) => {
    const callback = await lookup.find(request.params.id);
    const call = await findOutline(deps, callback, request.params.callId);
    await roomToRead(request, reply)(await store.calls.sizeOfAttempts(callback.id, call.id));
    const attempts = await store.calls.listAttempts(callback.id, [call.id]);
    const document = attemptsToJson(attempts.get(call.id) ?? []);
    return sendDocument(request, reply, { kind: "call", shape: "attempts", document });
  });

  app.post<CallbackPath>("/callbacks/:id/attempts", schemaFor("recordReplays"), async (request, reply) => {
    const { parseReplayReports } = await lazyParts.callParsers();
    const replays = parseReplayReports(request.body, clock.now());
    const callback = await lookup.find(request.params.id);
    const stored = await withStoredIds(deps, callback, replays);
    await store.calls.recordReplays(callback.id, stored, clock.now(), authorOf(request, deps));
    return reply.code(204).send();
  });

  async function answerMark(request: FastifyRequest<CallbackPath>, reply: FastifyReply, callIds: readonly string[]) {
    const { parseMark } = await lazyParts.callParsers();
    const mark = parseMark(request.body, clock.now());
    rejectFilter(request.query, mark.status);
    const callback = await lookup.find(request.params.id);
    const given = { callIds, ...mark, executeBefore: readExecuteBefore(request) };
    const left = await markCalls(deps, callback, { ...given, author: authorOf(request, deps) });
    if (left.length === 0) return reply.code(204).send();
    return sendJson(reply, { status: mark.status, left });
  }

  function writeCall(
    call: Call,
    around: {
      readonly callback: Callback;
      readonly linker: Linker;
      readonly markers: ReadonlyMap<string, string>;
      readonly attempts: readonly Attempt[] | null;
    },
  ): Record<string, unknown> {
    const { callback, linker, markers, attempts } = around;
    const link = callLinks(linker, callback.id, call.id);
    const settledByUser = markers.get(call.id);
    return callToJson(call, { callback, policy, link, now: clock.now(), settledByUser, ...(attempts && { attempts }) });
  }
}

function readExpand(query: Query): boolean {
  const expand = readParameter(query, "expand");
  if (expand !== undefined && expand !== "attempts") throw new WhcbError("invalid", "expand must be attempts");
  return expand !== undefined;
}

function readInclude(query: Query): boolean {
  const include = readParameter(query, "include");
  if (include !== undefined && include !== "answer") throw new WhcbError("invalid", "include must be answer");
  return include !== undefined;
}
