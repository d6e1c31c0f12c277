import { isDeepStrictEqual } from "node:util";
import { sql } from "kysely";
import type { ServiceSettings } from "../../domain/service-settings.js";
import { lockMigrations, readNewer } from "../postgres/postgres-migrations.js";
import type { Db } from "../schema.js";
import { parseSettings, readSettings, saveSettings } from "../settings-store.js";
import { transact } from "../sql/transactions.js";

/** A member that isn't renewed counts as one for this long, by the database's clock. */
export const MEMBER_MS = 15_000;

export type Joined =
  | { readonly kind: "joined"; readonly settings: ServiceSettings }
  | { readonly kind: "differs"; readonly running: ServiceSettings }
  | { readonly kind: "busy"; readonly task: string };

export interface Renewed {
  /** `isMember` is false if the membership had expired. */
  readonly isMember: boolean;
  /** `newer` says whether there are migrations that this version doesn't know. */
  readonly newer: "none" | "compatible" | "incompatible";
}

export type MemberStore = ReturnType<typeof memberStore>;

/** The members are the nodes and tasks that use the database. */
export function memberStore(db: Db) {
  return {
    /** Joins in one transaction, so all that run have the same settings: `changes` are compared with those, and stored. */
    joinNodes: (nodeId: string, changes: Partial<ServiceSettings>): Promise<Joined> =>
      transact(db, async (trx) => {
        const joined = await joinAs(trx, nodeId, changes);
        // They are stored at once, as others may take them over before this start succeeds, or fails.
        if (joined.kind === "joined") await saveSettings(trx, changes);
        return joined;
      }),

    /** Joins again with all its settings, after the membership had expired, in one transaction. Stores no settings. */
    rejoinNodes: (nodeId: string, settings: ServiceSettings): Promise<Joined> =>
      transact(db, (trx) => joinAs(trx, nodeId, settings)),

    /**
     * Joins alone in one transaction, and resolves to false if nodes or another task run. Until it leaves, no node joins, and a
     * node that hung finds its callbacks lost.
     */
    joinAlone: (taskId: string, task: string): Promise<boolean> =>
      transact(db, async (trx) => {
        const others = await lockOthers(trx, taskId);
        const { rows: dispatchers } = await sql`SELECT id FROM dispatchers WHERE expires_at > clock_timestamp()`.execute(trx);
        if (others.length + dispatchers.length > 0) return false;
        await sql`DELETE FROM dispatchers`.execute(trx);
        await sql`UPDATE callbacks SET owner = NULL, fence = fence + 1 WHERE owner IS NOT NULL`.execute(trx);
        await insertMember(trx, taskId, "{}", task);
        return true;
      }),

    async renewMember(id: string): Promise<Renewed> {
      const { rows } = await sql`UPDATE nodes SET expires_at = ${expiry} WHERE id = ${id} RETURNING id`.execute(db);
      return { isMember: rows.length === 1, newer: await readNewer(db) };
    },

    /** Lists the roles that may create objects in the schema, besides this one and the schema's owner. */
    async listCreators(): Promise<readonly string[]> {
      const { rows } = await sql<{ role: string }>`
        SELECT coalesce((SELECT rolname FROM pg_roles WHERE oid = grantee), 'PUBLIC') AS role
        FROM pg_namespace, aclexplode(nspacl)
        WHERE nspname = current_schema() AND privilege_type = 'CREATE' AND grantee <> nspowner
          AND grantee NOT IN (SELECT oid FROM pg_roles WHERE rolname = current_user) ORDER BY role`.execute(db);
      return rows.map(({ role }) => role);
    },

    /** Resolves to whether any dispatcher has renewed its lease in time, by the database's clock. */
    async hasDispatcher(): Promise<boolean> {
      const { rows } = await sql`SELECT 1 FROM dispatchers WHERE expires_at > clock_timestamp() LIMIT 1`.execute(db);
      return rows.length > 0;
    },

    async leaveMembers(id: string): Promise<void> {
      await sql`DELETE FROM nodes WHERE id = ${id}`.execute(db);
    },
  };
}

async function joinAs(trx: Db, nodeId: string, changes: Partial<ServiceSettings>): Promise<Joined> {
  const [other] = await lockOthers(trx, nodeId);
  if (other !== undefined && other.task !== null) return { kind: "busy", task: other.task };
  const stored = await readSettings(trx);
  // A node of another version may have other defaults.
  const running = other === undefined ? stored : { ...stored, ...parseSettings(JSON.parse(other.settings)) };
  const settings = { ...running, ...changes };
  if (other !== undefined && !isDeepStrictEqual(settings, running)) return { kind: "differs", running };
  await insertMember(trx, nodeId, JSON.stringify(settings), null);
  return { kind: "joined", settings };
}

const expiry = sql`clock_timestamp() + ${sql.lit(`${MEMBER_MS} milliseconds`)}::interval`;

interface Member {
  readonly settings: string;
  readonly task: string | null;
}

/** Locks the members, so that nobody joins until the end of the transaction. */
async function lockOthers(trx: Db, id: string): Promise<readonly Member[]> {
  await lockMigrations(trx);
  await sql`DELETE FROM nodes WHERE id IN (
    SELECT id FROM nodes WHERE expires_at <= clock_timestamp() FOR UPDATE SKIP LOCKED)`.execute(trx);
  const { rows } = await sql<Member>`
    SELECT settings, task FROM nodes WHERE id <> ${id} AND expires_at > clock_timestamp()`.execute(trx);
  return rows;
}

async function insertMember(trx: Db, id: string, settings: string, task: string | null): Promise<void> {
  await sql`
    INSERT INTO nodes (id, expires_at, settings, task) VALUES (${id}, ${expiry}, ${settings}, ${task})
    ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, settings = excluded.settings`.execute(trx);
}
