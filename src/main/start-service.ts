import { lstatSync } from "node:fs";
import { rm, statfs } from "node:fs/promises";
import type { Server } from "node:net";
import { dirname } from "node:path";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import type { RunningService, ServeOptions, StartReport } from "../cli/cli-deps.js";
import { type AddressRule, addressRuleFor, checkCallbackUrl, inNetworks } from "../delivery/address-rule.js";
import type { Deliverer } from "../delivery/deliverer.js";
import type { EgressProxy } from "../delivery/egress-proxy.js";
import { limitChecks } from "../delivery/endpoint-checks.js";
import { createDeliverer } from "../delivery/undici-deliverer.js";
import { LONGEST_STOP_MS } from "../dispatcher/dispatcher.js";
import { createDispatching } from "../dispatcher/dispatching.js";
import { joinNodes, type NodeSurroundings } from "../dispatcher/node-membership.js";
import { errorMessage } from "../domain/errors.js";
import type { OutageUrl } from "../domain/outage.js";
import type { ServiceSettings } from "../domain/service-settings.js";
import { createEmlNotifier, mailDirectoryOf, removeMailFiles } from "../notifier/eml-notifier.js";
import type { Notifier } from "../notifier/notifier.js";
import { createSmtpNotifier } from "../notifier/smtp-notifier.js";
import { sendTestMail, TEST_MAIL_MS } from "../notifier/test-mail.js";
import { type Clock, systemClock } from "../platform/clock.js";
import { isPostgresUrl, placeOf } from "../platform/database-url.js";
import type { Logger } from "../platform/logger.js";
import { isLoopbackHost } from "../platform/loopback.js";
import { pinoLogger } from "../platform/pino-logger.js";
import { systemRandom } from "../platform/random.js";
import { systemTimers } from "../platform/running-timers.js";
import { SharedClock } from "../platform/shared-clock.js";
import { settleAll, Teardown } from "../platform/teardown.js";
import { systemUser } from "../runs/run-deps.js";
import { createApp } from "../server/app.js";
import { admitStartUser } from "../server/auth/users.js";
import { closeGracefully, connectionLimit } from "../server/connections.js";
import { consolePlugin } from "../server/console/console.js";
import { consolePath } from "../server/console/console-path.js";
import {
  addressOf,
  type ListenAddress,
  listenOnLocalhost,
  tryToListen,
  tryToListenBeside,
} from "../server/listen-on-localhost.js";
import { type Metrics, serveMetrics } from "../server/operations/metrics.js";
import type { DiskSpace, ServerDeps } from "../server/server-deps.js";
import type { NodeStore } from "../store/nodes/open-nodes.js";
import { openStore, type Store } from "../store/open-store.js";
import { secretKeySource } from "../store/secret-key.js";
import { lockDatabase } from "../store/sqlite/open-sqlite.js";
import { type HeldPlace, holdPlace, holdPort, portPath } from "../store/sqlite/place-lock.js";
import { watchFile } from "../store/sqlite/watch-file.js";
import { planNotices } from "./notice-targets.js";

export interface ServiceSurroundings {
  readonly version: string;
  readonly log: NodeJS.WritableStream;
  readonly clock: Clock;
}

/**
 * V8 would allocate among the old objects what it takes for long-lived from the first requests. What such objects lead to survives until the
 * next full collection: 2 MB of each 11, and up to a third of the time that a response takes.
 */
const ALLOCATE_YOUNG = "--no-allocation-site-pretenuring";

/** Resolves when the service answers. If it rejects, everything is closed again. */
export async function startService(options: ServeOptions, surroundings: ServiceSurroundings): Promise<RunningService> {
  const teardown = new Teardown();
  setFlagsFromString(ALLOCATE_YOUNG);
  try {
    const service = await start(options, surroundings, teardown);
    return { ...service, stop: () => teardown.run(), stopped: teardown.done };
  } catch (error) {
    // The start's error matters, not the teardown's.
    await teardown.run().catch(() => undefined);
    throw error;
  }
}

