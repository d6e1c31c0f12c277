/** The page at /console/callbacks/:id/confirm says exactly which calls an action is about, and does it. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Call } from "../../../domain/call.js";
import type { CallFilter } from "../../../domain/call-filter.js";
import type { Callback } from "../../../domain/callback.js";
import { WhcbError } from "../../../domain/errors.js";
import { callbackSecrets, secretMask, shownUrl } from "../../../domain/mask.js";
import { shortId } from "../../../platform/random.js";
import { authorOf } from "../../auth/author.js";
import { scanInTurn, takeReadSlot } from "../../requests/read-slots.js";
import { reserveMemory } from "../../requests/send-document.js";
import { type Query, readParameter } from "../../routes/query-parameters.js";
import type { CallbackPath } from "../../routes/route-context.js";
import { actOnCalls, boundedFilter, type CallAction, type CallSet, countSet, restOf } from "../../use-cases/act-on-calls.js";
import { checkedCallId, findReplay } from "../../use-cases/settle-calls.js";
import { CALL_ACTIONS, describeResult } from "../call-actions.js";
import { maskOutcome } from "../components/call-parts.js";
import { callbackPage } from "../components/callback-page.js";
import { Confirmation, type ConfirmationView } from "../components/confirmation.js";
import { sendingOf } from "../components/next-attempt.js";
import { consolePath } from "../console-path.js";
import { callsPath, parseFilter, requireFilter, settledFields, typedQuery } from "../filter-fields.js";
import { type ConsoleContext, formOf, formProblem } from "../page.js";
import { formToken } from "../sessions.js";

const MOST_LISTED = 100;
const SAMPLES = 3;
const SAMPLES_MS = 100;
const MAX_SAMPLE_BYTES = 65_536;
/** A mark by a filter keeps the seqs of its calls, in an array that may be half empty. */
const SEQ_BYTES = 16;

interface AskedAction {
  readonly action: CallAction;
  readonly set: CallSet;
  /** The confirmation was shown, and its calls counted, at this time. */
  readonly shownAt: number;
  readonly fields: ConfirmationView["fields"];
  /** The path leads back to the list, or to the call. */
  readonly back: string;
  readonly restOf: number | null;
}

export function addConfirmation(app: FastifyInstance, { deps, lookup, sessions }: ConsoleContext): void {
  const { store, clock, random } = deps;
  let lastShownAt = 0;

  // Counting may take long, and holds no calls: it takes turns.
  const confirming = { config: { takesNoReadSlot: true } } as const;
  app.get<CallbackPath>("/console/callbacks/:id/confirm", confirming, async (request, reply) => {
    const callback = await lookup.find(request.params.id);
    // Marks are known by it: two pages that are opened in one millisecond are two marks.
    const now = clock.now();
    lastShownAt = lastShownAt >= now && lastShownAt < now + 100 ? lastShownAt + 1 : now;
    const asked = await readAskedAction(callback, request.query, lastShownAt);
    if ("callIds" in asked.set && asked.set.callIds.length === 0) {
      return reply.seeOther(asked.back, { kind: "problem", text: "Select calls first, or all that match." });
    }
    return showConfirmation(request, reply, callback, asked, { once: shortId(random) });
  });

  app.post<CallbackPath>("/console/callbacks/:id/confirm", async (request, reply) => {
    const callback = await lookup.find(request.params.id);
    const form = queryOf(formOf(request));
    const [id, shownAt] = [readParameter(form, "once") ?? "", Number(readParameter(form, "at"))];
    const counted = { count: Number(readParameter(form, "counted")), digest: readParameter(form, "digest") ?? "" };
    const isOurs = readParameter(form, "signature") === sessions.markOf(["action", id, String(shownAt)], request);
    if (!isOurs || !Number.isSafeInteger(counted.count) || counted.count < 0)
      throw new WhcbError("invalid", "The form is incomplete");
    const asked = await readAskedAction(callback, form, shownAt);
    const { action, set, back } = asked;
    try {
      if (action === "replay" && readParameter(form, "seen") !== sessions.targetMarkOf(callback, request))
        throw new WhcbError("locked", "Another user has changed where the calls are sent. Nothing was sent: check it again");
      const author = authorOf(request, deps);
      const inTurn = scanInTurn(request, reply);
      const act = () => actOnCalls(deps, callback, { action, set, counted, id, shownAt, author, inTurn });
      const isListed = action === "replay" || "callIds" in set;
      const result = await (isListed ? act() : reserveMemory(request, counted.count * SEQ_BYTES, act));
      const isDone = result.done > 0 || result.isCollecting === true;
      const notice = { kind: isDone ? "done" : "problem", text: describeResult(action, result) } as const;
      if (action === "replay") {
        const [callId, ...others] = "callIds" in set ? set.callIds : [];
        const show = callId !== undefined &&
          others.length === 0 && {
            link: { text: "Show the call", href: consolePath(callback.id, "calls", callId) },
          };
        const path = isDone ? consolePath(callback.id, "replays", id) : back;
        return reply.seeOther(path, { ...notice, ...show });
      }
      const undo = action === "success" && result.done > 0;
      const undoQuery = new URLSearchParams({
        action: "failed",
        marked: String(shownAt),
        back: readParameter(form, "back") ?? "",
      });
      const link = { text: "Undo", href: `${consolePath(callback.id, "confirm")}?${undoQuery}` };
      return reply.seeOther(back, { ...notice, ...(undo && { link }) });
    } catch (error) {
      // A replay that was rejected has its id.
      const once = action === "replay" ? shortId(random) : id;
      return showConfirmation(request, reply, callback, asked, { once, problem: formProblem(error) });
    }
  });

  async function showConfirmation(
    request: FastifyRequest,
    reply: FastifyReply,
    callback: Callback,
    asked: AskedAction,
    { once, problem = null }: { readonly once: string; readonly problem?: string | null },
  ): Promise<FastifyReply> {
    const { action, set, shownAt, back } = asked;
    const counted = await countSet(deps, callback, asked, scanInTurn(request, reply));
    await takeReadSlot(request, reply);
    const [record] = await store.endpoints.listReports([callback.id]);
    const view: ConfirmationView = {
      callback,
      formToken: formToken(request),
      action,
      filter: "filter" in set ? set.filter : null,
      listed: "callIds" in set ? await readListed(callback, set.callIds) : null,
      counted,
      shownAt,
      url: shownUrl(callback),
      sending: sendingOf(deps, callback, record),
      samples: "filter" in set && counted.count > 0 ? await readSamples(callback, set.filter) : [],
      restOf: asked.restOf,
      fields: [
        ...asked.fields,
        ["once", once],
        ["at", String(shownAt)],
        ["signature", sessions.markOf(["action", once, String(shownAt)], request)],
        ["seen", sessions.targetMarkOf(callback, request)],
        ["counted", String(counted.count)],
        ["digest", counted.digest],
      ],
      back,
      problem,
    };
    const title = counted.count === 0 ? "Nothing to change" : CALL_ACTIONS[action].title(counted.count);
    const status = problem === null ? 200 : 409;
    return reply.showPage(callbackPage(callback, record, { title, trail: [], content: <Confirmation {...view} />, status }));
  }

  async function readListed(callback: Callback, callIds: readonly string[]): Promise<readonly Call[]> {
    const mask = secretMask(callbackSecrets(callback));
    const found = await Promise.all(callIds.map((id) => store.calls.find(callback.id, id, MAX_SAMPLE_BYTES)));
    return found.flatMap((call) => (call === null ? [] : maskOutcome(call, mask)));
  }

  async function readSamples(callback: Callback, filter: CallFilter): Promise<readonly Call[]> {
    const mask = secretMask(callbackSecrets(callback));
    const sort = [{ field: "attemptedDate", descending: true }] as const;
    const page = { limit: SAMPLES, offset: 0, budgetMs: SAMPLES_MS, maxResponseBytes: MAX_SAMPLE_BYTES };
    const { items } = await store.calls.list(callback.id, { filter, sort, ...page });
    return items.map((call) => maskOutcome(call, mask));
  }

  /** Reads the list's form, the link of a call or replay, or the confirmation's own form. */
  async function readAskedAction(callback: Callback, query: Query, shownAt: number): Promise<AskedAction> {
    const rest = readParameter(query, "rest");
    if (rest === undefined) return readTypedAction(callback, query, shownAt);
    const replay = await findReplay(deps, callback, rest);
    const set = await restOf(deps, callback, replay, shownAt);
    const fields = [
      ["action", "replay"],
      ["rest", replay.id],
    ] as const;
    const back = consolePath(callback.id, "replays", replay.id);
    return { action: "replay", set, shownAt, back, fields, restOf: replay.requestedAt };
  }
}

