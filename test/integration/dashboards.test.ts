/** What ops/ shows and alerts on is what /metrics has. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openStore } from "../../src/store/open-store.js";
import { anAttempt } from "../support/builders.js";
import { CREDENTIALS, closeService, openService } from "../support/server/server-fixture.js";

const RULES = readFileSync("ops/prometheus/rules.yml", "utf8");
const DASHBOARD: {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[] }[];
} = JSON.parse(readFileSync("ops/grafana/whcb.json", "utf8"));
const QUERIES = DASHBOARD.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
const ALERTS = [...RULES.matchAll(/expr: (?:>-\n)?((?:.+\n)(?: {10}.+\n)*)/g)].map(([, expr = ""]) => expr);

/** Prometheus adds these to each series. */
const ADDED = ["job", "instance"];

/** Resolves to the labels of each series, by its name. */
async function readSeries(): Promise<Map<string, Set<string>>> {
  const store = await openStore({ url: ":memory:", clock: systemClock, secretKey: randomBytes(32) });
  const gauges = { ...(await store.readGauges()), deadRows: [{ table: "calls", rows: 1 }] };
  const service = await openService({
    store: { ...store, readGauges: async () => gauges },
    onAttempt: (handler) => handler(anAttempt()),
    readDisk: async () => ({ freeBytes: 1, sizeBytes: 1 }),
  });
  await service.app.inject({ url: "/callbacks", headers: CREDENTIALS });
  const { body } = await service.app.inject({ url: "/metrics", headers: CREDENTIALS });
  await closeService(service);
  const series = new Map<string, Set<string>>();
  for (const [, name = "", labels = ""] of body.matchAll(/^(whcb_\w+)(?:\{(.*)\})? /gm)) {
    const known = series.get(name) ?? new Set(ADDED);
    for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) known.add(label);
    series.set(name, known);
  }
  return series;
}

/** Returns the names of an expression's series, and the labels that it matches or groups by. */
function usedIn(expr: string) {
  const matched = [...expr.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = ""]) => label);
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels = ""]) => labels.split(/,\s*/));
  return { names: expr.match(/\bwhcb_\w+/g) ?? [], labels: [...matched, ...grouped] };
}

it("each metric and label of the dashboard and the rules is in /metrics, and each metric is in the dashboard and documented", async () => {
  const series = await readSeries();
  expect(QUERIES.length).toBeGreaterThan(15);
  expect(ALERTS.length).toBe(RULES.match(/- alert:/g)?.length);
  const unknown = [...QUERIES, ...ALERTS].flatMap((expr) => {
    const { names, labels } = usedIn(expr);
    const has = (label: string) =>
      names.length === 0 ? ADDED.includes(label) : names.some((name) => series.get(name)?.has(label));
    return [...names.filter((name) => !series.has(name)), ...labels.filter((label) => !has(label))].map(
      (what) => `${what}: ${expr}`,
    );
  });
  expect(unknown).toEqual([]);
  for (const { targets } of DASHBOARD.panels)
    for (const { expr, legendFormat } of targets)
      for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
        expect(usedIn(expr).labels.concat(/ by /.test(expr) ? [] : ADDED)).toContain(label);
  const families = new Set([...series.keys()].map((name) => name.replace(/_(?:bucket|sum|count)$/, "")));
  const shown = new Set(QUERIES.flatMap((expr) => usedIn(expr).names.map((name) => name.replace(/_(?:bucket|sum|count)$/, ""))));
  expect([...families].filter((name) => !shown.has(name))).toEqual([]);
  const table = readFileSync("docs/operations.md", "utf8").match(/^\| `whcb_.*?\|/gm) ?? [];
  expect(table.flatMap((cell) => cell.match(/whcb_\w+/g) ?? []).sort()).toEqual([...families].sort());
});

it("the rules fire as test/fixtures/prometheus-rules.test.yml says, if promtool is installed", async () => {
  const { error, stdout, stderr, status } = spawnSync("promtool", ["test", "rules", "test/fixtures/prometheus-rules.test.yml"], {
    encoding: "utf8",
  });
  if (error !== undefined)
    return void process.stderr.write("The rules weren't run: promtool isn't installed (Debian's package prometheus has it).\n");
  expect([status, `${stdout}${stderr}`]).toEqual([0, expect.stringContaining("SUCCESS")]);
});
