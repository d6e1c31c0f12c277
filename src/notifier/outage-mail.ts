/** The one e-mail of an outage (dispatch.md, an outage): written for someone who is woken by it. Pure: facts in, words out. */
import type { DeliveryResult } from "../domain/attempt.js";
import type { Callback } from "../domain/callback.js";
import { type MessageResponse, senderAddress } from "../domain/message-response.js";
import { type KeyMask, keyMaskOf, maskUrl, showKey } from "./mask.js";
import { cut, quoteBlock, quoteForShell, showDuration, showInstant, toLine } from "./plain-text.js";

export interface OutageFacts {
  readonly callback: Callback;
  readonly outageStartedAt: number;
  /** What opened the outage: an attempt and its result, or (null) a response that was held since the endpoint was down. */
  readonly failure: { readonly startedAt: number; readonly result: DeliveryResult | null };
  readonly call: { readonly id: string; readonly response: MessageResponse };
  /** `until`: the end of this call's window, epoch ms; null where retries are off. */
  readonly retries: { readonly enabled: boolean; readonly until: number | null; readonly intervalMs: number };
}

export interface OutageMail {
  readonly subject: string;
  readonly text: string;
}

const MAX_NAME = 50;
const MAX_CONTENT = 1_000;
const MAX_ANSWER = 300;
const MAX_LINE = 200;

export function composeOutageMail(facts: OutageFacts): OutageMail {
  const name = toLine(facts.callback.name, MAX_NAME);
  const mask = keyMaskOf(facts.callback.auth.key);
  const text = [
    `Callback "${name}" is failing: what it should receive is not arriving.`,
    "",
    ...failureLines(facts, mask),
    "",
    "WHAT HAPPENS NOW",
    ...outlookLines(facts),
    "",
    "WHAT TO DO",
    "Mend the endpoint. Then see what failed, and send it again:",
    "",
    ...commandLines(facts.callback),
    "",
    "THE RESPONSE THAT FAILED FIRST",
    ...callLines(facts.call, mask),
    "",
    "This is the only e-mail about this outage.",
    "",
  ].join("\n");
  return { subject: `[whcb] ${name} is failing: ${summary(facts.failure.result, mask)}`, text };
}

function summary(result: DeliveryResult | null, mask: KeyMask): string {
  if (result === null) return "its endpoint is down";
  return result.kind === "answered" ? `HTTP ${statusLine(result, mask)}` : reasonInWords(result.reason);
}

function failureLines({ callback, outageStartedAt, failure }: OutageFacts, mask: KeyMask): string[] {
  const { result } = failure;
  return [
    field("Since", showInstant(outageStartedAt)),
    ...(failure.startedAt === outageStartedAt ? [] : [field("Failed", showInstant(failure.startedAt))]),
    ...(result === null
      ? [field("What", "the endpoint is down, so the response was held and not sent")]
      : resultLines(result, mask)),
    field("Endpoint", cut(maskUrl(callback.url, mask), MAX_LINE * 2)),
    field("Auth", `${callback.auth.type}, key ${showKey(callback.auth.key)}`),
    field("Callback", `${toLine(callback.name, MAX_NAME)} (id ${callback.id})`),
    ...answerLines(result, mask),
  ];
}

function resultLines(result: DeliveryResult, mask: KeyMask): string[] {
  if (result.kind === "unreachable") {
    return [field("What", `${reasonInWords(result.reason)} (${result.reason}: ${toLine(mask(result.detail), MAX_LINE)})`)];
  }
  return [field("What", `it answered HTTP ${statusLine(result, mask)}; only 200 counts`)];
}

function answerLines(result: DeliveryResult | null, mask: KeyMask): string[] {
  if (result?.kind !== "answered" || result.body.trim() === "") return [];
  return ["Its answer began:", ...quoteBlock(mask(result.body), MAX_ANSWER)];
}

function outlookLines({ callback, retries, failure }: OutageFacts): string[] {
  if (!retries.enabled) {
    return [
      "Retries are OFF for this callback: what fails is not sent again by itself.",
      "Nothing is lost: it stays listed as FAILED until you replay it. To have",
      "later failures retried:",
      "",
      `  whcb callbacks update ${callbackArgument(callback)} --retries on`,
    ];
  }
  const until = retries.until === null ? "its time is over" : showInstant(retries.until);
  return [
    `Retries are on: this response is tried again about every ${showDuration(retries.intervalMs)},`,
    `until ${until}. Later ones get as long, each from its own`,
    "first failure. If the endpoint is back by then, there is nothing else to do.",
    "What still fails at the end stays listed as FAILED until you replay it.",
    ...(failure.result === null ? ["New responses are held meanwhile, and sent when the endpoint is back."] : []),
  ];
}

function commandLines(callback: Callback): string[] {
  const argument = callbackArgument(callback);
  return [`  whcb calls list ${argument} --failed`, `  whcb replay ${argument} --failed`];
}

/** The name where a shell and the command line take it for what it is; else the id, which names it as well. */
function callbackArgument(callback: Callback): string {
  return quoteForShell(callback.name) ?? callback.id;
}

function callLines({ id, response }: OutageFacts["call"], mask: KeyMask): string[] {
  const { from, responseMessage } = response;
  const address = senderAddress(from);
  const name = from.name !== "" && from.name !== address ? ` (${toLine(from.name, MAX_LINE)})` : "";
  return [
    field("Call", toLine(id, MAX_NAME)),
    field("Message", toLine(mask(response.messageLocation || response.messageId), MAX_LINE * 2)),
    field("From", `${toLine(address, MAX_LINE) || "unknown"}${name}`),
    field(
      "Channel",
      `${responseMessage.channel}, ${responseMessage.kind === "reply" ? "a reply" : "undeliverable"}, ${toLine(responseMessage.date, MAX_NAME)}`,
    ),
    "Content:",
    ...quoteBlock(mask(responseMessage.content), MAX_CONTENT),
  ];
}

function statusLine(result: { readonly statusCode: number; readonly statusMessage: string }, mask: KeyMask): string {
  return `${result.statusCode} ${toLine(mask(result.statusMessage), 80)}`.trim();
}

/** A long value gets a line of its own: past 76 characters a mail has to be encoded, and is hard to read as a file. */
function field(label: string, value: string): string {
  const line = `${`${label}:`.padEnd(11)}${value}`;
  return line.length > 76 ? `${label}:\n  ${value}` : line;
}

const REASONS = {
  "connect-timeout": "it could not be connected to in time",
  "response-timeout": "it gave no complete answer in time",
  refused: "it refused the connection",
  dns: "its name does not resolve",
  tls: "no secure connection (TLS)",
  reset: "it cut the connection",
  redirect: "it redirects, which is never followed",
  "too-large": "its answer's headers are too large",
  "address-refused": "its address is not allowed",
  protocol: "its answer is not HTTP",
} satisfies Record<Extract<DeliveryResult, { kind: "unreachable" }>["reason"], string>;

function reasonInWords(reason: keyof typeof REASONS): string {
  return REASONS[reason];
}