async function start(
  options: ServeOptions,
  { version, log, clock: machineClock }: ServiceSurroundings,
  teardown: Teardown,
): Promise<StartReport> {
  const hasApi = options.credentials !== null;
  const addressRule = addressRuleFor({ ...options, hasApi }, options.allowNetworks);
  const openNoticeTargets = planNotices(options.notices, addressRule);
  const isTrustedProxy = options.trustedProxies.length === 0 ? null : inNetworks(options.trustedProxies);
  const place = { host: options.host === "localhost" ? "127.0.0.1" : options.host, port: options.port };
  // The ports are tried before a database is created, so a failed start leaves no files.
  await tryToListen(place);
  await tryToListenBeside(place);
  if (options.metrics !== null) await tryToListen(options.metrics);
  const logger = pinoLogger(options.logLevel, log);
  let hasStarted = false;
  const store = await openServedStore(options, machineClock, teardown, () => hasStarted);
  const clock = store.nodes === null ? machineClock : await openSharedClock(store.nodes, machineClock, logger, teardown);
  const settings = await openSettings(store, options.settings, teardown, { clock, random: systemRandom, logger });
  // A start that other nodes reject changes no users.
  const users =
    options.credentials &&
    (await admitStartUser(options.credentials, {
      credentials: store.credentials,
      random: systemRandom,
      author: { user: systemUser(), via: "database", address: null, at: clock.now() },
    }));
  const policy = { intervalMs: settings.intervalMs, windowMs: settings.windowMs, jitter: options.jitter };
  const deliverer = openDeliverer(addressRule, options.egressProxy, logger, teardown);
  const mails = options.mailDirectory ?? mailDirectoryOf(placeOf(options.database, options.dataDirectory));
  const notifier = openNotifier(options, mails, teardown);
  const testNotifier = openNotifier(options, mails, teardown, TEST_MAIL_MS);
  const outageUrl: OutageUrl = (callbackId, outageId) =>
    options.publicUrl && `${options.publicUrl}${consolePath(callbackId, ...(outageId === null ? [] : ["outages", outageId]))}`;
  const dispatching = createDispatching({
    store,
    deliverer,
    logger,
    notifier,
    outageUrl,
    noticeTargets: openNoticeTargets({ deliverer, notifier, clock, sign: store.sign, outageUrl }),
    removeMailFiles: (before) => removeMailFiles(mails, before),
    clock,
    random: systemRandom,
    policy,
    authParameter: options.authParameter,
    bodyNames: options.bodyNames,
    limits: options.limits,
    isEnabled: options.dispatch,
  });
  const serverDeps: ServerDeps = {
    store,
    logger,
    version,
    clock,
    random: systemRandom,
    timers: systemTimers,
    policy,
    plan: options.plan,
    localUser: null,
    hasApi,
    isTrustedProxy,
    knownHosts: isLoopbackHost(options.host) ? options.allowHosts : null,
    maxConnections: connectionLimit({ descriptors: descriptorLimit(), heapBytes: getHeapStatistics().heap_size_limit }),
    authParameter: options.authParameter,
    bodyNames: options.bodyNames,
    checkEndpoint: options.endpointCheck ? limitChecks(async (request) => (await deliverer.deliver(request)).result) : null,
    checkCallbackUrl: (url) => checkCallbackUrl(url, addressRule),
    sendTestMail: options.dispatch
      ? (callback) => sendTestMail(callback, { notifier: testNotifier, now: clock.now(), random: systemRandom, policy })
      : null,
    onAccepting: () => dispatching.dispatcher.accepting(),
    onWork: dispatching.onWork,
    begunCalls: (callbackId) => dispatching.dispatcher.begunCalls(callbackId),
    countInFlight: () => dispatching.dispatcher.inFlight,
    onAttempt: dispatching.onAttempt,
    onCommit: dispatching.onCommit,
    onLeaseLost: dispatching.onLeaseLost,
    readDisk: isDatabaseFile(options.database) ? () => readDisk(options.database) : null,
    isReady: () => !teardown.hasBegun,
    egressFailure: (callbackUrl) => options.egressProxy?.failureFor(callbackUrl) ?? null,
    hasSender: async () => options.dispatch || (store.nodes !== null && (await store.nodes.hasDispatcher())),
  };
  const app = await createApp(serverDeps, { console: consolePlugin });
  const others: Server[] = [];
  const closing = { timers: systemTimers, nowMs: systemClock.monotonicMs, limitMs: LONGEST_STOP_MS, others };
  let places: readonly HeldPlace[] = [];
  // The locks end before the port is free: no command takes the next program there for the service.
  teardown.addStep(() => settleAll(...places.map((held) => held.release()), closeGracefully(app, closing), dispatching.stop()));
  const url = await listenOnLocalhost(app, place, others);
  let portFailure: string | null = null;
  const leaveUnlocked = (error: unknown): null => {
    portFailure = errorMessage(error);
    return null;
  };
  const heldPort = hasApi ? await holdPort(options.dataDirectory, url).catch(leaveUnlocked) : null;
  places = [...(heldPort === null ? [] : [heldPort]), ...(addressRule.kind === "any" ? await holdPlaces(options, url) : [])];
  const metricsUrl = options.metrics && (await openMetrics(app.metrics, options.metrics, teardown));
  await loadHttpParser(url);
  // They are stored only once the service listens: if the port is taken, nothing is. Nodes stored their common settings as they joined.
  const { authParameter, bodyNames } = options;
  const sentBefore = await store.settings.readDelivery();
  const sending = options.dispatch && store.databaseId !== null && { databaseId: store.databaseId };
  await store.settings.save({ ...(store.nodes === null && options.settings), authParameter, bodyNames, ...sending });
  const waiting = await store.calls.countWaiting();
  dispatching.start();
  if (isDatabaseFile(options.database))
    teardown.addStep(watchFile(options.database, systemClock, (error) => teardown.fail(error)));
  hasStarted = true;
  const addresses = [app.server, ...others].flatMap((server) => addressOf(server)?.address ?? []);
  const portLock = heldPort && { path: heldPort.path, pid: process.pid, port: heldPort.port, addresses };
  const report = { url, portLock, portFailure, metricsUrl, settings, waiting, mailDirectory: mails, users, sentBefore };
  return { ...report, databaseId: store.databaseId, clearTextHost: store.nodes?.clearTextHost ?? null };
}

