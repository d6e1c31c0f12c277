/** Where a process spent its time, by function, file and package. Lines are those of the bundle. */
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { alignedColumns } from "./table.js";

/** As V8 writes it; line numbers from 0. */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  /** µs. */
  readonly timeDeltas: readonly number[];
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

const MOST = 25;
const IDLE = "(idle)";
/** The bundle is in a folder of node_modules, too. */
const OF_PACKAGE = /.*\/node_modules\/(?!\.cache\/)(.*)/;

export function summarizeProfile({ nodes, samples, timeDeltas }: CpuProfile): string {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const selfUs = new Map<CallFrame, number>();
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    if (frame === undefined || frame.functionName === IDLE) continue;
    selfUs.set(frame, (selfUs.get(frame) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const sections = { function: nameOf, file: fileOf, package: packageOf };
  return Object.entries(sections)
    .map(([title, groupOf]) => alignedColumns([["self", "share", title], ...mostOf(selfUs, groupOf)]))
    .join("\n\n");
}

function mostOf(selfUs: ReadonlyMap<CallFrame, number>, groupOf: (frame: CallFrame) => string): string[][] {
  const groups = new Map<string, number>();
  for (const [frame, us] of selfUs) groups.set(groupOf(frame), (groups.get(groupOf(frame)) ?? 0) + us);
  const total = [...groups.values()].reduce((sum, us) => sum + us, 0);
  return [...groups]
    .sort(([, one], [, other]) => other - one)
    .slice(0, MOST)
    .map(([group, us]) => [`${(us / 1_000).toFixed(0)} ms`, `${((us / total) * 100).toFixed(1)} %`, group]);
}

function nameOf(frame: CallFrame): string {
  const name = frame.functionName || "(anonymous)";
  return frame.url === "" ? name : `${name} ${fileOf(frame)}:${frame.lineNumber + 1}`;
}

function fileOf({ url, lineNumber }: CallFrame): string {
  if (!url.startsWith("file:")) return url || "(native)";
  const path = fileURLToPath(url);
  return OF_PACKAGE.exec(path)?.[1] ?? sourceOf(path, lineNumber) ?? basename(path);
}

/** Of ours: its folder. */
function packageOf(frame: CallFrame): string {
  const [first = "", second] = fileOf(frame).split("/");
  if (/^(node|wasm):/.test(first)) return first.replace(/:.*/, "");
  return first.startsWith("@") || first === "src" ? `${first}/${second}` : first;
}

const bundles = new Map<string, readonly string[]>();

/** esbuild names each source in a comment above it. */
function sourceOf(path: string, lineNumber: number): string | undefined {
  const lines = bundles.get(path) ?? (existsSync(path) ? readFileSync(path, "utf8").split("\n") : []);
  bundles.set(path, lines);
  return lines
    .slice(0, lineNumber + 1)
    .findLast((line) => /^\s*\/\/ (src|test|node_modules)\/\S+$/.test(line))
    ?.trim()
    .slice("// ".length);
}
