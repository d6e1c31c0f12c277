import type { FastifyReply, FastifyRequest } from "fastify";
import type { Connections } from "../connections.js";
import type { ErrorAnswer } from "../requests/error-answers.js";
import type { RouteContext } from "../routes/route-context.js";
import { addCallList } from "./pages/call-list.js";
import { addCallbackList } from "./pages/callback-list.js";
import { addConfirmation } from "./pages/confirm-action.js";
import { addCallbackPages } from "./pages/edit-callback.js";
import { addOneCall } from "./pages/one-call.js";
import { addOutages } from "./pages/outages.js";
import { addReplayPages } from "./pages/replay-pages.js";
import { addSignIn } from "./pages/sign-in.js";
import { Pages } from "./pages.js";

export interface Console {
  admit(request: FastifyRequest, reply: FastifyReply): Promise<boolean>;
  answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>;
  errorPage(request: FastifyRequest, reply: FastifyReply, answer: ErrorAnswer): string;
  /** Ends what goes on: the service stops. */
  close(): void;
}

/** Each page is added here. */
export function createConsole(context: RouteContext, connections: Connections): Console {
  const pages = new Pages(context, connections);
  addSignIn(pages);
  addCallbackList(pages);
  addCallList(pages);
  addOneCall(pages);
  addConfirmation(pages);
  addReplayPages(pages);
  addCallbackPages(pages);
  addOutages(pages);
  return pages;
}
