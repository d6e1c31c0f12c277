/** /console: Manage API Callbacks. */
import type { VNode } from "preact";
import type { EndpointState } from "../../../domain/endpoint.js";
import { maskUrl } from "../../../domain/mask.js";
import { readPage } from "../../routes/query-parameters.js";
import { Badge, Count, Empty, Pager, Table, Time } from "../components/data.js";
import { ButtonLink } from "../components/forms.js";
import type { Pages } from "../pages.js";

export interface CallbackRow {
  readonly id: string;
  readonly name: string;
  /** Masked. */
  readonly url: string;
  readonly retriesEnabled: boolean;
  readonly state: EndpointState;
  readonly downSince: number | null;
  readonly failed: number;
}

export interface CallbackListView {
  readonly rows: readonly CallbackRow[];
  readonly next: string | null;
}

const PAGE_SIZE = 50;

export function addCallbackList(pages: Pages): void {
  const { store } = pages.context.deps;

  pages.get("/console", async ({ query }) => {
    const asked = { ...readPage(query, PAGE_SIZE), limit: PAGE_SIZE };
    const { items, nextCursor } = await store.listCallbacks({ ...asked, sort: [{ field: "name", descending: false }] });
    const records = await store.listEndpoints(items.map(({ id }) => id));
    const states = new Map(records.map(({ callback, endpoint }) => [callback.id, endpoint]));
    const rows = items.map(async ({ id, name, url, retriesEnabled }) => {
      const { state = "up", downSince = null } = states.get(id) ?? {};
      const { FAILED: failed } = await store.countCalls(id);
      return { id, name, url: maskUrl(url), retriesEnabled, state, downSince, failed };
    });
    const next = nextCursor === null ? null : `/console?cursor=${encodeURIComponent(nextCursor)}`;
    return {
      kind: "page",
      title: "Manage API Callbacks",
      aside: (
        <ButtonLink kind="primary" href="/console/callbacks/new">
          New callback
        </ButtonLink>
      ),
      content: <CallbackList rows={await Promise.all(rows)} next={next} />,
    };
  });
}

export function CallbackList({ rows, next }: CallbackListView): VNode {
  if (rows.length === 0) {
    return (
      <Empty title="No callbacks yet">
        <p>A callback is the URL to which every reply is posted.</p>
      </Empty>
    );
  }
  return (
    <>
      <Table
        caption="Callbacks"
        keyOf={({ id }) => id}
        rows={rows}
        columns={[
          {
            title: "Callback",
            cell: ({ id, name }) => <a href={`/console/callbacks/${encodeURIComponent(id)}/calls`}>{name}</a>,
          },
          { title: "Destination", kind: "wide", isSecondary: true, cell: ({ url }) => <span class="monospaced">{url}</span> },
          { title: "Retries", cell: ({ retriesEnabled }) => (retriesEnabled ? "enabled" : "disabled") },
          { title: "State", cell: (row) => <EndpointBadge {...row} /> },
          { title: "Failed calls", kind: "number", cell: ({ failed }) => <Count value={failed} /> },
          { title: "", cell: ({ id, name }) => <EditLink id={id} name={name} /> },
        ]}
      />
      <Pager previous={null} next={next} />
    </>
  );
}

function EditLink({ id, name }: { id: string; name: string }): VNode {
  return (
    <a href={`/console/callbacks/${encodeURIComponent(id)}/edit`} aria-label={`Edit ${name}`}>
      Edit
    </a>
  );
}

export function EndpointBadge({ state, downSince }: { state: EndpointState; downSince: number | null }): VNode {
  switch (state) {
    case "up":
      return <Badge tone="good">up</Badge>;
    case "recovering":
      return <Badge tone="warning">recovering</Badge>;
    case "down":
      return (
        <Badge tone="bad">
          down
          {downSince !== null && (
            <>
              {" "}
              since <Time at={downSince} />
            </>
          )}
        </Badge>
      );
  }
}
