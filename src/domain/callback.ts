import type { CallFilter } from "./call-filter.js";
import { count } from "./count.js";
import type { Endpoint } from "./endpoint.js";
import { isMasked, parseUrl, webUrlProblem } from "./mask.js";

export interface Callback extends CallbackSettings {
  /** `id` is 16 upper-case hex digits. */
  readonly id: string;
  readonly createdAt: number;
  /** It is another one after each change of the URL or the key, even if both are as they were once. */
  readonly targetVersion: string;
  /** The last change after which failed calls are worth a try at once (epoch ms; 0 means never). */
  readonly repairedAt: number;
  /** The last request (epoch ms; 0 means never). */
  readonly replayRequestedAt: number;
  /** When its endpoint, if down, deserves a probe, because a client's replay has delivered calls (epoch ms; 0 means never). */
  readonly replayProbeAt: number;
  readonly signingSecrets: readonly SigningSecret[];
  /** It may be over (`runningPause`). It is null if it was resumed, or never paused. */
  readonly pause: Pause | null;
}

/** Nothing of a paused callback is sent (docs/dispatcher.md, A pause). */
export interface Pause {
  readonly at: number;
  /** It ends at this instant; null means that it ends when the callback is resumed. */
  readonly until: number | null;
  /** A user, or user@host of a command on a database file. It is null if it isn't known. */
  readonly by: string | null;
}

/** A longer pause has no end. */
export const LONGEST_PAUSE_MS = 365 * 86_400_000;

/** Returns null once the pause is over. */
export function runningPause({ pause }: Pick<Callback, "pause">, now: number): Pause | null {
  return pause !== null && (pause.until === null || now < pause.until) ? pause : null;
}

/** Returns text such as "paused by ada until 2026-11-29 14:00". */
export function describePause({ by, until }: Omit<Pause, "at">, formatInstant: (at: number) => string): string {
  return `paused${by === null ? "" : ` by ${by}`} until ${until === null ? "it is resumed" : formatInstant(until)}`;
}

export interface BodyStyle {
  readonly contentType: BodyFormat;
  readonly removeHtml: boolean;
}

/** A delivery depends on these settings. */
export interface DeliveryTarget extends BodyStyle {
  readonly url: string;
  readonly auth: CallbackAuth;
  /** Each delivery is signed with them. The default is none. */
  readonly signingSecrets?: readonly SigningSecret[];
}

/** Names and values are those of docs/contract.md. */
export interface CallbackSettings extends DeliveryTarget {
  readonly name: string;
  readonly retriesEnabled: boolean;
  readonly email: string;
  readonly events: { readonly reply: boolean; readonly undeliverable: boolean };
  readonly signing: Signing;
}

/** A stored callback has "enabled" or "disabled". A change to "new" replaces the secret. */
export type Signing = "enabled" | "disabled" | "new";

export interface SigningSecret {
  /** It is `whsec_` and base64, as Standard Webhooks writes it. */
  readonly secret: string;
  /** A secret that was replaced signs before this (epoch ms). It is null for the current one. */
  readonly until: number | null;
}

export type AuthType = "queryparam" | "httpheader" | "basicauth" | "bearertoken";
export type BodyFormat = "json" | "xml";

/** In a literal, such a class would be built whenever the file is loaded (docs/adr/0007). */
const CONTROL = "\\p{Cc}";
const FORMAT = "\\p{Cf}";
/** `UNSAFE_IN_NAME` are controls, lone surrogates, line separators, and what changes the reading direction. */
const UNSAFE_IN_NAME = `${CONTROL}\\p{Surrogate}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069`;

/** Says what is wrong with a name, or returns null. */
export function callbackNameProblem(name: string): string | null {
  if (new RegExp(`[${UNSAFE_IN_NAME}]`, "u").test(name)) return "must not contain control characters";
  if (name.trim() !== name) return "must not begin or end with a space";
  // A script that names a deleted callback by its id would find this one.
  if (/^[\da-f]{16}$/i.test(name)) return "must not be 16 hex digits, as callbacks' ids are";
  // Clients remove these from a path.
  return name === "." || name === ".." ? "must not be . or .." : null;
}

/**
 * Returns a text by which names are in people's order: whatever their case and accents, and numbers by their size. It is the same
 * for every database and version of ICU.
 */
export function nameOrder(name: string): string {
  return name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/\d+/g, (digits) => {
      const number = digits.replace(/^0+(?=\d)/, "");
      // A longer number is larger, and a name has 50 digits at most.
      return String.fromCharCode(48 + number.length) + number;
    });
}

