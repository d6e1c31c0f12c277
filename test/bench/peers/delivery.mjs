/** What every peer's worker does with a job: the same pool, the same request; and how it is measured. */
import { Pool } from "undici";
import { cpuOfProcesses } from "../run/process-cpu.mjs";

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

/**
 * Items a second, and the CPU of each in µs: of this process and of `stores`, the processes that keep its data.
 * @param {number} count
 * @param {readonly number[]} stores
 * @param {() => Promise<unknown>} work
 */
export async function measureRate(count, stores, work) {
  const storesBefore = cpuOfProcesses(stores);
  const cpu = process.cpuUsage();
  const began = performance.now();
  await work();
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  const storesMs = cpuOfProcesses(stores) - storesBefore;
  return { rate: (count / ms) * 1_000, cpuUs: (user + system + storesMs * 1_000) / count };
}
