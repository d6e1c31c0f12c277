import type { HttpTarget, PortLock } from "../cli/cli-deps.js";
import { type Client, createClient } from "../client/client.js";
import { createHttpTransport } from "../client/http-transport.js";
import { systemClock } from "../platform/clock.js";
import { findHolder, hasOpen } from "../platform/files/open-file.js";
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
  const isService = portLock === undefined ? undefined : () => isHeld(portLock);
  const transport = await createHttpTransport({ url, timers: systemTimers, proxy, isService });
  const credentials = { apiKey, username, password };
  return createClient(transport, { ...options, credentials, clock: systemClock, random: systemRandom });
}

/** A process of the same network must hold it. Looking at the one that is known takes least; `serve` may have started again since. */
async function isHeld({ path, pid }: PortLock): Promise<boolean> {
  if (hasOpen(pid, path) === true) return true;
  const holder = findHolder(path);
  const isHolders = holder === null ? null : hasOpen(holder, path);
  if (isHolders !== null) return isHolders;
  const { isLocked } = await import("../store/sqlite/lock-database.js");
  return isLocked(path).catch(() => false);
}
