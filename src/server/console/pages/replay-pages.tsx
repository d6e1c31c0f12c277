/** The pages are /console/callbacks/:id/replays and /replays/:replayId. */
import type { FastifyInstance } from "fastify";
import type { VNode } from "preact";
import { isCollecting, replayState, type ServiceReplay } from "../../../domain/callback.js";
import type { FailureGroup } from "../../../store/calls/call-counts.js";
import { toIsoDate } from "../../../wire/dates.js";
import { authorOf } from "../../auth/author.js";
import type { CallbackPath, ReplayPath, RouteContext } from "../../routes/route-context.js";
import { cancelReplay, findReplay } from "../../use-cases/settle-calls.js";
import { filterFacts, Reasons } from "../components/call-parts.js";
import { callbackPage } from "../components/callback-page.js";
import { Badge, Count, count, countText, Empty, Facts, Table, Time } from "../components/data.js";
import { Button, ButtonLink, ButtonRow, Form } from "../components/forms.js";
import { Alert } from "../components/layout.js";
import { RoundFacts, type Sending, sendingOf } from "../components/next-attempt.js";
import { consolePath } from "../console-path.js";
import { callsPath, describeFilter } from "../filter-fields.js";
import { redirectDone } from "../page.js";
import { formToken } from "../sessions.js";

const SHOWN_REPLAYS = 50;
/** The dispatcher takes more calls out of a replay after the answer. */
const STOPPED_BEFORE_ANSWER_MS = 300;

export function addReplayPages(app: FastifyInstance, { deps, lookup }: RouteContext): void {
  const live = { config: { isLive: true } };

  app.get<CallbackPath>("/console/callbacks/:id/replays", live, async ({ params }, reply) => {
    const callback = await lookup.find(params.id);
    const replays = await deps.store.replays.list(callback.id, SHOWN_REPLAYS);
    const content = <ReplayList callbackId={callback.id} replays={replays} />;
    const [record] = await deps.store.endpoints.listReports([callback.id]);
    return reply.showPage(callbackPage(callback, record, { title: callback.name, tab: "replays", content }));
  });

  app.get<ReplayPath>("/console/callbacks/:id/replays/:replayId", live, async (request, reply) => {
    const { params } = request;
    const callback = await lookup.find(params.id);
    const replay = await findReplay(deps, callback, params.replayId);
    const [record] = await deps.store.endpoints.listReports([callback.id]);
    const view: ReplayView = {
      callbackId: callback.id,
      formToken: formToken(request),
      replay,
      failures: await deps.store.replays.listFailures(callback.id, replay),
      sending: sendingOf(deps, callback, record),
    };
    const content = <OneReplay {...view} />;
    const trail = [{ text: "Replays", href: consolePath(callback.id, "replays") }];
    const title = `Replay of ${count(replay.collecting === null ? replay.total : (replay.confirmed ?? 0), "call")}`;
    return reply.showPage(callbackPage(callback, record, { title, trail, tab: "replays", content }));
  });

  app.post<ReplayPath>("/console/callbacks/:id/replays/:replayId", async (request, reply) => {
    const { params } = request;
    const callback = await lookup.find(params.id);
    const before = await findReplay(deps, callback, params.replayId);
    await cancelReplay(deps, callback, before.id, authorOf(request, deps), STOPPED_BEFORE_ANSWER_MS);
    const notice = stopNotice(await findReplay(deps, callback, before.id));
    return redirectDone(reply, consolePath(callback.id, "replays", before.id), notice);
  });
}

function stopNotice({ total, succeeded, failed, cancelled, left, collecting }: ServiceReplay): string {
  if (cancelled === 0 && left === 0 && collecting === null) return `It had ended already: all ${count(total, "call")} were sent.`;
  const others = left === 0 ? "" : ` Of the ${countText(left)} left, only what is being sent right now will be finished.`;
  return `Stopped: ${count(succeeded + failed, "call")} had been sent, ${countText(cancelled)} won't be sent by this replay.${others}`;
}

export interface ReplayView {
  readonly callbackId: string;
  readonly formToken: string;
  readonly replay: ServiceReplay;
  /** Counts what failed again. */
  readonly failures: readonly FailureGroup[];
  readonly sending: Sending;
}

