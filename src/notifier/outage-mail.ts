/** The rules for this e-mail are in docs/dispatcher.md, An outage. */
import { type DeliveryResult, mayBeAboutBody, mayHaveBeenTaken, REASON_WORDS } from "../domain/attempt.js";
import { outcomeOf } from "../domain/call.js";
import type { Callback } from "../domain/callback.js";
import { callbackOperand, commandLine, reconcileLine } from "../domain/command-line.js";
import { spellDuration } from "../domain/duration.js";
import { callbackSecrets, maskKey, type SecretMask, secretMask, shownUrl } from "../domain/mask.js";
import { type MessageResponse, replaceAddresses, senderAddresses } from "../domain/message-response.js";
import { type RetryPolicy, retryUntil } from "../domain/retry-policy.js";
import { formatUtc, labelledLine, quoteBlock, toLine } from "./notice-text.js";

export interface OutageFacts {
  readonly callback: Callback;
  readonly startedAt: number;
  readonly result: DeliveryResult;
  readonly call: { readonly id: string; readonly response: MessageResponse };
  readonly policy: RetryPolicy;
  /** The outage's page, if its address is known. */
  readonly pageUrl: string | null;
}

export interface OutageMail {
  readonly subject: string;
  readonly text: string;
}

export const MAX_NAME = 50;
/** An id is written whole: `db erase` finds the e-mail by it. */
const LONGEST_ID = 64;
const MAX_CONTENT = 1_000;
const MAX_ANSWER = 300;
const MAX_VALUE = 200;
/** Masking 10 MB takes hundreds of MB, and the e-mail shows less of each text. */
const MASKED_BYTES = 8 * 1024;

export function composeOutageMail(facts: OutageFacts): OutageMail {
  const name = toLine(facts.callback.name, MAX_NAME);
  const maskWhole = secretMask(callbackSecrets(facts.callback));
  const mask: SecretMask = (text) => maskWhole(text.trim(), MASKED_BYTES);
  const text = [
    `Callback "${name}" is failing: its endpoint isn't accepting responses.`,
    "",
    ...failureLines(facts, mask),
    "",
    "WHAT HAPPENS NOW",
    ...retryLines(facts),
    "",
    "WHAT TO DO",
    "Fix the endpoint, then list what failed and replay it:",
    "",
    ...commandLines(facts.callback),
    ...missingAnswerLines(facts),
    "",
    "THE FIRST RESPONSE THAT FAILED",
    ...callLines(facts.call, mask),
    "",
    "No other e-mail about this outage follows while it lasts.",
    "",
  ].join("\n");
  return { subject: `[whcb] ${name} is failing: ${summary(facts.result, mask)}`, text };
}

/** An answer that may be about its body only doesn't say that an endpoint is failing: how many attempts it rejected does. */
export function withRejectedShare<Text extends OutageMail>(mail: Text, { accepted, failed, since }: AttemptCounts): Text {
  const statusCode = /^.* is failing: HTTP (\d{3})/.exec(mail.subject)?.[1];
  if (statusCode === undefined || !mayBeAboutBody(Number(statusCode)) || accepted === 0 || failed === 0) return mail;
  const rejected = `rejected ${failed} of ${accepted + failed}`;
  return {
    ...mail,
    subject: mail.subject.replace(/^(.*) is failing: HTTP/, `$1 ${rejected}: HTTP`),
    text: mail.text.replace(
      /^(Callback ".*") is failing: .*/,
      `$1: its endpoint ${rejected} attempts since\n${formatUtc(since)}.`,
    ),
  };
}

/** The mail server took it only after the outage. */
export function withEnd<Text extends OutageMail>(mail: Text, endedAt: number): Text {
  return {
    ...mail,
    subject: mail.subject.replace(/^(.*?) (?:is failing|rejected \d+ of \d+): /, "$1 was failing, and its outage has ended: "),
    text: mail.text
      .replace(
        /^(Callback ".*")(?: is failing)?: .*\n(?:\S.*\n)?/,
        `$1 was failing. This outage ended at\n${formatUtc(endedAt)}, before this e-mail could be sent.\n`,
      )
      .replace("about this outage follows while it lasts.", "about this outage follows."),
  };
}

interface AttemptCounts {
  readonly accepted: number;
  readonly failed: number;
  readonly since: number;
}

export interface MailSubject {
  readonly callIds: ReadonlySet<string>;
  readonly isSender: (address: string) => boolean;
}

/** `addresses` are those that it named as its sender's. */
interface ErasedOutageMail extends OutageMail {
  readonly addresses: readonly string[];
}

/** Removes the response, its sender and the answer from an e-mail of any version. Returns null if it is about another sender. */
export function eraseOutageMail({ subject, text }: OutageMail, { callIds, isSender }: MailSubject): ErasedOutageMail | null {
  const call = /^Call:\s+(\S+)$/m.exec(text)?.[1] ?? "";
  const [, sender = "", name = ""] = /^From:\s+(.*?)(?: \((.*)\))?$/m.exec(text) ?? [];
  const named = sender.split(", ");
  if (!isCallOf(call, callIds) && ![sender, ...named, name].some(isSender)) return null;
  const withoutAddresses = (line: string) => replaceAddresses(line, isSender, ERASED);
  const erased = text
    .replace(/^From:\s+.*$/m, labelledLine("From", ERASED))
    .replace(/(?:^ {2}\|.*\n)+/gm, `  | ${ERASED}\n`)
    // This is the endpoint's reason phrase. 0.1.0 wrote "What".
    .replace(/^((?:Error|What):\s+.*?HTTP \d{3}) .*(?=; only )/m, "$1")
    // A redirect's detail has it too.
    .replace(/^((?:Error|What):\s+.*? \([a-z-]+): .*\)$/m, "$1)");
  const withoutReason = subject.replace(
    /^(.*? (?:is failing|was failing, and its outage has ended|rejected \d+ of \d+): HTTP \d{3}) .*$/,
    "$1",
  );
  // A sender without an address is named by name.
  const addresses = named.filter((address) => /[@\d]/.test(address));
  return { subject: withoutAddresses(withoutReason), text: withoutAddresses(erased), addresses };
}

