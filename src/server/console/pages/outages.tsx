/** The page at /console/callbacks/:id/outages shows one outage in detail, and the list of all. */
import type { FastifyInstance } from "fastify";
import type { VNode } from "preact";
import { HEALTHS, type HealthName } from "../../../domain/callback.js";
import { DAY_MS, formatDuration } from "../../../domain/duration.js";
import { WhcbError } from "../../../domain/errors.js";
import { type Outage, outageClosesAt } from "../../../domain/outage.js";
import type { StoredMail } from "../../../store/outcomes/mails.js";
import type { OutageCalls } from "../../../store/outcomes/outage-calls.js";
import type { Page as StoredPage } from "../../../store/paging.js";
import { type Query, readPage, readParameter } from "../../routes/query-parameters.js";
import type { RouteContext } from "../../routes/route-context.js";
import { Reasons } from "../components/call-parts.js";
import { callbackPage } from "../components/callback-page.js";
import { Badge, Count, countText, Empty, Facts, Pager, Table, Time } from "../components/data.js";
import { healthOf } from "../components/endpoint-badge.js";
import { OutageChart, OutageTable } from "../components/outage-chart.js";
import {
  type BacklogSample,
  backlogOf,
  chartSpan,
  largestBacklog,
  type OutageChartView,
  shownBacklog,
} from "../components/outage-figures.js";
import { consolePath } from "../console-path.js";
import type { Page } from "../page.js";

const PAGE_SIZE = 20;
/** A narrow screen can show so many bars. */
const MAX_POINTS = 72;
/** An outage as long as the longest window has a week of minutes. */
const ALL_POINTS = 10_080;

interface OutagesView {
  readonly callbackId: string;
  /** `chosen` is the newest outage unless one is chosen, and null if there is none. */
  readonly chosen: OutageDetails | null;
  readonly outages: StoredPage<Outage>;
  readonly isFirstPage: boolean;
  readonly health: HealthName;
  readonly now: number;
}

interface OutageDetails {
  readonly outage: Outage;
  readonly span: SpanName;
  readonly chart: OutageChartView;
  /** `mail` is null if none was written. */
  readonly mail: StoredMail | null;
  /** The outage ends then if no other call fails first. It is null if it has ended, or if that isn't known yet. */
  readonly endsAt: number | null;
  readonly calls: OutageCalls;
  /** `largest` is null if it wasn't counted. */
  readonly largest: BacklogSample | null;
  /** `backlog` is the callback's backlog at this moment. */
  readonly backlog: { readonly failed: number; readonly waiting: number };
}

/** The span of null is as long as the outage. */
const SPANS = { outage: null, day: DAY_MS, week: 7 * DAY_MS } as const;
const SPAN_TEXTS = { outage: "The outage", day: "24 hours", week: "7 days" } as const;
type SpanName = keyof typeof SPANS;

/** Without an outage's id the newest is shown. */
type OutagePath = { readonly id: string; readonly outageId?: string };

export function addOutages(app: FastifyInstance, context: RouteContext): void {
  for (const path of ["/console/callbacks/:id/outages", "/console/callbacks/:id/outages/:outageId"]) {
    app.get<{ Params: OutagePath; Querystring: Query }>(path, { config: { isLive: true } }, async ({ params, query }, reply) => {
      return reply.showPage(await outagesPage(context, params, query));
    });
  }
}

