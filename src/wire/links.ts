/** Links, as every object of the contract carries them. */
import { firstText, isObject, listOf } from "./json/json-value.js";

export interface Link {
  /** Absolute; on an older platform a path only. */
  readonly uri: string;
  readonly rel: string;
  readonly method: string;
  readonly type?: string;
  readonly host?: string;
  /** -1 where it is the scheme's own. */
  readonly port?: number;
}

/** Reads `link` in the shapes that are seen: a list, a single object, a list within an object, a bare URI (taken as self). */
export function readLinks(value: unknown): readonly Link[] {
  if (typeof value === "string") return value === "" ? [] : [{ uri: value, rel: "self", method: "GET" }];
  const links = isObject(value) && value.link !== undefined ? value.link : value;
  return listOf(links).flatMap((item) => {
    if (!isObject(item)) return [];
    const uri = firstText(item, "uri", "href", "url");
    const type = firstText(item, "type");
    const method = firstText(item, "method").toUpperCase() || "GET";
    return uri === "" ? [] : [{ uri, rel: firstText(item, "rel"), method, ...(type && { type }) }];
  });
}

/** The URI of the page after this one; null on the last. It is opaque: follow it, compute nothing. */
export function nextUri(links: readonly Link[]): string | null {
  return links.find(({ rel }) => rel.toLowerCase() === "next")?.uri ?? null;
}
