import type { VNode } from "preact";
import { type Attempt, isAccepted } from "../../../domain/attempt.js";
import type { Call } from "../../../domain/call.js";
import { formatDuration } from "../../../domain/duration.js";
import { excerpt, prettyAnswer, shortenText } from "../pretty-body.js";
import { resultText } from "./call-parts.js";
import { count, Time } from "./data.js";

export interface AttemptsView {
  readonly call: Call;
  /** Only the latest ones are shown, the oldest of them first. */
  readonly attempts: readonly Attempt[];
}

/** `what` says what happened at that instant. It is null if the call has never failed. */
export function firstFailure({ call: { firstFailedAt }, attempts }: AttemptsView): { what: string; at: number } | null {
  if (firstFailedAt === null) return null;
  const attempt = attempts.find(({ startedAt, sentFrom }) => startedAt === firstFailedAt && sentFrom === undefined);
  if (attempt !== undefined) return { what: "First failed", at: attempt.startedAt + attempt.durationMs };
  return { what: countEarlier(attempts) === 0 ? "Held at" : "First failed attempt began", at: firstFailedAt };
}

/** Returns how many attempts are left out. */
function countEarlier(attempts: readonly Attempt[]): number {
  return attempts.length === 0 ? 0 : Math.min(...attempts.map(({ number }) => number)) - 1;
}

export function LatestAnswer({ attempts }: AttemptsView): VNode | null {
  const latest = latestAnswered(attempts);
  if (latest?.result.kind !== "answered") return null;
  const { number, result } = latest;
  const isNewest = latest === attempts.findLast(({ result: { kind } }) => kind === "answered");
  return (
    <>
      <h2>{isNewest ? "Latest answer" : "Latest answer with a body"}</h2>
      <p class="muted">
        {result.statusCode} {excerpt(result.statusMessage, SHOWN_MESSAGE)}, to attempt {number}
      </p>
      <Answer body={prettyAnswer(shortenText(result.body, SHOWN_ANSWERS))} isCut={isAnswerCut(result)} />
    </>
  );
}

function latestAnswered(attempts: readonly Attempt[]): Attempt | undefined {
  return attempts.findLast(({ result }) => result.kind === "answered" && result.body !== "");
}

const KEPT_BYTES = 1_024;
/** A character that the limit cuts is dropped. */
const LONGEST_CHARACTER = 4;

/** Until now it wasn't stored whether the answer was longer. */
function isAnswerCut({ body, isCut }: { readonly body: string; readonly isCut?: true }): boolean {
  return isCut === true || Buffer.byteLength(body) > KEPT_BYTES - LONGEST_CHARACTER;
}

function Answer({ body, isCut }: { body: string; isCut: boolean }): VNode {
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls by keyboard too */}
      <pre class="answer" tabIndex={0}>
        {body}
      </pre>
      {isCut && <p class="muted">Only the first 1 KiB of an answer is kept.</p>}
    </>
  );
}

/** Has the call's arrival, its holding, and its attempts. */
export function Timeline({ call, attempts }: AttemptsView): VNode {
  const earlier = countEarlier(attempts);
  const answered = attemptsWithAnswers(attempts);
  const latest = latestAnswered(attempts);
  const first = firstFailure({ call, attempts });
  return (
    <ol class="timeline">
      <li class="is-neutral">
        <Time at={call.acceptedAt} /> <span>arrived</span>
      </li>
      {first?.what === "Held at" && (
        <li class="is-warning">
          <Time at={first.at} /> <span>held, as the endpoint was down</span>
        </li>
      )}
      {earlier > 0 && (
        <li class="is-neutral muted">{`${count(earlier, "earlier attempt")} ${earlier === 1 ? "is" : "are"} left out.`}</li>
      )}
      {attempts.map((attempt) => (
        <li key={attempt.number} id={`attempt-${attempt.number}`} class={isAccepted(attempt.result) ? "is-good" : "is-bad"}>
          <Time at={attempt.startedAt} />{" "}
          <span>
            {attempt.number}. <Cause {...attempt} />
          </span>{" "}
          <span class="muted">took {formatDuration(attempt.durationMs)}</span>
          <div>
            <Outcome attempt={attempt} hasAnswer={answered.has(attempt)} isShownAbove={attempt === latest} />
          </div>
        </li>
      ))}
    </ol>
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

function Cause({ cause, sentFrom }: Attempt): VNode {
  if (sentFrom === undefined) return <>{CAUSES[cause]}</>;
  return (
    <>
      replay by a client (says: <bdi>{sentFrom}</bdi>)
    </>
  );
}

interface OutcomeView {
  readonly attempt: Attempt;
  readonly hasAnswer: boolean;
  readonly isShownAbove: boolean;
}

function Outcome({ attempt: { result }, hasAnswer, isShownAbove }: OutcomeView): VNode {
  const answer = result.kind === "answered" && result.body !== "" ? result : null;
  return (
    <>
      {result.kind === "answered" && <strong>{result.statusCode} </strong>}
      <span>{resultText(result)}</span>
      {result.resent && <span class="muted"> (sent again on a new connection)</span>}
      {result.kind === "answered" && result.retryAfterMs !== undefined && (
        <span class="muted"> (Retry-After: {formatDuration(result.retryAfterMs)})</span>
      )}
      {answer !== null && isShownAbove && <span class="muted"> (its answer is above)</span>}
      {answer !== null && !isShownAbove && !hasAnswer && <span class="muted"> (with an answer)</span>}
      {answer !== null && !isShownAbove && hasAnswer && (
        <details>
          <summary>Answer</summary>
          <Answer body={answer.body} isCut={isAnswerCut(answer)} />
        </details>
      )}
    </>
  );
}