/** Lets commands know where the service runs. */
async function holdPlaces({ database, dataDirectory }: ServeOptions, url: string): Promise<readonly HeldPlace[]> {
  return Promise.all([portPath(dataDirectory, url), ...(isDatabaseFile(database) ? [database] : [])].map(holdPlace));
}

function isDatabaseFile(database: string): boolean {
  return database !== ":memory:" && !isPostgresUrl(database);
}

async function readDisk(path: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(dirname(path));
  return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
}

/** Returns null if it is unlimited, or unknown as on Windows. */
function descriptorLimit(): number | null {
  const { report } = process;
  if (report === undefined) return null;
  // Without an error of ours, it formats the stack of one, which loads the source maps.
  const { userLimits } = report.getReport({ name: "", message: "", stack: "" }) as {
    readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
  };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === "number" ? soft : null;
}

/** undici loads it at the first answer, and later there may be no descriptor for it. So the first answer is our own. */
async function loadHttpParser(url: string): Promise<void> {
  const deliverer = createDeliverer({ clock: systemClock, timers: systemTimers });
  await deliverer.deliver({ method: "GET", url: `${url}/healthz`, headers: {}, body: null });
  await deliverer.close();
}

async function openMetrics(metrics: Metrics, place: ListenAddress, teardown: Teardown): Promise<string> {
  const server = await serveMetrics(metrics, { ...place, timers: systemTimers });
  teardown.addStep(async () => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  const host = place.host.includes(":") ? `[${place.host}]` : place.host;
  return `http://${host}:${typeof address === "object" ? address?.port : place.port}/metrics`;
}

const SECOND_ANSWER =
  "An endpoint answered a request twice; an earlier second answer may have been taken for that of the next request. Its connections aren't reused for ten minutes";

function openDeliverer(addressRule: AddressRule, egressProxy: EgressProxy | null, logger: Logger, teardown: Teardown): Deliverer {
  const onSecondAnswer = (origin: string): void => logger.warn({ origin }, SECOND_ANSWER);
  const deliverer = createDeliverer({ clock: systemClock, timers: systemTimers, addressRule, egressProxy, onSecondAnswer });
  teardown.addStep(() => deliverer.close());
  return deliverer;
}

function openNotifier({ smtp }: ServeOptions, directory: string, teardown: Teardown, timeoutMs?: number): Notifier {
  const timing = { timers: systemTimers, ...(timeoutMs !== undefined && { timeoutMs }) };
  const notifier = smtp === null ? createEmlNotifier({ directory }) : createSmtpNotifier({ url: smtp, ...timing });
  teardown.addStep(() => notifier.close());
  return notifier;
}

/** Throws what `joinNodes` throws. */
async function openSettings(
  store: Store,
  changes: Partial<ServiceSettings>,
  teardown: Teardown,
  surroundings: NodeSurroundings,
): Promise<ServiceSettings> {
  if (store.nodes === null) return { ...(await store.settings.read()), ...changes };
  const { settings, leave } = await joinNodes(store.nodes, changes, (reason) => teardown.fail(reason), surroundings);
  teardown.addStep(leave);
  return settings;
}

/** Throws what `lockDatabase` and `openStore` throw. A database that a failed start created is removed again. */
async function openServedStore(
  options: ServeOptions,
  clock: Clock,
  teardown: Teardown,
  hasStarted: () => boolean,
): Promise<Store> {
  const { database, dataDirectory, secretKey } = options;
  const keySource = secretKeySource(placeOf(database, dataDirectory), secretKey);
  const isPostgres = isPostgresUrl(database);
  if (!isPostgres) await lockDatabaseFile(database, teardown, hasStarted);
  // Another node may send, but the same proxy is between it and the endpoints.
  const isSent = async () => (options.dispatch || isPostgres) && (options.egressProxy?.failure ?? null) === null;
  const store = await openStore({ url: database, clock, secretKey: keySource, isServed: true, isSent });
  teardown.addStep(() => store.close());
  return store;
}

async function openSharedClock(nodes: NodeStore, local: Clock, logger: Logger, teardown: Teardown): Promise<Clock> {
  const clock = new SharedClock(local, () => nodes.readTime());
  await clock.sync();
  const stopping = new AbortController();
  const following = clock.follow(stopping.signal, (error) =>
    logger.error({ err: error }, "The database's clock can't be read; trying again"),
  );
  teardown.addStep(() => {
    stopping.abort();
    return following;
  });
  return clock;
}

async function lockDatabaseFile(database: string, teardown: Teardown, hasStarted: () => boolean): Promise<void> {
  const missing = ["", "-journal", "-wal", "-shm", "-serve.lock", ".key"]
    .map((end) => `${database}${end}`)
    .filter((path) => lstatSync(path, { throwIfNoEntry: false }) === undefined);
  const lock = await lockDatabase(database);
  teardown.addStep(() => lock.release());
  if (database === ":memory:" || !missing.includes(database)) return;
  teardown.addStep(async () => {
    if (!hasStarted()) for (const path of missing) await rm(path, { force: true });
  });
}
