/** Makes the rows of each level, as far as they are on the screen. */
import { containsText } from "../../../domain/call-filter.js";
import type { CallGroup } from "../../../domain/call-groups.js";
import { count } from "../../../domain/count.js";
import { shownUrl } from "../../../domain/mask.js";
import type { ScreenSize } from "../../../platform/full-screen.js";
import { pauseText } from "../../output/outage-text.js";
import { PLAIN, type RenderOptions, type TimeOptions } from "../../output/screen.js";
import { joinText, type Printable, type ScreenText, sanitize, text } from "../../output/screen-text.js";
import { fitToWidth, wrapToWidth } from "../../output/text-width.js";
import { formatInstant, formatRelative } from "../../output/times.js";
import { renderDetails } from "../calls/get-call.js";
import { describeDifferences } from "./attempt-differences.js";
import {
  type CallLevel,
  type CallsLevel,
  DIMENSIONS,
  type Dimension,
  type GroupLevel,
  type GroupsLevel,
  groupName,
  type Level,
  rowCount,
  selectedIds,
  shownCallbacks,
  shownGroups,
  shownParts,
} from "./triage-state.js";

export function levelRows(level: Level, space: ScreenSize, options: RenderOptions): readonly Printable[] {
  if (level.kind === "call") return callLines(level, space, options);
  const top = firstRow(level.cursor, rowCount(level), space.rows);
  const shown = Array.from({ length: Math.max(0, Math.min(space.rows, rowCount(level) - top)) }, (_, index) => top + index);
  if (shown.length === 0) return [wasRead(level) ? nothingIn(level) : "reading …"];
  const rowOf = rowsOf(level, space.columns, options);
  return shown.map((index) => marked(index === level.cursor, rowOf(index), options));
}

/** Stays true while the level is read again. */
function wasRead(level: Level): boolean {
  return level.kind === "groups" ? level.counted.readAt !== null : level.isLoaded;
}

/** Keeps the cursor in the middle where it can. */
export function firstRow(cursor: number, count: number, rows: number): number {
  return Math.max(0, Math.min(cursor - Math.floor(rows / 2), count - rows));
}

function marked(isCursor: boolean, row: Printable, { palette }: RenderOptions): ScreenText {
  return isCursor ? palette.strong(text`> ${row}`) : text`  ${row}`;
}

export function nothingIn(level: Level): string {
  if (level.filterText !== "") return "nothing matches";
  return level.kind === "callbacks" ? "no callbacks yet" : "no failed calls";
}

function rowsOf(level: Exclude<Level, CallLevel>, columns: number, options: RenderOptions): (index: number) => Printable {
  switch (level.kind) {
    case "callbacks": {
      const callbacks = shownCallbacks(level);
      return (index) => {
        const callback = callbacks[index];
        if (callback === undefined) return "";
        const { name, pause } = callback;
        const paused = pause === null ? "" : text`${options.palette.warn(pauseText(pause, options.utc))}  `;
        return text`${name}  ${paused}${options.palette.dim(shownUrl(callback))}`;
      };
    }
    case "groups":
      return groupRow(level, columns, options);
    case "group":
      return partRow(level, columns, options);
    case "calls":
      return callRow(level, columns, options);
  }
}

const COUNT_COLUMNS = 8;
/** `TIME_COLUMNS` has room for "2026-11-24 23:28:01Z". */
const TIME_COLUMNS = 20;
/** `LAST_COLUMNS` has room for "last 23h 59m ago". */
const LAST_COLUMNS = 16;
const GAP = "  ";

function groupRow(level: GroupsLevel, columns: number, options: RenderOptions): (index: number) => Printable {
  const groups = shownGroups(level);
  const nameColumns = Math.max(10, columns - COUNT_COLUMNS - LAST_COLUMNS - 6);
  return (index) => {
    const group = groups[index];
    if (group === undefined) return "";
    const last = group.lastAttemptedAt === null ? "" : `last ${formatRelative(group.lastAttemptedAt, options.now)}`;
    const name = fitToWidth(sanitize(shownName(level.dimension, group, options)), nameColumns);
    return text`${String(group.count).padStart(COUNT_COLUMNS)}${GAP}${name}${GAP}${options.palette.dim(last)}`;
  };
}

