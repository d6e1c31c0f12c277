/**
 * Three nodes on PostgreSQL, one fault a cell: `npm run soak:chaos -- --cell disk-full --minutes 10`. Without `--cell` all of them happen, one
 * after the other. `--minutes` is how long the old snapshot is held. Their clocks are ten minutes apart in each cell. The table is printed.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, it } from "vitest";
import { expectNodesRules } from "../../e2e/nodes-rules.js";
import { callbacksSpread } from "../../support/process/node-incidents.js";
import { nodesRun, type Stage, totalsOf } from "../../support/process/nodes-run.js";
import { eventually } from "../../support/process/whcb-process.js";
import { CELLS } from "./cells.js";
import { type Deliveries, deliveriesOf } from "./deliveries.js";

const WATCHED_BEFORE_MS = 10_000;
const WATCHED_AFTER_MS = 15_000;
/** A lease takes a quarter of it: the rest is for a loaded machine. */
const LONGEST_RECOVERY_MS = 60_000;

const { SOAK_CELL } = process.env;
const cells = CELLS.filter(({ name }) => SOAK_CELL === undefined || name === SOAK_CELL);
if (cells.length === 0) throw new Error(`--cell must be one of ${CELLS.map(({ name }) => name).join(", ")}`);

const rows: string[] = [
  "| fault | s | accepted | lost | sent again | outages | e-mails | longest gap s | rate before | during | after |",
  "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |",
];

afterAll(() => {
  process.stdout.write(`\n${rows.join("\n")}\n`);
});

const present = cells.filter(({ leftOut }) => leftOut === undefined);
for (const { name, leftOut } of cells) if (leftOut !== undefined) rows.push(`| ${name} | left out: ${leftOut} |`);

it.each(present)("$name: nothing is lost, and deliveries go on", async ({ name, mostRepeats, open }) => {
  const database = await open();
  let deliveries: Deliveries | null = null;
  try {
    const figures = await nodesRun({
      ...{ url: database.url, query: database.query, nodes: 3, calls: 1 },
      endpoints: ["ok", "ok", "slow", "slow", "flaky", "down"],
      trouble: async (stage) => {
        deliveries = await watch(stage, database.fault);
      },
    });
    rows.push(rowOf(name, figures, deliveries));
    expectNodesRules(figures, mostRepeats);
  } finally {
    await database.close();
  }
});

/** Resolves some time after the fault, once each endpoint that is up got something. */
async function watch(stage: Stage, fault: (stage: Stage) => Promise<void>): Promise<Deliveries> {
  const steady = stage.targets.filter(({ kind }) => kind !== "flaky" && kind !== "down").map(({ path }) => path);
  await callbacksSpread(stage);
  const from = Date.now();
  await delay(WATCHED_BEFORE_MS);
  const faultBegan = Date.now();
  await fault(stage);
  const faultEnded = Date.now();
  await eventually(
    async () => {
      const later = stage.requests().filter(({ at, isAccepted }) => isAccepted && at > faultEnded);
      return steady.filter((path) => later.every((line) => line.path !== path));
    },
    (paths) => paths.length === 0,
    LONGEST_RECOVERY_MS,
  );
  await delay(WATCHED_AFTER_MS);
  return deliveriesOf(stage.requests(), steady, { from, faultBegan, faultEnded, until: Date.now() });
}

function rowOf(name: string, figures: Parameters<typeof totalsOf>[0], deliveries: Deliveries | null): string {
  const { accepted, lost, repeats, outages, mails } = totalsOf(figures);
  const { faultMs = 0, longestGapMs = 0, before = 0, during = 0, after = 0 } = deliveries ?? {};
  const seconds = (ms: number) => (ms / 1_000).toFixed(1);
  const rates = [before, during, after].map((rate) => rate.toFixed(0));
  const shown = [name, seconds(faultMs), accepted, lost, repeats, outages, mails, seconds(longestGapMs), ...rates];
  return `| ${shown.join(" | ")} |`;
}
