import type { Db } from "./schema.js";
import type { CredentialStore } from "./store.js";

export function credentialStore(db: Db): CredentialStore {
  return {
    async listCredentials() {
      const rows = await db.selectFrom("credentials").selectAll().orderBy("username").execute();
      return rows.map(({ username, password_hash, api_key_hash, origin, saved_at }) => ({
        username,
        passwordHash: password_hash,
        apiKeyHash: api_key_hash,
        origin,
        savedAt: saved_at,
      }));
    },

    saveCredential: ({ username, passwordHash, apiKeyHash, origin }, now) =>
      db.transaction().execute(async (trx) => {
        const columns = { password_hash: passwordHash, api_key_hash: apiKeyHash, origin, saved_at: now };
        await trx
          .insertInto("credentials")
          .values({ username, ...columns })
          .onConflict((conflict) => conflict.column("username").doUpdateSet(columns))
          .execute();
      }),

    removeCredential: (username) =>
      db.transaction().execute(async (trx) => {
        const removed = await trx.deleteFrom("credentials").where("username", "=", username).returning("username").execute();
        return removed.length > 0;
      }),

    removeStartCredentials: (except) =>
      db.transaction().execute(async (trx) => {
        const removed = await trx
          .deleteFrom("credentials")
          .where("origin", "=", "start")
          .where("username", "<>", except)
          .returning("username")
          .execute();
        return removed.map(({ username }) => username);
      }),
  };
}
