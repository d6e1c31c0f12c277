import type { FastifyInstance } from "fastify";
import type { VNode } from "preact";
import type { Call, CallStatus } from "../../../domain/call.js";
import type { Callback, ServiceReplay } from "../../../domain/callback.js";
import { callbackSecrets, secretMask } from "../../../domain/mask.js";
import { type Query, readParameter } from "../../routes/query-parameters.js";
import type { CallbackPath, RouteContext } from "../../routes/route-context.js";
import { maskOutcome } from "../components/call-parts.js";
import { CountText, nounOf, SelectableCalls } from "../components/call-table.js";
import { CallbackCard, type CallbackCardView, readCallbackCard } from "../components/callback-card.js";
import { callbackPage } from "../components/callback-page.js";
import { Count, Empty } from "../components/data.js";
import { Causes, Chips, FilterForm } from "../components/filter-form.js";
import { consolePath } from "../console-path.js";
import { type CallTotals, countCalls, totalOf } from "../count-calls.js";
import {
  callsPath,
  type ParsedFilter,
  parseFilter,
  type StatusChoice,
  statusWord,
  type TypedFilter,
  typedQuery,
} from "../filter-fields.js";

export interface CallListView {
  readonly callbackId: string;
  readonly typed: TypedFilter;
  readonly problems: ParsedFilter["problems"];
  readonly card: CallbackCardView;
  readonly runningReplay: ServiceReplay | null;
  /** `found` is null if the filter has problems. */
  readonly found: FoundCalls | null;
}

export interface FoundCalls {
  readonly calls: readonly Call[];
  readonly totals: CallTotals;
  /** `newer` and `older` are paths. */
  readonly newer: string | null;
  readonly older: string | null;
}

const PAGE_SIZE = 50;
/** A longer response would only be cut. */
const MAX_BYTES = 65_536;
/** Reading calls that don't match may take so many ms; the next page reads on. */
const SEARCH_MS = 250;

export function addCallList(app: FastifyInstance, { deps, lookup }: RouteContext): void {
  const { store, clock } = deps;

  app.get<CallbackPath>("/console/callbacks/:id/calls", { config: { isLive: true } }, async ({ params, query }, reply) => {
    const callback = await lookup.find(params.id);
    const parsed = parseFilter(query, clock.now());
    const { typed, problems } = parsed;
    const isValid = Object.keys(problems).length === 0;
    const found = isValid ? await findCalls(callback, parsed, query) : null;
    const [record] = await store.endpoints.listReports([callback.id]);
    const view = {
      callbackId: callback.id,
      typed,
      problems,
      card: await readCallbackCard(deps, callback, record),
      runningReplay: (await store.replays.list(callback.id, 1)).find(({ left }) => left > 0) ?? null,
      found,
    };
    const content = <CallList {...view} />;
    return reply.showPage(callbackPage(callback, record, { title: callback.name, content, status: isValid ? 200 : 422 }));
  });

  async function findCalls(callback: Callback, parsed: ParsedFilter, query: Query): Promise<FoundCalls> {
    const { typed, filter } = parsed;
    const [cursor, newer] = [readParameter(query, "cursor"), readParameter(query, "newer")];
    const totals = await countCalls(store, callback.id, parsed);
    const mask = secretMask(callbackSecrets(callback));
    const pathOf = (name: string, at: string | null) => (at === null ? null : callsPath(callback.id, typed, { [name]: at }));
    const read = async (descending: boolean, at: string | undefined) => {
      const sort = [{ field: "attemptedDate", descending }] as const;
      const page = {
        limit: PAGE_SIZE,
        offset: 0,
        budgetMs: SEARCH_MS,
        maxResponseBytes: MAX_BYTES,
        ...(at !== undefined && { cursor: at }),
      };
      const { items, ...cursors } = await store.calls.list(callback.id, { filter, sort, ...page });
      return { ...cursors, items: items.map((call) => maskOutcome(call, mask)) };
    };
    if (newer !== undefined) {
      const page = await read(false, newer);
      // Otherwise it is the first page, which may have got more calls since.
      if (page.nextCursor !== null) {
        const [newerPath, olderPath] = [pathOf("newer", page.nextCursor), pathOf("cursor", page.previousCursor)];
        return { calls: page.items.toReversed(), totals, newer: newerPath, older: olderPath };
      }
    }
    const page = await read(true, newer === undefined ? cursor : undefined);
    return {
      calls: page.items,
      totals,
      newer: cursor === undefined ? null : pathOf("newer", page.previousCursor),
      older: pathOf("cursor", page.nextCursor),
    };
  }
}

