import type { Figures } from "./scope.js";

/** A contender's main: options come as JSON in the first argument, figures go out as a line of JSON, and what still runs ends. */
export async function contender<Options>(work: (options: Options) => Promise<Figures>): Promise<void> {
  const figures = await work(JSON.parse(process.argv[2] ?? "{}"));
  process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
}

/** CPU of this process since, in µs for each of `count`. */
export function cpuEach(since: NodeJS.CpuUsage, count: number): number {
  const { user, system } = process.cpuUsage(since);
  return Math.round(((user + system) / count) * 10) / 10;
}
