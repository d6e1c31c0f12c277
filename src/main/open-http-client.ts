import { isIPv4, type Socket } from "node:net";
import type { HttpTarget, PortLock } from "../cli/cli-deps.js";
import { type Client, createClient } from "../client/client.js";
import { createHttpTransport } from "../client/http-transport.js";
import { systemClock } from "../platform/clock.js";
import { isMadeByUser } from "../platform/files/is-own.js";
import { findHolder, hasOpen } from "../platform/files/open-file.js";
import { isLoopbackHost } from "../platform/loopback.js";
import { systemRandom } from "../platform/random.js";
import { systemTimers } from "../platform/running-timers.js";

/** Connects through the environment's proxy. */
export async function openHttpClient(target: HttpTarget, env: NodeJS.ProcessEnv): Promise<Client> {
  const { kind: _kind, url, apiKey, username, password, portLock, ...options } = target;
  const proxy = {
    httpProxy: env.http_proxy ?? env.HTTP_PROXY ?? "",
    httpsProxy: env.https_proxy ?? env.HTTPS_PROXY ?? "",
    noProxy: env.no_proxy ?? env.NO_PROXY ?? "",
    includesLocal: env.WHCB_PROXY_LOCAL === "1",
  };
  const isService = portLock === undefined ? undefined : (socket: Socket) => mayAsk(socket, portLock);
  const transport = await createHttpTransport({ url, timers: systemTimers, proxy, isService });
  const credentials = { apiKey, username, password };
  return createClient(transport, { ...options, credentials, clock: systemClock, random: systemRandom });
}

/** Another machine may have any port. On this one, a program of another user may listen at an address that `serve` doesn't have. */
async function mayAsk({ localAddress, remoteAddress = "" }: Socket, lock: PortLock): Promise<boolean> {
  const address = remoteAddress.replace(/^::ffff:/, "");
  // A connection to an address of this machine's own has it at both ends.
  if (!isLoopbackHost(address) && remoteAddress !== localAddress) return true;
  const isServes = (own: string) => own === address || own === "::" || (own === "0.0.0.0" && isIPv4(address));
  return lock.addresses.some(isServes) && isHeld(lock);
}

/** A process of the same network and user must hold it. Looking at the one that is known takes least; `serve` may have started again since. */
async function isHeld({ path, pid }: PortLock): Promise<boolean> {
  if (!isMadeByUser(path)) return false;
  if (hasOpen(pid, path) === true) return true;
  const holder = findHolder(path);
  const isHolders = holder === null ? null : hasOpen(holder, path);
  if (isHolders !== null) return isHolders;
  const { isLocked } = await import("../store/sqlite/lock-database.js");
  return isLocked(path).catch(() => false);
}
