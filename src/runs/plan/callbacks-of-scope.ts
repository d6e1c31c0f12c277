import type { Client, ListedCallback } from "../../client/client.js";
import type { CallScope } from "./call-scope.js";

/** The callbacks that a scope names, each once, or all of the service. Throws `not-found`. */
export async function callbacksOf(
  { callbacks }: Pick<CallScope, "callbacks">,
  client: Client,
): Promise<readonly ListedCallback[]> {
  if (callbacks === null) return client.listCallbacks();
  const found: ListedCallback[] = [];
  for (const idOrName of new Set(callbacks)) found.push(await client.getCallback(idOrName));
  return [...new Map(found.map((callback) => [callback.id, callback])).values()];
}
