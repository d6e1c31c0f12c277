import { count } from "./count.js";

export interface Callback extends CallbackSettings {
  /** 16 upper-case hex digits. */
  readonly id: string;
  readonly createdAt: number;
  /** The last change after which failed calls are worth a try at once (epoch ms; 0: never). */
  readonly repairedAt: number;
  /** The last request (epoch ms; 0: never). */
  readonly replayRequestedAt: number;
}

/** Names and values as in docs/contract.md. */
export interface CallbackSettings {
  readonly name: string;
  readonly url: string;
  readonly auth: CallbackAuth;
  readonly contentType: BodyFormat;
  readonly removeHtml: boolean;
  readonly retriesEnabled: boolean;
  readonly email: string;
  readonly events: { readonly reply: boolean; readonly undeliverable: boolean };
}

export type AuthType = "queryparam" | "httpheader" | "basicauth" | "bearertoken";
export type BodyFormat = "json" | "xml";

/** Controls, lone surrogates, line separators, and what changes the reading direction. */
const UNSAFE_IN_NAME = /[\p{Cc}\p{Surrogate}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

/** What is wrong with it, or null. */
export function callbackNameProblem(name: string): string | null {
  if (UNSAFE_IN_NAME.test(name)) return "must not contain control characters";
  if (name.trim() !== name) return "must not begin or end with a space";
  // Clients remove these from a path.
  return name === "." || name === ".." ? "must not be . or .." : null;
}

/** What is wrong with it, or null. Programs disagree about the host of a URL with a backslash or a user. */
export function callbackUrlProblem(url: string): string | null {
  if (!/^https?:\/\//i.test(url) || /[\s\p{Cc}]/u.test(url) || !URL.canParse(url)) return "must be an http or https URL";
  if (/[\\\p{Cf}]/u.test(url)) return "must not contain a backslash or an invisible character";
  const { username, password } = new URL(url);
  return username || password ? "must not contain a user or password: use auth" : null;
}

/** One address, without name, list, comment, quote, space or control. */
export function isEmailAddress(text: string): boolean {
  return /^[^\s@<>(),;:"\\\p{Cc}]+@[^\s@<>(),;:"\\\p{Cc}]+$/u.test(text);
}

export interface CallbackAuth {
  readonly type: AuthType;
  /** Up to 128 characters; secret. */
  readonly key: string;
}

/** Whether a down endpoint deserves a try at once (docs/dispatcher.md, a call, 8). */
export function isRepaired(before: CallbackSettings, after: CallbackSettings): boolean {
  return (
    before.url !== after.url ||
    before.auth.type !== after.auth.type ||
    before.auth.key !== after.auth.key ||
    before.contentType !== after.contentType
  );
}

/** docs/runs.md, One run at a time. Expires unless renewed. */
export interface RunLease {
  readonly run: string;
  /** user@host. */
  readonly holder: string;
  /** Calls settled so far; 0 of 0 before they are listed. */
  readonly done: number;
  readonly total: number;
}

export const LEASE_MS = 30_000;

/** Of the service itself, while it replays `total` requested calls. */
export function serviceLease(total: number): RunLease {
  return { run: "", holder: "the service", done: 0, total };
}

export function describeHolder({ run, holder, total }: RunLease): string {
  return run === "" ? `The service is replaying ${count(total, "call")} itself` : `Run ${run} of ${holder} is sending its calls`;
}
