/** The floor: the same requests by undici, nothing kept. */
import { Pool } from "undici";
import { contender, measureRate } from "../run/contender.js";
import { sampleDelivery } from "../run/sample.js";

await contender<{ url: string; count: number; concurrency: number }>(async ({ url, count, concurrency }) => {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: concurrency, pipelining: 1 });
  const { body, headers } = sampleDelivery(url);
  let left = count;
  const work = async () => {
    while (left-- > 0) {
      const answer = await pool.request({ path: pathname, method: "POST", headers, body });
      if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`);
      await answer.body.dump();
    }
  };
  const figures = await measureRate(async () => {
    await Promise.all(Array.from({ length: concurrency }, work));
    return count;
  });
  await pool.close();
  return { ...figures };
});
