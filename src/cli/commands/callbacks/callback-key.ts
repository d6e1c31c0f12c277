/** A callback's auth key: from the environment, from a prompt, or made up. Never from a flag. */

import type { Invocation } from "../../invocation.js";
import { askSecret } from "../../output/ask.js";

export interface CallbackKey {
  readonly key: string;
  /** Made up here: shown once, since nobody knows it yet. */
  readonly isNew: boolean;
}

export async function chooseCallbackKey({ deps, screen }: Invocation): Promise<CallbackKey> {
  const given = deps.io.env.WHCB_CALLBACK_KEY;
  if (given !== undefined && given !== "") return { key: given, isNew: false };
  if (screen.canAsk) {
    const typed = await askSecret(deps.io, "Auth key of the callback (empty: make one up):");
    if (typed.trim() !== "") return { key: typed.trim(), isNew: false };
  }
  return { key: Buffer.from(deps.random.bytes(24)).toString("base64url"), isNew: true };
}
