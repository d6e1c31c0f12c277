/** Follows the path and query of `rel=next`, on the same service. */
import { WhcbError } from "../domain/errors.js";
import { parseUrl } from "../domain/mask.js";
import { isObject } from "../wire/json/json-value.js";
import type { ListPage } from "../wire/json/list-json.js";

/** So many pages in a row may have no new item, as rows that arrive meanwhile move the others. */
const MAX_STALE_PAGES = 10;
/** A list without a total may have so many items. */
const MAX_ITEMS = 1_000_000;
/** A list may grow by so much while it is read. */
const MAX_GROWTH = 10_000;
const MAX_LINK_LENGTH = 8_192;
/** So many bytes are 4 million ids of 32 digits. */
const MAX_KEPT_BYTES = 256 * 1024 * 1024;
/** A text takes up to this beside its characters. */
const VALUE_BYTES = 32;
/** V8 takes this for `{}`, which has room for members. */
const OBJECT_BYTES = 64;

/** `KeptMemory` limits how much of a list is kept in memory. */
export class KeptMemory {
  readonly #maxBytes: number;
  #items = 0;
  #bytes = 0;

  constructor(maxBytes = MAX_KEPT_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Takes the length of the text that is kept of an item. Throws `unavailable` once all items take too much. */
  add(textLength: number): void {
    this.#addBytes(Math.max(OBJECT_BYTES, VALUE_BYTES + textLength));
  }

  /** Returns the item, which is kept whole, with more bytes beside it. Throws as `add`. */
  keep<Item extends object>(item: Item, moreBytes = 0): Item {
    this.#addBytes(memoryOf(item) + moreBytes);
    return item;
  }

  #addBytes(bytes: number): void {
    this.#items += 1;
    this.#bytes += bytes;
    if (this.#bytes <= this.#maxBytes) return;
    throw new WhcbError("unavailable", `the list doesn't end: more than ${this.#maxBytes} bytes after ${this.#items} items`);
  }
}

/** Returns about how many bytes V8 takes for the value and all in it: half of them, where each object has a name that no other has. */
export function memoryOf(value: unknown): number {
  if (typeof value === "string") return VALUE_BYTES + value.length;
  if (Array.isArray(value)) return value.reduce((sum, member) => sum + memoryOf(member), OBJECT_BYTES);
  if (!isObject(value)) return VALUE_BYTES;
  return Object.keys(value).reduce((sum, name) => sum + memoryOf(name) + memoryOf(value[name]), OBJECT_BYTES);
}

interface Listed {
  readonly id: string;
}

/** Returns all items of a list. Throws as `walkList`, and if they are too long together. */
export async function readWholeList<Item extends Listed>(...list: Parameters<typeof walkList<Item>>): Promise<readonly Item[]> {
  const all: Item[] = [];
  const kept = new KeptMemory();
  for await (const { items } of walkList(...list)) {
    // A page may have more items than a call may have arguments.
    for (const item of items) all.push(kept.keep(item));
  }
  return all;
}

/**
 * Yields each item once. Items without an id can't be told apart, so all of them are yielded. Throws `unavailable` if `next` loops before
 * `total` items, leaves this list, or doesn't end.
 */
export async function* walkList<Item extends Listed>(
  firstPath: string,
  load: (path: string) => Promise<ListPage<Item>>,
): AsyncGenerator<{ readonly items: readonly Item[]; readonly total: number | null }> {
  const seenIds = new Set<string>();
  const seenPaths = new Set<string>();
  const kept = new KeptMemory();
  let stalePages = 0;
  let announced: number | null = null;
  for (let path: string | null = firstPath; path !== null; ) {
    seenPaths.add(path);
    kept.add(path.length);
    const { items, total, next } = await load(path);
    const before = seenIds.size;
    const newItems = items.filter(({ id }) => !seenIds.has(id));
    const unique = [...new Map(newItems.map((item, index) => [item.id || index, item])).values()];
    for (const { id } of unique) {
      if (id !== "") seenIds.add(id);
      kept.add(id.length);
    }
    stalePages = seenIds.size === before ? stalePages + 1 : 0;
    // The first total counts, as one that grows with each page would be no bound.
    announced ??= total;
    if (seenIds.size > (announced === null ? MAX_ITEMS : 2 * announced + MAX_GROWTH)) {
      const said = announced === null ? "" : `, though the service said ${announced}`;
      throw new WhcbError("unavailable", `the list doesn't end: ${seenIds.size} items${said}`);
    }
    yield { items: unique, total };
    path = next === null ? null : nextPath(next, firstPath);
    if (path !== null && (seenPaths.has(path) || stalePages >= MAX_STALE_PAGES)) {
      if (total !== null && seenIds.size >= total) return;
      throw new WhcbError("unavailable", `the links to the next page loop after ${seenIds.size} items`);
    }
  }
}

/** Ignores the host, which may be an internal one behind a proxy. */
export function nextPath(next: string, listPath: string): string {
  const base = `http://service.invalid${listPath}`;
  if (next.length > MAX_LINK_LENGTH) throw new WhcbError("unavailable", "the link to the next page is too long");
  const url = parseUrl(next, base);
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  if (url === null || !isHttp || resourceOf(url.pathname) !== resourceOf(new URL(base).pathname)) {
    throw new WhcbError("unavailable", "the link to the next page isn't a page of this list");
  }
  // This is a copy, as V8 would keep the whole link for its parts.
  return Buffer.from(url.pathname + url.search).toString();
}

/** Returns what follows a base path, which behind a proxy may be another one. */
function resourceOf(path: string): string {
  const segments = path.split("/").filter((segment) => segment !== "");
  const start = segments.lastIndexOf("callbacks");
  return segments.slice(start === -1 ? -1 : start).join("/");
}
