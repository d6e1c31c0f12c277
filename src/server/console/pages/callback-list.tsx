/** The page at /console is called Manage API Callbacks. */
import type { FastifyInstance } from "fastify";
import type { VNode } from "preact";
import type { Health } from "../../../domain/callback.js";
import { shownUrl } from "../../../domain/mask.js";
import type { Sort } from "../../../store/paging.js";
import { type Query, readPage, readParameter, readSort } from "../../routes/query-parameters.js";
import type { RouteContext } from "../../routes/route-context.js";
import { type Column, Count, Empty, Pager, Table, Time } from "../components/data.js";
import { EndpointBadge, healthOf } from "../components/endpoint-badge.js";
import { Button, ButtonLink } from "../components/forms.js";
import { consolePath } from "../console-path.js";

export interface CallbackRow extends Health {
  readonly id: string;
  readonly name: string;
  /** Its secrets are masked. */
  readonly url: string;
  readonly retriesEnabled: boolean;
  readonly failed: number;
  readonly waiting: number;
  /** `lastOutage` is null unless it ended within the last day. */
  readonly lastOutage: { readonly id: string; readonly endedAt: number } | null;
}

type SortField = "name" | "failed" | "waiting";

export interface CallbackListView {
  readonly rows: readonly CallbackRow[];
  /** `offset` is the first row's index, from 0. */
  readonly offset: number;
  /** So many callbacks match. */
  readonly total: number;
  readonly sort: Sort<SortField>;
  /** The text is in the name or the URL's host; "" means all callbacks. */
  readonly text: string;
  readonly nextCursor: string | null;
}

const PAGE_SIZE = 50;
const DAY_MS = 86_400_000;
/** So few are seen at once, without a search. */
const MOST_WITHOUT_SEARCH = 10;

/** `SORTS` says which are descending at first. */
const SORTS: Readonly<Record<SortField, boolean>> = { name: false, failed: true, waiting: true };

export function addCallbackList(app: FastifyInstance, { deps }: RouteContext): void {
  const { store, clock } = deps;

  app.get<{ Querystring: Query }>("/console", { config: { isLive: true } }, async ({ query }, reply) => {
    const asked = { ...readPage(query, PAGE_SIZE), limit: PAGE_SIZE };
    const [sort = BY_NAME] = readSort(query, SORTS, "name");
    const text = readText(query);
    const { items, ...page } = await store.callbacks.list({ ...asked, sort: [sort], text });
    const ids = items.map(({ id }) => id);
    const counts = await store.calls.countOf(ids);
    const records = new Map((await store.endpoints.list(ids)).map((record) => [record.callback.id, record]));
    const outages = await store.outages.findLast(ids);
    const endedSince = clock.now() - DAY_MS;
    const lastOutageOf = (callbackId: string): CallbackRow["lastOutage"] => {
      const { id, endedAt = null } = outages.get(callbackId) ?? {};
      return id === undefined || endedAt === null || endedAt < endedSince ? null : { id, endedAt };
    };
    const rows = items.map((callback): CallbackRow => {
      const { id, name, retriesEnabled } = callback;
      const { FAILED: failed = 0, PENDING: waiting = 0 } = counts.get(id) ?? {};
      const health = healthOf(records.get(id));
      return { id, name, url: shownUrl(callback), retriesEnabled, failed, waiting, lastOutage: lastOutageOf(id), ...health };
    });
    return reply.showPage({
      title: "Manage API Callbacks",
      aside: (
        <ButtonLink kind="primary" href="/console/callbacks/new">
          New callback
        </ButtonLink>
      ),
      content: <CallbackList {...page} rows={rows} sort={sort} text={text} />,
    });
  });
}

const BY_NAME: Sort<SortField> = { field: "name", descending: false };

function readText(query: Query): string {
  return (readParameter(query, "q") ?? "").trim();
}

export function CallbackList(view: CallbackListView): VNode {
  const { rows, total, text, offset, nextCursor } = view;
  if (total === 0 && text === "") {
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
      {(total > MOST_WITHOUT_SEARCH || text !== "") && <Search {...view} />}
      <div data-live="callbacks">
        {rows.length === 0 ? <NoRows text={text} /> : <Table {...tableOf(view)} />}
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

function Search({ text, sort }: CallbackListView): VNode {
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers don't know <search> yet
    <form class="search" role="search" action="/console">
      <input
        name="q"
        type="search"
        value={text}
        placeholder="Name or host"
        aria-label="Name or host contains"
        autocomplete="off"
      />
      {sort.field !== "name" && <input type="hidden" name="sortFields" value={sort.field} />}
      <Button>Find</Button>
      {text !== "" && <a href="/console">Show all</a>}
    </form>
  );
}

function NoRows({ text }: { text: string }): VNode {
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
        cell: ({ retriesEnabled }) => (retriesEnabled ? "enabled" : <span class="muted">disabled</span>),
      },
      {
        title: "State",
        cell: (row) => (
          <>
            <span data-announce={row.name}>
              <EndpointBadge {...row} />
            </span>
            {row.lastOutage !== null && (
              <a class="below" href={consolePath(row.id, "outages", row.lastOutage.id)}>
                outage ended <Time at={row.lastOutage.endedAt} />
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

function listPath({ sort, text }: CallbackListView, place: { readonly offset?: number; readonly cursor?: string } = {}): string {
  const parameters = new URLSearchParams();
  if (text !== "") parameters.set("q", text);
  if (sort.field !== "name") parameters.set("sortFields", sort.field);
  if (sort.descending !== SORTS[sort.field]) parameters.set("sortOrder", sort.descending ? "desc" : "asc");
  if (place.offset) parameters.set("offset", String(place.offset));
  if (place.cursor !== undefined) parameters.set("cursor", place.cursor);
  return parameters.size === 0 ? "/console" : `/console?${parameters}`;
}
