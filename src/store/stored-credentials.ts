import type { Db } from "./schema.js";
import type { CredentialStore } from "./store.js";

export function credentialStore(db: Db): CredentialStore {
  return {
    async listCredentials() {
      const rows = await db.selectFrom("credentials").selectAll().orderBy("username").execute();
      return rows.map(({ username, password_hash, api_key_hash }) => ({
        username,
        passwordHash: password_hash,
        apiKeyHash: api_key_hash,
      }));
    },

    saveCredential: ({ username, passwordHash, apiKeyHash }, now) =>
      db.transaction().execute(async (trx) => {
        const columns = { password_hash: passwordHash, api_key_hash: apiKeyHash, saved_at: now };
        await trx
          .insertInto("credentials")
          .values({ username, ...columns })
          .onConflict((conflict) => conflict.column("username").doUpdateSet(columns))
          .execute();
      }),
  };
}
