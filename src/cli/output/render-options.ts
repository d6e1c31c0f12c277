import type { Palette } from "./palette.js";

/** Everything but the data that a rendering depends on. */
export interface RenderOptions {
  readonly palette: Palette;
  /** Display columns of the terminal; null where stdout is none. */
  readonly width: number | null;
  readonly utc: boolean;
  readonly now: number;
}
