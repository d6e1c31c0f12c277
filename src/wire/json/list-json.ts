/** The documents are those of docs/contract.md, Lists. */

import { WhcbError } from "../../domain/errors.js";
import { type Link, nextUri, readLinks } from "../links.js";
import { listOf, objectOf, textOf } from "./json-value.js";

export const NO_RECORDS = "No records found";

/** Returns "1 to 20 of 347", or "of 347+" if there may be more. `offset` is 0-based. */
export function listStatus(offset: number, count: number, total: number, isTotalExact = true): string {
  if (count === 0) return NO_RECORDS;
  return `${offset + 1} to ${offset + count} of ${Math.max(total, offset + count)}${isTotalExact ? "" : "+"}`;
}

/** An empty page has only a `status`. */
export function listToJson(
  name: string,
  items: readonly unknown[],
  page: { readonly offset: number; readonly total: number; readonly isTotalExact?: boolean; readonly link: readonly Link[] },
): Record<string, unknown> {
  if (items.length === 0) return { status: NO_RECORDS };
  return { status: listStatus(page.offset, items.length, page.total, page.isTotalExact), [name]: items, link: page.link };
}

/** `ListPage` is a page of a list, as it was read. */
export interface ListPage<Item> {
  readonly items: readonly Item[];
  /** `total` is null if it is unknown, or if there may be more. */
  readonly total: number | null;
  readonly next: string | null;
}

/** An item takes some 700 bytes of memory, however short it is. */
const MAX_ITEMS = 200_000;

/**
 * Throws `unavailable` for too many items, and for what is neither a list nor says that nothing was found: an error that is answered with
 * 200 isn't an empty list.
 */
export function readList(name: string, document: unknown): ListPage<unknown> {
  const { status, link, [name]: items } = objectOf(document);
  const total = readTotal(textOf(status));
  if ((typeof items !== "object" || items === null) && total !== 0) {
    throw new WhcbError("unavailable", `the service answered with something else than a list of ${name}`, {
      hint: "Is the profile's URL that of a callbacks service?",
    });
  }
  const read = listOf(items);
  if (read.length > MAX_ITEMS) {
    throw new WhcbError("unavailable", `the service sent ${read.length} ${name} at once: at most ${MAX_ITEMS} are read`);
  }
  return { items: read, total, next: nextUri(readLinks(link)) };
}

function readTotal(status: string): number | null {
  if (/^\s*no records/i.test(status)) return 0;
  const total = /\bof\s+([\d,]+)\s*$/.exec(status)?.[1];
  return total === undefined ? null : Number(total.replaceAll(",", ""));
}
