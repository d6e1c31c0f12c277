/** The answers are those of docs/contract.md, Lists. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Page, PageQuery } from "../../store/paging.js";
import { listToJson } from "../../wire/json/list-json.js";
import type { Link } from "../../wire/links.js";
import type { ResourceKind } from "../../wire/media-types.js";
import { lengthIn, reserveAnswer, sendDocument } from "../requests/send-document.js";
import type { Query } from "./query-parameters.js";
import { Linker, type Parameters } from "./resource-links.js";

export interface ListAnswer<Item> {
  readonly name: "audit" | "callbacks" | "calls" | "outages";
  readonly kind: ResourceKind;
  readonly path: string;
  readonly asked: PageQuery;
  readonly page: Page<Item>;
  readonly largestPage: number;
  writeItem(item: Item, linker: Linker): Record<string, unknown>;
}

/** Reserves room for a page before it is read; an item is at most so many bytes of JSON. Throws `unavailable` without room. */
export function reservePage(request: FastifyRequest, reply: FastifyReply, { limit }: PageQuery, longestItem: number): void {
  reserveAnswer(request, reply, limit * longestItem * lengthIn(request));
}

export function sendList<Item>(request: FastifyRequest, reply: FastifyReply, list: ListAnswer<Item>): FastifyReply {
  const { name, kind, page, largestPage } = list;
  const linker = new Linker(request);
  const items = page.items.map((item) => list.writeItem(item, linker));
  // Clients ask the platform for 20, others for this.
  reply.header("x-max-limit", String(largestPage));
  const document = listToJson(name, items, { ...page, link: pageLinks(linker, request.query as Query, list) });
  return sendDocument(request, reply, { kind, shape: name, document });
}

/** A cursor makes deep pages cost the same as the first. */
function pageLinks(linker: Linker, query: Query, { kind, path, asked, page }: ListAnswer<unknown>): Link[] {
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

export function keptParameters(query: Query): [string, string][] {
  return Object.entries(query).flatMap(([name, value]): [string, string][] => {
    if (REPLACED.has(name) || value === undefined) return [];
    return typeof value === "string" ? [[name, value]] : value.map((item): [string, string] => [name, item]);
  });
}