/** Says what is wrong with a URL, or returns null. Programs disagree about the host of a URL with a backslash or a user. */
export function callbackUrlProblem(url: string): string | null {
  if (new RegExp(`[\\s${CONTROL}]`, "u").test(url)) return "must be an http or https URL";
  const problem = webUrlProblem(url);
  if (problem !== null) return problem;
  if (new RegExp(`[\\\\${FORMAT}]`, "u").test(url)) return "must not contain a backslash or an invisible character";
  if (isMasked(url)) return "must not contain ****, which stands for a secret that isn't shown";
  if (url.includes("#")) return "must not contain a #, as what follows it isn't sent";
  const parsed = parseUrl(url);
  return parsed?.username || parsed?.password ? "must not contain a user or password: use auth" : null;
}

/** Whether a URL has another scheme, host or port than the one before. It is false for text that isn't a URL. */
export function isOtherOrigin(url: string, before: string): boolean {
  const parsed = parseUrl(url);
  return parsed !== null && parsed.origin !== parseUrl(before)?.origin;
}

/** Whether the text is one address, without name, list, comment, quote, space or control. */
export function isEmailAddress(text: string): boolean {
  const part = `[^\\s@<>(),;:"\\\\${CONTROL}]+`;
  return new RegExp(`^${part}@${part}$`, "u").test(text);
}

export interface CallbackAuth {
  readonly type: AuthType;
  /** `key` is secret, and has up to 128 characters. */
  readonly key: string;
}

/** What a request is made with. A client's values are null where the service doesn't return them. */
interface RequestSettings {
  readonly url: string;
  readonly auth: { readonly type: AuthType | null; readonly key: string | null };
  readonly contentType: string | null;
  readonly signing: string | boolean;
}

/** Whether a down endpoint deserves a try at once (docs/dispatcher.md, A call, Rule 8). */
export function isRepaired(before: RequestSettings, after: RequestSettings): boolean {
  return (
    before.url !== after.url ||
    before.auth.type !== after.auth.type ||
    before.auth.key !== after.auth.key ||
    before.contentType !== after.contentType ||
    before.signing !== after.signing
  );
}

export function hasSameSettings(a: CallbackSettings, b: CallbackSettings): boolean {
  return (
    !isRepaired(a, b) &&
    a.name === b.name &&
    a.removeHtml === b.removeHtml &&
    a.retriesEnabled === b.retriesEnabled &&
    a.email === b.email &&
    a.events.reply === b.events.reply &&
    a.events.undeliverable === b.events.undeliverable
  );
}

/** A receiver has so long to take over a new secret. */
export const REPLACED_SECRET_MS = 24 * 60 * 60_000;
/** The answer with a new secret may be lost, so the receiver's may be older than the one before. */
const MAX_REPLACED_SECRETS = 2;

/** Returns the secrets after a change, the current one first. `made` is used unless there is one that stays. */
export function secretsAfter(
  signing: Signing,
  before: readonly SigningSecret[],
  made: string | undefined,
  now: number,
): readonly SigningSecret[] {
  if (signing === "disabled") return [];
  if (signing === "enabled" && before.length > 0) return before;
  if (made === undefined) throw new Error("Signing needs a secret");
  const replaced = before.map(({ secret, until }) => ({ secret, until: until ?? now + REPLACED_SECRET_MS }));
  const kept = replaced.filter(({ until }) => until > now).slice(0, MAX_REPLACED_SECRETS);
  return [{ secret: made, until: null }, ...kept];
}

export interface HealthText {
  readonly text: string;
  readonly tone: "good" | "bad" | "warning" | "neutral";
  readonly meaning: string;
}

/** The states of an endpoint for people and clients, most severe first: docs/contract.md, States of an endpoint. */
export const HEALTHS = {
  down: { text: "down", tone: "bad", meaning: "Ten calls in a row have failed: only retry rounds and probes are sent." },
  failing: {
    text: "failing",
    tone: "bad",
    meaning: "An outage is open, and no call has been accepted since the last new one failed.",
  },
  "not-answering": {
    text: "not answering",
    tone: "bad",
    meaning: "Calls have been waiting for over 10 seconds, and no attempt has ended since the oldest of them was accepted.",
  },
  paused: {
    text: "paused",
    tone: "warning",
    meaning: "A user has paused it: what is accepted waits, and nothing is sent.",
  },
  checking: {
    text: "checking the endpoint",
    tone: "warning",
    meaning: "No outage is open, but its last calls failed and none was accepted since: the next call is sent as a test.",
  },
  recovering: {
    text: "recovering",
    tone: "warning",
    meaning: "Calls are accepted again: what waited is being sent, or the outage hasn't ended yet.",
  },
  up: { text: "up", tone: "good", meaning: "Nothing is known to be wrong." },
  idle: { text: "receives nothing", tone: "neutral", meaning: "Neither replies nor undeliverable messages are sent to it." },
} as const satisfies Record<string, HealthText>;

export type HealthName = keyof typeof HEALTHS;

export const HEALTH_NAMES = Object.keys(HEALTHS) as readonly HealthName[];

