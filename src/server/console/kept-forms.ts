/**
 * A form that is sent once its session has ended isn't performed. What was typed goes in the address of the sign-in and then of the form,
 * which is filled in with it: a new session may have another host. It is encrypted, and only its user gets it.
 */
import type { FastifyRequest } from "fastify";
import { isWhcbError } from "../../domain/errors.js";
import { parseUrl } from "../../domain/mask.js";
import type { Store } from "../../store/open-store.js";
import { isSameOrigin } from "../auth/request-origin.js";
import { pathOf } from "../requests/send-errors.js";
import type { Query } from "../routes/query-parameters.js";
import { pathInConsole } from "./console-path.js";
import { formOf } from "./page.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The page at the form's path can be filled in with what was typed (`keptForm`). */
    readonly keepsForm?: boolean;
  }
}

/** Longer ones aren't kept: their address would be too long for a header. */
const LONGEST_FORM = 4000;
/** They are secrets, or those of the ended session. */
const NOT_KEPT = ["token", "auth.key", "targetMark"];

/** Is asked before the body is read. */
export function isShortKeptForm(request: FastifyRequest): boolean {
  return isKeeping(request) && Number(request.headers["content-length"]) <= 2 * LONGEST_FORM;
}

/** Returns the address of the form, filled in, or null if it can't be kept. */
export function keepForm(request: FastifyRequest, username: string, store: Store): string | null {
  const form = new URLSearchParams(formOf(request));
  for (const name of NOT_KEPT) form.delete(name);
  const path = pathOf(request);
  const text = form.toString();
  if (!isKeeping(request) || text.length > LONGEST_FORM) return null;
  return `${path}?kept=${Buffer.from(store.encrypt(text, ownerOf(username, path))).toString("base64url")}`;
}

/** Returns what this user had typed into the form of the page, or null. */
export function keptForm(request: FastifyRequest, store: Store): URLSearchParams | null {
  const { kept } = request.query as Query;
  const username = request.visitor?.credential?.username;
  if (typeof kept !== "string" || username === undefined) return null;
  try {
    return new URLSearchParams(store.decrypt(Buffer.from(kept, "base64url"), ownerOf(username, pathOf(request))));
  } catch (error) {
    if (isWhcbError(error, "config")) return null;
    throw error;
  }
}

/** Tells whether `keepForm` made the address. */
export function isKeptForm(path: string): boolean {
  return path.includes("?kept=");
}

/** Returns the path of the page that a form was sent from. */
export function pageOfForm(request: FastifyRequest): string {
  const url = parseUrl(request.headers.referer ?? "");
  return url?.host === request.host ? pathInConsole(url.pathname + url.search) : "/console";
}

/** Another site's form isn't kept, whatever the browser says of cookies. */
function isKeeping(request: FastifyRequest): boolean {
  const { origin } = request.headers;
  return request.routeOptions.config.keepsForm === true && origin !== undefined && isSameOrigin(origin, request);
}

function ownerOf(username: string, path: string): string {
  return `form ${path} of ${username}`;
}
