/** A response to a message as JSON: within a call, and as it is handed in. */
import { WhcbError } from "../../domain/errors.js";
import type { Channel, MessageResponse, ResponseKind, Sender } from "../../domain/message-response.js";
import { firstText, isObject, listOf, objectOf, textOf } from "./json-value.js";

/** The fields that a call has of its response. Custom parameters only where there are some. */
export function responseToJson(response: MessageResponse): Record<string, unknown> {
  const { from, responseMessage, customParameters } = response;
  const { channel, kind, date, content } = responseMessage;
  return {
    messageId: response.messageId,
    messageLocation: response.messageLocation,
    from: { name: from.name, mri: from.mri, mobile: from.mobile, email: from.email, voice: from.voice },
    responseMessage:
      kind === "undeliverable" ? { channel, undeliverable: date, content } : { channel, acknowledged: date, content },
    ...(hasKeys(customParameters) && { customParameters }),
  };
}

/**
 * Reads a response from a call, from what a caller hands in, and from the body that a callback receives (lower-case names).
 * What is missing is "". A channel that isn't known reads as SMS. Throws `malformed` only for a custom parameter that is nested too deep.
 */
export function readResponse(value: unknown): MessageResponse {
  const document = objectOf(value);
  const message = objectOf(document.responseMessage);
  const kind: ResponseKind = isSaid(message.undeliverable) ? "undeliverable" : "reply";
  return {
    messageId: firstText(document, "messageId", "messageid"),
    messageLocation: firstText(document, "messageLocation", "messagelocation"),
    from: readSender(document.from),
    responseMessage: {
      channel: readChannel(message.channel) ?? "SMS",
      kind,
      date: textOf(kind === "undeliverable" ? message.undeliverable : message.acknowledged),
      content: textOf(message.content),
    },
    customParameters: readCustomParameters(document.customParameters),
  };
}

/** In any case; null where it is none. */
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

/** An object of values, or XML's list of entries. Object.fromEntries, since a key may be `__proto__`. */
export function readCustomParameters(value: unknown): Record<string, string> {
  if (isObject(value) && value.entry === undefined) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, parameterText(item)]));
  }
  const entries = listOf(isObject(value) ? value.entry : value).filter(isObject);
  return Object.fromEntries(entries.map((entry) => [textOf(entry.key), parameterText(entry.value)]));
}

/** A parameter that is no plain value is kept as its JSON text: nothing that a message carried is lost. */
function parameterText(value: unknown): string {
  if (typeof value !== "object" || value === null) return textOf(value);
  try {
    return JSON.stringify(value);
  } catch (error) {
    // What JSON.parse reads at any depth, JSON.stringify writes to some thousands only.
    throw new WhcbError("malformed", "customParameters holds a value that is nested too deep", { cause: error });
  }
}

function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function hasKeys(object: object): boolean {
  for (const _ in object) return true;
  return false;
}
