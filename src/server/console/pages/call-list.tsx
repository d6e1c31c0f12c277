import type { FastifyInstance } from "fastify";
import type { VNode } from "preact";
import type { Call, CallStatus } from "../../../domain/call.js";
import type { Callback, ServiceReplay } from "../../../domain/callback.js";
import { callbackSecrets, secretMask } from "../../../domain/mask.js";
import { senderAddress } from "../../../domain/message-response.js";
import type { FailureGroup } from "../../../store/calls/call-counts.js";
import type { CallCount } from "../../../store/calls/scan-calls.js";
import { type Query, readParameter } from "../../routes/query-parameters.js";
import type { CallbackPath, RouteContext } from "../../routes/route-context.js";
import { CALL_ACTIONS } from "../call-actions.js";
import { maskOutcome, NextAttempt, StatusText, shortCallId } from "../components/call-parts.js";
import { callbackPage } from "../components/callback-page.js";
import { Count, Empty, Pager, Table, Time } from "../components/data.js";
import { Causes, Chips, FilterForm } from "../components/filter-form.js";
import { Button } from "../components/forms.js";
import { consolePath } from "../console-path.js";
import { callsPath, type ParsedFilter, parseFilter, type StatusChoice, statusWord, type TypedFilter } from "../filter-fields.js";
import { excerpt } from "../pretty-body.js";

export interface CallListView {
  readonly callbackId: string;
  readonly typed: TypedFilter;
  readonly problems: ParsedFilter["problems"];
  readonly counts: Readonly<Record<CallStatus, number>>;
  readonly failures: readonly FailureGroup[];
  readonly runningReplay: ServiceReplay | null;
  /** `found` is null if the filter has problems. */
  readonly found: FoundCalls | null;
}

export interface FoundCalls {
  readonly calls: readonly Call[];
  readonly matching: CallCount;
  /** `newer` and `older` are paths. */
  readonly newer: string | null;
  readonly older: string | null;
  readonly now: number;
}

const PAGE_SIZE = 50;
/** A longer response would only be cut. */
const MAX_BYTES = 65_536;
/** A filtered count may take so many ms. */
const COUNT_MS = 50;
/** Reading calls that don't match may take so many ms; the next page reads on. */
const SEARCH_MS = 250;

export function addCallList(app: FastifyInstance, { deps, lookup }: RouteContext): void {
  const { store, clock } = deps;

  app.get<CallbackPath & { Querystring: Query }>(
    "/console/callbacks/:id/calls",
    { config: { isLive: true } },
    async ({ params, query }, reply) => {
      const callback = await lookup.find(params.id);
      const parsed = parseFilter(query, clock.now());
      const { typed, problems } = parsed;
      const isValid = Object.keys(problems).length === 0;
      const found = isValid ? await findCalls(callback, parsed, query) : null;
      const view = {
        callbackId: callback.id,
        typed,
        problems,
        counts: await store.calls.count(callback.id),
        failures: await store.calls.listFailures(callback.id),
        runningReplay: (await store.replays.list(callback.id, 1)).find(({ left }) => left > 0) ?? null,
        found,
      };
      const content = <CallList {...view} />;
      return reply.showPage(await callbackPage(deps, callback, { title: callback.name, content, status: isValid ? 200 : 422 }));
    },
  );

  async function findCalls(callback: Callback, { typed, filter }: ParsedFilter, query: Query): Promise<FoundCalls> {
    const [cursor, newer] = [readParameter(query, "cursor"), readParameter(query, "newer")];
    const matching = await store.calls.countMatching(callback.id, filter, { budgetMs: COUNT_MS });
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
        return { calls: page.items.toReversed(), matching, newer: newerPath, older: olderPath, now: clock.now() };
      }
    }
    const page = await read(true, newer === undefined ? cursor : undefined);
    return {
      calls: page.items,
      matching,
      newer: cursor === undefined ? null : pathOf("newer", page.previousCursor),
      older: pathOf("cursor", page.nextCursor),
      now: clock.now(),
    };
  }
}

