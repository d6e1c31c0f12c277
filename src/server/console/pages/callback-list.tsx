/** The page at /console is called Manage API Callbacks. */
import type { FastifyInstance } from "fastify";
import type { VNode } from "preact";
import { HEALTH_NAMES, HEALTHS, type Health, type HealthName, type Pause } from "../../../domain/callback.js";
import { DAY_MS } from "../../../domain/duration.js";
import { WhcbError } from "../../../domain/errors.js";
import { shownUrl } from "../../../domain/mask.js";
import type { Sort } from "../../../store/paging.js";
import { type Query, readPage, readParameter, readSort } from "../../routes/query-parameters.js";
import type { RouteContext } from "../../routes/route-context.js";
import { Badge, type Column, Count, Elapsed, Empty, Pager, Table } from "../components/data.js";
import { PauseEnd } from "../components/endpoint-badge.js";
import { Button, ButtonLink } from "../components/forms.js";
import { consolePath, retriesPath } from "../console-path.js";

export interface CallbackRow extends Health {
  readonly id: string;
  readonly name: string;
  /** Its secrets are masked. */
  readonly url: string;
  readonly retriesEnabled: boolean;
  readonly failed: number;
  readonly waiting: number;
  /** It isn't over. */
  readonly pause: Pause | null;
  /** `lastOutage` is null unless it ended within the last day. */
  readonly lastOutage: { readonly id: string; readonly endedAt: number } | null;
}

type SortField = "severity" | "name" | "failed" | "waiting";

export interface CallbackListView {
  readonly rows: readonly CallbackRow[];
  /** `offset` is the first row's index, from 0. */
  readonly offset: number;
  /** So many callbacks match. */
  readonly total: number;
  /** `counts` are of those that have the text, by their endpoints' states. */
  readonly counts: Readonly<Record<HealthName, number>>;
  readonly sort: Sort<SortField>;
  /** The text is in the name or the URL's host; "" means all callbacks. */
  readonly text: string;
  /** Only endpoints in this state are listed, or all. */
  readonly state: HealthName | null;
  readonly nextCursor: string | null;
  readonly now: number;
}

const PAGE_SIZE = 50;
/** So few are seen at once, without a search. */
const MOST_WITHOUT_SEARCH = 10;

/** `SORTS` says which are descending at first. */
const SORTS: Readonly<Record<SortField, boolean>> = { severity: false, name: false, failed: true, waiting: true };
const DEFAULT_SORT = "severity";

export function addCallbackList(app: FastifyInstance, { deps }: RouteContext): void {
  const { store, clock } = deps;

  app.get<{ Querystring: Query }>("/console", { config: { isLive: true } }, async ({ query }, reply) => {
    const asked = { ...readPage(query, PAGE_SIZE), limit: PAGE_SIZE };
    const [sort = BY_SEVERITY] = readSort(query, SORTS, DEFAULT_SORT);
    const text = (readParameter(query, "q") ?? "").trim();
    const state = readState(query);
    const { items, ...page } = await store.callbacks.listOverview({ ...asked, sort, text, health: state });
    const outages = await store.outages.findLast(items.map(({ callback }) => callback.id));
    const now = clock.now();
    const lastOutageOf = (callbackId: string): CallbackRow["lastOutage"] => {
      const { id, endedAt = null } = outages.get(callbackId) ?? {};
      return id === undefined || endedAt === null || endedAt < now - DAY_MS ? null : { id, endedAt };
    };
    const rows = items.map(({ callback, ...row }): CallbackRow => {
      const { id, name, retriesEnabled } = callback;
      return {
        id,
        name,
        url: shownUrl(callback),
        retriesEnabled,
        lastOutage: lastOutageOf(id),
        pause: row.health === "paused" ? callback.pause : null,
        ...row,
      };
    });
    return reply.showPage({
      title: "Manage API Callbacks",
      aside: (
        <ButtonLink kind="primary" href="/console/callbacks/new">
          New callback
        </ButtonLink>
      ),
      content: <CallbackList {...page} rows={rows} sort={sort} text={text} state={state} now={now} />,
    });
  });
}

