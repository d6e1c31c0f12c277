/** A service may not return a key, and nothing is sent without one. */
import type { ListedCallback } from "../../client/client.js";
import { WhcbError } from "../../domain/errors.js";
import type { ReplayPlan } from "../../runs/plan/replay-plan.js";
import type { ReplayOptions } from "../../runs/run-options.js";
import { callbacksWithoutKey } from "../../runs/send/send-target.js";
import type { Invocation } from "../args/command-spec.js";
import { askSecret } from "../output/questions.js";

/** Takes a single key from WHCB_CALLBACK_KEY, others from a prompt. Throws `config` if one is missing. */
export async function collectKeys(
  invocation: Invocation,
  { groups }: ReplayPlan,
  options: ReplayOptions,
): Promise<ReadonlyMap<string, string>> {
  const callbacks = groups.map(({ callback }) => callback);
  const keys = await findKeys(invocation, callbacks, options);
  const missing = callbacksWithoutKey(callbacks, options);
  const without = missing.find(({ id }) => !keys.has(id));
  if (without !== undefined) throw missingKeyError(without.name, missing.length);
  return keys;
}

/** Does what `collectKeys` does, but a key may be missing: what has arrived can be marked without it. */
export async function findKeys(
  { deps, screen }: Invocation,
  callbacks: readonly ListedCallback[],
  options: ReplayOptions,
): Promise<ReadonlyMap<string, string>> {
  const missing = callbacksWithoutKey(callbacks, options);
  const given = keyOfVariable(missing, deps);
  const keys = new Map<string, string>();
  for (const line of describeKeySource(callbacks, options, deps)) screen.info(line);
  for (const { id, name } of missing) {
    const key = given || (screen.canAsk ? (await askSecret(deps.io, `Auth key of ${name}:`)).trim() : "");
    if (key !== "") keys.set(id, key);
  }
  return keys;
}

/** Returns one line or none. The user sees it, as the variable may be left from another callback. */
export function describeKeySource(
  callbacks: readonly ListedCallback[],
  options: ReplayOptions,
  deps: Invocation["deps"],
): readonly string[] {
  const missing = callbacksWithoutKey(callbacks, options);
  return keyOfVariable(missing, deps) === null ? [] : missing.map(({ name }) => `key of ${name}: WHCB_CALLBACK_KEY`);
}

function keyOfVariable(missing: readonly ListedCallback[], { io }: Invocation["deps"]): string | null {
  return missing.length === 1 ? io.env.WHCB_CALLBACK_KEY || null : null;
}

function missingKeyError(name: string, missing: number): WhcbError {
  return new WhcbError("config", `the service doesn't return the auth key of ${name}, and nothing is sent without it`, {
    hint: missing === 1 ? "set WHCB_CALLBACK_KEY to it" : "replay one callback at a time, with WHCB_CALLBACK_KEY set to its key",
  });
}
