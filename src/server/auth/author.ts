import type { FastifyRequest } from "fastify";
import type { Author } from "../../domain/audit/audit-entry.js";
import type { ServerDeps } from "../server-deps.js";
import { clientAddress } from "./request-origin.js";

/** Returns who changes something by this request. */
export function authorOf(request: FastifyRequest, { clock, localUser }: Pick<ServerDeps, "clock" | "localUser">): Author {
  const at = clock.now();
  if (localUser !== null) return { user: localUser, via: "database", address: null, at };
  const via = request.routeOptions.config.page === undefined ? "api" : "console";
  const { username = null } = request.credential ?? request.visitor?.credential ?? {};
  return { user: username, via, address: clientAddress(request), at };
}
