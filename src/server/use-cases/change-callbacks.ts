/** What the API and the console do with a callback. */
import { isAccepted, resultMessage } from "../../domain/attempt.js";
import type { Callback, CallbackSettings } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import { shortId } from "../../platform/random.js";
import { buildEndpointCheck } from "../../wire/delivery-request.js";
import type { RouteContext } from "../routes/route-context.js";

type Context = Pick<RouteContext, "deps" | "lookup">;

/** Throws `duplicate-name`, `address-refused`, `endpoint-check-failed`. */
export async function createCallback({ deps, lookup }: Context, settings: CallbackSettings): Promise<Callback> {
  deps.checkCallbackUrl(settings.url);
  // The check may take a minute. The store checks names again.
  const existing = await deps.store.findCallback(settings.name);
  if (existing?.name === settings.name) {
    throw new WhcbError("duplicate-name", `A callback named ${settings.name} already exists`);
  }
  const problem = await checkEndpoint({ deps }, settings);
  if (problem !== null) {
    throw new WhcbError("endpoint-check-failed", `url must answer a GET with exactly 200; it answered: ${problem}`);
  }
  const callback = await deps.store.createCallback(shortId(deps.random), settings, deps.clock.now());
  lookup.forget();
  return callback;
}

/** The registration's check: one GET, which must be answered with exactly 200. null if it was, or isn't asked for. Throws nothing. */
export async function checkEndpoint({ deps }: Pick<Context, "deps">, settings: CallbackSettings): Promise<string | null> {
  const result = await deps.checkEndpoint?.(buildEndpointCheck(settings, { authParameter: deps.authParameter }));
  if (result === undefined || isAccepted(result)) return null;
  return result.kind === "answered" ? `${result.statusCode} ${result.statusMessage}`.trim() : resultMessage(result);
}

/** Throws `not-found`, `duplicate-name`, `address-refused`. */
export async function updateCallback({ deps, lookup }: Context, before: Callback, settings: CallbackSettings): Promise<void> {
  if (settings.url !== before.url) deps.checkCallbackUrl(settings.url);
  await deps.store.updateCallback(before.id, settings, deps.clock.now(), deps.policy);
  lookup.forget();
  deps.onWork(before.id, "changed");
}

/** Throws `not-found`. */
export async function deleteCallback({ deps, lookup }: Context, { id }: Callback): Promise<void> {
  await deps.store.deleteCallback(id, deps.clock.now());
  lookup.forget();
  deps.onWork(id, "changed");
}
