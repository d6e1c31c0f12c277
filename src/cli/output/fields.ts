import type { Palette } from "./palette.js";
import { sanitize } from "./sanitize.js";

/** One fact a line: its name, its value (null: left out), and how it is painted. */
export type Field = readonly [name: string, value: string | number | null, paint?: (text: string) => string];

/** "Status   FAILED" and so on, names aligned, values harmless. Ends in a line feed. */
export function renderFields(fields: readonly Field[], palette: Palette): string {
  const shown = fields.filter(([, value]) => value !== null && value !== "");
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(([name, value, paint]) => {
      const text = sanitize(String(value));
      return `${palette.dim(name.padEnd(width))}  ${paint?.(text) ?? text}\n`;
    })
    .join("");
}