const BY_SEVERITY: Sort<SortField> = { field: DEFAULT_SORT, descending: false };

function readState(query: Query): HealthName | null {
  const text = readParameter(query, "state");
  if (text === undefined) return null;
  const state = HEALTH_NAMES.find((name) => name === text);
  if (state === undefined) throw new WhcbError("invalid", `state must be one of ${HEALTH_NAMES.join(", ")}`);
  return state;
}

export function CallbackList(view: CallbackListView): VNode {
  const { rows, total, text, state, offset, nextCursor } = view;
  if (total === 0 && text === "" && state === null) {
    return (
      <Empty title="No callbacks yet">
        <p>A callback is the URL to which the service posts every reply to your messages.</p>
        <p>Have your endpoint running, then register it: the service checks that it answers 200.</p>
        <ButtonLink kind="primary" href="/console/callbacks/new">
          New callback
        </ButtonLink>
      </Empty>
    );
  }
  return (
    <>
      {(countAll(view) > MOST_WITHOUT_SEARCH || text !== "") && <Search {...view} />}
      <div data-live="callbacks">
        <StateStrip {...view} />
        {rows.length === 0 ? <NoRows {...view} /> : <Table {...tableOf(view)} />}
        {rows.length > 0 && (
          <p class="range muted">
            <Count value={offset + 1} />–<Count value={offset + rows.length} /> of <Count value={total} />
          </p>
        )}
      </div>
      <Pager
        previous={offset === 0 ? null : listPath(view, { offset: Math.max(0, offset - PAGE_SIZE) })}
        next={nextCursor === null ? null : listPath(view, { cursor: nextCursor })}
      />
    </>
  );
}

function countAll({ counts }: CallbackListView): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Each number leads to these callbacks. The meaning of a state is its title. */
function StateStrip(view: CallbackListView): VNode {
  const { counts, state } = view;
  const shown = HEALTH_NAMES.filter((name) => counts[name] > 0 || name === state);
  return (
    <nav class="state-strip" aria-label="States of the endpoints">
      {state !== null && (
        <a href={listPath({ ...view, state: null })}>
          <Count value={countAll(view)} /> in all
        </a>
      )}
      {shown.map((name) => (
        <a
          key={name}
          id={`state-${name}`}
          class={`explained is-${HEALTHS[name].tone}`}
          href={listPath({ ...view, state: name })}
          aria-current={name === state ? "page" : undefined}
          title={HEALTHS[name].meaning}
        >
          <Count value={counts[name]} /> {HEALTHS[name].text}
        </a>
      ))}
    </nav>
  );
}

function Search({ text, state, sort }: CallbackListView): VNode {
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers don't know <search> yet
    <form class="search" role="search" action="/console">
      <input
        name="q"
        type="search"
        value={text}
        placeholder="Filter by name or host"
        aria-label="Name or host contains"
        autocomplete="off"
      />
      {sort.field !== DEFAULT_SORT && <input type="hidden" name="sortFields" value={sort.field} />}
      {state !== null && <input type="hidden" name="state" value={state} />}
      <Button>Filter</Button>
      {text !== "" && <a href="/console">Show all</a>}
    </form>
  );
}

function NoRows(view: CallbackListView): VNode {
  const { text, state, total } = view;
  if (state !== null && total === 0) {
    return (
      <Empty title={`No endpoint is in the state “${HEALTHS[state].text}”`}>
        <a href={listPath({ ...view, state: null })}>Show all</a>
      </Empty>
    );
  }
  if (text === "") {
    return (
      <Empty title="No more callbacks">
        <a href="/console">Show the first ones</a>
      </Empty>
    );
  }
  return (
    <Empty title="No callback found">
      <p>None has “{text}” in its name or host.</p>
    </Empty>
  );
}

