import type { FastifyReply, FastifyRequest } from "fastify";
import type { VNode } from "preact";
import { isWhcbError } from "../../domain/errors.js";
import { answerTo } from "../requests/error-answers.js";
import type { RouteContext } from "../routes/route-context.js";
import type { Notice, Sessions } from "./sessions.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Visitors who aren't signed in see it too. */
    readonly isOpen?: boolean;
    /** The script asks for it, so it doesn't keep the session alive. */
    readonly isBackground?: boolean;
    /** Its elements with `data-live` follow what happens to the callback of its path, else to any. */
    readonly isLive?: boolean;
  }
  interface FastifyRequest {
    /** `live` is null for a page that stays as it is. */
    live: LiveState | null;
  }
  interface FastifyReply {
    showPage(page: Page): FastifyReply;
    /** Answers a POST. The page at `path` shows the notice. */
    seeOther(path: string, notice?: Notice): FastifyReply;
    /** Leads from or to another host, where a form may not be redirected and a redirect brings no cookie. */
    forward(url: string): FastifyReply;
  }
}

export interface ConsoleContext extends RouteContext {
  readonly sessions: Sessions;
}

export interface Page {
  readonly title: string;
  /** It is called so in the browser's tab and in the breadcrumb, if the title is something else's name. */
  readonly shortTitle?: string;
  readonly content: VNode;
  /** `breadcrumb` leads from the callback, if it is about one, to this page. The list of callbacks comes first by itself, and this page last. */
  readonly breadcrumb?: readonly { readonly text: string; readonly href: string }[];
  /** `aside` is beside the title, such as a state's badge or a button. */
  readonly aside?: VNode;
  /** A page with it has the callback's tabs. */
  readonly callback?: { readonly id: string; readonly tab: "calls" | "outages" | "replays" | "settings" };
  /** What was searched for stays in the field of the top bar. */
  readonly searchText?: string;
  /** A page with one short form is narrow. */
  readonly isNarrow?: boolean;
  /** The default is 200. A form with mistakes has 422. */
  readonly status?: number;
}

/** A page follows the topic, and shows this version of it, as it was at `madeAt` or later. */
export interface LiveState {
  /** `topic` is a callback's id, or EVERYTHING. */
  readonly topic: string;
  readonly version: string;
  readonly madeAt: number;
}

/** Returns the fields of a POST; a GET has none. */
export function formOf({ body }: FastifyRequest): URLSearchParams {
  return body instanceof URLSearchParams ? body : new URLSearchParams();
}

/** Answers a POST that has done what it says. */
export function redirectDone(reply: FastifyReply, path: string, text: string): FastifyReply {
  return reply.seeOther(path, { kind: "done", text });
}

/** Returns what a form shows for an error of a use case. Throws it again if the user can't correct it. */
export function formProblem(error: unknown): string {
  if (!isWhcbError(error)) throw error;
  const { status, document } = answerTo(error);
  if (status >= 500) throw error;
  return document.errorDetail;
}
