/** Processes that are stopped while endpoints answer; test/soak has the long run. WHCB_PAUSE_SEED repeats a run that failed. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { expectRunRules } from "../e2e/kill-rules.js";
import { selfSignedCertificate } from "../support/delivery/certificate.js";
import { pauseRun, stopFor } from "../support/process/pause-run.js";
import { SERVE } from "../support/process/run-figures.js";
import { apiOf, callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home, type Running } from "../support/process/whcb-process.js";
import { countingEndpoint, type EndpointAnswer } from "../support/replay/replay-desk.js";
import { replayPauses } from "../support/replay/replay-pauses.js";
import { seededRandom } from "../support/time/seeded-random.js";

const SEED = Number(process.env.WHCB_PAUSE_SEED ?? Date.now() % 1_000_000);
const STOP_MS = 6_000;

// Nearly all of their time is waiting.
const test = it.concurrent;

test(`fails and repeats no call when the service is stopped for longer than connecting may take (seed ${SEED})`, async () => {
  await using home = new Home();
  const random = seededRandom(SEED);
  expectRunRules(await pauseRun(home, { pauses: 2, pause: stopFor(STOP_MS), calls: 100, random }), 0);
});

test("rejects and repeats no call when a replay is stopped", async () => {
  await using home = new Home();
  const { outcome, calls, received, failed, pauses } = await replayPauses(home, { pauses: 1, pauseMs: STOP_MS, calls: 60 });
  expect(pauses).toBe(1);
  expect(outcome).toMatchObject({ code: 0, stdout: expect.stringMatching(/accepted +60\n +marked +60\n/) });
  expect(failed).toEqual([]);
  expect([...received].sort()).toEqual([...calls].sort());
});

test("still fails a connection that takes too long, later by the time for which the service was stopped", async () => {
  await using home = new Home();
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : address;
  const server = await home.serve(SERVE, { env: USER_ENV });
  const api = new ServedApi(server.url);
  const callback = await api.create({ name: "silent", url: `https://127.0.0.1:${port}/hook`, retriesEnabled: false });
  const connected = once(silent, "connection");
  await api.hand(callback, [callIdOf(1)]);
  await connected;
  await delay(500);
  await stopFor(STOP_MS)(server);
  const [call] = await eventually(
    () => api.list(callback, "FAILED"),
    ({ length }) => length > 0,
  );
  const attempts = await api.fetch(`/callbacks/${callback}/calls/${call?.id}/attempts`);
  const { attempts: [attempt] = [] }: { attempts?: { statusMessage?: string; durationMs: number }[] } = JSON.parse(
    await attempts.text(),
  );
  expect(attempt).toMatchObject({ statusMessage: expect.stringContaining("TLS handshake within 5 s") });
  // A stop counts up to 50 ms too short.
  expect(attempt?.durationMs).toBeGreaterThan(5_000 + STOP_MS - 100);
  expect(attempt?.durationMs).toBeLessThan(5_000 + 2 * STOP_MS);
  silent.close();
});

describe.concurrent("a process that is stopped while it opens its first connection", () => {
  test("sends no call that was marked meanwhile", async () => {
    await using home = new Home();
    const stop = new StopAtConnection();
    await using endpoint = await tlsEndpoint(home, stop);
    const { server, api } = await serve(home);
    const callback = await api.create({ name: "demo", url: endpoint.url });
    const marked = [callIdOf(1), callIdOf(2), callIdOf(3)];
    const stopped = stop.next(server);
    await api.hand(callback, marked);
    await stopped;
    const onFile = ["--service", home.path("x.db")];
    const { code } = await home.whcb(["mark-success", "demo", "-", "--yes", ...onFile], { input: marked.join("\n") });
    await delay(STOP_MS);
    server.child.kill("SIGCONT");
    await api.hand(callback, [callIdOf(4)]);
    const calls = await eventually(
      () => api.list(callback, "SUCCESS"),
      ({ length }) => length === 4,
    );
    expect([code, endpoint.received, await api.outages(callback)]).toEqual([0, [callIdOf(4)], []]);
    expect(Object.fromEntries(calls.map(({ id, attemptCount }) => [id, attemptCount]))).toEqual({
      [callIdOf(1)]: 0,
      [callIdOf(2)]: 0,
      [callIdOf(3)]: 0,
      [callIdOf(4)]: 1,
    });
  });

  test("sends no call that another run has sent once it had the locks", async () => {
    await using home = new Home();
    const stop = new StopAtConnection();
    let status = 503;
    await using one = await tlsEndpoint(home, stop, () => ({ status }));
    await using other = await tlsEndpoint(home, stop, () => ({ status }));
    const both = [one, other];
    const { api, env } = await serve(home);
    for (const [index, { url }] of both.entries()) {
      const callback = await api.create({ name: `demo-${index}`, url, retriesEnabled: false });
      await api.hand(callback, [callIdOf(1, `p${index}`), callIdOf(2, `p${index}`), callIdOf(3, `p${index}`)]);
      await eventually(
        () => api.count(callback, "FAILED"),
        (failed) => failed === 3,
      );
    }
    status = 200;
    for (const { received } of both) received.length = 0;
    const replay = ["replay", "--failed", "--all-callbacks", "--yes"];
    const replaying = home.start(replay, { env });
    await stop.next(replaying);
    // Another user has another data folder, and waits only for the lease, which ends after at most 30 seconds.
    const outcome = await home.whcb([...replay, "--wait", "--allow-network", "127.0.0.1"], {
      env: { ...env, WHCB_DATA_DIR: home.path("other") },
    });
    expect(outcome).toMatchObject({ code: 0, stdout: expect.stringMatching(/accepted +6\n/) });
    replaying.child.kill("SIGCONT");
    expect(await replaying.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/settled meanwhile +6\n/) });
    expect(both.map(({ received }) => received.length)).toEqual([3, 3]);
  });
});

/** Stops a process in the middle of a TLS handshake, which doesn't go on without it. */
class StopAtConnection {
  #stop = (): void => undefined;

  onConnection = (): void => this.#stop();

  /** Resolves once `running` is stopped, at the next connection to any of the endpoints. */
  next(running: Running): Promise<void> {
    return new Promise((resolve) => {
      this.#stop = () => {
        this.#stop = () => undefined;
        running.child.kill("SIGSTOP");
        resolve();
      };
    });
  }
}

async function tlsEndpoint(home: Home, stop: StopAtConnection, answer?: () => EndpointAnswer) {
  const certificate = selfSignedCertificate("IP:127.0.0.1");
  writeFileSync(home.path("endpoint.pem"), certificate.cert, { flag: "a" });
  const endpoint = await countingEndpoint(answer, { certificate, onConnection: stop.onConnection });
  return { ...endpoint, [Symbol.asyncDispose]: endpoint.close };
}

async function serve(
  home: Home,
): Promise<{ readonly server: Running; readonly api: ServedApi; readonly env: Record<string, string> }> {
  const env = { NODE_EXTRA_CA_CERTS: home.path("endpoint.pem") };
  const server = await home.serve(SERVE, { env });
  return { server, api: apiOf(home), env };
}