export interface Health {
  readonly health: HealthName;
  /** `since` is null if the endpoint is up or idle. */
  readonly since: number | null;
}

export interface HealthFacts {
  readonly endpoint: Pick<Endpoint, "state" | "downSince" | "recoveringSince">;
  /** `outage` is open. */
  readonly outage: { readonly startedAt: number; readonly quietSince: number | null } | null;
  /** It is the last outage, if it closed without a success since. */
  readonly unrecoveredOutage?: { readonly startedAt: number };
  readonly oldestWaiting: OldestWaiting | null;
  /** It isn't over. */
  readonly pause: Pause | null;
  readonly events: CallbackSettings["events"];
}

/** It is of a callback's PENDING calls. */
export interface OldestWaiting {
  readonly acceptedAt: number;
  /** Whether that is over UNANSWERED_MS ago, and no attempt has ended since then. */
  readonly isUnanswered: boolean;
}

export const UNANSWERED_MS = 10_000;

/** The states are in the order of HEALTHS, but nothing is found out about an endpoint while it is paused. */
export function endpointHealth({ endpoint, outage, unrecoveredOutage, oldestWaiting, pause, events }: HealthFacts): Health {
  const { state, downSince, recoveringSince } = endpoint;
  if (pause !== null) return { health: "paused", since: pause.at };
  // It may have been down when an outage before this one was closed.
  if (state === "down" && outage !== null) return { health: "down", since: downSince && Math.max(downSince, outage.startedAt) };
  if (state !== "down" && outage?.quietSince === null) return { health: "failing", since: outage.startedAt };
  if (oldestWaiting?.isUnanswered) return { health: "not-answering", since: oldestWaiting.acceptedAt };
  if (state === "down") return { health: "checking", since: downSince };
  if (state === "recovering") return { health: "recovering", since: recoveringSince };
  if (outage !== null) return { health: "recovering", since: outage.quietSince };
  if (unrecoveredOutage !== undefined) return { health: "checking", since: unrecoveredOutage.startedAt };
  return { health: events.reply || events.undeliverable ? "up" : "idle", since: null };
}

/** A run holds a lease on its callback (docs/runs.md, One run at a time), which expires unless it is renewed. */
export interface RunLease {
  readonly run: string;
  /** `holder` is user@host. */
  readonly holder: string;
  /** The calls settled so far; it is 0 of 0 before they are listed. */
  readonly done: number;
  readonly total: number;
  /** If the service itself holds it, the id of its oldest unfinished replay. */
  readonly replay?: string;
}

export const RUN_LEASE_MS = 30_000;

/** Requested calls, which the service attempts once each: docs/contract.md, What ours adds. */
export interface ServiceReplay extends ReplayCounts {
  /** The run's that requested it, else the service's. Unique in its callback. */
  readonly id: string;
  readonly requestedAt: number;
  readonly cancelledAt: number | null;
  /** A user, or a run's user@host. It is null if it isn't known. */
  readonly requestedBy: string | null;
  /** It is null if it isn't known, or is of a run, which adds to its replay. */
  readonly selection: ReplaySelection | null;
  /** So many calls were to be replayed, if a set of calls was confirmed. */
  readonly confirmed: number | null;
  /** So many of these waited for an earlier replay, and stayed with it. */
  readonly inEarlier: number;
  /** While calls are added, or if they were no longer when it was cancelled. */
  readonly collecting: ReplayCollecting | null;
}

export type ReplaySelection = { readonly callIds: readonly string[] } | { readonly filter: CallFilter };

/** A service counts the calls that match first. If they are more than were confirmed, none is added. */
export interface ReplayCollecting {
  readonly step: "count" | "add" | "more";
  /** The calls that were counted. */
  readonly counted: number;
}

export interface ReplayCounts {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** A cancel, a mark or an erasure withdrew these before their attempt. */
  readonly cancelled: number;
  /** These wait for their attempt, or are in flight. */
  readonly left: number;
}

/** What was cancelled gets no more calls. */
export function isCollecting({ collecting, cancelledAt }: ServiceReplay): boolean {
  return collecting !== null && cancelledAt === null;
}

export function replayState(replay: ServiceReplay): "running" | "finished" | "cancelled" {
  const { left, cancelled, cancelledAt, collecting } = replay;
  if (cancelledAt !== null && (left + cancelled > 0 || collecting !== null)) return "cancelled";
  return left > 0 || isCollecting(replay) ? "running" : "finished";
}

/** Returns the lease of the service itself while a replay runs. */
export function serviceLease({ id, total, left }: ServiceReplay): RunLease {
  return { run: "", holder: "the service", done: total - left, total, replay: id };
}

export function describeHolder({ run, holder, total, replay }: RunLease): string {
  if (run !== "") return `Run ${run} of ${holder} is working on its calls`;
  return `The service is replaying ${count(total, "call")} itself: replay ${replay}`;
}
