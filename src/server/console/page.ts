/** What a page of the console has beside what any route has. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { VNode } from "preact";
import { isWhcbError } from "../../domain/errors.js";
import { answerTo } from "../requests/error-answers.js";
import type { RouteContext } from "../routes/route-context.js";
import type { Notice, Sessions } from "./sessions.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Also for who isn't signed in. */
    readonly isOpen?: boolean;
    /** Asked by the script: doesn't keep the session alive. */
    readonly isBackground?: boolean;
    /** Its elements with `data-live` follow what happens: to the callback of its path, else to any. */
    readonly isLive?: boolean;
  }
  interface FastifyRequest {
    /** null: the page stays as it is. */
    live: LiveState | null;
  }
  interface FastifyReply {
    showPage(page: Page): FastifyReply;
    /** After a POST. The page at `path` shows the notice. */
    seeOther(path: string, notice?: Notice): FastifyReply;
    /** From or to another host: a form may not be redirected there, and a redirect from there brings no cookie. */
    forward(url: string): FastifyReply;
  }
}

export interface ConsoleContext extends RouteContext {
  readonly sessions: Sessions;
}

export interface Page {
  readonly title: string;
  readonly content: VNode;
  /** From the list of callbacks to this page, which comes last by itself. */
  readonly breadcrumb?: readonly { readonly text: string; readonly href: string }[];
  /** Beside the title, such as a state's badge or a button. */
  readonly aside?: VNode;
  /** Shows the callback's tabs. */
  readonly callback?: { readonly id: string; readonly tab: "settings" | "calls" | "outages" };
  /** For one short form. */
  readonly isNarrow?: boolean;
  /** 200; 422 for a form with mistakes. */
  readonly status?: number;
}

/** What a page follows, and what it shows of it. */
export interface LiveState {
  /** A callback's id, or any. */
  readonly topic: string;
  readonly version: string;
}

/** The fields of a POST; of a GET: none. */
export function formOf({ body }: FastifyRequest): URLSearchParams {
  return body instanceof URLSearchParams ? body : new URLSearchParams();
}

/** After a POST that did what it says. */
export function redirect(reply: FastifyReply, path: string, text: string): FastifyReply {
  return reply.seeOther(path, { kind: "done", text });
}

/** What a form shows for an error that a use case throws. Throws again what isn't the user's to correct. */
export function formProblem(error: unknown): string {
  if (!isWhcbError(error)) throw error;
  const { status, document } = answerTo(error);
  if (status >= 500) throw error;
  return document.errorDetail;
}
