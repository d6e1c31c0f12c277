import { WhcbError } from "../../domain/errors.js";
import type { Channel, MessageResponse, ResponseKind, Sender } from "../../domain/message-response.js";
import { firstText, isObject, listOf, objectOf, textOf } from "./json-value.js";

export function responseToJson(response: MessageResponse): Record<string, unknown> {
  return {
    messageId: response.messageId || undefined,
    messageLocation: response.messageLocation || undefined,
    ...responsePartsToJson(response, response.responseMessage.content),
  };
}

/** Same names in a list and in a delivery. */
export function responsePartsToJson(
  { from, responseMessage, customParameters }: MessageResponse,
  content: string,
): Record<string, unknown> {
  const { name, mri, mobile, email, voice } = from;
  const { channel, kind, date } = responseMessage;
  const hasSender = (name || mri || mobile || email || voice) !== "";
  return {
    from: hasSender
      ? {
          name: name || undefined,
          mri: mri || undefined,
          mobile: mobile || undefined,
          email: email || undefined,
          voice: voice || undefined,
        }
      : undefined,
    responseMessage: {
      channel,
      [kind === "undeliverable" ? "undeliverable" : "acknowledged"]: date || undefined,
      content: content || undefined,
    },
    customParameters: Object.keys(customParameters).length > 0 ? customParameters : undefined,
  };
}

export function submissionToJson(call: { readonly id?: string; readonly response: MessageResponse }): Record<string, unknown> {
  return { ...(call.id !== undefined && { id: call.id }), ...responseToJson(call.response) };
}

export function readSubmittedIds(document: unknown): readonly string[] {
  return listOf(objectOf(document).calls).map((call) => textOf(objectOf(call).id));
}

/**
 * From a call, a submission, or a callback's body (lower-case names). Missing fields are ""; an unknown channel is SMS. Throws `malformed`
 * only if a custom parameter is nested too deeply.
 */
export function readResponse(value: unknown): MessageResponse {
  const document = objectOf(value);
  const message = objectOf(document.responseMessage);
  const isUndeliverable = message.undeliverable !== undefined && message.undeliverable !== null;
  const kind: ResponseKind = isUndeliverable ? "undeliverable" : "reply";
  return {
    messageId: firstText(document, "messageId", "messageid"),
    messageLocation: firstText(document, "messageLocation", "messagelocation"),
    from: readSender(document.from),
    responseMessage: {
      channel: readChannel(message.channel) ?? "SMS",
      kind,
      date: textOf(isUndeliverable ? message.undeliverable : message.acknowledged),
      content: textOf(message.content),
    },
    customParameters: readCustomParameters(document.customParameters),
  };
}

/** In any case; otherwise null. */
export function readChannel(value: unknown): Channel | null {
  const channel = textOf(value).trim().toUpperCase();
  return channel === "SMS" || channel === "EMAIL" || channel === "VOICE" ? channel : null;
}

function readSender(value: unknown): Sender {
  const from = objectOf(value);
  return {
    name: textOf(from.name),
    mri: textOf(from.mri),
    mobile: textOf(from.mobile),
    email: textOf(from.email),
    voice: textOf(from.voice),
  };
}

/** An object, or XML's list of entries. A key may be `__proto__`, hence Object.fromEntries. */
function readCustomParameters(value: unknown): Record<string, string> {
  if (isObject(value) && value.entry === undefined) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, parameterText(item)]));
  }
  const entries = listOf(isObject(value) ? value.entry : value).filter(isObject);
  return Object.fromEntries(entries.map((entry) => [textOf(entry.key), parameterText(entry.value)]));
}

/** Objects and lists stay as JSON text. */
function parameterText(value: unknown): string {
  if (typeof value !== "object" || value === null) return textOf(value);
  try {
    return JSON.stringify(value);
  } catch (error) {
    // JSON.stringify overflows the stack at a few thousand levels.
    throw new WhcbError("malformed", "customParameters contains a value that is nested too deeply", { cause: error });
  }
}
