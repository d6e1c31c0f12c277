import type { FastifyInstance, FastifyRequest } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import { toIsoDate } from "../../wire/dates.js";
import { sendDocument, sendJson } from "../requests/send-document.js";
import { Linker } from "../routes/resource-links.js";
import type { RouteContext } from "../routes/route-context.js";
import { createSignInCode } from "./sign-in-codes.js";

export function addTokenRoutes(app: FastifyInstance, { schemaFor, deps, authenticator }: RouteContext): void {
  app.post("/auth", schemaFor("issueToken"), async (request, reply) => {
    if (deps.localUser === null) requirePassword(request, "A token");
    const token = await authenticator.issueToken(request.credential);
    if (token === null) throw new WhcbError("unauthenticated", "The user doesn't exist");
    // A known Java client needs a Location.
    reply.header("location", new Linker(request).uri("/auth/verify"));
    return sendDocument(request, reply, { kind: "auth", shape: "token", document: { token, link: [] } });
  });

  /** Signs in to the console, which has no API key to ask for. */
  app.post("/console/code", schemaFor("createSignInCode"), async (request, reply) => {
    if (request.credential === null) throw new WhcbError("invalid", "A code is for a user, and this service has none");
    requirePassword(request, "A code to sign in");
    const { code, expiresAt } = await createSignInCode(deps, request.credential);
    return sendJson(reply.code(201), { code, expiresAt: toIsoDate(expiresAt) });
  });

  /** A known integration tests its credentials with it. */
  app.get("/", schemaFor("getRoot"), async (request, reply) => {
    const callbacks = new Linker(request).link({ rel: "callbacks", method: "GET", kind: "callback", path: "/callbacks" });
    return sendDocument(request, reply, { kind: "auth", shape: "token", document: { status: "valid", link: [callbacks] } });
  });

  app.get("/auth/verify", schemaFor("verifyToken"), async (request, reply) =>
    sendDocument(request, reply, { kind: "auth", shape: "token", document: { status: "valid", link: [] } }),
  );
}

/** Otherwise a token could be turned into one that is valid for longer. */
function requirePassword({ headers }: FastifyRequest, issued: string): void {
  if (/^\s*basic\s/i.test(headers.authorization ?? "")) return;
  throw new WhcbError("unauthenticated", `${issued} is issued for a user and a password: use Basic`);
}