function readTypedAction(callback: Callback, query: Query, shownAt: number): AskedAction {
  const action = readAction(query);
  const listQuery = readParameter(query, "back") ?? typedQuery(parseFilter(query, shownAt).typed);
  const back = readBack(callback, listQuery);
  const common = [
    ["action", action],
    ["back", listQuery],
  ] as const;
  const marked = readMarked(query);
  if (marked !== null) {
    if (action !== "failed") throw new WhcbError("invalid", "Only the mark can be undone");
    const filter = { status: "SUCCESS", markedAt: marked } as const;
    return { action, set: { filter }, shownAt, back, restOf: null, fields: [...common, ["marked", String(marked)]] };
  }
  if (readParameter(query, "all") !== undefined) {
    const { typed, filter } = requireFilter(query, shownAt);
    const fields = Object.entries({ ...settledFields(filter, typed), all: "on" });
    const set = { filter: boundedFilter(action, filter, shownAt) };
    return { action, set, shownAt, back, restOf: null, fields: [...common, ...fields] };
  }
  const callIds = [...new Set([query.call ?? []].flat().map(checkedCallId))];
  if (callIds.length > MOST_LISTED) throw new WhcbError("invalid", `At most ${MOST_LISTED} calls can be selected one by one`);
  return {
    action,
    set: { callIds },
    shownAt,
    back,
    restOf: null,
    fields: [...common, ...callIds.map((id) => ["call", id] as const)],
  };
}

function readAction(query: Query): CallAction {
  const action = readParameter(query, "action") ?? "";
  if (action === "success" || action === "failed" || action === "replay") return action;
  throw new WhcbError("invalid", "action must be success, failed or replay");
}

function readMarked(query: Query): number | null {
  const text = readParameter(query, "marked");
  if (text === undefined) return null;
  if (!/^\d{1,15}$/.test(text)) throw new WhcbError("invalid", "marked must be a time in ms");
  return Number(text);
}

/** Leads to the list with the filter as it was typed, or to the call with this id. */
function readBack({ id }: Callback, back: string): string {
  if (back.startsWith("call:")) return consolePath(id, "calls", checkedCallId(back.slice("call:".length)));
  return callsPath(id, parseFilter(queryOf(new URLSearchParams(back)), 0).typed);
}

/** A repeated name has its first value. */
function queryOf(form: URLSearchParams): Query {
  return { ...Object.fromEntries([...form].toReversed()), call: form.getAll("call") };
}