export function ReplayList({ callbackId, replays }: { callbackId: string; replays: readonly ServiceReplay[] }): VNode {
  const number = (title: string, name: "total" | "succeeded" | "failed" | "cancelled" | "left", isSecondary = false) => {
    return { title, kind: "number" as const, isSecondary, cell: (replay: ServiceReplay) => <Count value={replay[name]} /> };
  };
  return (
    <div data-live="replays">
      {replays.length === 0 && (
        <Empty title="No replays">
          <p>
            Select <a href={consolePath(callbackId)}>failed calls</a> and choose Replay.
          </p>
        </Empty>
      )}
      {replays.length > 0 && (
        <Table
          caption="Replays"
          isStacked
          keyOf={({ id }) => id}
          rows={replays}
          columns={[
            {
              title: "Requested",
              kind: "time",
              cell: ({ id, requestedAt }) => (
                <a href={consolePath(callbackId, "replays", id)}>
                  <Time at={requestedAt} />
                </a>
              ),
            },
            { title: "State", cell: (replay) => <ReplayBadge replay={replay} /> },
            {
              title: "Requested by",
              kind: "wide",
              isSecondary: true,
              cell: ({ requestedBy }) => <bdi>{requestedBy ?? "not known"}</bdi>,
            },
            number("Calls", "total"),
            number("Successful", "succeeded"),
            number("Failed again", "failed"),
            number("Not sent", "cancelled", true),
            number("Left", "left"),
          ]}
        />
      )}
    </div>
  );
}

function ReplayBadge({ replay }: { replay: ServiceReplay }): VNode {
  if (isCollecting(replay)) return <Badge tone="warning">collecting calls</Badge>;
  if (replay.collecting?.step === "more") return <Badge tone="neutral">not begun</Badge>;
  switch (replayState(replay)) {
    case "running":
      return <Badge tone="warning">running</Badge>;
    case "finished":
      return replay.failed > 0 ? <Badge tone="bad">finished with failures</Badge> : <Badge tone="good">finished</Badge>;
    case "cancelled":
      return <Badge tone="neutral">stopped</Badge>;
  }
}

export function OneReplay(view: ReplayView): VNode {
  const { callbackId, formToken, replay, failures } = view;
  const { id, requestedAt, requestedBy, total, succeeded, failed, cancelled, left } = replay;
  const path = consolePath(callbackId, "replays", id);
  const isRunning = replayState(replay) === "running";
  const done = succeeded + failed;
  return (
    <div class="card replay" data-live="replay">
      <p class="replay-state">
        <span data-announce="Replay">
          <ReplayBadge replay={replay} />
        </span>
        <span>
          requested <Time at={requestedAt} />
          {requestedBy !== null && (
            <>
              {" "}
              by <bdi>{requestedBy}</bdi>
            </>
          )}
        </span>
      </p>
      {isCollecting(replay) && <Collected replay={replay} />}
      {!isCollecting(replay) && replay.collecting?.step !== "more" && <Progress done={done} total={total} />}
      {isRunning && left > 0 && <Waiting {...view} />}
      <Facts
        facts={[
          ["Successful", <Count value={succeeded} />],
          ["Failed again", <Count value={failed} />],
          ["Not sent", <Count value={cancelled} />],
          ["Left", <Count value={left} />],
        ]}
      />
      {failures.length > 0 && <FailedAgain callbackId={callbackId} replay={replay} failures={failures} />}
      <Differences replay={replay} />
      <Selected replay={replay} />
      {(left > 0 || isRunning) && (
        <Form action={path} formToken={formToken}>
          <ButtonRow>
            {isRunning && <Button kind="danger">Stop</Button>}
            {/* With scripts the page is kept up to date. */}
            <noscript>
              <ButtonLink href={path}>Reload</ButtonLink>
            </noscript>
            <span class="muted">
              {isRunning
                ? "Stop leaves out what hasn't been sent yet."
                : "Only what is being sent right now is finished. The rest can be replayed once nothing is left."}
            </span>
          </ButtonRow>
        </Form>
      )}
      {!isRunning && left === 0 && <Rest callbackId={callbackId} replay={replay} />}
    </div>
  );
}

function Progress({ done, total }: { done: number; total: number }): VNode {
  return (
    <label class="progress">
      <span>
        <Count value={done} /> of <Count value={total} /> calls done
      </span>
      <progress max={Math.max(total, 1)} value={total === 0 ? 1 : done} />
    </label>
  );
}

