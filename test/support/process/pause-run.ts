/** `whcb serve` that doesn't run for seconds, again and again under load, with a log of everything that reached its endpoints. */
import { writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../../../src/platform/random.js";
import { selfSignedCertificate } from "../delivery/certificate.js";
import { RequestLog, type RunFigures, readFigures, SERVE, settled, startReceiver, type Target } from "./run-figures.js";
import { callIdOf, ServedApi, USER_ENV } from "./served-api.js";
import { eventually, type Home, type Running } from "./whcb-process.js";

export interface PauseRunOptions {
  readonly pauses: number;
  /** Resolves when the process runs again. */
  readonly pause: (serving: Running) => Promise<void>;
  /** So many are submitted for each endpoint before each pause. */
  readonly calls: number;
  readonly random: Random;
  /** It is a SQLite file if none is given. */
  readonly database?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A pause begins up to so long after the calls were handed in, or the first was sent: connections, requests and answers are on their way. */
const LATEST_MS = 100;

/** The endpoints use plain connections and TLS, an address and a name that has two, and answer within 100 ms. */
export async function pauseRun(home: Home, options: PauseRunOptions): Promise<RunFigures> {
  const { pauses, pause, calls, random, database = home.path("x.db") } = options;
  const requestLog = new RequestLog(home.path("requests"));
  const pem = home.path("endpoint.pem");
  const { key, cert } = selfSignedCertificate("DNS:localhost", "IP:127.0.0.1");
  writeFileSync(pem, key + cert);
  const receivers = [await startReceiver(requestLog.file), await startReceiver(requestLog.file, pem)];
  try {
    const env = { ...USER_ENV, WHCB_DB: database, NODE_EXTRA_CA_CERTS: pem, ...options.env };
    const server = home.start(["serve", "--port", "0", "--mail-dir", home.path("mail"), ...SERVE], { env });
    const [, address = ""] = await server.says(/Listening on (http:\/\/\S+)/);
    const api = new ServedApi(address);
    const targets: Target[] = [];
    for (const url of receivers.flatMap((receiver) => [receiver.url, receiver.url.replace("127.0.0.1", "localhost")])) {
      const path = `/prompt/${targets.length}`;
      targets.push({ kind: "prompt", path, accepted: new Set(), id: await api.create({ name: path, url: url + path }) });
    }
    for (let begun = 0; begun < pauses; begun += 1) {
      const before = requestLog.lines().length;
      const handing = targets.map(async ({ id, accepted }, index) => {
        const ids = Array.from({ length: calls }, (_, number) => callIdOf(begun * calls + number, `p${index}`));
        const answer = await api.hand(id, ids);
        if (answer.status !== 202) throw new Error(`${answer.status}: ${await answer.text()}`);
        for (const callId of ids) accepted.add(callId);
      });
      if (begun % 2 === 0)
        await eventually(
          async () => requestLog.lines().length,
          (length) => length > before,
        );
      await delay(random.fraction() * LATEST_MS);
      await pause(server);
      await Promise.all(handing);
      await settled(api, targets);
      // Connections that were idle for so long are closed: the next calls need new ones.
      await delay(2_000);
    }
    const figures = await readFigures(api, targets, requestLog.lines(), [home.path("mail")]);
    const { code, stderr } = await server.stop();
    if (code !== 0) throw new Error(`the stop ended with ${code}: ${stderr}`);
    return { ...figures, stderr };
  } finally {
    for (const receiver of receivers) receiver.stop();
  }
}

/** Stops the process by the signal that it can't catch. */
export function stopFor(ms: number): (stopped: Running) => Promise<void> {
  return async ({ child }) => {
    child.kill("SIGSTOP");
    await delay(ms);
    child.kill("SIGCONT");
  };
}
