/** `whcb replay` is stopped for seconds, again and again, in the middle of TLS handshakes. The endpoint answers within 100 ms. */
import { writeFileSync } from "node:fs";
import { selfSignedCertificate } from "../delivery/certificate.js";
import { stopFor } from "../process/pause-run.js";
import type { Home, Outcome, Running } from "../process/whcb-process.js";
import { OUTAGE_SERVICE, replayOutage } from "./replay-outage.js";

export interface ReplayPausesOptions {
  readonly pauses: number;
  readonly pauseMs: number;
  readonly calls: number;
}

export interface ReplayPausesFigures {
  readonly outcome: Outcome;
  readonly calls: readonly string[];
  /** The endpoint received them in this order. */
  readonly received: readonly string[];
  readonly failed: readonly string[];
  readonly pauses: number;
}

export async function replayPauses(home: Home, { pauses, pauseMs, calls }: ReplayPausesOptions): Promise<ReplayPausesFigures> {
  const certificate = selfSignedCertificate("IP:127.0.0.1");
  writeFileSync(home.path("endpoint.pem"), certificate.cert);
  const options = { env: { NODE_EXTRA_CA_CERTS: home.path("endpoint.pem") } };
  let replaying: Running | null = null;
  let begun = 0;
  let isStopped = false;
  const pauseIfDue = async () => {
    if (replaying === null || isStopped || begun === pauses || outage.received().length < ((begun + 0.5) * calls) / pauses)
      return;
    begun += 1;
    isStopped = true;
    await stopFor(pauseMs)(replaying);
    isStopped = false;
  };
  await home.serve(OUTAGE_SERVICE, options);
  const outage = await replayOutage(
    home,
    calls,
    // Each call gets a new connection.
    (_, number) => ({ status: 200, delayMs: (number % 5) * 20, headers: { connection: "close" } }),
    { isServed: true, tls: { certificate, onConnection: () => void pauseIfDue() } },
  );
  try {
    replaying = home.start(["replay", "demo", "--failed", "--yes", "--concurrency", "8"], options);
    const outcome = await replaying.ended;
    return { outcome, calls: outage.callIds, received: outage.received(), failed: await outage.failedIds(), pauses: begun };
  } finally {
    await outage.close();
  }
}
