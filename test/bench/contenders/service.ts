/** The whole service, as `whcb serve` starts it. Prints its URL; ends with SIGTERM. */
import { dirname, join } from "node:path";
import { startService } from "../../../src/main/start-service.js";
import { systemClock } from "../../../src/platform/clock.js";
import { CREDENTIALS, type ServiceOptions } from "../run/service.js";

const { database, dispatch }: ServiceOptions = JSON.parse(process.argv[2] ?? "{}");
const service = await startService(
  {
    port: 0,
    host: "127.0.0.1",
    database,
    settings: {},
    jitter: true,
    smtp: null,
    mailDirectory: join(dirname(database), "mail"),
    plan: null,
    authParameter: "Auth",
    endpointCheck: false,
    dispatch,
    allowNetworks: [],
    trustedProxies: [],
    allowHosts: [],
    metricsPort: null,
    credentials: CREDENTIALS,
    secretKey: Buffer.alloc(32).toString("base64"),
    logLevel: "warn",
  },
  { version: "0.0.0", log: process.stderr, clock: systemClock },
);
process.once("SIGTERM", () => void service.stop());
process.stdout.write(`${service.url}\n`);
