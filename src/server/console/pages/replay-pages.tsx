/** The pages are /console/callbacks/:id/replays and /replays/:replayId. */
import type { FastifyInstance } from "fastify";
import type { VNode } from "preact";
import { replayState, type ServiceReplay } from "../../../domain/callback.js";
import type { CallbackPath, ReplayPath, RouteContext } from "../../routes/route-context.js";
import { cancelReplay, findReplay } from "../../use-cases/settle-calls.js";
import { callbackPage } from "../components/callback-page.js";
import { Badge, Count, count, countText, Empty, Facts, Table, Time } from "../components/data.js";
import { Button, ButtonLink, ButtonRow, Form } from "../components/forms.js";
import { consolePath } from "../console-path.js";
import { redirectDone } from "../page.js";
import { formToken } from "../sessions.js";

const SHOWN_REPLAYS = 50;

export function addReplayPages(app: FastifyInstance, { deps, lookup }: RouteContext): void {
  const live = { config: { isLive: true } };

  app.get<CallbackPath>("/console/callbacks/:id/replays", live, async ({ params }, reply) => {
    const callback = await lookup.find(params.id);
    const replays = await deps.store.replays.list(callback.id, SHOWN_REPLAYS);
    const content = <ReplayList callbackId={callback.id} replays={replays} />;
    return reply.showPage(await callbackPage(deps, callback, { title: callback.name, tab: "replays", content }));
  });

  app.get<ReplayPath>("/console/callbacks/:id/replays/:replayId", live, async (request, reply) => {
    const { params } = request;
    const callback = await lookup.find(params.id);
    const replay = await findReplay(deps, callback, params.replayId);
    const content = <OneReplay callbackId={callback.id} formToken={formToken(request)} replay={replay} />;
    const trail = [{ text: "Replays", href: consolePath(callback.id, "replays") }];
    const title = `Replay of ${count(replay.total, "call")}`;
    return reply.showPage(await callbackPage(deps, callback, { title, trail, tab: "replays", content }));
  });

  app.post<ReplayPath>("/console/callbacks/:id/replays/:replayId", async ({ params }, reply) => {
    const callback = await lookup.find(params.id);
    const before = await findReplay(deps, callback, params.replayId);
    await cancelReplay(deps, callback, before.id);
    const notice = stopNotice(await findReplay(deps, callback, before.id));
    return redirectDone(reply, consolePath(callback.id, "replays", before.id), notice);
  });
}

function stopNotice({ total, succeeded, failed, cancelled, left }: ServiceReplay): string {
  if (cancelled === 0 && left === 0) return `It had ended already: all ${count(total, "call")} were sent.`;
  const inFlight =
    left === 0 ? "" : ` ${countText(left)} ${left === 1 ? "is" : "are"} being sent right now and will be finished.`;
  return `Stopped: ${count(succeeded + failed, "call")} had been sent, ${countText(cancelled)} won't be sent by this replay.${inFlight}`;
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
              cell: ({ id, requestedAt }) => (
                <a href={consolePath(callbackId, "replays", id)}>
                  <Time at={requestedAt} />
                </a>
              ),
            },
            { title: "State", cell: (replay) => <ReplayBadge replay={replay} /> },
            number("Calls", "total"),
            number("Accepted", "succeeded", true),
            number("Failed again", "failed", true),
            number("Not sent", "cancelled", true),
            number("Left", "left"),
          ]}
        />
      )}
    </div>
  );
}

function ReplayBadge({ replay }: { replay: ServiceReplay }): VNode {
  switch (replayState(replay)) {
    case "running":
      return <Badge tone="warning">running</Badge>;
    case "finished":
      return replay.failed > 0 ? <Badge tone="bad">finished with failures</Badge> : <Badge tone="good">finished</Badge>;
    case "cancelled":
      return <Badge tone="neutral">stopped</Badge>;
  }
}

export function OneReplay({
  callbackId,
  formToken,
  replay,
}: {
  callbackId: string;
  formToken: string;
  replay: ServiceReplay;
}): VNode {
  const { id, requestedAt, total, succeeded, failed, cancelled, left } = replay;
  const path = consolePath(callbackId, "replays", id);
  const state = replayState(replay);
  const done = succeeded + failed;
  const failedCalls = <a href={consolePath(callbackId)}>failed calls</a>;
  return (
    <div class="card replay" data-live="replay">
      <p class="replay-state">
        <span data-announce="Replay">
          <ReplayBadge replay={replay} />
        </span>
        requested <Time at={requestedAt} />
      </p>
      <label class="progress">
        <span>
          <Count value={done} /> of <Count value={total} /> calls done
        </span>
        <progress max={Math.max(total, 1)} value={total === 0 ? 1 : done} />
      </label>
      <Facts
        facts={[
          ["Accepted", <Count value={succeeded} />],
          ["Failed again", <Count value={failed} />],
          ["Not sent", <Count value={cancelled} />],
          ["Left", <Count value={left} />],
        ]}
      />
      {cancelled > 0 && state === "cancelled" && <p>What Stop left out is among the {failedCalls}.</p>}
      {cancelled > 0 && state !== "cancelled" && <p>What wasn't sent was marked or erased.</p>}
      {failed > 0 && <p>What failed again is among the {failedCalls}, and is retried as before if retries are enabled.</p>}
      {left > 0 && (
        <Form action={path} formToken={formToken}>
          <ButtonRow>
            {state === "running" && <Button kind="danger">Stop</Button>}
            <ButtonLink href={path}>Reload</ButtonLink>
            <span class="muted">
              {state === "running" ? "Stop leaves out what hasn't been sent yet." : "What is being sent right now is finished."}
            </span>
          </ButtonRow>
        </Form>
      )}
    </div>
  );
}
