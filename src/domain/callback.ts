/** A registered endpoint: where responses are delivered, how, and who is notified when it fails. */
export interface Callback extends CallbackSettings {
  /** 16 upper-case hex digits. */
  readonly id: string;
  readonly createdAt: number;
  /** When the URL, auth, content type or retries were last changed so that failed calls are worth a try at once (epoch ms; 0: never). */
  readonly repairedAt: number;
  /** When a replay was last requested (epoch ms; 0: never): a retry round is due then, for an endpoint that is down. */
  readonly replayRequestedAt: number;
}

/** What a user sets. Field names and values are docs/contract.md's. */
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
  /** Up to 128 characters; a secret. */
  readonly key: string;
}

/** Whether the change of settings is one after which a down endpoint deserves a try at once (docs/dispatcher.md, a call, 8). */
export function isRepaired(before: CallbackSettings, after: CallbackSettings): boolean {
  return (
    before.url !== after.url ||
    before.auth.type !== after.auth.type ||
    before.auth.key !== after.auth.key ||
    before.contentType !== after.contentType
  );
}

/** The right of one run to send a callback's calls (docs/runs.md, One run at a time). It expires unless it is renewed. */
export interface RunLease {
  /** The run's id. */
  readonly run: string;
  /** user@host. */
  readonly holder: string;
  /** Calls that the run has settled, of all that it is to settle; 0 of 0 before they are listed. */
  readonly done: number;
  readonly total: number;
}

export const LEASE_MS = 30_000;
