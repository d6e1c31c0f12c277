import type { Call } from "../../domain/call.js";
import { givenValues } from "../../domain/message-response.js";
import { CALL_BYTES } from "../delivery-budget.js";

const BYTES_PER_CHARACTER = 2;

export interface QueuedCall {
  readonly call: Call;
  readonly bytes: number;
}

/** Calls of an endpoint that were read together. */
export class CallQueue {
  #calls: readonly QueuedCall[] = [];
  #next = 0;
  #readAt = 0;
  #bytes = 0;

  get length(): number {
    return this.#calls.length - this.#next;
  }

  /** Replaces what was left, as a newer batch is more accurate. `readAt` is monotonic. */
  fill(calls: readonly Call[], readAt: number): void {
    this.#calls = calls.map((call) => ({ call, bytes: bytesOf(call) }));
    this.#next = 0;
    this.#bytes = this.#calls.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#readAt = readAt;
  }

  get head(): QueuedCall | undefined {
    return this.#calls[this.#next];
  }

  get bytes(): number {
    return this.#bytes;
  }

  dropHead(): void {
    this.#bytes -= this.head?.bytes ?? 0;
    if (this.length > 0) this.#next += 1;
  }

  has(callSeq: number): boolean {
    return this.length > 0 && this.#calls.some(({ call }, index) => index >= this.#next && call.seq === callSeq);
  }

  clear(): void {
    this.fill([], 0);
  }

  /** `instant` is monotonic. */
  isOlderThan(instant: number): boolean {
    return this.length > 0 && this.#readAt < instant;
  }
}

/** Returns how much memory the call takes, without its request. */
function bytesOf({ leftOutBytes, response }: Call): number {
  if (leftOutBytes !== undefined) return CALL_BYTES;
  const { messageId, messageLocation, from, responseMessage, customParameters, given } = response;
  const { name, mri, mobile, email, voice } = from;
  let characters = messageId.length + messageLocation.length + responseMessage.content.length;
  characters += name.length + mri.length + mobile.length + email.length + voice.length;
  for (const [key, value] of Object.entries(customParameters)) characters += key.length + value.length;
  if (given !== undefined) for (const [key, json] of givenValues(given)) characters += key.length + json.length;
  return CALL_BYTES + characters * BYTES_PER_CHARACTER;
}
