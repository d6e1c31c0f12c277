/** Large enough for what is quadratic to show, small enough for the processor's caches. */
const SIZE = 10_000;
/** More than the clock's steps take. */
const MEASURABLE_MS = 20;
const MEASUREMENTS = 3;

/** What grows linearly takes less than this many times for twice the size. */
export const LINEAR = 2.5;

/**
 * How many times as much CPU time `work` takes for twice the size, as the mean of two doublings. Other programs only make a run slower, so the
 * fastest runs of each size count, and it is measured again, up to three times, unless it is below the limit: what is quadratic takes four
 * times as much in each.
 */
export function cpuGrowth(work: (size: number) => unknown, limit = LINEAR): number {
  const run = (size: number, times: number) =>
    cpuMs(() => {
      for (let left = times; left > 0; left--) work(size);
    });
  let times = 1;
  while (run(SIZE, times) < MEASURABLE_MS) times *= 2;
  const fastest = (size: number) => Math.min(...Array.from({ length: 5 }, () => run(size, times)));
  let least = Number.POSITIVE_INFINITY;
  for (let count = 0; count < MEASUREMENTS && least >= limit; count++) {
    least = Math.min(least, Math.sqrt(fastest(4 * SIZE) / fastest(SIZE)));
  }
  return least;
}

export function cpuMs(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
