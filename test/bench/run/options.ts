import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

export interface Options {
  readonly names: readonly string[];
  readonly scale: number;
  readonly rounds: number;
  readonly peers: boolean;
  readonly profile: string | null;
  readonly json: string | null;
  /** The built tree that each row is a pair with. */
  readonly against: string | null;
}

/** Returns what the command line asks for, or a text that says what is wrong with it. */
export function parseOptions(argv: readonly string[], benches: readonly string[]): Options | string {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      only: { type: "string", multiple: true },
      scale: { type: "string", default: "1" },
      rounds: { type: "string", default: "3" },
      against: { type: "string" },
      json: { type: "string" },
      profile: { type: "string" },
      "no-peers": { type: "boolean", default: false },
    },
  });
  const scale = Number(values.scale);
  const rounds = Number(values.rounds);
  const names = values.only?.flatMap((text) => text.split(",")) ?? benches;
  const unknown = names.find((name) => !benches.includes(name)) ?? positionals[0];
  if (unknown !== undefined || !(scale > 0) || !(rounds >= 1)) {
    return `usage: npm run bench -- [--only ${benches.join("|")}] [--scale 0.1] [--rounds 3] [--no-peers] [--against DIR] [--profile DIR] [--json FILE]`;
  }
  const against = values.against === undefined ? null : resolve(values.against);
  const wrong = against === null ? null : whyNotMeasurable(against);
  if (wrong !== null) return `error: --against: ${wrong}`;
  return {
    names,
    scale,
    rounds,
    // They are the same for both trees.
    peers: !values["no-peers"] && against === null,
    profile: values.profile === undefined ? null : resolve(values.profile),
    json: values.json ?? null,
    against,
  };
}

function whyNotMeasurable(tree: string): string | null {
  const has = (path: string) => existsSync(join(tree, path));
  if (!has("test/bench/contenders") || !has("bin/whcb.js")) return `${tree} isn't a checkout of whcb`;
  if (!has("node_modules") || !has("dist/main.cjs")) return `${tree} isn't built: run npm ci and npm run build there`;
  return null;
}
