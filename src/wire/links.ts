import { firstText, isObject, listOf } from "./json/json-value.js";

export interface Link {
  /** Older platforms give only a path. */
  readonly uri: string;
  readonly rel: string;
  readonly method: string;
  readonly type?: string;
  readonly host?: string;
  /** `port` is -1 for the scheme's default port. */
  readonly port?: number;
}

/** Reads a list, an object, a list in an object, or a bare URI (self). */
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

/** Returns null on the last page. The URI is opaque and is followed as it is. */
export function nextUri(links: readonly Link[]): string | null {
  return links.find(({ rel }) => rel.toLowerCase() === "next")?.uri ?? null;
}
