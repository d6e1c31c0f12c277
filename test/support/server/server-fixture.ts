import { createHash, randomBytes } from "node:crypto";
import type { FastifyInstance } from "fastify";
import type { CallbackSettings } from "../../../src/domain/callback.js";
import { DEFAULT_RETRY_POLICY } from "../../../src/domain/retry-policy.js";
import { systemClock } from "../../../src/platform/clock.js";
import { silentLogger } from "../../../src/platform/logger.js";
import { systemRandom } from "../../../src/platform/random.js";
import { systemTimers } from "../../../src/platform/running-timers.js";
import { createApp } from "../../../src/server/app.js";
import { makeCredential } from "../../../src/server/auth/credential-hashes.js";
import { consolePlugin } from "../../../src/server/console/console.js";
import { newToken } from "../../../src/server/console/sessions.js";
import type { ServerDeps, WorkKind } from "../../../src/server/server-deps.js";
import { openStore, type Store } from "../../../src/store/open-store.js";

export const USER = { username: "demo", password: "correct horse", apiKey: "k-0123456789abcdef" };
export const BASIC = `Basic ${Buffer.from(`${USER.username}:${USER.password}`).toString("base64")}`;
export const CREDENTIALS = { authorization: BASIC, "x-api-key": USER.apiKey };

/** Hashing takes its time by design, so it is done once for all tests of a file. */
const credential = makeCredential(USER, systemRandom);

export interface Service {
  readonly app: FastifyInstance;
  readonly store: Store;
  /** The dispatcher would have got these notifications. */
  readonly work: { readonly callbackId: string; readonly kind: WorkKind }[];
}

const sessions = new WeakMap<FastifyInstance, (hostName: string) => Promise<string>>();

/** Returns the token of a new session of USER, as signing in does, but without hashing a password. */
export async function newSession(app: FastifyInstance, hostName: string): Promise<string> {
  const begin = sessions.get(app);
  if (begin === undefined) throw new Error("not a service of openService");
  return begin(hostName);
}

/** The dispatcher, the endpoints and the command line give these deps nothing. */
export function serverDeps(store: Store, overrides: Partial<ServerDeps> = {}): ServerDeps {
  return {
    store,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    logger: silentLogger,
    policy: DEFAULT_RETRY_POLICY,
    plan: null,
    localUser: null,
    hasApi: true,
    isTrustedProxy: null,
    knownHosts: null,
    maxConnections: 1000,
    authParameter: "Auth",
    bodyNames: "messageid-messagelocation",
    version: "0.0.0",
    checkEndpoint: null,
    checkCallbackUrl() {},
    sendTestMail: null,
    onAccepting() {},
    onWork() {},
    begunCalls: () => new Set(),
    countInFlight: () => 0,
    onAttempt() {},
    onCommit() {},
    onLeaseLost() {},
    readDisk: null,
    isReady: () => true,
    egressFailure: () => null,
    hasSender: async () => true,
    ...overrides,
  };
}

export async function openService(overrides: Partial<ServerDeps> = {}): Promise<Service> {
  const store =
    overrides.store ?? (await openStore({ url: ":memory:", clock: overrides.clock ?? systemClock, secretKey: randomBytes(32) }));
  await store.credentials.save(await credential, Date.now());
  const work: Service["work"] = [];
  const onWork: ServerDeps["onWork"] = (callbackId, kind) => void work.push({ callbackId, kind });
  const app = await createApp(serverDeps(store, { onWork, ...overrides }), { console: consolePlugin });
  await app.ready();
  sessions.set(app, async (hostName) => {
    const token = newToken(store, systemRandom);
    const tokenHash = createHash("sha256").update(`${hostName} ${token}`).digest("hex");
    const at = (overrides.clock ?? systemClock).now();
    const session = { tokenHash, username: USER.username, createdAt: at, usedAt: at };
    await store.sessions.create(session, await credential, { createdAfter: 0, usedAfter: 0 });
    return token;
  });
  return { app, store, work };
}

export async function closeService({ app, store }: Service): Promise<void> {
  await app.close();
  await store.close();
}

export const CALLBACK_BODY = {
  name: "demo",
  url: "http://127.0.0.1:9000/hook",
  auth: { type: "httpheader", key: "s3cret-key" },
  contentType: "json",
  removeHTML: "disabled",
  retriesEnabled: true,
  email: "ops@example.com",
  callbacks: { reply: "enabled", undeliverable: "enabled" },
};

export const CALLBACK_SETTINGS: CallbackSettings = {
  name: "demo",
  url: "http://127.0.0.1:9000/hook",
  auth: { type: "httpheader", key: "s3cret-key" },
  contentType: "json",
  removeHtml: false,
  signing: "disabled",
  retriesEnabled: true,
  email: "ops@example.com",
  events: { reply: true, undeliverable: true },
};
