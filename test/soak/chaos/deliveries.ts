/** What a fault does to deliveries, from what reached the endpoints. */
import type { Line } from "../../support/process/run-figures.js";

/** Instants. */
export interface Watch {
  readonly from: number;
  readonly faultBegan: number;
  readonly faultEnded: number;
  readonly until: number;
}

export interface Deliveries {
  readonly faultMs: number;
  /** The longest time without a delivery to one of the endpoints that are up, since the fault began. */
  readonly longestGapMs: number;
  /** Deliveries a second to all endpoints. */
  readonly before: number;
  readonly during: number;
  readonly after: number;
}

/** `steady` has the paths of the endpoints that are up. */
export function deliveriesOf(lines: readonly Line[], steady: readonly string[], watch: Watch): Deliveries {
  const accepted = lines.filter(({ isAccepted }) => isAccepted);
  const rate = (from: number, to: number) =>
    accepted.filter(({ at }) => at >= from && at < to).length / (Math.max(1, to - from) / 1_000);
  const gaps = steady.map((path) =>
    longestGapMs(
      accepted.filter((line) => line.path === path),
      watch,
    ),
  );
  return {
    faultMs: watch.faultEnded - watch.faultBegan,
    longestGapMs: Math.max(...gaps),
    before: rate(watch.from, watch.faultBegan),
    during: rate(watch.faultBegan, watch.faultEnded),
    after: rate(watch.faultEnded, watch.until),
  };
}

function longestGapMs(lines: readonly Line[], { from, faultBegan, until }: Watch): number {
  let longest = 0;
  let last = from;
  for (const at of [...lines.map((line) => line.at), until]) {
    if (at < from || at > until) continue;
    if (at >= faultBegan) longest = Math.max(longest, at - last);
    last = at;
  }
  return longest;
}
