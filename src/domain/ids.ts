/** The ids of calls and messages, which a sender may have chosen. docs/contract.md, Ids. */

const UUID = /^[\da-f]{8}(-?)[\da-f]{4}\1[\da-f]{4}\1[\da-f]{4}\1[\da-f]{12}$/i;

/** Two ids are equal if their keys are: byte for byte, except that 32 hex digits ignore case and the dashes of a UUID. */
export function idKey(id: string): string {
  const mayBeUuid = id.length === 32 || id.length === 36;
  return mayBeUuid && UUID.test(id) ? id.replaceAll("-", "").toUpperCase() : id;
}

/** As a service makes them: 32 hex digits, on the platform also 16. */
export function isGeneratedId(id: string): boolean {
  return /^(?:[\da-f]{16}){1,2}$/i.test(id);
}

const SHORTEST_PREFIX = 6;

/** What `isIdPrefix` accepts. */
export const ID_PREFIX = `${SHORTEST_PREFIX} to 31 hex digits`;

/** Such a text may also be a whole id. */
export function isIdPrefix(text: string): boolean {
  return text.length >= SHORTEST_PREFIX && text.length < 32 && /^[\da-f]+$/i.test(text);
}

/** A chosen id isn't completed. */
export function completes(id: string, prefix: string): boolean {
  return isGeneratedId(id) && id.toUpperCase().startsWith(prefix.toUpperCase());
}

/** Generated ids of calls that begin with a prefix, or the one that is it. */
export interface CallIdMatches {
  /** Not all if there are many. */
  readonly callIds: readonly string[];
  /** There are or may be others. */
  readonly hasMore: boolean;
}
