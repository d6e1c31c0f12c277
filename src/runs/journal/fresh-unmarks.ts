import { type CallStatus, idKey } from "../../domain/call.js";
import type { RunDeps } from "../run-deps.js";
import { callKey, LISTS_LAG_MS, readOwnRuns } from "./other-runs.js";
import type { RunOverview } from "./stored-runs.js";

/** Calls that were made FAILED, and aren't listed so yet, or aren't any more. The service lists all of them so from an instant on, if they are. */
export interface UnlistedYet {
  readonly calls: number;
  readonly until: number;
}

/** The calls that this data folder has just made FAILED, and hasn't marked SUCCESS since. There are none where lists don't lag. */
export class FreshUnmarks {
  /** It has the instants until which the service may list the calls as they were before. */
  readonly #untils = new Map<string, number>();

  static async read(callbacks: readonly { readonly id: string }[], deps: RunDeps): Promise<FreshUnmarks> {
    const unmarks = new FreshUnmarks();
    const { client, clock } = deps;
    if (client.capabilities.has("exact-lists")) return unmarks;
    const since = clock.now() - LISTS_LAG_MS;
    const ofCallbacks = new Set(callbacks.map(({ id }) => id));
    const lastMarks = new Map<string, { readonly at: number; readonly isUnmark: boolean }>();
    const isRecent = (run: RunOverview): boolean => run.lastAt >= since && run.callbacks.some(({ id }) => ofCallbacks.has(id));
    for await (const { kind, calls, maybeMarked, lastAt } of readOwnRuns(isRecent, deps)) {
      const isUnmark = kind === "mark-failed";
      const asked = isUnmark ? maybeMarked.map((call) => ({ ...call, at: lastAt })) : [];
      for (const { callbackId, id, at } of [...calls.filter(({ isMarked }) => isMarked), ...asked]) {
        const key = callKey(callbackId, id);
        if (ofCallbacks.has(callbackId) && at > (lastMarks.get(key)?.at ?? since)) lastMarks.set(key, { at, isUnmark });
      }
    }
    for (const [key, { at, isUnmark }] of lastMarks) if (isUnmark) unmarks.#untils.set(key, at + LISTS_LAG_MS);
    return unmarks;
  }

  has(callbackId: string, id: string): boolean {
    return this.#untils.has(callKey(callbackId, id));
  }

  /** Those that are listed as FAILED aren't fresh any more. */
  dropListed(callbackId: string, calls: readonly { readonly id: string; readonly status: CallStatus }[]): void {
    for (const { id, status } of calls) if (status === "FAILED") this.#untils.delete(callKey(callbackId, id));
  }

  /** Counts the rest, or those of it that have these ids. */
  unlistedYet(callIds?: readonly string[]): UnlistedYet | null {
    const ids = callIds && new Set(callIds.map(idKey));
    const untils = [...this.#untils].flatMap(([key, until]) =>
      ids?.has(key.slice(key.indexOf(" ") + 1)) === false ? [] : [until],
    );
    return untils.length === 0 ? null : { calls: untils.length, until: Math.max(...untils) };
  }
}
