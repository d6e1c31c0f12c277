/** docs/contract.md, Lists. */
import { type Link, nextUri, readLinks } from "../links.js";
import { listOf, objectOf, textOf } from "./json-value.js";

export const NO_RECORDS = "No records found";

/** "1 to 20 of 347"; `offset` is 0-based. */
export function listStatus(offset: number, count: number, total: number): string {
  return count === 0 ? NO_RECORDS : `${offset + 1} to ${offset + count} of ${Math.max(total, offset + count)}`;
}

/** An empty page has only a `status`. */
export function listToJson(
  name: string,
  items: readonly unknown[],
  page: { readonly offset: number; readonly total: number; readonly link: readonly Link[] },
): Record<string, unknown> {
  if (items.length === 0) return { status: NO_RECORDS };
  return { status: listStatus(page.offset, items.length, page.total), [name]: items, link: page.link };
}

export interface ReadList {
  readonly items: readonly unknown[];
  /** null if unknown. */
  readonly total: number | null;
  readonly next: string | null;
}

export function readList(name: string, document: unknown): ReadList {
  const { status, link, [name]: items } = objectOf(document);
  return { items: listOf(items), total: readTotal(textOf(status)), next: nextUri(readLinks(link)) };
}

function readTotal(status: string): number | null {
  if (/^\s*no records/i.test(status)) return 0;
  const total = /\bof\s+([\d,]+)\s*$/.exec(status)?.[1];
  return total === undefined ? null : Number(total.replaceAll(",", ""));
}
