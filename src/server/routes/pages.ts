/** The pages around a page: rel=next holds a cursor, so that a deep page costs what the first one does; offset works all the same. */
import type { Page, PageQuery } from "../../store/store.js";
import type { Link } from "../../wire/links.js";
import type { ResourceKind } from "../../wire/media-types.js";
import type { Linker, Parameters } from "./linker.js";
import type { Query } from "./query.js";

export function pageLinks(
  linker: Linker,
  page: Page<unknown>,
  place: { readonly kind: ResourceKind; readonly path: string; readonly query: Query; readonly asked: PageQuery },
): Link[] {
  const { kind, path, query, asked } = place;
  const kept = keptParameters(query);
  const at = (rel: string, offset: number, cursor: Parameters = []): Link =>
    linker.link({
      rel,
      method: "GET",
      kind,
      path,
      parameters: [...kept, ["limit", String(asked.limit)], ["offset", String(offset)], ...cursor],
    });
  const links: Link[] = [];
  if (page.nextCursor !== null) links.push(at("next", page.offset + page.items.length, [["cursor", page.nextCursor]]));
  if (page.offset > 0) links.push(at("prev", Math.max(0, page.offset - asked.limit)));
  return links;
}

const REPLACED: ReadonlySet<string> = new Set(["limit", "offset", "cursor", "apikey"]);

function keptParameters(query: Query): [string, string][] {
  return Object.entries(query).flatMap(([name, value]): [string, string][] => {
    if (REPLACED.has(name) || value === undefined) return [];
    return typeof value === "string" ? [[name, value]] : value.map((item): [string, string] => [name, item]);
  });
}
