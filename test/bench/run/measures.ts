import type { Compared, Measure, Unit } from "./scope.js";

export interface Comparison extends Goal {
  readonly measure: string;
  readonly ours: number | undefined;
  readonly against: number | undefined;
  readonly unit: Unit;
  /** Why there is nothing to compare with. */
  readonly missing?: string | null;
  /** Per item, in µs. */
  readonly cpu?: Goal & { readonly ours: number | undefined; readonly against: number | undefined };
}

/** ours / against must be at least, or at most, this; none: only reported. */
interface Goal {
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** A measure as a ratio: ours divided by the other's. */
export function compare({ measure, ours, against, unit, missing, cpu, ...goal }: Comparison): Measure {
  const compared = { ...comparison(ours, against, unit, goal), ...(missing && { against: missing }) };
  return { measure, ...compared, cpu: cpu === undefined ? null : comparison(cpu.ours, cpu.against, "µs", cpu) };
}

/** A figure with a limit of its own; none: only reported. */
export function limited({ measure, ours, unit, atMost }: Pick<Comparison, "measure" | "ours" | "unit" | "atMost">): Measure {
  const met = ours === undefined || atMost === undefined ? null : ours <= atMost;
  const goal = atMost === undefined ? "" : `<= ${atMost} ${unit}`;
  return { measure, ...shownFigure(ours, unit), against: "", ratio: null, goal, met, cpu: null };
}

function comparison(ours: number | undefined, against: number | undefined, unit: Unit, { atLeast, atMost }: Goal): Compared {
  const ratio = ours === undefined || against === undefined || Number.isNaN(ours / against) ? null : ours / against;
  const goal = atLeast !== undefined ? `>= ${atLeast}` : atMost !== undefined ? `<= ${atMost}` : "";
  const met = ratio === null || goal === "" ? null : ratio >= (atLeast ?? 0) && ratio <= (atMost ?? Number.POSITIVE_INFINITY);
  return { ...shownFigure(ours, unit), against: shown(against, unit), ratio, goal, met };
}

function shownFigure(ours: number | undefined, unit: Unit): Pick<Compared, "ours" | "figure" | "unit"> {
  return { ours: shown(ours, unit), figure: ours ?? null, unit };
}

function shown(value: number | undefined, unit: Unit): string {
  if (value === undefined || Number.isNaN(value)) return "not measured";
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toLocaleString("en-US", { maximumFractionDigits: digits })} ${unit}`;
}
