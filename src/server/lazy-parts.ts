/** The server's only lazy imports are here: a command on a file starts without what it doesn't need. */
import { loadHtmlParser } from "../wire/remove-html.js";

export const lazyParts = {
  callParsers: loadedOnce(() => import("../wire/json/parse-call.js")),
  callbackParsers: () => import("../wire/json/parse-callback.js"),
  xmlReader: () => import("../wire/xml/xml-read.js"),
  htmlParser: async () => loadHtmlParser(),
  prometheus: () => import("prom-client"),
  openApiDocument: () => import("../wire/openapi/openapi-document.js"),
};

/** Importing a loaded module again costs more than parsing a response. */
function loadedOnce<Part>(load: () => Promise<Part>): () => Promise<Part> {
  let part: Promise<Part> | undefined;
  return () => {
    part ??= load();
    return part;
  };
}

/** A service loads them before it listens. Later it may be out of file descriptors, and Node never tries a failed import again. */
export async function loadLazyParts(): Promise<void> {
  await Promise.all(Object.values(lazyParts).map((load) => load()));
}
