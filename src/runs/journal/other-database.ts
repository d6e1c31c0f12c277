import type { Client } from "../../client/client.js";
import type { RunHeader } from "./run-step.js";

/** A copy has the callbacks too. Returns false if either service doesn't say which database it has, or no callback was read from this one. */
export function isOtherDatabase({ databaseId }: RunHeader, client: Client): boolean {
  const current = client.databaseId();
  return databaseId !== undefined && current !== null && databaseId !== current;
}
