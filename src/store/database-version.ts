/** These errors are of a database of another version of whcb. Its name is a file's path, or host and name. */
import { advise, WhcbError } from "../domain/errors.js";

export function olderError(name: string, version: number, latest: number): WhcbError {
  return new WhcbError(
    "config",
    `${name} has database version ${version}, and this whcb has version ${latest}`,
    advise`Migrate it: ${{ command: "whcb db migrate", when: "to migrate it" }}.`,
  );
}

export function newerError(name: string, version: number, latest: number): WhcbError {
  return new WhcbError(
    "config",
    `${name} was written by a newer whcb: it has database version ${version}, and this whcb knows versions up to ${latest}`,
    { hint: "Use the whcb that wrote it, or a newer one." },
  );
}