async function outagesPage({ deps, lookup }: RouteContext, params: OutagePath, query: Query): Promise<Page> {
  const { store, clock, policy } = deps;
  const callback = await lookup.find(params.id);
  const asked = { ...readPage(query, PAGE_SIZE), limit: PAGE_SIZE };
  const outages = await store.outages.list({ ...asked, callbackId: callback.id });
  const newest = asked.cursor === undefined && asked.offset === 0 ? outages.items[0] : undefined;
  const outage = params.outageId === undefined ? newest : await store.outages.find(callback.id, params.outageId);
  if (outage === null) throw new WhcbError("not-found", "No such outage of this callback");
  const [record] = await store.endpoints.listReports([callback.id]);
  const now = clock.now();
  const view: OutagesView = {
    callbackId: callback.id,
    chosen: outage === undefined ? null : await readDetails(outage),
    outages,
    isFirstPage: newest !== undefined || outages.total === 0,
    health: healthOf(record).health,
    now,
  };
  const content = (
    <div data-live="outages">
      <Outages {...view} />
    </div>
  );
  return callbackPage(callback, record, { title: callback.name, tab: "outages", content });

  async function readDetails(outage: Outage): Promise<OutageDetails> {
    const span = readSpan(query);
    const { from, to } = chartSpan(outage, now, SPANS[span]);
    const outageSpan = { since: outage.startedAt, until: (outage.endedAt ?? now) + 1 };
    const minutes = await store.activity.list(callback.id, { ...outageSpan, maxPoints: ALL_POINTS });
    const calls = await store.outages.readCalls(outage.id);
    const activity = await store.activity.list(callback.id, { since: from, until: to + 1, maxPoints: MAX_POINTS });
    const backlog = backlogOf(minutes.points, outage);
    const { PENDING, FAILED } = await store.calls.count(callback.id);
    const isEnding = outage.endedAt === null && outage.quietSince !== null && record?.endpoint.state === "up";
    const endsAt = isEnding ? outageClosesAt(outage, "up", policy) : null;
    return {
      outage,
      span,
      chart: { ...activity, from, to, outage, backlog: shownBacklog(backlog, activity.bucketMs, to) },
      mail: await store.mails.find(outage.id),
      endsAt,
      calls,
      largest: largestBacklog(backlog),
      backlog: { failed: FAILED, waiting: PENDING },
    };
  }
}

function readSpan(query: Query): SpanName {
  const span = readParameter(query, "span");
  return span === "day" || span === "week" ? span : "outage";
}

function Outages(view: OutagesView): VNode {
  const { callbackId, chosen, outages, isFirstPage } = view;
  const path = consolePath(callbackId, "outages");
  if (outages.total === 0) {
    return (
      <Empty title="No outage so far">
        <p>An outage begins when a call fails at its first attempt. It will appear here by itself.</p>
      </Empty>
    );
  }
  return (
    <>
      {chosen && <Details view={view} chosen={chosen} />}
      <h2>All outages</h2>
      <OutageList {...view} />
      <Pager
        previous={isFirstPage ? null : path}
        next={outages.nextCursor === null ? null : `${path}?cursor=${encodeURIComponent(outages.nextCursor)}`}
      />
    </>
  );
}

function Details({ view, chosen }: { view: OutagesView; chosen: OutageDetails }): VNode {
  const { callbackId, health, now } = view;
  const { outage, span, chart, mail, endsAt, calls, largest, backlog } = chosen;
  const path = consolePath(callbackId, "outages", outage.id);
  return (
    <article class="card outage" id={`outage-${outage.id}`} aria-labelledby="outage-title">
      <header class="outage-header">
        <h2 id="outage-title">
          Outage of <Time at={outage.startedAt} />
        </h2>
        <span data-announce="Outage">
          <OutageBadge outage={outage} health={health} />
        </span>
        <nav class="spans" aria-label="Time shown">
          {Object.entries(SPAN_TEXTS).map(([name, text]) => (
            <a
              key={name}
              href={name === "outage" ? path : `${path}?span=${name}`}
              aria-current={name === span ? "true" : undefined}
            >
              {text}
            </a>
          ))}
        </nav>
      </header>
      <Facts
        facts={[
          ["Ended", <End key="end" outage={outage} endsAt={endsAt} />],
          ["Duration", durationText(outage, now)],
          ["Calls that failed in it", <Count key="count" value={calls.failedCalls} />],
          ["Why they failed", <Failures key="why" calls={calls} />, "wide"],
          ["What became of them", <Fates key="fates" calls={calls} />],
          [
            "Largest backlog of the callback",
            largest === null ? (
              "not counted"
            ) : (
              <>
                <Count value={largest.calls} />{" "}
                <span class="at">
                  at <Time at={largest.at} />
                </span>
              </>
            ),
          ],
          [
            "Its backlog now",
            <>
              <a href={`${consolePath(callbackId)}?status=FAILED`}>
                <Count value={backlog.failed} /> failed
              </a>
              {", "}
              <a href={`${consolePath(callbackId)}?status=PENDING`}>
                <Count value={backlog.waiting} /> waiting
              </a>
            </>,
          ],
          ["E-mail", <MailState key="mail" outage={outage} mail={mail} />],
        ]}
      />
      <OutageChart {...chart} />
      <details>
        <summary>The numbers of the chart</summary>
        <OutageTable {...chart} />
      </details>
      {mail !== null && <MailText mail={mail} />}
    </article>
  );
}

