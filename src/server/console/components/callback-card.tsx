/** What is wrong with a callback, why, what happens next, and what to do. */
import type { ComponentChildren, VNode } from "preact";
import { ATTEMPT_DEADLINE_MS, type Attempt, isAcceptedStatus } from "../../../domain/attempt.js";
import type { CallFilter } from "../../../domain/call-filter.js";
import type { Callback, Health } from "../../../domain/callback.js";
import { spellDuration } from "../../../domain/duration.js";
import { callbackSecrets, maskAnswer, secretMask } from "../../../domain/mask.js";
import { type OpenOutage, outageClosesAt } from "../../../domain/outage.js";
import type { CallCount } from "../../../store/calls/scan-calls.js";
import type { EndpointReport } from "../../../store/outcomes/endpoints.js";
import type { StoredMail } from "../../../store/outcomes/mails.js";
import { NO_SENDER, sendingWaits } from "../../../wire/json/callback-json.js";
import type { ServerDeps } from "../../server-deps.js";
import { consolePath, retriesPath } from "../console-path.js";
import { excerpt, messageOf } from "../pretty-body.js";
import { resultText } from "./call-parts.js";
import { Count, countText, Time } from "./data.js";
import { healthOf, PauseEnd } from "./endpoint-badge.js";
import { ButtonLink } from "./forms.js";
import { RoundFacts, type Sending, sendingOf } from "./next-attempt.js";

export interface CallbackCardView extends Health {
  readonly callbackId: string;
  readonly sending: Sending;
  /** Says why nothing can be sent to the endpoint, if that is known. */
  readonly sendingFailure: string | null;
  readonly outage: OpenOutage | null;
  /** All FAILED calls, and all calls, of the callback. */
  readonly failed: number;
  readonly calls: number;
  /** So many of the failed ones aren't retried any more, as their window is over. */
  readonly expired: number;
  /** The latest attempt that failed, masked. It is null if it isn't known, or nothing is wrong. */
  readonly latest: Attempt | null;
  /** `mail` is that of the open outage. */
  readonly mail: StoredMail | null;
}

/** Calls that were held after the latest attempt have none of their own. */
const SEARCHED_CALLS = 20;

export async function readCallbackCard(
  deps: ServerDeps,
  callback: Callback,
  record: EndpointReport | undefined,
): Promise<CallbackCardView> {
  const { store } = deps;
  const { id } = callback;
  const { FAILED, SUCCESS, PENDING } = await store.calls.count(id);
  const health = healthOf(record);
  const outage = record?.outage ?? null;
  return {
    ...health,
    callbackId: id,
    sending: sendingOf(deps, callback, record),
    sendingFailure: deps.egressFailure(callback.url) ?? ((await deps.hasSender()) ? null : NO_SENDER),
    outage,
    failed: FAILED,
    calls: FAILED + SUCCESS + PENDING,
    expired: record?.expiredCalls ?? 0,
    latest:
      health.since === null || health.health === "not-answering" || health.health === "paused"
        ? null
        : await findLatestFailure(record?.endpoint.probeBeganAt ?? 0),
    mail: outage && (await store.mails.find(outage.id)),
  };

  async function findLatestFailure(probeBeganAt: number): Promise<Attempt | null> {
    const attempted =
      (await findRejected({ status: "FAILED" })) ??
      (probeBeganAt > 0 ? await findRejected({ status: "FAILED", until: probeBeganAt + 1 }) : null) ??
      // It may have been marked since.
      (await findRejected({ status: "SUCCESS" }));
    if (attempted === null) return null;
    const attempt = (await store.calls.listAttempts(id, [attempted.id], 1)).get(attempted.id)?.[0];
    return attempt === undefined
      ? null
      : { ...attempt, result: maskAnswer(attempt.result, secretMask(callbackSecrets(callback))) };
  }

  /** A call that a client's replay has delivered is FAILED until it is marked. */
  async function findRejected(filter: CallFilter) {
    const { items } = await store.calls.list(id, {
      filter,
      sort: [{ field: "attemptedDate", descending: true }],
      limit: SEARCHED_CALLS,
      offset: 0,
      maxResponseBytes: 1,
    });
    return items.find(({ sentAt, statusCode }) => sentAt !== null && !isAcceptedStatus(statusCode)) ?? null;
  }
}

/** These failed calls match the filter of the page, and `query` is that filter. */
interface MatchingFailed {
  readonly query: string;
  readonly calls: CallCount;
}

export function CallbackCard({ matching, ...view }: CallbackCardView & { matching: MatchingFailed | null }): VNode {
  const { callbackId, failed, sending, since, outage } = view;
  const hasMatch = matching === null || matching.calls.count > 0 || !matching.calls.isExact;
  const { retriesEnabled } = sending;
  return (
    <section class={since === null ? "callback-card is-calm" : "callback-card"} aria-label="State">
      <div class="callback-card-text">
        <p class="callback-card-title">{headline(view)}</p>
        {since !== null && (
          <dl>
            <Line name="Why">
              <Why {...view} />
            </Line>
            <Line name="Next">
              <NextStep {...view} />
            </Line>
            {outage !== null && (
              <Line name="Notified">
                <Notified {...view} />
              </Line>
            )}
          </dl>
        )}
        {view.sendingFailure !== null && <p>{`Sending ${sendingWaits(view.sendingFailure)}.`}</p>}
        {view.expired > 0 && retriesEnabled && (
          <p>
            <Count value={view.expired} /> not retried any more: their retry window of {spellDuration(sending.policy.windowMs)} is
            over.
          </p>
        )}
      </div>
      <div class="callback-card-actions">
        {failed > 0 && hasMatch && (
          <ButtonLink
            kind={since === null ? "secondary" : "primary"}
            href={`${consolePath(callbackId, "confirm")}?action=replay&all=on${matching === null ? "" : `&${matching.query}`}`}
          >
            {matching === null ? replayText(failed) : replayMatchingText(matching.calls)}
          </ButtonLink>
        )}
        <ButtonLink href={retriesPath(callbackId, !retriesEnabled, consolePath(callbackId))}>
          Switch retries {retriesEnabled ? "off" : "on"}
        </ButtonLink>
        <ButtonLink href={consolePath(callbackId, "pause")}>{sending.pause === null ? "Pause" : "Resume"}</ButtonLink>
      </div>
    </section>
  );
}

