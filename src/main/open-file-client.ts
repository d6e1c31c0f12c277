import { type Client, createClient } from "../client/client.js";
import { lastHeaderValues, type Transport } from "../client/transport.js";
import { readEgressProxy } from "../delivery/egress-proxy.js";
import { createDeliverer } from "../delivery/undici-deliverer.js";
import { systemClock } from "../platform/clock.js";
import { silentLogger } from "../platform/logger.js";
import { systemRandom } from "../platform/random.js";
import { systemTimers } from "../platform/running-timers.js";
import { systemUser } from "../runs/run-deps.js";
import { createApp } from "../server/app.js";
import { openStore } from "../store/open-store.js";
import { secretKeySource } from "../store/secret-key.js";
import { isLockedBeside } from "../store/sqlite/lock-database.js";
import { movedCheck } from "../store/sqlite/watch-file.js";
import type { DeliverySettings } from "../wire/delivery-settings.js";

/**
 * The client has no server, no dispatcher, and no credentials but file permissions. WHCB_SECRET_KEY, WHCB_SMTP and WHCB_EGRESS_PROXY count. Throws
 * `config` if there is no database.
 */
export async function openFileClient(
  { path, authParameter, bodyNames }: { readonly path: string } & DeliverySettings,
  version: string,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Client> {
  const { WHCB_SECRET_KEY: secretKey, WHCB_SMTP: smtp = "" } = env;
  const egressProxy = readEgressProxy(undefined, env);
  const clock = systemClock;
  const random = systemRandom;
  const store = await openStore({
    ...{ url: path, clock, secretKey: secretKeySource(path, secretKey), mustExist: true },
    isSent: () => isLockedBeside(path),
  });
  const findMoved = movedCheck(path, "List its calls again: what was changed before is in the other file.");
  const deliverer = createDeliverer({ clock, timers: systemTimers, egressProxy });
  const policy = { ...(await store.settings.read()), jitter: true };
  const app = await createApp({
    store,
    clock,
    random,
    timers: systemTimers,
    logger: silentLogger,
    policy,
    plan: null,
    localUser: systemUser(),
    hasApi: true,
    isTrustedProxy: null,
    knownHosts: null,
    maxConnections: 0, // The app doesn't listen.
    authParameter,
    bodyNames,
    ...(await store.settings.readDelivery()),
    version,
    checkEndpoint: async (request) => (await deliverer.deliver(request)).result,
    checkCallbackUrl: () => undefined,
    sendTestMail: async (callback) => (await import("./send-from-here.js")).sendFromHere(callback, { smtp, path, policy }),
    onAccepting: () => undefined,
    onWork: () => undefined,
    begunCalls: () => new Set(),
    countInFlight: () => 0,
    onAttempt: () => undefined,
    onCommit() {},
    onLeaseLost() {},
    readDisk: null,
    isReady: () => true,
    egressFailure: () => null,
    hasSender: async () => true,
  });
  const transport: Transport = {
    name: path,
    basePath: "",
    async send({ method, path: url, headers, body }) {
      const moved = findMoved();
      if (moved !== null) throw moved;
      const answer = await app.inject({ method, url, headers: { ...headers }, ...(body === null ? {} : { payload: body }) });
      return { status: answer.statusCode, headers: lastHeaderValues(answer.headers), body: answer.body };
    },
    async close() {
      await app.close();
      await deliverer.close();
      await store.close();
    },
  };
  return createClient(transport, { credentials: null, rate: null, timezone: "UTC", clock, random });
}
