/** A service may not return a key, and returns no signing secret. Nothing is sent without them. */
import type { ListedCallback } from "../../client/client.js";
import { WhcbError } from "../../domain/errors.js";
import type { ReplayPlan } from "../../runs/plan/replay-plan.js";
import type { ReplayOptions } from "../../runs/run-options.js";
import { callbacksToSign, callbacksWithoutKey } from "../../runs/send/send-target.js";
import { readSigningKey } from "../../wire/webhook-signature.js";
import type { Invocation } from "../args/command-spec.js";
import { askSecret } from "../output/questions.js";

/** They are kept by callback id. */
export interface CallbackSecrets {
  readonly keys: ReadonlyMap<string, string>;
  readonly signingSecrets: ReadonlyMap<string, string>;
}

interface SecretKind {
  readonly variable: string;
  readonly noun: string;
  readonly neededBy: (callbacks: readonly ListedCallback[], options: ReplayOptions) => readonly ListedCallback[];
  /** Throws `config`, without the secret. */
  readonly check: (secret: string) => void;
  readonly hint: string;
}

const KEY: SecretKind = {
  variable: "WHCB_CALLBACK_KEY",
  noun: "auth key",
  neededBy: callbacksWithoutKey,
  check: () => {},
  hint: "",
};

const SIGNING_SECRET: SecretKind = {
  variable: "WHCB_SIGNING_SECRET",
  noun: "signing secret",
  neededBy: callbacksToSign,
  check(secret) {
    if (readSigningKey(secret) !== null) return;
    throw new WhcbError("config", "a signing secret must be whsec_ followed by 24 to 64 bytes in base64", {
      hint: "WHCB_SIGNING_SECRET, or what was typed, is something else",
    });
  },
  hint: ", or let the service send: `whcb replay --via service`",
};

/** Takes a single secret from its variable, others from a prompt. Throws `config` if one is missing. */
export async function collectSecrets(
  invocation: Invocation,
  { groups }: ReplayPlan,
  options: ReplayOptions,
): Promise<CallbackSecrets> {
  const callbacks = groups.map(({ callback }) => callback);
  const secrets = await findSecrets(invocation, callbacks, options);
  requireAll(KEY, secrets.keys, callbacks, options);
  requireAll(SIGNING_SECRET, secrets.signingSecrets, callbacks, options);
  return secrets;
}

/** Does what `collectSecrets` does, but one may be missing: what has arrived can be marked without it. */
export async function findSecrets(
  invocation: Invocation,
  callbacks: readonly ListedCallback[],
  options: ReplayOptions,
): Promise<CallbackSecrets> {
  for (const line of describeSecretSources(callbacks, options, invocation.deps)) invocation.screen.info(line);
  return {
    keys: await findAll(KEY, invocation, callbacks, options),
    signingSecrets: await findAll(SIGNING_SECRET, invocation, callbacks, options),
  };
}

/** The user sees the lines, as a variable may be left from another callback. */
export function describeSecretSources(
  callbacks: readonly ListedCallback[],
  options: ReplayOptions,
  deps: Invocation["deps"],
): readonly string[] {
  return [KEY, SIGNING_SECRET].flatMap((kind) => {
    const needed = kind.neededBy(callbacks, options);
    if (givenByVariable(kind, needed, deps) === null) return [];
    return needed.map(({ name }) => `${kind.noun} of ${name}: ${kind.variable}`);
  });
}

async function findAll(
  kind: SecretKind,
  { deps, screen }: Invocation,
  callbacks: readonly ListedCallback[],
  options: ReplayOptions,
): Promise<ReadonlyMap<string, string>> {
  const needed = kind.neededBy(callbacks, options);
  const given = givenByVariable(kind, needed, deps);
  const secrets = new Map<string, string>();
  for (const { id, name } of needed) {
    const question = `${kind.noun.replace(/^./, (letter) => letter.toUpperCase())} of ${name}:`;
    const secret = given || (screen.canAsk ? (await askSecret(deps.io, question)).trim() : "");
    if (secret === "") continue;
    kind.check(secret);
    secrets.set(id, secret);
  }
  return secrets;
}

function givenByVariable({ variable }: SecretKind, needed: readonly ListedCallback[], { io }: Invocation["deps"]): string | null {
  return needed.length === 1 ? io.env[variable] || null : null;
}

function requireAll(
  { variable, noun, neededBy, hint }: SecretKind,
  secrets: ReadonlyMap<string, string>,
  callbacks: readonly ListedCallback[],
  options: ReplayOptions,
): void {
  const needed = neededBy(callbacks, options);
  const without = needed.find(({ id }) => !secrets.has(id));
  if (without === undefined) return;
  const isOne = needed.length === 1;
  throw new WhcbError("config", `the service doesn't return the ${noun} of ${without.name}, and nothing is sent without it`, {
    hint: `${isOne ? `set ${variable} to it` : `replay one callback at a time, with ${variable} set to its ${noun}`}${hint}`,
  });
}
