import type { VNode } from "preact";
import { type DeliveryResult, REASON_WORDS, type UnreachableReason } from "../../../domain/attempt.js";
import { type CallProgress, isHeld } from "../../../domain/call.js";
import { type CallFilter, reasonWords } from "../../../domain/call-filter.js";
import type { SecretMask } from "../../../domain/mask.js";
import { type MessageResponse, senderAddress } from "../../../domain/message-response.js";
import type { FailureGroup } from "../../../store/calls/call-counts.js";
import { describeFilter } from "../filter-fields.js";
import { excerpt } from "../pretty-body.js";
import { Badge, Count, type Fact, Time } from "./data.js";

const EXCERPT_LENGTH = 90;

/** Each has the direction of its own letters. */
export function FromAndText({ response: { from, responseMessage } }: { response: MessageResponse }): VNode {
  return (
    <>
      <span class="muted">{excerpt(senderAddress(from), EXCERPT_LENGTH)}</span>{" "}
      <span>{excerpt(responseMessage.content, EXCERPT_LENGTH)}</span>
    </>
  );
}

/** Shows the id's end, as the beginning is a time. */
export function shortCallId(id: string): string {
  return id.length <= 12 ? id : `…${id.slice(-8)}`;
}

export function CallBadge({ call }: { call: CallProgress }): VNode {
  if (call.status === "SUCCESS") return <Badge tone="good">successful</Badge>;
  if (call.status === "PENDING") return <Badge tone="neutral">waiting</Badge>;
  return isHeld(call) ? <Badge tone="warning">held</Badge> : <Badge tone="bad">failed</Badge>;
}

/** A brief one is for a table, and leaves out the details of a failed connection. */
export function StatusText({ call, isBrief = false }: { call: CallProgress; isBrief?: boolean }): VNode {
  const { error } = call;
  return (
    <>
      <CallBadge call={call} /> {isBrief && error !== null ? REASON_WORDS[error] : outcomeText(call).replace(/^Held: /, "")}
    </>
  );
}

/** Returns "503 Service Unavailable" or "connection refused: connect ECONNREFUSED 10.0.0.1:443", and "" without an attempt. */
export function outcomeText({ statusCode, statusMessage, error }: CallProgress): string {
  // The text of a call that an older version held has a date.
  const message = (statusMessage ?? "").replace(/^(Held: endpoint down) since \S+Z$/, "$1");
  const words = error !== null && message.startsWith(error) ? REASON_WORDS[error] + message.slice(error.length) : message;
  return [statusCode, excerpt(words, 200)].filter((part) => part !== null && part !== "").join(" ");
}

/** Returns an answer's status message, or "connection refused: connect ECONNREFUSED 10.0.0.1:443". */
export function resultText(result: DeliveryResult): string {
  return excerpt(result.kind === "answered" ? result.statusMessage : `${REASON_WORDS[result.reason]}: ${result.detail}`, 200);
}

export function maskOutcome<Outcome extends CallProgress>(call: Outcome, mask: SecretMask): Outcome {
  return call.statusMessage === null ? call : { ...call, statusMessage: mask(call.statusMessage) };
}

/** Returns the filter that selects calls of this cause. */
export function causeOf(
  statusCode: number | null,
  error: UnreachableReason | null,
): { field: "statusCode" | "reason"; value: string } {
  if (statusCode !== null) return { field: "statusCode", value: String(statusCode) };
  return { field: "reason", value: error ?? "not-sent" };
}

/** Says why calls failed: "503", or a reason in words. */
export function failureText(statusCode: number | null, error: UnreachableReason | null): string {
  return statusCode === null ? reasonWords(error ?? "not-sent") : String(statusCode);
}

/** With `pathOf`, each leads to its calls. */
export function Reasons({
  failures,
  pathOf,
}: {
  failures: readonly FailureGroup[];
  pathOf?: (field: "statusCode" | "reason", value: string) => string;
}): VNode {
  return (
    <ul class="reasons">
      {failures.map(({ statusCode, reason, count }) => {
        const { field, value } = causeOf(statusCode, reason);
        const text = failureText(statusCode, reason);
        return (
          <li key={value}>
            {pathOf === undefined ? text : <a href={pathOf(field, value)}>{text}</a>} <Count value={count} />
          </li>
        );
      })}
    </ul>
  );
}

export function filterFacts(filter: CallFilter): readonly Fact[] {
  return describeFilter(filter).map(([label, value]) => [label, typeof value === "number" ? <Time at={value} /> : value]);
}
