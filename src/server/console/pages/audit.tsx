/** The page at /console/audit says who changed what. */
import type { FastifyInstance } from "fastify";
import type { VNode } from "preact";
import type { AuditEntry, Way } from "../../../domain/audit/audit-entry.js";
import { describeChange } from "../../../domain/audit/change-text.js";
import type { Page as StoredPage } from "../../../store/paging.js";
import { readAuditFilter } from "../../routes/audit-routes.js";
import { type Query, readPage, readParameter } from "../../routes/query-parameters.js";
import type { RouteContext } from "../../routes/route-context.js";
import { count, Empty, Pager, Table, Time } from "../components/data.js";
import { TimeLabel } from "../components/filter-form.js";
import { Button, TextField } from "../components/forms.js";
import { LONGEST_FIELD, parseFilter } from "../filter-fields.js";

const PAGE_SIZE = 50;

interface AuditView {
  readonly entries: StoredPage<AuditEntry>;
  /** They are as they were typed. */
  readonly fields: Readonly<Partial<Record<"callbackId" | "user" | "since", string>>>;
  readonly sinceProblem: string | undefined;
}

export function addAudit(app: FastifyInstance, context: RouteContext): void {
  const { store, clock } = context.deps;
  app.get<{ Querystring: Query }>("/console/audit", async ({ query }, reply) => {
    const asked = { ...readPage(query, PAGE_SIZE), limit: PAGE_SIZE };
    const [callbackId, user] = [readParameter(query, "callbackId")?.trim(), readParameter(query, "user")?.trim()];
    const { typed, filter, problems } = parseFilter({ since: query.since }, clock.now());
    const { since } = filter;
    const named = await readAuditFilter({ callbackId, user }, context);
    const entries = await store.audit.list({ ...asked, ...named, ...(since !== undefined && { since }) });
    const fields = { ...(callbackId && { callbackId }), ...(user && { user }), ...typed.fields };
    return reply.showPage({
      title: "Audit",
      breadcrumb: [],
      content: <Audit entries={entries} fields={fields} sinceProblem={problems.since} />,
    });
  });
}

export function Audit({ entries, fields, sinceProblem }: AuditView): VNode {
  const field = (name: keyof AuditView["fields"]) => ({ name, value: fields[name] ?? "", maxLength: LONGEST_FIELD });
  const next = entries.nextCursor === null ? null : new URLSearchParams({ ...fields, cursor: entries.nextCursor });
  return (
    <>
      <form class="filters" method="get" action="/console/audit">
        <div class="filter-row">
          <TextField {...field("callbackId")} label="Callback" placeholder="name or id" />
          <TextField {...field("user")} label="User" />
          <TextField {...field("since")} label={<TimeLabel text="Since" />} placeholder="7d or 2026-11-26" error={sinceProblem} />
          <Button>Filter</Button>
        </div>
      </form>
      {entries.total === 0 ? (
        <Empty title="No changes" />
      ) : (
        <>
          <p class="muted">{count(entries.total, "change")}</p>
          <EntryTable entries={entries.items} />
        </>
      )}
      <Pager previous={null} next={next === null ? null : `/console/audit?${next}`} texts={["", "Earlier →"]} />
    </>
  );
}

const WAY_TEXTS: Readonly<Record<Way, string>> = { api: "API", console: "console", database: "command on the database" };

function EntryTable({ entries }: { entries: readonly AuditEntry[] }): VNode {
  return (
    <Table
      caption="Changes, newest first"
      rows={entries}
      keyOf={({ id }) => id}
      isStacked
      columns={[
        { title: "Time", kind: "time", cell: ({ at }) => <Time at={at} /> },
        { title: "User", cell: ({ user }) => <bdi>{user ?? "not known"}</bdi> },
        { title: "Way in", isSecondary: true, cell: ({ via }) => WAY_TEXTS[via] },
        { title: "Address", isSecondary: true, cell: ({ address }) => address ?? "" },
        { title: "Change", kind: "wide", cell: (entry) => <Change {...entry} /> },
      ]}
    />
  );
}

function Change(entry: AuditEntry): VNode {
  const name = entry.callback ?? entry.callbackId;
  return (
    <>
      {name !== null && (
        <>
          <strong>
            <bdi>{name}</bdi>
          </strong>{" "}
        </>
      )}
      <bdi>{describeChange(entry)}</bdi>
    </>
  );
}
