import type { Measure } from "./scope.js";

export interface Comparison {
  readonly measure: string;
  readonly ours: number | undefined;
  readonly against: number | undefined;
  readonly unit: "/s" | "ms" | "MB" | "requests";
  /** ours / against must be at least, or at most, this; none: only reported. */
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Why there is nothing to compare with. */
  readonly missing?: string | null;
}

/** A measure as a ratio: ours divided by the other's. */
export function compare({ measure, ours, against, unit, atLeast, atMost, missing }: Comparison): Measure {
  const ratio = ours === undefined || against === undefined ? null : ours / against;
  const goal = atLeast !== undefined ? `>= ${atLeast}` : atMost !== undefined ? `<= ${atMost}` : "";
  const met = ratio === null || goal === "" ? null : ratio >= (atLeast ?? 0) && ratio <= (atMost ?? Number.POSITIVE_INFINITY);
  return { measure, ours: shown(ours, unit), against: missing ?? shown(against, unit), ratio, goal, met };
}

/** A figure with a limit of its own. */
export function limited({ measure, ours, unit, atMost }: Omit<Comparison, "against" | "atLeast" | "missing">): Measure {
  const met = ours === undefined || atMost === undefined ? null : ours <= atMost;
  return { measure, ours: shown(ours, unit), against: "", ratio: null, goal: atMost === undefined ? "" : `<= ${atMost}`, met };
}

function shown(value: number | undefined, unit: string): string {
  if (value === undefined) return "not measured";
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toLocaleString("en-US", { maximumFractionDigits: digits })} ${unit}`;
}
