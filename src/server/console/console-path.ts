/** It goes with forms and in addresses. */
const LONGEST_TARGET = 2000;

/** The path, if it is below /console and not its sign-in, else /console: anybody may have made it. */
export function pathInConsole(to: string): string {
  const base = "http://console.invalid";
  if (!to.startsWith("/console") || to.length > LONGEST_TARGET || !URL.canParse(to, base)) return "/console";
  const { origin, pathname, search } = new URL(to, base);
  const isInside = origin === base && /^\/console(?:\/|$)/.test(pathname) && !/^\/console\/sign-/.test(pathname);
  return isInside ? pathname + search : "/console";
}
