/** A call as it is listed and exported: the cells of its csv, and its JSON (docs/json.md). */
import { senderAddress } from "../domain/message-response.js";
import { dateOrNull, toIsoDate } from "./dates.js";
import type { ListedCall } from "./json/call-json.js";

export interface CallRow {
  readonly call: Omit<ListedCall, "raw">;
  readonly callbackName: string;
}

export interface Cell<Row> {
  /** A cell of null is empty. */
  readonly value: (row: Row) => string | number | null;
  /** Instants are epoch ms. */
  readonly kind?: "instant" | "number";
}

/** Returns a cell of csv: instants are in ISO 8601. */
export function cellData<Row>({ value, kind }: Cell<Row>, row: Row): string | number {
  const data = value(row) ?? "";
  return kind === "instant" && typeof data === "number" ? toIsoDate(data) : data;
}

/** They have the order of the columns. */
export const CALL_CELLS = {
  attempted: { value: ({ call }) => call.attemptedAt, kind: "instant" },
  status: { value: ({ call }) => call.status },
  code: { value: ({ call }) => call.statusCode, kind: "number" },
  reason: { value: ({ call }) => call.statusMessage },
  from: { value: ({ call }) => senderAddress(call.response.from) },
  content: { value: ({ call }) => call.response.responseMessage.content },
  id: { value: ({ call }) => call.id },
  callback: { value: ({ callbackName }) => callbackName },
  message: { value: ({ call }) => call.response.messageId },
  channel: { value: ({ call }) => call.response.responseMessage.channel || null },
  kind: { value: ({ call }) => call.response.responseMessage.kind },
  attempts: { value: ({ call }) => call.attemptCount, kind: "number" },
  next: { value: ({ call }) => call.nextAttemptAt, kind: "instant" },
  until: { value: ({ call }) => call.retryUntil, kind: "instant" },
  "settled-by": { value: ({ call }) => call.settledBy },
  answer: { value: ({ call }) => call.answer?.trim() ?? null },
  "settled-by-user": { value: ({ call }) => call.settledByUser },
} as const satisfies Readonly<Record<string, Cell<CallRow>>>;

export function callRecord({ call, callbackName }: CallRow) {
  const { messageId, messageLocation, from, responseMessage, customParameters } = call.response;
  return {
    id: call.id,
    callbackId: call.callbackId,
    callback: callbackName,
    status: call.status,
    attemptedDate: dateOrNull(call.attemptedAt),
    statusCode: call.statusCode,
    statusMessage: call.statusMessage,
    messageId,
    messageLocation,
    from,
    channel: responseMessage.channel,
    kind: responseMessage.kind,
    date: responseMessage.date,
    content: responseMessage.content,
    customParameters,
    attemptCount: call.attemptCount,
    nextAttemptDate: dateOrNull(call.nextAttemptAt),
    retryUntil: dateOrNull(call.retryUntil),
    settledBy: call.settledBy,
    settledByUser: call.settledByUser,
    answer: call.answer ?? null,
  };
}