export function CallList(view: CallListView): VNode {
  const { callbackId, typed, problems, card, runningReplay, found } = view;
  const isFiltered = typed.status === "FAILED" && Object.keys(typed.fields).length > 0;
  const matching = isFiltered && found !== null ? { query: typedQuery(typed), calls: totalOf(found.totals, "FAILED") } : null;
  return (
    <>
      <div data-live="counts">
        <CallbackCard {...card} matching={matching} />
        {runningReplay !== null && <RunningReplay callbackId={callbackId} replay={runningReplay} />}
        <StatusTabs {...view} />
        {found !== null && <Causes callbackId={callbackId} typed={typed} causes={found.totals.causes} />}
      </div>
      <FilterForm callbackId={callbackId} typed={typed} problems={problems} outageSince={card.outage?.startedAt ?? null} />
      <Chips callbackId={callbackId} typed={typed} />
      {found !== null && <Found {...view} found={found} />}
    </>
  );
}

function Found({ callbackId, typed, card, found }: CallListView & { found: FoundCalls }): VNode {
  const { totals, ...page } = found;
  if (page.calls.length > 0) {
    const { sending } = card;
    return (
      <SelectableCalls
        callbackId={callbackId}
        typed={typed}
        sending={sending}
        matching={totalOf(totals, typed.status)}
        {...page}
      />
    );
  }
  return (
    <div data-instead-of="calls">
      {page.older === null ? <NoCalls callbackId={callbackId} typed={typed} totals={totals} /> : <SearchOn older={page.older} />}
    </div>
  );
}

function RunningReplay({ callbackId, replay }: { callbackId: string; replay: ServiceReplay }): VNode {
  const { id, total, left } = replay;
  return (
    <p class="alert alert-info">
      The service is replaying <Count value={total} /> calls, of which <Count value={left} /> are left.{" "}
      <a href={consolePath(callbackId, "replays", id)}>Progress</a>
    </p>
  );
}

const STATUS_TABS: readonly { readonly status: StatusChoice; readonly text: string }[] = [
  { status: "FAILED", text: "Failed" },
  { status: "PENDING", text: "Waiting" },
  { status: "SUCCESS", text: "Successful" },
  { status: "ATTEMPTED", text: "Failed and successful" },
];

/** The numbers are of the calls that match the filter. */
function StatusTabs({ callbackId, typed, found }: CallListView): VNode {
  return (
    <nav class="segments" aria-label="Status">
      {STATUS_TABS.map(({ status, text }) => (
        <a
          key={status}
          href={callsPath(callbackId, { ...typed, status })}
          aria-current={status === typed.status ? "page" : undefined}
        >
          {text} {found !== null && <CountText count={totalOf(found.totals, status)} />}
        </a>
      ))}
    </nav>
  );
}

function SearchOn({ older }: { older: string }): VNode {
  return (
    <Empty title="Nothing found yet">
      <p>There are many calls, and only the newer ones have been searched.</p>
      <p>
        <a class="button button-secondary" href={older}>
          Search on
        </a>
      </p>
    </Empty>
  );
}

function NoCalls({ callbackId, typed, totals }: { callbackId: string; typed: TypedFilter; totals: CallTotals }): VNode {
  const isFiltered = Object.keys(typed.fields).length > 0;
  if (isFiltered) {
    const others = STATUS_TABS.map(({ status }) => ({ status, total: totalOf(totals, status) }));
    return (
      <Empty title={typed.status === "ATTEMPTED" ? "No call matches" : `No ${statusWord(typed.status)} call matches`}>
        {others
          .filter(({ status, total }) => status !== "ATTEMPTED" && status !== typed.status && total.count > 0)
          .map(({ status, total }) => (
            <p key={status}>
              <a href={callsPath(callbackId, { ...typed, status })}>
                <CountText count={total} /> {nounOf(status, total)}
              </a>{" "}
              {total.count === 1 && total.isExact ? "matches" : "match"}.
            </p>
          ))}
        <p>
          <a href={callsPath(callbackId, { status: typed.status, fields: {} })}>Remove the filters</a>
        </p>
      </Empty>
    );
  }
  if (typed.status === "PENDING") {
    return (
      <Empty title="No waiting calls">
        <p>A call waits until its first attempt. What failed is among the failed calls, also if it is to be retried.</p>
      </Empty>
    );
  }
  if (typed.status !== "FAILED") return <Empty title="No calls" />;
  const isEmpty = (status: CallStatus) => totals.byStatus[status].count === 0;
  if (isEmpty("FAILED") && isEmpty("SUCCESS") && isEmpty("PENDING")) {
    return (
      <Empty title="No calls yet">
        <p>A response that is to be sent to the callback's endpoint is a call here.</p>
      </Empty>
    );
  }
  return (
    <Empty title="No failed calls">
      <p>{isEmpty("SUCCESS") ? "None has been sent yet." : "Every call that was sent is successful."}</p>
    </Empty>
  );
}