/** Earlier versions cut an id of more than 50 characters. */
function isCallOf(written: string, callIds: ReadonlySet<string>): boolean {
  if (callIds.has(written)) return true;
  const beginning = /^(.{50})\.\.\.$/.exec(written)?.[1];
  return beginning !== undefined && [...callIds].some((id) => id.length > beginning.length && id.startsWith(beginning));
}

const ERASED = "(erased)";

function summary(result: DeliveryResult, mask: SecretMask): string {
  return result.kind === "answered" ? `HTTP ${statusLine(result, mask)}` : REASON_WORDS[result.reason];
}

function failureLines({ callback, startedAt, result, pageUrl }: OutageFacts, mask: SecretMask): string[] {
  return [
    labelledLine("Since", formatUtc(startedAt)),
    labelledLine("Error", errorText(result, mask)),
    labelledLine("Endpoint", toLine(shownUrl(callback), MAX_VALUE * 2)),
    labelledLine("Auth", `${callback.auth.type}, key ${asciiKey(callback.auth)}`),
    labelledLine("Callback", `${toLine(callback.name, MAX_NAME)} (id ${callback.id})`),
    ...pageLines(pageUrl),
    ...answerLines(result, mask),
  ];
}

function errorText(result: DeliveryResult, mask: SecretMask): string {
  if (result.kind === "answered") return `HTTP ${statusLine(result, mask)}; only HTTP 200 is a success`;
  return `${REASON_WORDS[result.reason]} (${result.reason}: ${toLine(mask(result.detail), MAX_VALUE)})`;
}

function answerLines(result: DeliveryResult, mask: SecretMask): string[] {
  if (result.kind !== "answered" || result.body.trim() === "") return [];
  return ["The endpoint's answer:", ...quoteBlock(mask(result.body), MAX_ANSWER)];
}

function retryLines({ callback, startedAt, policy }: OutageFacts): string[] {
  if (!callback.retriesEnabled) {
    return [
      "Retries are OFF for this callback: a failed response isn't sent again.",
      "Nothing is lost: it stays listed as FAILED until you replay it.",
      "To have later failures retried:",
      "",
      `  ${commandLine({ command: "callbacks update", operands: [callbackOperand(callback)], flags: ["--retries", "on"] })}`,
    ];
  }
  return [
    `Retries run about every ${spellDuration(policy.intervalMs)} until ${formatUtc(retryUntil(startedAt, policy))}.`,
    `Each later response is retried for ${spellDuration(policy.windowMs)} from its own first failure.`,
    "If the endpoint recovers in time, they are delivered without you. A response",
    "that still fails at the end stays listed as FAILED until you replay it.",
  ];
}

export function pageLines(url: string | null): string[] {
  return url === null ? [] : [labelledLine("Console", url)];
}

export function commandLines(callback: { readonly id: string; readonly name: string }): string[] {
  const words = { operands: [callbackOperand(callback)], flags: ["--failed"] };
  return ["calls list", "replay"].map((command) => `  ${commandLine({ command, ...words })}`);
}

/** The endpoint may have what it gave no complete answer to. */
function missingAnswerLines({ callback, result }: OutageFacts): string[] {
  const { statusCode, error } = outcomeOf(result);
  if (!mayHaveBeenTaken(statusCode, error)) return [];
  return [
    "",
    "The endpoint gave no complete answer, so it may have received what is listed",
    "as FAILED. With a file of what it has, only the rest is replayed:",
    "",
    `  ${reconcileLine(callback)}`,
  ];
}

function callLines({ id, response }: OutageFacts["call"], mask: SecretMask): string[] {
  const { from, responseMessage } = response;
  const { channel, content } = responseMessage;
  // `db erase` finds the e-mail by each of them once the call has been removed.
  const addresses = senderAddresses(from).map((address) => toLine(address, MAX_VALUE));
  const name = toLine(from.name, MAX_VALUE);
  const sender = addresses.length === 0 ? name || "unknown" : addresses.join(", ");
  return [
    labelledLine("Call", toLine(id, LONGEST_ID)),
    labelledLine("Message", toLine(mask(response.messageLocation || response.messageId), MAX_VALUE * 2)),
    labelledLine("From", sender + (name === "" || name === sender ? "" : ` (${name})`)),
    labelledLine(
      "Channel",
      [toLine(mask(channel), MAX_NAME) || "unknown", responseMessage.kind, toLine(responseMessage.date, MAX_NAME)]
        .filter((part) => part !== "")
        .join(", "),
    ),
    "Content:",
    ...quoteBlock(mask(content), MAX_CONTENT, content),
  ];
}

function statusLine(result: { readonly statusCode: number; readonly statusMessage: string }, mask: SecretMask): string {
  return `${result.statusCode} ${toLine(mask(result.statusMessage), 80)}`.trim();
}

/** Masks a key in ASCII, so that the e-mail needs no encoding. */
function asciiKey(auth: Callback["auth"]): string {
  return maskKey(auth).replaceAll("•", "*");
}
