/** `npm run bench`: runs the rows, prints them as a table. */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { accept } from "./rows/accept.js";
import { badNeighbour } from "./rows/bad-neighbour.js";
import { bulkAccept } from "./rows/bulk-accept.js";
import { costCurve } from "./rows/cost-curve.js";
import { drain } from "./rows/drain.js";
import { idle } from "./rows/idle.js";
import { largeBodies } from "./rows/large-bodies.js";
import { list } from "./rows/list.js";
import { manyEndpoints } from "./rows/many-endpoints.js";
import { memory } from "./rows/memory.js";
import { nodes } from "./rows/nodes.js";
import { outage } from "./rows/outage.js";
import { recovery } from "./rows/recovery.js";
import { replay } from "./rows/replay.js";
import { slowDisk } from "./rows/slow-disk.js";
import { start } from "./rows/start.js";
import { through } from "./rows/through.js";
import { parseOptions } from "./run/options.js";
import { measureInTurn } from "./run/pairs.js";
import { Profiles } from "./run/profiles.js";
import { type Bench, type Measure, type Places, type Row, Scope } from "./run/scope.js";
import { rowsAsTable } from "./run/table.js";

const BENCHES: Readonly<Record<string, Bench>> = {
  drain,
  recovery,
  "many-endpoints": manyEndpoints,
  "cost-curve": costCurve,
  idle,
  accept,
  "bulk-accept": bulkAccept,
  through,
  "slow-disk": slowDisk,
  "bad-neighbour": badNeighbour,
  "large-bodies": largeBodies,
  outage,
  list,
  replay,
  start,
  memory,
  nodes,
};

/**
 * 0 when everything ran, 1 when a bench couldn't, 2 for a wrong command line, 130 when stopped. A goal that is missed is no error.
 * `bundle` is called for the tree that this one is measured against.
 */
export async function main(
  argv: readonly string[],
  own: Places,
  bundle: (repository: string) => Promise<Places>,
): Promise<number> {
  const options = parseOptions(argv, Object.keys(BENCHES));
  if (typeof options === "string") {
    process.stderr.write(`${options}\n`);
    return 2;
  }
  const { scale, rounds, peers, against } = options;
  const profiles = options.profile === null ? null : new Profiles(options.profile);
  const other = against === null ? null : await bundle(against);
  const rows: Row[] = [];
  const failed: string[] = [];
  const loadBefore = loadavg();
  const stopped = new Promise<never>((_, reject) => {
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => reject(new Stopped()));
  });
  stopped.catch(() => {});
  const measure = async (name: string, places: Places, timesEach: number): Promise<readonly Measure[]> => {
    const scope = new Scope(places, { scale, rounds: timesEach, peers, profiles });
    try {
      return await Promise.race([BENCHES[name]?.(scope) ?? [], stopped]);
    } finally {
      await scope.close();
    }
  };
  for (const name of options.names) {
    try {
      process.stderr.write(`${name} …\n`);
      const found =
        other === null
          ? await measure(name, own, rounds)
          : await measureInTurn(rounds, (tree) => {
              process.stderr.write(` ${tree}\n`);
              return measure(name, tree === "this" ? own : other, 1);
            });
      for (const row of found) rows.push({ bench: name, ...row });
    } catch (error) {
      if (error instanceof Stopped) return 130;
      failed.push(name);
      process.stderr.write(`${name} couldn't be measured: ${error instanceof Error ? error.stack : String(error)}\n`);
    }
  }
  const machine = {
    node: process.version,
    cpus: cpus().length,
    cpu: cpus()[0]?.model ?? "",
    loadBefore,
    loadAfter: loadavg(),
    scale,
    rounds,
    against,
  };
  process.stdout.write(rowsAsTable(rows, machine));
  if (profiles !== null) process.stdout.write(`profiles by function, file and package: ${profiles.writeSummary()}\n`);
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify({ machine, rows, failed }, null, 2)}\n`);
  return failed.length > 0 ? 1 : 0;
}

class Stopped extends Error {}
