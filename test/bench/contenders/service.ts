/** The whole service, as `whcb serve` starts it. Prints its URL; ends with SIGTERM. */
import { dirname, join } from "node:path";
import { DEFAULT_RETENTION } from "../../../src/domain/retention.js";
import { DEFAULT_RETRY_POLICY } from "../../../src/domain/retry-policy.js";
import { startService } from "../../../src/main/start-service.js";
import { CREDENTIALS, type ServiceOptions } from "../run/service.js";

const { database, dispatch }: ServiceOptions = JSON.parse(process.argv[2] ?? "{}");
const service = await startService(
  {
    port: 0,
    host: "127.0.0.1",
    database,
    policy: DEFAULT_RETRY_POLICY,
    retention: DEFAULT_RETENTION,
    smtp: null,
    mailDirectory: join(dirname(database), "mail"),
    plan: null,
    endpointCheck: false,
    dispatch,
    allowNetworks: [],
    trustProxy: false,
    credentials: CREDENTIALS,
    secretKey: new Uint8Array(32),
    logLevel: "warn",
  },
  { version: "0.0.0", log: process.stderr },
);
process.once("SIGTERM", () => void service.stop());
process.stdout.write(`${service.url}\n`);