function tableOf(view: CallbackListView): Parameters<typeof Table<CallbackRow>>[0] {
  const number = (title: string, field: "failed" | "waiting", status: string): Column<CallbackRow> => ({
    title,
    kind: "number",
    sort: sortLink(view, field),
    cell: ({ id, [field]: calls }) =>
      calls === 0 ? (
        <span class="muted">0</span>
      ) : (
        <a href={`${consolePath(id)}?status=${status}`}>
          <Count value={calls} />
        </a>
      ),
  });
  return {
    caption: "Callbacks",
    isStacked: true,
    rows: view.rows,
    keyOf: ({ id }) => id,
    columns: [
      {
        title: "Callback",
        kind: "wide",
        sort: sortLink(view, "name"),
        cell: ({ id, name, url }) => (
          <>
            <a href={consolePath(id)}>{name}</a>
            <span class="below monospaced" title={url}>
              <span class="clamped">{url}</span>
            </span>
          </>
        ),
      },
      {
        title: "Retries",
        cell: ({ id, name, retriesEnabled }) => (
          <a
            id={`retries-${id}`}
            class={retriesEnabled ? "switch is-on" : "switch"}
            href={retriesPath(id, !retriesEnabled, listPath(view))}
            aria-label={`Retries of ${name} are ${retriesEnabled ? "on: switch them off" : "off: switch them on"}`}
          >
            {retriesEnabled ? "on" : "off"}
          </a>
        ),
      },
      {
        title: "State",
        sort: sortLink(view, "severity"),
        cell: ({ id, name, health, since, pause, lastOutage }) => (
          <>
            <span data-announce={name} title={HEALTHS[health].meaning}>
              <Badge tone={HEALTHS[health].tone}>{HEALTHS[health].text}</Badge>
            </span>
            {pause !== null && (
              <span class="below">
                <PauseEnd pause={pause} />
              </span>
            )}
            {since !== null && pause === null && (
              <span class="below">
                {health === "checking" && "down "}for <Elapsed since={since} now={view.now} />
              </span>
            )}
            {lastOutage !== null && (
              <a class="below" href={consolePath(id, "outages", lastOutage.id)}>
                outage ended <Elapsed since={lastOutage.endedAt} now={view.now} /> ago
              </a>
            )}
          </>
        ),
      },
      number("Failed", "failed", "FAILED"),
      number("Waiting", "waiting", "PENDING"),
      {
        title: "Actions",
        cell: ({ id, name }) => (
          <span class="links">
            {ACTIONS.map(({ text, page }) => (
              <a key={page} href={consolePath(id, page)} aria-label={`${text}: ${name}`}>
                {text}
              </a>
            ))}
          </span>
        ),
      },
    ],
  };
}

const ACTIONS = [
  { text: "Edit", page: "edit" },
  { text: "Calls", page: "calls" },
  { text: "Outages", page: "outages" },
];

/** Sorts the other way round if the rows are sorted by it. */
function sortLink(view: CallbackListView, field: SortField): NonNullable<Column<never>["sort"]> {
  const { sort } = view;
  const isSorted = sort.field === field;
  const descending = isSorted ? !sort.descending : SORTS[field];
  const order = isSorted ? (sort.descending ? "descending" : "ascending") : null;
  return { order, href: listPath({ ...view, sort: { field, descending } }) };
}

function listPath(
  { sort, text, state }: CallbackListView,
  place: { readonly offset?: number; readonly cursor?: string } = {},
): string {
  const parameters = new URLSearchParams();
  if (text !== "") parameters.set("q", text);
  if (state !== null) parameters.set("state", state);
  if (sort.field !== DEFAULT_SORT) parameters.set("sortFields", sort.field);
  if (sort.descending !== SORTS[sort.field]) parameters.set("sortOrder", sort.descending ? "desc" : "asc");
  if (place.offset) parameters.set("offset", String(place.offset));
  if (place.cursor !== undefined) parameters.set("cursor", place.cursor);
  return parameters.size === 0 ? "/console" : `/console?${parameters}`;
}
