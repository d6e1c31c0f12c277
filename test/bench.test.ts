import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { compare, limited } from "./bench/run/measures.js";
import { parseOptions } from "./bench/run/options.js";
import { measureInTurn, type Tree } from "./bench/run/pairs.js";
import { rowsAsTable } from "./bench/run/table.js";

let tree: string;

beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), "whcb-bench-"));
});

afterEach(() => rmSync(tree, { recursive: true }));

const parse = (...argv: readonly string[]) => parseOptions(argv, ["drain", "start"]);

const DEFAULTS = { names: ["drain", "start"], scale: 1, rounds: 3, peers: true, profile: null, json: null, against: null };

function make(...files: readonly string[]) {
  for (const file of files) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    writeFileSync(join(tree, file), "");
  }
}

it("measures every row three times, with the peers, by default", () => {
  expect(parse()).toEqual(DEFAULTS);
});

it("measures the rows that are named", () => {
  expect(parse("--only", "start", "--scale", "0.1", "--rounds", "1", "--no-peers")).toEqual({
    ...DEFAULTS,
    names: ["start"],
    scale: 0.1,
    rounds: 1,
    peers: false,
  });
});

it.each([["--only", "no-row"], ["--scale", "0"], ["--rounds", "x"], ["drain"]])("shows the usage for %j %j", (...argv) => {
  expect(parse(...argv)).toMatch(/^usage: /);
});

it("measures against a built tree without peers", () => {
  make("test/bench/contenders/drain.ts", "bin/whcb.js", "dist/main.cjs", "node_modules/undici/package.json");
  expect(parse("--against", tree)).toEqual({ ...DEFAULTS, peers: false, against: tree });
});

it("says that the tree to measure against isn't one, or isn't built", () => {
  expect(parse("--against", tree)).toBe(`error: --against: ${tree} isn't a checkout of whcb`);
  make("test/bench/contenders/drain.ts", "bin/whcb.js");
  expect(parse("--against", tree)).toBe(`error: --against: ${tree} isn't built: run npm ci and npm run build there`);
});

it("runs both trees in turn and shows the medians of both, each figure once", async () => {
  const rates: Record<Tree, number[]> = { this: [300, 100, 200], that: [100, 50, 400] };
  const order: Tree[] = [];
  const pairs = await measureInTurn(3, async (of) => {
    order.push(of);
    const rate = { ours: rates[of].shift(), unit: "/s" as const, cpu: { ours: of === "this" ? 10 : 20, against: 1 } };
    return [
      compare({ measure: "delivered, against raw undici", against: 900, atLeast: 0.5, ...rate }),
      compare({ measure: "delivered, against BullMQ", against: undefined, missing: "not measured: --no-peers", ...rate }),
      limited({ measure: "longest pause", ours: undefined, unit: "ms" }),
    ];
  });
  expect(order).toEqual(["this", "that", "that", "this", "this", "that"]);
  const machine = { node: "v20.20.2", cpus: 2, cpu: "CPU", loadBefore: [1], loadAfter: [2], scale: 1, rounds: 3, against: tree };
  const table = rowsAsTable(
    pairs.map((pair) => ({ bench: "drain", ...pair })),
    machine,
  );
  expect(table).toBe(
    [
      "bench  measure        this          that          ratio  CPU this  that   ratio",
      "drain  delivered      200 /s        100 /s        2.00   10 µs     20 µs  0.50",
      "drain  longest pause  not measured  not measured",
      "",
      "node v20.20.2, 2 x CPU, load 1.0 -> 2.0, scale 1, medians of 3",
      `that: ${tree}`,
      "",
    ].join("\n"),
  );
});
