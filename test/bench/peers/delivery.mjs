/** What every peer's worker does with a job: the same pool, the same request. */
import { Pool } from "undici";

/** @param {{ url: string, connections: number }} options */
export function openDelivery({ url, connections }) {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections, pipelining: 1 });
  return {
    /** @param {{ body: string, headers: Record<string, string> }} job */
    async deliver({ body, headers }) {
      const answer = await pool.request({ path: pathname, method: "POST", headers, body });
      await answer.body.dump();
      if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`);
      return { statusCode: answer.statusCode };
    },
    close: () => pool.close(),
  };
}
