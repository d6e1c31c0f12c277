const BARS = "▁▂▃▄▅▆▇█";

/** One bar a number, the highest of them full; nothing is a dot, so that a quiet hour differs from one with a single failure. */
export function sparkline(numbers: readonly number[]): string {
  const most = Math.max(...numbers, 1);
  return numbers.map((number) => (number === 0 ? "·" : (BARS[Math.ceil((number / most) * BARS.length) - 1] ?? ""))).join("");
}
