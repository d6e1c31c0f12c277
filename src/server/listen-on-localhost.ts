/**
 * A service on loopback, or at every address, listens wherever a browser looks for localhost. Otherwise a program of another user
 * could, on the same port.
 */

import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import type { FastifyInstance } from "fastify";
import { systemErrorCode } from "../domain/errors.js";
import { isLoopbackHost } from "../platform/loopback.js";

/** Browsers look at both for localhost and every name below it, such as those of the console's sessions. */
const LOCALHOST: readonly string[] = ["127.0.0.1", "::1"];
/** A port that is free at both is looked for so often. */
const MAX_TRIES = 20;

export interface ListenAddress {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
}

/** Returns the app's URL. `others` gets the listeners besides its own. Rejects as `listen` does. */
export async function listenOnLocalhost(app: FastifyInstance, place: ListenAddress, others: Server[]): Promise<string> {
  await app.ready();
  for (let tries = 1; ; tries++) {
    const beside = await listenBeside(place);
    for (const server of beside) server.on("connection", (socket) => app.server.emit("connection", socket));
    try {
      const url = await app.listen({ ...place, port: portOf(beside) ?? place.port });
      others.push(...beside);
      return url;
    } catch (error) {
      for (const server of beside) server.close();
      if (place.port !== 0 || tries === MAX_TRIES || systemErrorCode(error) !== "EADDRINUSE") throw error;
    }
  }
}

/** Rejects as `listen` does, if another program has the port. */
export async function tryToListen({ host, port }: ListenAddress): Promise<void> {
  await close([await listen(host, port)]);
}

/** Does what `tryToListen` does, at the other addresses of localhost. */
export async function tryToListenBeside(place: ListenAddress): Promise<void> {
  await close(await listenBeside(place));
}

/** Listens at the other addresses of localhost that this machine has, on one port. */
async function listenBeside({ host, port }: ListenAddress): Promise<readonly Server[]> {
  const servers: Server[] = [];
  for (const address of othersOf(host)) {
    try {
      servers.push(await listen(address, portOf(servers) ?? port));
    } catch (error) {
      // No program can listen at this address.
      if (systemErrorCode(error) === "EADDRNOTAVAIL" || systemErrorCode(error) === "EAFNOSUPPORT") continue;
      await close(servers);
      throw error;
    }
  }
  return servers;
}

/** 0.0.0.0 has no IPv6 address; :: has all of both. */
function othersOf(host: string): readonly string[] {
  if (host === "0.0.0.0") return ["::1"];
  return isLoopbackHost(host) ? LOCALHOST.filter((one) => one !== host) : [];
}

/** Node's HTTP server has the same options. */
async function listen(host: string, port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }).listen({ host, port });
  await once(server, "listening");
  return server;
}

async function close(servers: readonly Server[]): Promise<void> {
  for (const server of servers) await once(server.close(), "close");
}

function portOf([server]: readonly Server[]): number | null {
  return (server && addressOf(server)?.port) ?? null;
}

/** Returns null for a server that doesn't listen, or not at an IP address. */
export function addressOf(server: Server): AddressInfo | null {
  const address = server.address();
  return typeof address === "object" ? address : null;
}
