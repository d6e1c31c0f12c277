/** Remembers which form of a callback a session has saved last: a browser may send it twice. */
import type { FastifyRequest } from "fastify";
import { readFields } from "./callback-fields.js";
import { formOf } from "./page.js";
import { tokenOf } from "./sessions.js";

/** So many sessions can send a form twice. */
const MAX_REMEMBERED = 1_000;

export interface SavedForm {
  readonly hasShownSecret: boolean;
}

export class SavedForms {
  readonly #forms = new Map<string, SavedForm & { readonly typed: string }>();

  remember(request: FastifyRequest, callbackId: string, hasShownSecret: boolean): void {
    const [oldest] = this.#forms.keys();
    if (oldest !== undefined && this.#forms.size >= MAX_REMEMBERED) this.#forms.delete(oldest);
    this.#forms.set(tokenOf(request), { typed: typedInto(request, callbackId), hasShownSecret });
  }

  /**
   * Returns null unless the same was typed for this callback. A form that was saved without a key has none here: an answer that depends on
   * the stored key, or on a secret in the stored URL, would tell whether a guess is right.
   */
  find(request: FastifyRequest, callbackId: string): SavedForm | null {
    const last = this.#forms.get(tokenOf(request));
    return last?.typed === typedInto(request, callbackId) ? last : null;
  }
}

function typedInto(request: FastifyRequest, callbackId: string): string {
  return JSON.stringify([callbackId, readFields(formOf(request)), typedKey(request)]);
}

export function typedKey(request: FastifyRequest): string {
  return formOf(request).get("auth.key") ?? "";
}
