import type { Printable } from "../output/screen-text.js";

/** `Frame` is what a screen shows. A line that is too long is cut. */
export interface Frame {
  readonly header: readonly Printable[];
  /** `body` is cut at the end if there are more lines than `bodyRows`. */
  readonly body: readonly Printable[];
  readonly footer: readonly Printable[];
}

/** `character` is a single one as it was typed, or a part of a paste. */
export type Key =
  | {
      readonly name:
        | "up"
        | "down"
        | "pageUp"
        | "pageDown"
        | "home"
        | "end"
        | "enter"
        | "escape"
        | "backspace"
        | "tab"
        | "interrupt";
    }
  | { readonly name: "character"; readonly character: string };

export function bodyRows(rows: number, header: Frame["header"], footer: Frame["footer"]): number {
  return Math.max(0, rows - header.length - footer.length);
}
