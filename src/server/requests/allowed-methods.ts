/** Which methods a path knows, for the Allow header of a 405. */
import type { FastifyInstance } from "fastify";

/** Call before the routes are added; ask afterwards. */
export function trackAllowedMethods(app: FastifyInstance): (path: string) => readonly string[] {
  const byPattern = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
  app.addHook("onRoute", ({ url, method }) => {
    const entry = byPattern.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() };
    for (const one of [method].flat()) entry.methods.add(one);
    byPattern.set(url, entry);
  });
  return (path) => [...byPattern.values()].filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => [...methods]);
}

function patternOf(url: string): RegExp {
  return new RegExp(`^${url.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/:\w+/g, "[^/]+")}$`);
}
