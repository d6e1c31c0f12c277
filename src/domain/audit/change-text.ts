import { count } from "../count.js";
import type { AuditDetails, AuditEntry, SettingChange } from "./audit-entry.js";

/** A later version of the service may name other actions. */
export type ChangeSeen = Pick<AuditEntry, "count" | "details"> & { readonly action: string };

/** Says in one line what was changed. Names and filters in it are as somebody has given them. */
export function describeChange({ action, count: number, details }: ChangeSeen): string {
  const {
    status = "",
    settledBy,
    replayId = "",
    username = "",
    newApiKey,
    mails = 0,
    filters = 0,
    settings = [],
    until,
  } = details;
  const calls = count(number ?? 0, "call");
  switch (action) {
    case "callback-created":
      return `created: ${settings.map(settingText).join(", ")}`;
    case "callback-changed":
      return `changed: ${settings.map(settingText).join(", ")}`;
    case "callback-paused":
      return `paused until ${until ?? "it is resumed"}`;
    case "callback-resumed":
      return "resumed";
    case "callback-deleted":
      return `deleted: ${settings.map(settingText).join(", ")}`;
    case "calls-marked":
      return `${calls} marked ${status}${settledBy === "replay" ? " as replayed" : ""}: ${whichText(details)}`;
    case "attempts-reported":
      return `${count(number ?? 0, "attempt")} of a client's replay reported`;
    case "endpoint-tested":
      return `${count(number ?? 0, "test")} sent: ${settings.map(settingText).join(", ")}`;
    case "replay-requested":
      return `replay ${replayId} of ${calls} requested: ${whichText(details)}`;
    case "replay-cancelled":
      return `replay ${replayId} cancelled`;
    case "sender-erased":
      return `a sender erased: ${calls}, ${count(mails, "e-mail")}, ${count(filters, "filter")}`;
    case "user-added":
      return `user ${username} added`;
    case "user-changed":
      return `credentials of the user ${username} changed${newApiKey ? ", with a new API key" : ""}`;
    case "user-removed":
      return `user ${username} removed`;
    case "signed-in":
      return "signed in";
    case "sign-in-failed":
      return `${count(number ?? 0, "sign-in")} failed`;
    default:
      return action;
  }
}

function settingText({ setting, before, after }: SettingChange): string {
  if (before !== undefined && after !== undefined) return `${setting} ${before} -> ${after}`;
  const value = before ?? after;
  return value === undefined ? setting : `${setting} ${value}`;
}

function whichText({ callId, filter = {} }: AuditDetails): string {
  if (callId !== undefined) return callId;
  const conditions = Object.entries(filter).map(([name, value]) => `${name}=${value}`);
  return conditions.length === 0 ? "named by ids" : conditions.join(", ");
}