export function CallList(view: CallListView): VNode {
  const { callbackId, typed, problems, failures, runningReplay, found } = view;
  return (
    <>
      <div data-live="counts">
        {runningReplay !== null && <RunningReplay callbackId={callbackId} replay={runningReplay} />}
        <StatusTabs {...view} />
        <Causes callbackId={callbackId} typed={typed} failures={failures} />
      </div>
      <FilterForm callbackId={callbackId} typed={typed} problems={problems} />
      <Chips callbackId={callbackId} typed={typed} />
      {found !== null && <FoundCallsForm {...view} found={found} />}
    </>
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

function StatusTabs({ callbackId, typed, counts }: CallListView): VNode {
  return (
    <nav class="segments" aria-label="Status">
      {STATUS_TABS.map(({ status, text }) => (
        <a
          key={status}
          href={callsPath(callbackId, { ...typed, status })}
          aria-current={status === typed.status ? "page" : undefined}
        >
          {text} <Count value={status === "ATTEMPTED" ? counts.FAILED + counts.SUCCESS : counts[status]} />
        </a>
      ))}
      <a class="segments-aside" href={consolePath(callbackId, "replays")}>
        Replays
      </a>
    </nav>
  );
}

/** The form leads to the confirmation: nothing is changed yet, and no selection is stored. */
function FoundCallsForm({ callbackId, typed, counts, found }: CallListView & { found: FoundCalls }): VNode {
  const { calls, matching, newer, older } = found;
  if (calls.length === 0) {
    return (
      <div data-instead-of="calls">
        {older === null ? <NoCalls callbackId={callbackId} typed={typed} counts={counts} /> : <SearchOn older={older} />}
      </div>
    );
  }
  return (
    <form class="selection" method="get" action={consolePath(callbackId, "confirm")} autocomplete="off" data-selection="">
      <input type="hidden" name="status" value={typed.status} />
      {Object.entries(typed.fields).map(([name, value]) => (
        <input key={name} type="hidden" name={name} value={value} />
      ))}
      <div class="toolbar">
        <p class="toolbar-count" data-live="matching">
          <Matching matching={matching} typed={typed} />
        </p>
        <label class="choice" data-with-script="" hidden>
          <input type="checkbox" data-select-page="" />
          <span>This page</span>
        </label>
        <label class="choice">
          <input type="checkbox" name="all" value="on" />
          <span>
            All that match{" "}
            <span class="muted">
              (<CountText count={matching} />)
            </span>
          </span>
        </label>
        <span class="toolbar-selected" data-selected="" aria-live="polite" />
        {actionsFor(typed.status).map((action) => (
          <Button key={action} name="action" value={action}>
            {CALL_ACTIONS[action].button}
          </Button>
        ))}
      </div>
      <div class="call-table is-short" data-live="calls">
        <CallTable callbackId={callbackId} found={found} isWaiting={typed.status === "PENDING"} />
        <Pager previous={newer} next={older} texts={["← Newer", "Older →"]} />
      </div>
    </form>
  );
}

function actionsFor(status: StatusChoice): readonly (keyof typeof CALL_ACTIONS)[] {
  switch (status) {
    case "FAILED":
    case "ATTEMPTED":
      return ["success", "replay"];
    case "PENDING":
      return ["success"];
    case "SUCCESS":
      return ["failed"];
  }
}

function Matching({ matching, typed }: { matching: CallCount; typed: TypedFilter }): VNode {
  if (matching.count === 0 && !matching.isExact) return <>Calls that match: not counted</>;
  const adjective = typed.status === "ATTEMPTED" ? "" : `${statusWord(typed.status)} `;
  return (
    <>
      <CountText count={matching} /> {`${adjective}${matching.count === 1 && matching.isExact ? "call" : "calls"}`}
    </>
  );
}

/** Never shows a guess. */
function CountText({ count: { count, isExact } }: { count: CallCount }): VNode {
  if (count === 0 && !isExact) return <>not counted</>;
  return (
    <>
      {!isExact && "more than "}
      <Count value={count} />
    </>
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

function NoCalls({ callbackId, typed, counts }: Pick<CallListView, "callbackId" | "typed" | "counts">): VNode {
  const isFiltered = Object.keys(typed.fields).length > 0;
  if (isFiltered) {
    return (
      <Empty title="No call matches">
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
  if (counts.FAILED + counts.SUCCESS + counts.PENDING === 0) {
    return (
      <Empty title="No calls yet">
        <p>A response that is to be sent to the callback's endpoint is a call here.</p>
      </Empty>
    );
  }
  return (
    <Empty title="No failed calls">
      <p>
        {counts.SUCCESS === 0 ? "None has been sent yet." : "Every call that was sent has been accepted or marked successful."}
      </p>
    </Empty>
  );
}

function CallTable({
  callbackId,
  found: { calls, now },
  isWaiting,
}: {
  callbackId: string;
  found: FoundCalls;
  isWaiting: boolean;
}): VNode {
  return (
    <Table
      caption="Calls"
      keyOf={({ id }) => id}
      rows={calls}
      columns={[
        { title: "Call", cell: ({ id }) => <PickCall callbackId={callbackId} id={id} /> },
        {
          title: isWaiting ? "Arrived" : "Last attempt",
          kind: "time",
          // A call that was held was never attempted.
          cell: ({ attemptedAt, acceptedAt, attemptCount }) =>
            attemptCount === 0 && !isWaiting ? <span class="muted">none</span> : <Time at={attemptedAt ?? acceptedAt} />,
        },
        { title: "Status", kind: "wide", cell: (call) => <StatusText call={call} /> },
        { title: "Attempts", kind: "number", isSecondary: true, cell: ({ attemptCount }) => <Count value={attemptCount} /> },
        { title: "Next attempt", kind: "time", isSecondary: true, cell: (call) => <NextAttempt call={call} now={now} /> },
        { title: "From and text", kind: "wide", cell: (call) => <Excerpt call={call} /> },
      ]}
    />
  );
}

function PickCall({ callbackId, id }: { callbackId: string; id: string }): VNode {
  const name = shortCallId(id);
  return (
    <span class="pick">
      <input type="checkbox" name="call" value={id} aria-label={`Select ${name}`} />
      <a class="monospaced" href={consolePath(callbackId, "calls", id)} title={id}>
        {name}
      </a>
    </span>
  );
}

const EXCERPT_LENGTH = 90;

function Excerpt({ call: { response } }: { call: Call }): VNode {
  return (
    <>
      <span class="muted">{excerpt(senderAddress(response.from), EXCERPT_LENGTH)}</span>{" "}
      <span>{excerpt(response.responseMessage.content, EXCERPT_LENGTH)}</span>
    </>
  );
}
