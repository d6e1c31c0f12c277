import type { FastifyInstance } from "fastify";
import type { VNode } from "preact";
import { type Attempt, resultMessage } from "../../../domain/attempt.js";
import { type Call, isErased } from "../../../domain/call.js";
import type { Callback } from "../../../domain/callback.js";
import { formatDuration } from "../../../domain/duration.js";
import { callbackSecrets, maskAnswer, secretMask } from "../../../domain/mask.js";
import { senderAddress } from "../../../domain/message-response.js";
import { toIsoDate } from "../../../wire/dates.js";
import { deliveryBody } from "../../../wire/delivery-request.js";
import { reserveAnswer } from "../../requests/send-document.js";
import type { CallPath, RouteContext } from "../../routes/route-context.js";
import type { CallAction } from "../../use-cases/act-on-calls.js";
import { findCall } from "../../use-cases/settle-calls.js";
import { CALL_ACTIONS } from "../call-actions.js";
import { CallBadge, causeOf, maskOutcome, outcomeText, shortCallId } from "../components/call-parts.js";
import { callbackPage } from "../components/callback-page.js";
import { count, Facts, Table, Time } from "../components/data.js";
import { ButtonLink, ButtonRow } from "../components/forms.js";
import { NextAttempt, type Sending, sendingOf } from "../components/next-attempt.js";
import { consolePath } from "../console-path.js";
import { excerpt, prettyBody, shortenText, shownPart } from "../pretty-body.js";

export interface OneCallView {
  readonly callback: Callback;
  readonly call: Call;
  /** Only the latest attempts are shown. */
  readonly attempts: readonly Attempt[];
  readonly sending: Sending;
  /** The body is shown as it is or would be delivered. It is null if it was erased. */
  readonly body: string | null;
  readonly isBodyCut?: boolean;
}

const SHOWN_ATTEMPTS = 300;

export function addOneCall(app: FastifyInstance, { deps, lookup }: RouteContext): void {
  const { store } = deps;

  app.get<CallPath>("/console/callbacks/:id/calls/:callId", { config: { isLive: true } }, async (request, reply) => {
    const { params } = request;
    const callback = await lookup.find(params.id);
    const mask = secretMask(callbackSecrets(callback));
    const found = await findCall(deps, callback, params.callId, (bytes) => reserveAnswer(request, reply, bytes));
    const call = maskOutcome(found, mask);
    const recorded = (await store.calls.listAttempts(callback.id, [call.id], SHOWN_ATTEMPTS)).get(call.id) ?? [];
    // A client may report its attempts later.
    const attempts = recorded
      .toSorted((one, other) => one.startedAt - other.startedAt || one.number - other.number)
      .map((attempt) => ({ ...attempt, result: maskAnswer(attempt.result, mask) }));
    const [record] = await store.endpoints.list([callback.id]);
    const { part, isWhole } = shownPart(call.response);
    const body = isErased(call) ? null : deliveryBody(callback, part, deps.bodyNames);
    const sending = sendingOf(deps, callback, record);
    const view = { callback, call: { ...call, response: part }, attempts, sending, body, isBodyCut: !isWhole };
    const title = `Call ${shortCallId(call.id)}`;
    return reply.showPage(await callbackPage(deps, callback, { title, trail: [], content: <OneCall {...view} /> }));
  });
}

export function OneCall(view: OneCallView): VNode {
  const { callback, call, attempts } = view;
  return (
    <>
      <div data-live="call">
        <CallFacts {...view} />
        <Actions callbackId={callback.id} call={call} />
        <h2>Attempts</h2>
        <div class="call-table">
          <Attempts attempts={attempts} call={call} />
        </div>
      </div>
      <h2>Body as it is sent</h2>
      <Body {...view} />
    </>
  );
}

function CallFacts(view: OneCallView): VNode {
  const { call } = view;
  const { response, acceptedAt, firstFailedAt } = call;
  const settledBy = settledText(call);
  const settled = settledBy === null ? [] : [["Settled", settledBy] as const];
  return (
    <>
      <Facts
        facts={[
          ["Status", <CallBadge call={call} />],
          ...settled,
          ["Last outcome", outcomeText(call) || "none yet"],
          ["Next attempt", <NextAttempt call={call} sending={view.sending} />],
          ["Arrived", <Time at={acceptedAt} />],
          ["First failed", firstFailedAt === null ? "never" : <Time at={firstFailedAt} />],
          ["From", senderAddress(response.from) || "unknown"],
          ["Channel", response.responseMessage.channel || "unknown"],
        ]}
      />
      <div class="ids">
        <Facts
          facts={[
            ["Response id", <code>{call.id}</code>],
            ["Message id", <code>{response.messageId}</code>],
          ]}
        />
      </div>
    </>
  );
}

/** Says who made it SUCCESS, or FAILED by hand. Returns null if nobody did. */
function settledText(call: Call): string | null {
  if (isErased(call)) return "the sender's data was erased";
  switch (call.settledBy) {
    case "dispatcher":
      return "the endpoint accepted it";
    case "user":
      return call.status === "SUCCESS" ? "a user marked it successful" : "a user marked it failed";
    case "replay":
      return "a client replayed it, and the endpoint accepted it";
    case null:
      return null;
  }
}

