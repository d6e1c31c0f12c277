import { parseUrl } from "../../domain/mask.js";

/** A target goes with forms, in addresses and in Referer. A stranger may ask for it on many connections, and leave the page unread. */
const LONGEST_TARGET = 3500;
/** A form that was kept (kept-forms.ts) is longer. None of its characters is escaped. */
const KEPT_FORM = /^[\w/-]+\?kept=[\w-]+$/;
const LONGEST_KEPT_FORM = 5500;

/** Returns the path if it is below /console and not its sign-in, else /console: anybody may have made it. */
export function pathInConsole(to: string): string {
  const base = "http://console.invalid";
  const url = to.startsWith("/console") && isShort(to) ? parseUrl(to, base) : null;
  if (url === null) return "/console";
  const { origin, pathname, search } = url;
  const isInside = origin === base && /^\/console(?:\/|$)/.test(pathname) && !/^\/console\/sign-/.test(pathname);
  return isInside ? pathname + search : "/console";
}

function isShort(to: string): boolean {
  return KEPT_FORM.test(to) ? to.length <= LONGEST_KEPT_FORM : encodeURIComponent(to).length <= LONGEST_TARGET;
}

/** Returns the path that asks before it switches retries, and then leads to `to`. */
export function retriesPath(callbackId: string, isOn: boolean, to: string): string {
  return `${consolePath(callbackId, "retries")}?${new URLSearchParams({ switch: isOn ? "on" : "off", to })}`;
}

/** Returns a path below /console/callbacks/:id. Default: its calls. */
export function consolePath(callbackId: string, ...parts: readonly string[]): string {
  const path = parts.length === 0 ? ["calls"] : parts;
  return `/console/callbacks/${[callbackId, ...path].map(encodeURIComponent).join("/")}`;
}

/** Returns the path of the sign-in that leads to this one, or to /console if it is too long. */
export function signInPath(to: string): string {
  return `/console/sign-in?to=${encodeURIComponent(isShort(to) ? to : "/console")}`;
}