function Collected({ replay: { collecting, confirmed, total, inEarlier } }: { replay: ServiceReplay }): VNode {
  const collected = total + inEarlier;
  if (collecting?.step === "count") {
    return (
      <label class="progress">
        <span>
          Counting the calls that match… <Count value={collecting.counted} />
        </span>
        <progress />
      </label>
    );
  }
  return (
    <label class="progress">
      <span>
        Collecting calls… <Count value={collected} /> of <Count value={collecting?.counted ?? 0} />
      </span>
      <progress max={Math.max(confirmed ?? 0, 1)} value={collected} />
    </label>
  );
}

function Waiting({ sending }: ReplayView): VNode | null {
  if (sending.endpoint.state !== "down") return null;
  return (
    <Alert kind="info">
      Waiting: the endpoint is down. Its calls are sent in retry rounds, <RoundFacts sending={sending} />.
    </Alert>
  );
}

/** The links lead to the calls that have failed for this reason since then, by whatever attempt. */
function FailedAgain({ callbackId, replay, failures }: Pick<ReplayView, "callbackId" | "replay" | "failures">): VNode {
  const since = toIsoDate(replay.requestedAt);
  const known = failures.reduce((sum, { count: calls }) => sum + calls, 0);
  return (
    <>
      <h2>Failed again</h2>
      <Reasons
        failures={failures}
        pathOf={(field, value) => callsPath(callbackId, { status: "FAILED", fields: { since, [field]: value } })}
      />
      {known < replay.failed && <p class="muted">Of the others it isn't known why.</p>}
      <p>What failed again is among the failed calls, and is retried as before if retries are enabled.</p>
    </>
  );
}

/** Says how the replay's calls differ from those that were confirmed. */
function Differences({ replay }: { replay: ServiceReplay }): VNode {
  const { total, cancelled, confirmed, inEarlier, collecting } = replay;
  const changed = confirmed === null || collecting !== null ? 0 : Math.max(0, confirmed - total - inEarlier);
  const isStopped = replayState(replay) === "cancelled";
  return (
    <>
      {inEarlier > 0 && <p>{`${count(inEarlier, "call")} waited for an earlier replay already, and stayed with it.`}</p>}
      {changed > 0 && (
        <p>{`${count(changed, "call")} had changed in the meantime: left as ${changed === 1 ? "it is" : "they are"}.`}</p>
      )}
      {collecting?.step === "more" && (
        <p>{`Nothing was sent: ${count(collecting.counted, "call")} matched by then, and ${countText(confirmed ?? 0)} were confirmed.`}</p>
      )}
      {isStopped && collecting?.step === "add" && (
        <p>{`It was stopped while its calls were collected: ${countText(collecting.counted - total - inEarlier)} weren't yet.`}</p>
      )}
      {cancelled > 0 && !isStopped && <p>What wasn't sent was marked or erased.</p>}
    </>
  );
}

function Selected({ replay: { selection } }: { replay: ServiceReplay }): VNode | null {
  if (selection === null) return null;
  if ("callIds" in selection) return <p class="muted">{`${count(selection.callIds.length, "call")} selected one by one.`}</p>;
  const isFiltered = describeFilter(selection.filter).length > 0;
  return (
    <>
      <h2>Its calls</h2>
      <p>{isFiltered ? "The failed calls that matched:" : "All failed calls."}</p>
      <Facts facts={filterFacts(selection.filter)} />
    </>
  );
}

/** What a stop has left out, if it is known which calls that are. */
function Rest({ callbackId, replay }: { callbackId: string; replay: ServiceReplay }): VNode | null {
  if (replayState(replay) !== "cancelled") return null;
  if (replay.selection === null) {
    return (
      <p>
        What Stop left out is among the <a href={consolePath(callbackId)}>failed calls</a>.
      </p>
    );
  }
  return (
    <ButtonRow>
      <ButtonLink kind="primary" href={`${consolePath(callbackId, "confirm")}?${new URLSearchParams({ rest: replay.id })}`}>
        Replay the rest…
      </ButtonLink>
      <span class="muted">The calls that haven't been attempted since.</span>
    </ButtonRow>
  );
}