function Actions({ callbackId, call }: { callbackId: string; call: Call }): VNode | null {
  const confirm = (query: Readonly<Record<string, string>>) => {
    return `${consolePath(callbackId, "confirm")}?${new URLSearchParams({ ...query, back: `call:${call.id}` })}`;
  };
  const one = (action: CallAction) => (
    <ButtonLink key={action} href={confirm({ action, call: call.id })} kind={action === "replay" ? "primary" : "secondary"}>
      {CALL_ACTIONS[action].button}
    </ButtonLink>
  );
  if (call.status === "PENDING") return <ButtonRow>{one("success")}</ButtonRow>;
  if (call.status === "SUCCESS") return isErased(call) ? null : <ButtonRow>{one("failed")}</ButtonRow>;
  const since = call.firstFailedAt ?? call.attemptedAt;
  const cause = causeOf(call.statusCode, call.error);
  return (
    <>
      <ButtonRow>
        {one("replay")}
        {one("success")}
      </ButtonRow>
      {since !== null && (
        <p class="since-then">
          Replay all that have failed since then (<Time at={since} />
          ):{" "}
          <a href={confirm({ action: "replay", all: "on", since: toIsoDate(since), [cause.field]: cause.value })}>
            with {cause.value} only
          </a>{" "}
          · <a href={confirm({ action: "replay", all: "on", since: toIsoDate(since) })}>whatever the cause</a>
        </p>
      )}
    </>
  );
}

function Attempts({ attempts, call }: { attempts: readonly Attempt[]; call: Call }): VNode {
  if (attempts.length === 0) {
    return <p class="muted">{call.status === "FAILED" ? "None: it arrived while the endpoint was down." : "None yet."}</p>;
  }
  const earlier = Math.min(...attempts.map(({ number }) => number)) - 1;
  const answered = attemptsWithAnswers(attempts);
  return (
    <>
      {earlier > 0 && <p class="muted">{`${count(earlier, "earlier attempt")} ${earlier === 1 ? "is" : "are"} left out.`}</p>}
      <Table
        caption="Attempts"
        keyOf={({ number }) => number}
        rows={attempts}
        columns={[
          { title: "No.", kind: "number", cell: ({ number }) => number },
          { title: "Began", kind: "time", cell: ({ startedAt }) => <Time at={startedAt} /> },
          { title: "Took", kind: "number", isSecondary: true, cell: ({ durationMs }) => formatDuration(durationMs) },
          { title: "Cause", cell: (attempt) => causeText(attempt) },
          {
            title: "Outcome",
            kind: "wide",
            cell: (attempt) => <Outcome attempt={attempt} hasAnswer={answered.has(attempt)} />,
          },
        ]}
      />
    </>
  );
}

/** Answers on a page may have so many characters. */
const SHOWN_ANSWERS = 32_768;
const SHOWN_MESSAGE = 200;

/** Returns the latest attempts whose answers a page has room for. */
function attemptsWithAnswers(attempts: readonly Attempt[]): ReadonlySet<Attempt> {
  let room = SHOWN_ANSWERS;
  const latest = attempts.toReversed().filter(({ result }) => {
    room -= result.kind === "answered" ? result.body.length : 0;
    return room >= 0;
  });
  return new Set(latest);
}

const CAUSES = { first: "first attempt", retry: "retry", probe: "probe", replay: "replay by the service" } as const;

function causeText({ cause, sentFrom }: Attempt): string {
  return sentFrom === undefined ? CAUSES[cause] : `replay by ${sentFrom}`;
}

function Outcome({ attempt: { result }, hasAnswer }: { attempt: Attempt; hasAnswer: boolean }): VNode {
  const isAnswered = result.kind === "answered";
  return (
    <>
      {isAnswered && <strong>{result.statusCode} </strong>}
      <span>{excerpt(resultMessage(result), SHOWN_MESSAGE)}</span>
      {result.resent && <span class="muted"> (sent again on a new connection)</span>}
      {isAnswered && result.retryAfterMs !== undefined && (
        <span class="muted"> (Retry-After: {formatDuration(result.retryAfterMs)})</span>
      )}
      {isAnswered && result.body !== "" && !hasAnswer && <span class="muted"> (with an answer)</span>}
      {isAnswered && result.body !== "" && hasAnswer && (
        <details>
          <summary>Answer</summary>
          <pre>{result.body}</pre>
        </details>
      )}
    </>
  );
}

/** A page shows so many characters of a body. */
const SHOWN_BODY = 65_536;

function Body({ callback, body, isBodyCut = false }: OneCallView): VNode {
  if (body === null) return <p class="muted">Erased with the sender's data.</p>;
  const text = prettyBody(body, callback.contentType);
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls by keyboard too */}
      <pre class="body" tabIndex={0}>
        {shortenText(text, SHOWN_BODY)}
      </pre>
      {(isBodyCut || text.length > SHOWN_BODY) && (
        <p class="muted">
          Only the beginning is shown. <code>whcb calls get</code> prints all of it.
        </p>
      )}
    </>
  );
}
