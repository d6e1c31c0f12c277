/** The audit says who changed what (docs/contract.md, What ours adds: audit). No entry has a key, or a secret of a URL. */
import type { MarkedBy } from "../call.js";
import type { CallbackSettings } from "../callback.js";
import { shownUrl } from "../mask.js";

/** An entry has at most so many bytes of JSON: the longest one has two URLs of a callback, names and an e-mail address. */
export const LONGEST_ENTRY = 8 * 1024;
/** A longer URL is cut. Two of them fit. */
const LONGEST_URL = 2_560;

/** `database` is a command that works on the database itself: file mode, `users`, `db erase` and the start of `serve`. */
export const WAYS = ["api", "console", "database"] as const;
export type Way = (typeof WAYS)[number];

/** Who makes a change, and when. */
export interface Author {
  /** A user of the service, or the system's user@host of a command on the database. It is null if it isn't known. */
  readonly user: string | null;
  readonly via: Way;
  /** The client's address. It is null for a command on the database. */
  readonly address: string | null;
  readonly at: number;
}

export const AUDIT_ACTIONS = [
  ...(["callback-created", "callback-changed", "callback-paused", "callback-resumed", "callback-deleted"] as const),
  ...(["endpoint-tested", "calls-marked", "attempts-reported"] as const),
  ...(["replay-requested", "replay-cancelled", "sender-erased"] as const),
  ...(["user-added", "user-changed", "user-removed", "signed-in", "sign-in-failed"] as const),
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export interface AuditChange {
  readonly action: AuditAction;
  /** The callback has this name then. */
  readonly callback?: { readonly id: string; readonly name: string };
  /** So many calls, attempts, tests, or sign-ins that failed. */
  readonly count?: number;
  readonly details?: AuditDetails;
}

/** What is known of a change besides. Which members there are depends on the action. */
export interface AuditDetails {
  readonly settings?: readonly SettingChange[];
  readonly status?: "SUCCESS" | "FAILED";
  readonly settledBy?: MarkedBy;
  /** The names are those of the API's parameters (`filterParameters`). */
  readonly filter?: Readonly<Record<string, string>>;
  /** The only call. */
  readonly callId?: string;
  /** The calls were named by their ids, of which this is a digest. */
  readonly callIdsDigest?: string;
  readonly replayId?: string;
  /** The pause ends at this time, by itself (ISO 8601). */
  readonly until?: string;
  /** The user who was added, changed or removed. */
  readonly username?: string;
  readonly newApiKey?: true;
  /** So many e-mails and filters were erased with the calls. */
  readonly mails?: number;
  readonly filters?: number;
}

/** A setting that is created has no `before`, one that is deleted no `after`, and a key neither. */
export interface SettingChange {
  readonly setting: string;
  readonly before?: string;
  readonly after?: string;
}

export interface AuditEntry extends Author {
  readonly id: string;
  readonly action: AuditAction;
  readonly callbackId: string | null;
  readonly callback: string | null;
  readonly count: number | null;
  readonly details: AuditDetails;
}

/** Returns what differs, and all settings if the callback is created (`before` is null) or deleted (`after` is null). */
export function settingChanges(before: CallbackSettings | null, after: CallbackSettings | null): readonly SettingChange[] {
  const [old, fresh] = [before && settingsRecord(before), after && settingsRecord(after)];
  const secrets = (settings: CallbackSettings | null) => settings && { url: settings.url, "auth.key": settings.auth.key };
  const [oldSecrets, freshSecrets] = [secrets(before), secrets(after)];
  const changes: SettingChange[] = Object.keys(old ?? fresh ?? {}).flatMap((setting) => {
    const [from, to] = [old?.[setting], fresh?.[setting]];
    // A masked URL doesn't show every change.
    const isSame = from === to && (setting !== "url" || oldSecrets?.url === freshSecrets?.url);
    return isSame ? [] : [{ setting, ...(from !== undefined && { before: from }), ...(to !== undefined && { after: to }) }];
  });
  const isKeyChanged = (oldSecrets?.["auth.key"] ?? "") !== (freshSecrets?.["auth.key"] ?? "");
  return isKeyChanged ? [...changes, { setting: "auth.key" }] : changes;
}

/** A test may be of a URL that isn't saved. */
export function testedUrl(target: Pick<CallbackSettings, "url" | "auth">): AuditDetails {
  return { settings: [{ setting: "url", after: auditUrl(target) }] };
}

function auditUrl(target: Pick<CallbackSettings, "url" | "auth">): string {
  return cutJson(shownUrl(target), LONGEST_URL);
}

/** Names and values are those of the API's document. */
function settingsRecord(settings: CallbackSettings): Readonly<Record<string, string>> {
  const enabled = (isEnabled: boolean) => (isEnabled ? "enabled" : "disabled");
  return {
    name: settings.name,
    url: auditUrl(settings),
    "auth.type": settings.auth.type,
    contentType: settings.contentType,
    removeHTML: enabled(settings.removeHtml),
    retriesEnabled: String(settings.retriesEnabled),
    email: settings.email,
    "callbacks.reply": enabled(settings.events.reply),
    "callbacks.undeliverable": enabled(settings.events.undeliverable),
    signing: settings.signing,
  };
}

export function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}

const ELLIPSIS = "…";

function cutJson(text: string, bytes: number): string {
  if (jsonBytes(text) <= bytes) return text;
  let room = bytes - jsonBytes(ELLIPSIS);
  let kept = "";
  for (const character of text) {
    room -= jsonBytes(character) - jsonBytes("");
    if (room < 0) break;
    kept += character;
  }
  return kept + ELLIPSIS;
}
