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
