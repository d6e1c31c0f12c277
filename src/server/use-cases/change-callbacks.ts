import { type DeliveryResult, isAccepted, resultMessage } from "../../domain/attempt.js";
import type { Author } from "../../domain/audit/audit-entry.js";
import type { Callback, CallbackSettings, DeliveryTarget, Pause } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import { callbackSecrets, secretMask } from "../../domain/mask.js";
import { newSigningSecret, shortId } from "../../platform/random.js";
import { buildEndpointCheck } from "../../wire/delivery-request.js";
import type { RouteContext } from "../routes/route-context.js";
import type { ServerDeps } from "../server-deps.js";

/** `owner` is who creates it (`ownerOf`). Throws `duplicate-name`, `address-refused`, `endpoint-check-failed`, `unavailable`. */
export async function createCallback(
  { deps, lookup }: RouteContext,
  settings: CallbackSettings,
  owner: string,
  author: Author,
): Promise<Callback> {
  deps.checkCallbackUrl(settings.url);
  // The check may take a minute. The store checks names again.
  const existing = await deps.store.callbacks.find(settings.name);
  if (existing?.name === settings.name) {
    throw new WhcbError("duplicate-name", `A callback named ${settings.name} already exists`);
  }
  const problem = await checkEndpoint(deps, settings, owner);
  if (problem !== null) {
    const unmet = `must answer a GET with exactly 200; it answered: ${problem}`;
    throw new WhcbError("endpoint-check-failed", `url ${unmet}`, { fields: new Map([["url", unmet]]) });
  }
  const made = { author, madeSecret: newSigningSecret(deps.random) };
  const callback = await deps.store.callbacks.create(shortId(deps.random), settings, deps.clock.now(), made);
  lookup.forgetAll();
  return callback;
}

async function checkEndpoint(deps: ServerDeps, settings: CallbackSettings, owner: string): Promise<string | null> {
  const { result } = (await testEndpoint(deps, settings, owner)) ?? {};
  if (result === undefined || isAccepted(result)) return null;
  const problem = result.kind === "answered" ? `${result.statusCode} ${result.statusMessage}`.trim() : resultMessage(result);
  // An endpoint may repeat what it was sent.
  return secretMask(callbackSecrets(settings))(problem);
}

export interface EndpointTest {
  readonly result: DeliveryResult;
  readonly durationMs: number;
}

/** Sends the registration's check: one GET, which must be answered with exactly 200. Resolves to null if this service doesn't check. */
export async function testEndpoint(deps: ServerDeps, target: DeliveryTarget, owner: string): Promise<EndpointTest | null> {
  const { checkEndpoint: check, clock, authParameter } = deps;
  if (check === null) return null;
  const beganAtMs = clock.monotonicMs();
  const result = await check(buildEndpointCheck(target, { authParameter }), owner);
  return { result, durationMs: clock.monotonicMs() - beganAtMs };
}

/** A callback that was changed. `madeSecret` is to be shown once, and is undefined if no signing secret was made. */
export interface ChangedCallback {
  readonly callback: Callback;
  readonly madeSecret: string | undefined;
}

/** Throws `not-found`, `duplicate-name`, `address-refused`, and `locked` if its settings aren't `expected`. */
export async function updateCallback(
  { deps, lookup }: RouteContext,
  before: Callback,
  settings: CallbackSettings,
  { author, expected }: { readonly author: Author; readonly expected?: CallbackSettings | undefined },
): Promise<ChangedCallback> {
  if (settings.url !== before.url) deps.checkCallbackUrl(settings.url);
  const made = newSigningSecret(deps.random);
  const change = { author, expected, madeSecret: made };
  const callback = await deps.store.callbacks.update(before.id, settings, deps.clock.now(), deps.policy, change);
  lookup.forgetAll();
  deps.onWork(before.id, "changed");
  return { callback, madeSecret: callback.signingSecrets.find(({ secret }) => secret === made)?.secret };
}

/** Pauses the callback, or resumes it (null). Throws `not-found`. */
export async function setPause(
  { deps }: RouteContext,
  { id }: Callback,
  pause: Omit<Pause, "by"> | null,
  author: Author,
): Promise<void> {
  await deps.store.callbacks.setPause(id, pause && { ...pause, by: author.user }, author);
  deps.onWork(id, "changed");
}

/** Throws `not-found`. */
export async function deleteCallback({ deps, lookup }: RouteContext, { id }: Callback, author: Author): Promise<void> {
  await deps.store.callbacks.delete(id, deps.clock.now(), author);
  lookup.forgetAll();
  deps.onWork(id, "changed");
}