/** Counts the calls by their first failures. */
function Failures({ calls: { failures, uncounted } }: { calls: OutageCalls }): VNode {
  if (failures.length === 0) return <>not known</>;
  return (
    <>
      <Reasons failures={failures} />
      {uncounted > 0 && "and others"}
    </>
  );
}

/** The numbers add up to the calls that failed. */
function Fates({ calls }: { calls: OutageCalls }): VNode {
  const parts = FATES.filter(([fate]) => calls[fate] > 0).map(([fate, text]) => `${countText(calls[fate])}\u00a0${text}`);
  return <>{parts.join(", ")}</>;
}

const FATES = [
  ["replayed", "successful by a replay"],
  ["retried", "successful at a retry"],
  ["marked", "marked successful"],
  ["failed", "still failed"],
  ["released", "released when retries were switched off"],
  ["removed", "no longer stored"],
  ["uncounted", "not counted: they failed before an update of the service"],
] as const satisfies readonly (readonly [fate: keyof OutageCalls, text: string])[];

function MailText({ mail }: { mail: StoredMail }): VNode {
  return (
    <details>
      <summary>
        {mail.sentAt === null
          ? "The e-mail, not sent yet"
          : `The e-mail as it was ${mail.sentBy === "file" ? "written" : "sent"}`}
      </summary>
      <Facts
        facts={[
          ["To", mail.to],
          ["Subject", mail.subject],
          [
            mail.sentBy === "file" ? "Written to a file" : "Sent",
            mail.sentAt === null ? "not yet" : <Time key="at" at={mail.sentAt} />,
          ],
        ]}
      />
      <pre>{mail.text}</pre>
    </details>
  );
}

/** `mail` is undefined where it isn't read. */
function MailState({ outage, mail }: { outage: Outage; mail?: StoredMail | null }): VNode {
  if (outage.notifiedAt !== null) {
    return (
      <>
        {outage.notifiedBy === "file" ? "written to a file" : "sent"}{" "}
        <span class="at">
          at <Time at={outage.notifiedAt} />
        </span>
      </>
    );
  }
  if (mail === null) return <>none</>;
  if (mail === undefined || mail.lastError === null) return <>not sent yet</>;
  return (
    <>
      not sent yet: {mail.lastError}
      {mail.nextTryAt !== null && (
        <>
          ; next try at <Time at={mail.nextTryAt} />
        </>
      )}
    </>
  );
}

function OutageList({ callbackId, outages, chosen, health, now }: OutagesView): VNode {
  return (
    <Table
      caption="Outages, newest first"
      rows={outages.items}
      keyOf={({ id }) => id}
      isStacked
      columns={[
        {
          title: "Began",
          cell: ({ id, startedAt }) => (
            <a href={consolePath(callbackId, "outages", id)} aria-current={id === chosen?.outage.id ? "true" : undefined}>
              <Time at={startedAt} />
            </a>
          ),
        },
        { title: "Ended", isSecondary: true, cell: ({ endedAt }) => (endedAt === null ? "" : <Time at={endedAt} />) },
        { title: "State", cell: (outage) => <OutageBadge outage={outage} health={health} /> },
        { title: "Duration", kind: "number", cell: (outage) => durationText(outage, now) },
        { title: "Failed calls", kind: "number", cell: ({ failedCalls }) => <Count value={failedCalls} /> },
        { title: "E-mail", kind: "wide", isSecondary: true, cell: (outage) => <MailState outage={outage} /> },
      ]}
    />
  );
}

/** An open outage has its endpoint's state. */
function OutageBadge({ outage: { endedAt }, health }: { outage: Outage; health: HealthName }): VNode {
  if (endedAt !== null) return <Badge tone="neutral">ended</Badge>;
  const { text, tone } = HEALTHS[health];
  return <Badge tone={tone}>{`open, ${text}`}</Badge>;
}

function End({ outage: { endedAt }, endsAt }: { outage: Outage; endsAt: number | null }): VNode {
  if (endedAt !== null) return <Time at={endedAt} />;
  if (endsAt === null) return <>not yet</>;
  return (
    <>
      not yet; at <Time at={endsAt} /> if no other call fails until then
    </>
  );
}

function durationText({ startedAt, endedAt }: Outage, now: number): string {
  return formatDuration(Math.max(0, (endedAt ?? now) - startedAt));
}
