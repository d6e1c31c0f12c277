/** A list, page by page: `rel=next` is followed by its path and query, on this service only. */
import { WhcbError } from "../domain/errors.js";

export interface ListPage<Item> {
  readonly items: readonly Item[];
  readonly total: number | null;
  /** The URI of the next page as the service gave it. */
  readonly next: string | null;
}

/** So many pages in a row that bring nothing new are a circle, whatever their links look like. */
const MAX_STALE_PAGES = 10;

/**
 * Pages from `firstPath` on, each item once (pages may overlap or shift while one reads). Throws `unavailable` where `next` goes round in a
 * circle before all that the service counts has come, or points to something that isn't this list.
 */
export async function* walkList<Item>(
  firstPath: string,
  load: (path: string) => Promise<ListPage<Item>>,
  idOf: (item: Item) => string,
): AsyncGenerator<{ readonly items: readonly Item[]; readonly total: number | null }> {
  const seenIds = new Set<string>();
  const seenPaths = new Set<string>();
  let stalePages = 0;
  for (let path: string | null = firstPath; path !== null; ) {
    seenPaths.add(path);
    const { items, total, next } = await load(path);
    const fresh = items.filter((item) => !seenIds.has(idOf(item)));
    const once = [...new Map(fresh.map((item) => [idOf(item), item])).values()];
    for (const item of once) seenIds.add(idOf(item));
    stalePages = once.length === 0 ? stalePages + 1 : 0;
    yield { items: once, total };
    path = next === null ? null : nextPath(next, firstPath);
    if (path !== null && (seenPaths.has(path) || stalePages >= MAX_STALE_PAGES)) {
      if (total !== null && seenIds.size >= total) return;
      throw new WhcbError("unavailable", `the service's list goes round in a circle after ${seenIds.size} items`);
    }
  }
}

/** The path and query of `next`; its host doesn't count, since behind a proxy a service may name its inner one. */
function nextPath(next: string, listPath: string): string {
  const base = `http://service.invalid${listPath}`;
  const url = URL.canParse(next, base) ? new URL(next, base) : null;
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  if (url === null || !isHttp || lastSegment(url.pathname) !== lastSegment(new URL(base).pathname)) {
    throw new WhcbError("unavailable", `the service's link to the next page points elsewhere: ${next.slice(0, 200)}`);
  }
  return url.pathname + url.search;
}

function lastSegment(path: string): string {
  return path.replace(/\/+$/, "").split("/").at(-1) ?? "";
}