function replayText(failed: number): string {
  return failed === 1 ? "Replay the failed call" : `Replay all ${countText(failed)} failed`;
}

function replayMatchingText({ count, isExact }: CallCount): string {
  if (!isExact) return "Replay all that match";
  return count === 1 ? "Replay the one that matches" : `Replay the ${countText(count)} that match`;
}

function Line({ name, children }: { name: string; children: ComponentChildren }): VNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Since when it is so is beside the page's title. */
const HEADLINES: Partial<Record<Health["health"], string>> = {
  failing: "Calls to the endpoint are failing",
  down: "The endpoint is down",
  "not-answering": "The endpoint isn't answering",
  paused: "The callback is paused",
  checking: "The endpoint is down, and being checked",
  recovering: "The endpoint is recovering",
  idle: "Neither replies nor notices of undeliverable messages are sent to this endpoint.",
};

function headline({ health, calls, failed, sending, since }: CallbackCardView): string {
  const calm =
    failed === 0 ? "Nothing is known to be wrong." : "Nothing is known to be wrong now. What failed earlier isn't settled yet.";
  const text = HEADLINES[health] ?? (calls === 0 ? "There has been no call yet." : calm);
  return since === null ? `${text} Retries are ${sending.retriesEnabled ? "on" : "off"}.` : text;
}

function Why({ latest, health, since, sending: { pause } }: CallbackCardView): VNode {
  if (pause !== null) return <PauseEnd pause={pause} />;
  if (health === "not-answering" && since !== null)
    return (
      <>
        no attempt has ended since the oldest waiting call was accepted, at <Time at={since} />
      </>
    );
  if (latest === null) return <>not known: no failed attempt is stored</>;
  const { result, startedAt } = latest;
  const answer = result.kind === "answered" ? firstLine(result.body) : "";
  return (
    <>
      {[result.kind === "answered" ? result.statusCode : "", resultText(result)].filter((part) => part !== "").join(" ")}
      {answer !== "" && (
        <>
          {": "}
          <q>{answer}</q>
        </>
      )}{" "}
      <span class="muted">
        at <Time at={startedAt} />
      </span>
    </>
  );
}

const SHOWN_LENGTH = 200;

/** The first text of a whole page is its title. */
function firstLine(body: string): string {
  const isPage = /^\s*<(?:!doctype|html|head|body)\b/i.test(body);
  const text = isPage ? body.replace(/<[^<>]*>/g, "\n") : (messageOf(body) ?? body);
  const line = text.split(/[\r\n]+/).find((one) => one.trim() !== "") ?? "";
  return excerpt(line.trim(), SHOWN_LENGTH);
}

function NextStep(view: CallbackCardView): VNode {
  const { health, sending, outage } = view;
  if (health === "paused")
    return <>Nothing is sent before that: what is accepted waits. Then it is sent, one call at a time at first.</>;
  const { endpoint, retriesEnabled, policy, now } = sending;
  if (health === "not-answering") return <>{`What isn't answered within ${spellDuration(ATTEMPT_DEADLINE_MS)} fails.`}</>;
  if (health === "checking") return <>The next response is sent as a test.</>;
  if (endpoint.state === "recovering") return <>What waited is being sent, oldest first.</>;
  const window = `until ${spellDuration(policy.windowMs)} after its first failure`;
  if (health === "recovering" && outage !== null) {
    const closesAt = outageClosesAt(outage, endpoint.state, policy);
    if (closesAt <= now) return <>The outage is about to end.</>;
    return (
      <>
        If no other call fails, the outage ends at <Time at={closesAt} />.
      </>
    );
  }
  if (!retriesEnabled) return <>Retries are off: what has failed isn't sent again by itself. Each new call is sent once.</>;
  if (health === "down") {
    return (
      <>
        Retry rounds: <RoundFacts sending={sending} />. Each call is retried {window}.
      </>
    );
  }
  return <>{`Each call is retried every ${spellDuration(policy.intervalMs)} ${window}.`}</>;
}

function Notified({ mail }: CallbackCardView): VNode {
  if (mail === null) return <>nobody: no e-mail was written</>;
  if (mail.to === "") return <>nobody: the callback has no e-mail address</>;
  if (mail.sentAt === null)
    return (
      <>
        nobody yet: the e-mail to {mail.to} isn't sent{mail.lastError !== null && `: ${mail.lastError}`}
      </>
    );
  return (
    <>
      {mail.sentBy === "file" ? `the e-mail to ${mail.to} was written to a file` : mail.to} at <Time at={mail.sentAt} />
    </>
  );
}
