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

/** Throws `config` for a version between releases, from which no step leads on. Version 0 is of an empty database. */
export function requireReleased(name: string, version: number, releases: readonly { readonly version: number }[]): void {
  const latest = releases.at(-1)?.version ?? 0;
  if (version === 0 || version > latest || releases.some((each) => each.version === version)) return;
  throw new WhcbError("config", `${name} has database version ${version}, which no release of whcb wrote`, {
    hint: "Use the whcb that wrote it, or start on a new database.",
  });
}
