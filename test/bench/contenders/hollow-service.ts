/** The service's own HTTP server with nothing behind it: every check of a request, and a store that stores nothing. Prints its URL. */
import { DEFAULT_RETRY_POLICY } from "../../../src/domain/retry-policy.js";
import { systemClock } from "../../../src/platform/clock.js";
import { silentLogger } from "../../../src/platform/logger.js";
import { systemRandom } from "../../../src/platform/random.js";
import { systemTimers } from "../../../src/platform/running-timers.js";
import { createApp } from "../../../src/server/app.js";
import { makeCredential } from "../../../src/server/auth/credential-hashes.js";
import type { Store } from "../../../src/store/open-store.js";
import { openBenchStore } from "../run/product.js";
import { settingsFor } from "../run/sample.js";
import { CREDENTIALS } from "../run/service.js";

const store = await openBenchStore(":memory:");
await store.callbacks.create("00112233445566AA", settingsFor("http://127.0.0.1:9/hook"), 0);
await store.credentials.save(await makeCredential(CREDENTIALS, systemRandom), 0);
const accept: Store["calls"]["accept"] = async (submissions) => submissions.flatMap(({ calls }) => calls.map(({ id }) => id));
const app = await createApp({
  store: { ...store, calls: { ...store.calls, accept } },
  clock: systemClock,
  timers: systemTimers,
  random: systemRandom,
  logger: silentLogger,
  policy: DEFAULT_RETRY_POLICY,
  plan: null,
  authParameter: "Auth",
  bodyNames: "messageid-messagelocation",
  localUser: null,
  hasApi: true,
  isTrustedProxy: null,
  knownHosts: [],
  maxConnections: 1000,
  version: "0.0.0",
  checkEndpoint: null,
  checkCallbackUrl: () => undefined,
  sendTestMail: null,
  onAccepting: () => undefined,
  onWork: () => undefined,
  begunCalls: () => new Set<number>(),
  countInFlight: () => 0,
  onAttempt: () => undefined,
  onCommit() {},
  onLeaseLost() {},
  readDisk: null,
  isReady: () => true,
  egressFailure: () => null,
  hasSender: async () => true,
});
process.stdout.write(`${await app.listen({ host: "127.0.0.1", port: 0 })}\n`);
