/** Responses handed to the service to deliver, as a client writes them and reads the answers. Only `whcb serve` takes them. */
import type { MessageResponse } from "../../domain/message-response.js";
import { countOf, listOf, objectOf, textOf } from "./json-value.js";
import { responseToJson } from "./response-json.js";

/** One call object of `POST /callbacks/{id}/calls`, or of its list, or a line of its NDJSON. */
export function submissionToJson(call: { readonly id?: string; readonly response: MessageResponse }): Record<string, unknown> {
  return { ...(call.id !== undefined && { id: call.id }), ...responseToJson(call.response) };
}

/** The ids, in the order in which the calls were given. */
export function readSubmittedIds(document: unknown): readonly string[] {
  return listOf(objectOf(document).calls).map((call) => textOf(objectOf(call).id));
}

/** How many replays the service took on. */
export function readAccepted(document: unknown): number {
  return countOf(objectOf(document).accepted) ?? 0;
}
