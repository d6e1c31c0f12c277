/**
 * LISTEN/NOTIFY wakes the other nodes. It is only a hint: a node that misses one, such as behind a pooler in transaction mode,
 * finds the work by polling. In the transaction of a change, NOTIFY would make all commits wait for each other.
 */
import type pg from "pg";
import type { Clock } from "../../platform/clock.js";
import { PostgresClient } from "../postgres/postgres-client.js";

export interface SignalsDeps {
  readonly pool: pg.Pool;
  readonly url: string;
  /** `nodeId` differs from that of all other nodes. */
  readonly nodeId: string;
  readonly clock: Clock;
}

const CHANNEL = "whcb_work";
/** With a probe a node learns whether it hears itself. It wakes no other. */
const PROBE = "probe ";
/** Two announcements are at least so far apart. */
const COALESCE_MS = 10;
/** A connection may be dead without an error, or hear nothing. */
const CHECK_MS = 10_000;
const ANSWER_TIMEOUT_MS = 5_000;
const RECONNECT_MS = 1_000;

export function openSignals({ pool, url, nodeId, clock }: SignalsDeps) {
  const closing = new AbortController();
  const sleep = (ms: number, signal = closing.signal) => clock.sleepUntil(clock.now() + ms, signal);
  let isAnnounced = false;
  let isAnnouncing = false;
  let listening: Promise<void> = Promise.resolve();

  // pg throws at once if a file that the URL names can't be read.
  const notify = async (text: string) => pool.query("SELECT pg_catalog.pg_notify($1, $2)", [CHANNEL, text]);

  const announceAll = async () => {
    isAnnouncing = true;
    while (isAnnounced && !closing.signal.aborted) {
      isAnnounced = false;
      await notify(nodeId).catch(() => undefined);
      await sleep(COALESCE_MS);
    }
    isAnnouncing = false;
  };

  /** Listens until the connection is lost. */
  const listenOnce = async (handler: () => void, onNoNotifications: () => void) => {
    const lost = new AbortController();
    const heardItself = new AbortController();
    const end = () => lost.abort();
    closing.signal.addEventListener("abort", end);
    const client = new PostgresClient({
      connectionString: url,
      connectionTimeoutMillis: ANSWER_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      keepAlive: true,
      application_name: "whcb listener",
    });
    client.on("error", end).on("end", end);
    client.on("notification", ({ payload = "" }) => {
      if (payload === PROBE + nodeId) heardItself.abort();
      else if (payload !== nodeId && !payload.startsWith(PROBE)) handler();
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      // Something may have been announced before.
      handler();
      await notify(PROBE + nodeId);
      await sleep(CHECK_MS, AbortSignal.any([lost.signal, heardItself.signal]));
      if (!lost.signal.aborted && !heardItself.signal.aborted) onNoNotifications();
      for (await sleep(CHECK_MS, lost.signal); !lost.signal.aborted; await sleep(CHECK_MS, lost.signal))
        await client.query("SELECT 1");
    } finally {
      closing.signal.removeEventListener("abort", end);
      // A dead connection would keep it waiting.
      void client.end().catch(() => undefined);
    }
  };

  return {
    /** Is called after a commit, and returns at once. */
    announce(): void {
      isAnnounced = true;
      if (!isAnnouncing) void announceAll();
    },
    /**
     * Calls the handler whenever another node has announced something, or may have, until the store is closed. `onNoNotifications` is called
     * if nothing arrives on a connection, as by a pooler in transaction mode.
     */
    listen(handler: () => void, onNoNotifications: () => void): void {
      const run = async () => {
        while (!closing.signal.aborted) {
          await listenOnce(handler, onNoNotifications).catch(() => undefined);
          await sleep(RECONNECT_MS);
        }
      };
      listening = run();
    },
    async close(): Promise<void> {
      closing.abort();
      await listening;
    },
  };
}
