/** What a page is asked with, and what it answers. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { VNode } from "preact";
import { isWhcbError } from "../../domain/errors.js";
import { answerTo } from "../requests/error-answers.js";
import type { Query } from "../routes/query-parameters.js";
import type { Notice } from "./sessions.js";

/** A request for a page. */
export interface Visit {
  /** Of the path's :names, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  /** The fields of a POST; of a GET: none. */
  readonly form: URLSearchParams;
  /** null: signed out, or a service without authentication. */
  readonly username: string | null;
  /** For `Form`. */
  readonly formToken: string;
  /** Of a text, for this visitor: tells whether it is the same later, and doesn't give it away. */
  mark(text: string): string;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export interface Page {
  readonly kind: "page";
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

export type PageAnswer =
  | Page
  | { readonly kind: "redirect"; readonly path: string; readonly notice?: Notice }
  /** From or to another host: a form may not be redirected there, and a redirect from there brings no cookie. */
  | { readonly kind: "forward"; readonly url: string }
  /** The handler has answered itself, for example with a stream. */
  | { readonly kind: "sent" };

/** What a page follows, and what it shows of it. */
export interface LiveState {
  /** A callback's id, or any. */
  readonly topic: string;
  readonly version: string;
}

export type PageHandler = (visit: Visit) => Promise<PageAnswer>;

export interface PageOptions {
  /** Also for who isn't signed in. */
  readonly isOpen?: boolean;
  /** Asked by the script: doesn't keep the session alive. */
  readonly isBackground?: boolean;
  /** Its elements with `data-live` follow what happens: to the callback of its path, else to any. */
  readonly isLive?: boolean;
}

/** After a POST. `notice` is shown by the page at `path`. */
export function redirect(path: string, notice?: string): PageAnswer {
  return { kind: "redirect", path, ...(notice !== undefined && { notice: { kind: "done", text: notice } as const }) };
}

/** What a form shows for an error that a use case throws. Throws again what isn't the user's to correct. */
export function formProblem(error: unknown): string {
  if (!isWhcbError(error)) throw error;
  const { status, document } = answerTo(error);
  if (status >= 500) throw error;
  return document.errorDetail;
}
