import type { ListedCall } from "../../client/client.js";
import { senderAddress } from "../../domain/message-response.js";
import type { Column } from "./cells.js";
import type { CALL_FIELDS, Json } from "./json-fields.js";
import type { ListingStyle } from "./listing.js";
import type { Paint, Palette } from "./screen.js";
import { isoInstant } from "./times.js";

export interface CallRow {
  readonly call: ListedCall;
  readonly callbackName: string;
}

const COLUMNS: readonly Column<CallRow>[] = [
  { key: "attempted", title: "LAST ATTEMPT", value: ({ call }) => call.attemptedAt, kind: "instant", dropRank: 3 },
  {
    key: "status",
    title: "STATUS",
    value: ({ call }) => call.status,
    paint: ({ call }, palette) => statusPaint(call.status, palette),
  },
  { key: "code", title: "CODE", value: ({ call }) => call.statusCode, kind: "number", dropRank: 1 },
  { key: "reason", title: "REASON", value: ({ call }) => call.statusMessage, least: 8, dropRank: 4 },
  { key: "from", title: "FROM", value: ({ call }) => senderAddress(call.response.from), least: 12, dropRank: 5 },
  { key: "content", title: "CONTENT", value: ({ call }) => call.response.responseMessage.content, least: 8, dropRank: 6 },
  { key: "id", title: "CALL", value: ({ call }) => call.id },
  { key: "callback", title: "CALLBACK", value: ({ callbackName }) => callbackName, least: 8, onDemand: true },
  { key: "message", title: "MESSAGE", value: ({ call }) => call.response.messageId, onDemand: true },
  { key: "channel", title: "CHANNEL", value: ({ call }) => call.response.responseMessage.channel || null, onDemand: true },
  { key: "kind", title: "KIND", value: ({ call }) => call.response.responseMessage.kind, onDemand: true },
  { key: "attempts", title: "ATTEMPTS", value: ({ call }) => call.attemptCount, kind: "number", onDemand: true },
  { key: "next", title: "NEXT ATTEMPT", value: ({ call }) => call.nextAttemptAt, kind: "instant", onDemand: true },
  { key: "until", title: "RETRIED UNTIL", value: ({ call }) => call.retryUntil, kind: "instant", onDemand: true },
  { key: "settled-by", title: "SETTLED BY", value: ({ call }) => call.settledBy, onDemand: true },
];

export const CALL_LISTING: ListingStyle<CallRow> = { columns: COLUMNS, toJson: callJson, toId: ({ call }) => call.id };

export function callJson({ call, callbackName }: CallRow): Json<typeof CALL_FIELDS> {
  const { response } = call;
  return {
    id: call.id,
    callbackId: call.callbackId,
    callback: callbackName,
    status: call.status,
    attemptedDate: dateOrNull(call.attemptedAt),
    statusCode: call.statusCode,
    statusMessage: call.statusMessage,
    messageId: response.messageId,
    messageLocation: response.messageLocation,
    from: response.from,
    channel: response.responseMessage.channel,
    kind: response.responseMessage.kind,
    date: response.responseMessage.date,
    content: response.responseMessage.content,
    customParameters: response.customParameters,
    attemptCount: call.attemptCount,
    nextAttemptDate: dateOrNull(call.nextAttemptAt),
    retryUntil: dateOrNull(call.retryUntil),
    settledBy: call.settledBy,
  };
}

export function statusPaint(status: string, palette: Palette): Paint {
  return status === "SUCCESS" ? palette.good : status === "FAILED" ? palette.bad : palette.warn;
}

export function dateOrNull(at: number | null): string | null {
  return at === null ? null : isoInstant(at);
}

export function leftOutText(calls: number): string {
  return calls > 0 ? ` (${calls} left out: the service returned them although the filter excludes them)` : "";
}
