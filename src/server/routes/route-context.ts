/** What the routes share. */
import type { FastifySchema } from "fastify";
import type { RouteName } from "../../wire/openapi/route-docs.js";
import type { Authenticator } from "../auth/authenticator.js";
import type { AcceptQueue } from "../ingest/accept-queue.js";
import type { ServerDeps } from "../server-deps.js";
import type { CallbackLookup } from "./callback-lookup.js";

export interface RouteContext {
  readonly deps: ServerDeps;
  readonly lookup: CallbackLookup;
  readonly queue: AcceptQueue;
  readonly authenticator: Authenticator;
  /** What /openapi.json says of a route: only the app that it is made from is given it. */
  docs(route: RouteName): { readonly schema?: FastifySchema };
  /** The largest page. */
  readonly largestPage: number;
}

export interface CallbackPath {
  readonly Params: { readonly id: string };
}

export interface CallPath {
  readonly Params: { readonly id: string; readonly callId: string };
}
