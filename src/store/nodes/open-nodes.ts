import { randomUUID } from "node:crypto";
import { Kysely } from "kysely";
import type { Clock } from "../../platform/clock.js";
import { type OpenedPostgres, openPool } from "../postgres/open-postgres.js";
import { clearTextHost } from "../postgres/postgres-client.js";
import { postgresDialect } from "../postgres/postgres-dialect.js";
import type { Schema } from "../schema.js";
import type { KeyCipher } from "../secret-key.js";
import { readDatabaseTime } from "../sql/read-time.js";
import { leaseStore } from "./leases.js";
import { limitStore } from "./limits.js";
import { memberStore } from "./members.js";
import { openSignals } from "./signals.js";

const MAX_CONNECTIONS = 2;
/** `TIMEOUT_MS` is well within the lease. */
const TIMEOUT_MS = 4_000;

/** Nodes that share a PostgreSQL database agree on this through it (docs/dispatcher.md, Ownership). */
export type NodeStore = ReturnType<typeof openNodeStore>;

/** Opens connections of its own, in the store's schema, because a busy store must not end a lease. `store` is for what clients cause. */
export function openNodeStore(url: string, store: OpenedPostgres, clock: Clock, cipher: KeyCipher) {
  const limits = { maxConnections: MAX_CONNECTIONS, connectTimeoutMs: TIMEOUT_MS, answerTimeoutMs: TIMEOUT_MS };
  const pool = openPool(url, { ...limits, searchPath: store.searchPath });
  const db = new Kysely<Schema>({ dialect: postgresDialect(pool) });
  const signals = openSignals({ pool, url, nodeId: randomUUID(), clock });
  return {
    ...leaseStore(db),
    ...limitStore(store.db, clock, cipher),
    ...memberStore(db),
    ...signals,
    clearTextHost: clearTextHost(url),
    /** Reads the database's clock, in epoch ms. */
    readTime: (): Promise<number> => readDatabaseTime(db),
    async close(): Promise<void> {
      await signals.close();
      await db.destroy();
    },
  };
}
