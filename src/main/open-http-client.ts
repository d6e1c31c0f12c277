import { lstatSync } from "node:fs";
import { isIPv4, type Socket } from "node:net";
import type { HttpTarget, PortLock } from "../cli/cli-deps.js";
import { type Client, createClient } from "../client/client.js";
import { createHttpTransport } from "../client/http-transport.js";
import { systemClock } from "../platform/clock.js";
import { isMadeByUser } from "../platform/files/is-own.js";
import { fileState, hasOpen } from "../platform/files/open-file.js";
import { peerOwner } from "../platform/files/peer-owner.js";
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
  const expectService = portLock && (() => expectServe(portLock));
  const transport = await createHttpTransport({ url, timers: systemTimers, proxy, expectService, random: systemRandom });
  const credentials = { apiKey, username, password };
  return createClient(transport, { ...options, credentials, clock: systemClock, random: systemRandom });
}

/**
 * Another program could accept the connection, and `serve` start while the lock is looked at. But `serve` touches the file once it listens and
 * before it locks it: if it has the lock, and the file is as it was before the connection, it listened all the time.
 */
function expectServe(lock: PortLock): (socket: Socket) => Promise<boolean> {
  const before = fileState(lock.path);
  const isUnchanged = () => before !== null && fileState(lock.path) === before;
  return async (socket) =>
    isAnothers(socket) || (hasAddress(lock, socket) && (await isHeld(lock)) && isUnchanged() && isOwners(socket, lock));
}

/** A program that had bound the port before `serve` can connect from it at the same moment as this one, and has the connection then. */
function isOwners(socket: Socket, { path }: PortLock): boolean {
  const owner = peerOwner(socket);
  return owner === null || owner === 0 || owner === lstatSync(path).uid;
}

/** Another machine may have any port. A connection to an address of this machine's own has it at both ends. */
function isAnothers({ localAddress, remoteAddress = "" }: Socket): boolean {
  return !isLoopbackHost(remoteAddress) && remoteAddress !== localAddress;
}

/** On this machine, a program of another user may listen at an address that `serve` doesn't have. */
function hasAddress({ addresses }: PortLock, { remoteAddress = "" }: Socket): boolean {
  const address = remoteAddress.replace(/^::ffff:/, "");
  return addresses.some((own) => own === address || own === "::" || (own === "0.0.0.0" && isIPv4(address)));
}

/** A process of the same network and user must hold it. Looking at the one that is known takes least; `serve` may have started again since. */
async function isHeld({ path, pid }: PortLock): Promise<boolean> {
  if (hasOpen(pid, path) === true) return isMadeByUser(path);
  const { isHeldHere } = await import("../store/sqlite/place-lock.js");
  return isHeldHere(path);
}
