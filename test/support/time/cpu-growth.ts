/** More than the clock's steps take. */
const MEASURABLE_MS = 30;

/**
 * How many times as much CPU time `work` takes for twice the size, from the first size that takes long enough to measure. The median of
 * three doublings: at one of them the heap may grow. The fastest of three runs: other programs only make a run slower.
 */
export function cpuGrowth(work: (size: number) => unknown): number {
  const fastest = (size: number) => Math.min(...[1, 2, 3].map(() => cpuMs(() => work(size))));
  let size = 1_000;
  while (fastest(size) < MEASURABLE_MS) size *= 2;
  const times = [1, 2, 4, 8].map((factor) => fastest(factor * size));
  const ratios = times.slice(1).map((ms, index) => ms / (times[index] ?? ms));
  return ratios.sort((one, other) => one - other)[1] ?? Number.NaN;
}

export function cpuMs(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
