/** The client's suite runs against the app of `whcb serve` and the scripted platform, each over a socket and in this process. */
import type { FastifyInstance } from "fastify";
import { type Client, createClient } from "../../../src/client/client.js";
import { createHttpTransport } from "../../../src/client/http-transport.js";
import { lastHeaderValues, type Transport } from "../../../src/client/transport.js";
import { systemClock } from "../../../src/platform/clock.js";
import { systemRandom } from "../../../src/platform/random.js";
import { systemTimers } from "../../../src/platform/running-timers.js";
import { platformCalls, scriptedPlatform } from "../platform/scripted-platform.js";
import { BUSY, pendingCalls, recordAttempts } from "../server/recorded-calls.js";
import { CALLBACK_SETTINGS, closeService, openService, USER } from "../server/server-fixture.js";

export interface OpenedClient {
  readonly client: Client;
  /** The callback `demo` accepted them in this order. */
  readonly callIds: readonly string[];
  close(): Promise<void>;
}

export interface ClientService {
  readonly name: string;
  /** It is `whcb serve`, with what that has beyond the platform. */
  readonly isOurs: boolean;
  /** Opens a service with one callback `demo`, whose `calls` calls all failed with 503. */
  open(calls: number, url?: string): Promise<OpenedClient>;
}

export function clientOver(transport: Transport): Client {
  return createClient(transport, { credentials: USER, rate: null, timezone: "UTC", clock: systemClock, random: systemRandom });
}

export function injectTransport(app: FastifyInstance): Transport {
  return {
    name: "whcb.db",
    basePath: "",
    async send({ method, path, headers, body }) {
      const answer = await app.inject({
        method,
        url: path,
        headers: { ...headers },
        ...(body === null ? {} : { payload: body }),
      });
      return { status: answer.statusCode, headers: lastHeaderValues(answer.headers), body: answer.body };
    },
    close: async () => undefined,
  };
}

async function openOurs(
  calls: number,
  url: string,
  transportTo: (app: FastifyInstance) => Promise<Transport>,
): Promise<OpenedClient> {
  const service = await openService();
  const client = clientOver(await transportTo(service.app));
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url });
  const { callIds } = await failedCalls(client, service.store, id, calls);
  return {
    client,
    callIds,
    async close() {
      await client.close();
      await closeService(service);
    },
  };
}

async function failedCalls(client: Client, store: Parameters<typeof pendingCalls>[0], callbackId: string, calls: number) {
  const responses = platformCalls(calls).map((_, index) => ({
    messageId: index.toString(16).padStart(32, "0").toUpperCase(),
    messageLocation: "https://api.au.whispir.com/messages/1",
    from: { name: "Ada", mri: "", mobile: `61400000${String(index % 7).padStart(3, "0")}`, email: "", voice: "" },
    responseMessage: { channel: "SMS" as const, kind: "reply" as const, date: "24/11/26 09:30", content: `Reply ${index}` },
    customParameters: {},
  }));
  const { ids: callIds } = await client.submitCalls(
    callbackId,
    responses.map((response) => ({ response })),
  );
  const startedAt = Date.now() - 60_000;
  await recordAttempts(store, await pendingCalls(store, callbackId), (_, index) => ({
    result: BUSY,
    startedAt: startedAt + index,
  }));
  return { callIds };
}

async function openPlatform(calls: number, url: string, overHttp: boolean): Promise<OpenedClient> {
  const listed = platformCalls(calls);
  const callbacks = [{ id: "00112233445566AA", name: "demo", url, key: "s3cret-key", calls: listed }];
  const platform = scriptedPlatform({ clock: systemClock, callbacks });
  const listening = overHttp ? await platform.listen() : null;
  const client = clientOver(
    listening === null ? platform.transport() : await createHttpTransport({ url: listening.url, timers: systemTimers }),
  );
  return {
    client,
    callIds: listed.map(({ id }) => id).reverse(),
    async close() {
      await client.close();
      await listening?.close();
    },
  };
}

const NOWHERE = "http://127.0.0.1:9/hook";

export const CLIENT_SERVICES: readonly ClientService[] = [
  {
    name: "whcb serve over HTTP",
    isOurs: true,
    open: (calls, url = NOWHERE) =>
      openOurs(calls, url, async (app) =>
        createHttpTransport({ url: await app.listen({ host: "127.0.0.1", port: 0 }), timers: systemTimers }),
      ),
  },
  {
    name: "whcb serve in this process",
    isOurs: true,
    open: (calls, url = NOWHERE) => openOurs(calls, url, async (app) => injectTransport(app)),
  },
  { name: "the platform over HTTP", isOurs: false, open: (calls, url = NOWHERE) => openPlatform(calls, url, true) },
  { name: "the platform in this process", isOurs: false, open: (calls, url = NOWHERE) => openPlatform(calls, url, false) },
];

/** Each service and each transport once, for rules of the runs, which know neither. */
export const RUN_SERVICES = CLIENT_SERVICES.filter(({ name, isOurs }) => isOurs === name.endsWith("over HTTP"));