function partRow(level: GroupLevel, columns: number, options: RenderOptions): (index: number) => Printable {
  const parts = shownParts(level);
  const nameColumns = Math.max(10, columns - COUNT_COLUMNS - 20);
  return (index) => {
    const part = parts[index];
    if (part === undefined) return "";
    if (part === null) return `${String(level.group.count).padStart(COUNT_COLUMNS)}${GAP}all of them`;
    const name = fitToWidth(sanitize(shownName(part.dimension, part.group, options)), nameColumns);
    return text`${String(part.group.count).padStart(COUNT_COLUMNS)}${GAP}${name}${GAP}${options.palette.dim(PART_NAMES[part.dimension])}`;
  };
}

const PART_NAMES: Readonly<Record<Dimension, string>> = { cause: "cause", hour: "hour", from: "sender", message: "message" };

function callRow(level: CallsLevel, columns: number, options: RenderOptions): (index: number) => Printable {
  const chosen = new Set(selectedIds(level));
  const room = Math.max(0, columns - TIME_COLUMNS - 8);
  const outcomeColumns = Math.min(32, Math.floor(room / 3));
  const fromColumns = Math.min(24, Math.floor(room / 3));
  return (index) => {
    const id = level.ids[index] ?? "";
    const line = level.lines.get(id);
    const box = chosen.has(id) ? "x " : "  ";
    if (line === undefined) return text`${box}${id}`;
    const at = line.attemptedAt === null ? "no outcome yet" : formatInstant(line.attemptedAt, options.utc);
    const cells = [
      fitToWidth(at, TIME_COLUMNS),
      fitToWidth(sanitize(line.outcome), outcomeColumns),
      fitToWidth(sanitize(line.from), fromColumns),
      line.content,
    ];
    return text`${box}${joinText(cells, " ")}`;
  };
}

/** Shows an hour as a local date. */
export function shownName(dimension: Dimension, group: CallGroup, { utc }: TimeOptions): string {
  const { hour } = group.values;
  return dimension === "hour" && hour != null
    ? formatInstant(hour, utc).replace(/:\d\d(?=Z?$)/, "")
    : groupName(group, dimension);
}

function callLines(level: CallLevel, { columns, rows }: ScreenSize, options: RenderOptions): readonly Printable[] {
  const lines = callText(level, columns, options);
  const top = Math.max(0, Math.min(level.cursor, lines.length - rows));
  return lines.slice(top, top + rows).map((line) => text`  ${line}`);
}

/** The lines have no colours, as they are wrapped. */
export function callText(level: CallLevel, columns: number, options: RenderOptions): readonly string[] {
  if (level.details === null) return ["reading …"];
  const width = columns - 2;
  const details = renderDetails(level.details, { ...options, palette: PLAIN, width })
    .toString()
    .trimEnd();
  const differences = describeDifferences(level.details.attempts ?? []).map(sanitize);
  const differing = differences.length === 0 ? [] : ["", "How the attempts differ:", ...differences];
  const lines = [...details.split("\n"), ...differing].filter((line) => containsText(line, level.filterText));
  return lines.flatMap((line) => wrapToWidth(line, width));
}

/** Returns null if it isn't known. */
export function totalCalls({ total, isLoaded, ids }: CallsLevel): number | null {
  return total ?? (isLoaded ? ids.length : null);
}

export function levelTitle(level: Level, options: TimeOptions): string {
  switch (level.kind) {
    case "callbacks":
      return "callbacks";
    case "groups": {
      const { counted, dimension, callback } = level;
      const more = counted.otherCalls > 0 ? `; ${count(counted.otherCalls, "call")} in more groups than are shown` : "";
      return `${count(counted.calls, "failed call")}${counted.readAt === null ? " so far" : ""} of ${callback.name}, by ${DIMENSIONS[dimension].title}${more}${callback.pause === null ? "" : `; ${pauseText(callback.pause, options.utc)}`}`;
    }
    case "group":
      return `${level.callback.name}: ${shownName(level.dimension, level.group, options)}, ${count(level.group.count, "call")}`;
    case "calls": {
      const total = totalCalls(level);
      const chosen = selectedIds(level).length;
      const hidden = level.selected.size - chosen;
      const selected =
        level.selected.size === 0 ? "" : `; ${chosen} selected${hidden > 0 ? `, ${hidden} more hidden by the filter` : ""}`;
      return `${level.callback.name}: ${level.title}, ${total === null ? "calls" : count(total, "call")}${selected}`;
    }
    case "call":
      return `${level.callback.name}: call ${level.callId}`;
  }
}
