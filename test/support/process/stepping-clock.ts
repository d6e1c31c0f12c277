/** Environment of a process whose wall clock is ahead by so many milliseconds, and from SIGUSR2 on by so many. */
export function steppingClock(aheadMs: number, thenAheadMs: number) {
  const step = `const { now } = Date; let ahead = ${aheadMs}; Date.now = () => now() + ahead; process.on("SIGUSR2", () => { ahead = ${thenAheadMs}; });`;
  return { NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(step)}"` };
}
