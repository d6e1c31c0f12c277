/** `npm run bench`: runs the rows, prints them as a table. */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
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
import { start } from "./rows/start.js";
import { through } from "./rows/through.js";
import { Profiles } from "./run/profiles.js";
import { type Bench, type Places, type Row, Scope } from "./run/scope.js";
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
  "bad-neighbour": badNeighbour,
  "large-bodies": largeBodies,
  outage,
  list,
  replay,
  start,
  memory,
  nodes,
};

/** 0 when everything ran, 1 when a bench couldn't, 2 for a wrong command line, 130 when stopped. A goal that is missed is no error. */
export async function main(argv: readonly string[], places: Places): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      only: { type: "string", multiple: true },
      scale: { type: "string", default: "1" },
      rounds: { type: "string", default: "3" },
      json: { type: "string" },
      profile: { type: "string" },
      "no-peers": { type: "boolean", default: false },
    },
  });
  const scale = Number(values.scale);
  const rounds = Number(values.rounds);
  const names = values.only?.flatMap((text) => text.split(",")) ?? Object.keys(BENCHES);
  const unknown = names.find((name) => !(name in BENCHES)) ?? positionals[0];
  if (unknown !== undefined || !(scale > 0) || !(rounds >= 1)) {
    process.stderr.write(
      `usage: npm run bench -- [--only ${Object.keys(BENCHES).join("|")}] [--scale 0.1] [--rounds 3] [--no-peers] [--profile DIR] [--json FILE]\n`,
    );
    return 2;
  }
  const profiles = values.profile === undefined ? null : new Profiles(resolve(values.profile));
  const rows: Row[] = [];
  const failed: string[] = [];
  const loadBefore = loadavg();
  const stopped = new Promise<"stopped">((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => resolve("stopped"));
  });
  for (const name of names) {
    const scope = new Scope(places, { scale, rounds, peers: !values["no-peers"], profiles });
    try {
      process.stderr.write(`${name} …\n`);
      const found = await Promise.race([BENCHES[name]?.(scope), stopped]);
      if (found === "stopped") return 130;
      for (const row of found ?? []) rows.push({ bench: name, ...row });
    } catch (error) {
      failed.push(name);
      process.stderr.write(`${name} couldn't be measured: ${error instanceof Error ? error.stack : String(error)}\n`);
    } finally {
      await scope.close();
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
  };
  process.stdout.write(rowsAsTable(rows, machine));
  if (profiles !== null) process.stdout.write(`profiles by function, file and package: ${profiles.writeSummary()}\n`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine, rows, failed }, null, 2)}\n`);
  return failed.length > 0 ? 1 : 0;
}
