/** For keys that the service doesn't return. Nothing is sent without one. */
import { WhcbError } from "../../domain/errors.js";
import type { ReplayPlan } from "../../runs/plan/replay-plan.js";
import type { ReplayOptions } from "../../runs/run-options.js";
import { callbacksWithoutKey } from "../../runs/run-replay.js";
import type { Invocation } from "../args/command-spec.js";
import { askSecret } from "../output/questions.js";

/** From WHCB_CALLBACK_KEY if one is needed, else from a prompt. Throws `config` without either. */
export async function collectKeys(
  invocation: Invocation,
  plan: ReplayPlan,
  options: ReplayOptions,
): Promise<ReadonlyMap<string, string>> {
  const missing = callbacksWithoutKey(plan, options);
  const given = invocation.deps.io.env.WHCB_CALLBACK_KEY;
  const keys = new Map<string, string>();
  for (const callback of missing) {
    if (given !== undefined && given !== "" && missing.length === 1) keys.set(callback.id, given);
    else if (invocation.screen.canAsk)
      keys.set(callback.id, (await askSecret(invocation.deps.io, `Auth key of ${callback.name}:`)).trim());
    if ((keys.get(callback.id) ?? "") === "") throw noKey(callback.name, missing.length);
  }
  return keys;
}

export function environmentKeys(
  { deps }: Invocation,
  callbacks: readonly { readonly id: string }[],
): ReadonlyMap<string, string> {
  const given = deps.io.env.WHCB_CALLBACK_KEY;
  return new Map(given === undefined || given === "" ? [] : callbacks.map(({ id }) => [id, given]));
}

function noKey(name: string, missing: number): WhcbError {
  return new WhcbError("config", `the service doesn't return the auth key of ${name}, and nothing is sent without it`, {
    hint: missing === 1 ? "set WHCB_CALLBACK_KEY to it" : "replay one callback at a time, with WHCB_CALLBACK_KEY set to its key",
  });
}
