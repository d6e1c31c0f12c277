import { execFileSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "undici";
import { compare } from "../run/measures.js";
import type { Bench, Scope } from "../run/scope.js";
import { HEADERS, startBenchService } from "../run/service.js";

const LOOK_EVERY_MS = 250;
/** So many calls warm the service up that has none waiting afterwards. */
const WARM_UP = 20_000;
/** After the last call has been looked at. */
const REST_MS = 3_000;

/** A serving process: its most while it takes note that the endpoint of all that waits is dead, and afterwards. */
export const memory: Bench = async (scope) => {
  const alive = `http://127.0.0.1:${(await scope.start("receiver")).line}/hook`;
  const none = await rssOf(scope, alive, scope.scaled(WARM_UP));
  const count = scope.scaled(1_000_000);
  const waiting = await rssOf(scope, "http://127.0.0.1:9/hook", count);
  const against = { unit: "MiB" as const, atMost: 1.1 };
  return [
    compare({ measure: `RSS with ${count} waiting, against none`, ours: waiting.atRest, against: none.atRest, ...against }),
    compare({ measure: "its most meanwhile", ours: waiting.most, against: none.most, ...against }),
  ];
};

async function rssOf(scope: Scope, url: string, count: number): Promise<{ readonly atRest: number; readonly most: number }> {
  const database = scope.freshFile(".db");
  await scope.measure("fill", { database, url, count, failedEach: 0 });
  const service = await startBenchService(scope, { database, dispatch: true });
  const client = new Client(service.url);
  let most = 0;
  for (;;) {
    most = Math.max(most, rssMiB(service.child.pid));
    const answer = await client.request({
      path: "/callbacks/demo/calls?limit=1&status=PENDING",
      method: "GET",
      headers: HEADERS,
    });
    const { status } = (await answer.body.json()) as { status: string };
    if (status === "No records found") break;
    await delay(LOOK_EVERY_MS);
  }
  await delay(REST_MS);
  const atRest = rssMiB(service.child.pid);
  await client.close();
  await scope.end(service.child);
  process.stderr.write(`  ${count} calls: at rest ${atRest.toFixed(1)} MiB, most ${most.toFixed(1)} MiB\n`);
  return { atRest, most };
}

function rssMiB(pid: number | undefined): number {
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) / 1_024;
}
