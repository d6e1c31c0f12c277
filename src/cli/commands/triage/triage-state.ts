/** Holds what triage shows, without the screen: levels from callbacks to one call, and what lies over them. */
import type { ListedCallback } from "../../../client/client.js";
import { type CallFilter, containsText } from "../../../domain/call-filter.js";
import type { CallGroup, GroupKey } from "../../../domain/call-groups.js";
import type { CallDetails } from "../calls/get-call.js";
import { type CallTarget, filterOfGroup, narrowFilter } from "./call-target.js";

export type Dimension = "cause" | "hour" | "from" | "message";

export const DIMENSIONS: Readonly<Record<Dimension, { readonly title: string; readonly by: readonly GroupKey[] }>> = {
  cause: { title: "status code and reason", by: ["statusCode", "reason"] },
  hour: { title: "hour of the last attempt", by: ["hour"] },
  from: { title: "sender", by: ["from"] },
  message: { title: "message", by: ["messageId"] },
};

export const DIMENSION_NAMES: readonly Dimension[] = ["cause", "hour", "from", "message"];

export const NO_ROW = -1;

export type Level = CallbacksLevel | GroupsLevel | GroupLevel | CallsLevel | CallLevel;

interface LevelBase {
  /** What arrives for a level that is gone is dropped. */
  readonly id: number;
  /** It is NO_ROW once the row under it is gone, until a key moves it. */
  readonly cursor: number;
  /** `filterText` is typed after /. */
  readonly filterText: string;
  readonly isLoaded: boolean;
}

export interface CallbacksLevel extends LevelBase {
  readonly kind: "callbacks";
  readonly callbacks: readonly ListedCallback[];
}

/** `GroupsLevel` shows groups of all failed calls. */
export interface GroupsLevel extends LevelBase {
  readonly kind: "groups";
  readonly callback: ListedCallback;
  readonly dimension: Dimension;
  readonly counted: CountedGroups;
}

export interface CountedGroups {
  /** `readAt` is null until all were counted. */
  readonly readAt: number | null;
  /** The group with most calls comes first. */
  readonly groups: readonly CallGroup[];
  readonly calls: number;
  /** `otherCalls` are in more groups than are kept. */
  readonly otherCalls: number;
}

/** `GroupLevel` shows one group, and groups of its calls by something else. */
export interface GroupLevel extends LevelBase {
  readonly kind: "group";
  readonly callback: ListedCallback;
  readonly dimension: Dimension;
  readonly group: CallGroup;
  readonly filter: CallFilter;
  readonly parts: readonly GroupPart[];
}

export interface GroupPart {
  readonly dimension: Dimension;
  readonly group: CallGroup;
}

export interface CallsLevel extends LevelBase {
  readonly kind: "calls";
  readonly callback: ListedCallback;
  readonly title: string;
  /** `filter` is without the typed text. */
  readonly filter: CallFilter;
  /** `ids` has those that were listed so far. */
  readonly ids: readonly string[];
  /** `lines` has the rows of the calls that were shown last. */
  readonly lines: ReadonlyMap<string, CallLine>;
  readonly total: number | null;
  /** `selected` maps ids to the content in which a filter text is looked for. */
  readonly selected: ReadonlyMap<string, string>;
}

/** `CallLine` is as much of a call as its row shows. */
export interface CallLine {
  readonly attemptedAt: number | null;
  readonly outcome: string;
  readonly from: string;
  readonly content: string;
}

export interface CallLevel extends LevelBase {
  readonly kind: "call";
  readonly callback: ListedCallback;
  readonly callId: string;
  readonly details: CallDetails | null;
}

/** `Panel` shows a command that runs, or has run. */
export interface Panel {
  readonly command: string;
  readonly output: readonly string[];
  readonly progress: string | null;
  readonly question: { readonly text: string; readonly isSecret: boolean } | null;
  /** The answer begins with what is typed before the question (`keepTyped`). */
  readonly typed: string;
  readonly outcome: Outcome | null;
}

export interface Outcome {
  readonly text: string;
  readonly isGood: boolean;
}

export interface RanCommand {
  readonly ranAt: number;
  readonly command: string;
  readonly outcome: Outcome;
}

export interface TriageState {
  /** The last is shown. */
  readonly levels: readonly Level[];
  readonly isTyping: boolean;
  readonly overlay: { readonly kind: "actions" | "commands"; readonly cursor: number } | null;
  readonly panel: Panel | null;
  readonly ran: readonly RanCommand[];
  /** The last run of mark-success that wasn't undone. */
  readonly undoable: string | null;
  readonly notice: string | null;
}

export function newState(first: Level): TriageState {
  return { levels: [first], isTyping: false, overlay: null, panel: null, ran: [], undoable: null, notice: null };
}

export function topLevel({ levels }: TriageState): Level {
  const top = levels.at(-1);
  if (top === undefined) throw new Error("triage has no level");
  return top;
}

export function updateLevel(state: TriageState, id: number, change: (level: Level) => Level): TriageState {
  return { ...state, levels: state.levels.map((level) => (level.id === id ? withCursorKept(level, change(level)) : level)) };
}

/** Unless it was moved, the cursor stays on its row. If that is gone, a key must not act on another one in its place. */
function withCursorKept(before: Level, now: Level): Level {
  const row = rowNames(before)[before.cursor];
  const isMoved = now.cursor !== before.cursor || now.filterText !== before.filterText;
  if (!isMoved && row !== undefined) return { ...now, cursor: rowNames(now).indexOf(row) };
  return now.cursor === NO_ROW ? now : { ...now, cursor: Math.max(0, Math.min(now.cursor, rowCount(now) - 1)) };
}

export function rowCount(level: Level): number {
  return level.kind === "call" ? Number.POSITIVE_INFINITY : rowNames(level).length;
}

/** No two rows of a level have the same name. The lines of a call have none. */
function rowNames(level: Level): readonly string[] {
  switch (level.kind) {
    case "callbacks":
      return shownCallbacks(level).map(({ id }) => id);
    case "groups":
      return shownGroups(level).map((group) => groupName(group, level.dimension));
    case "group":
      return shownParts(level).map((part) => (part === null ? "" : `${part.dimension} ${groupName(part.group, part.dimension)}`));
    case "calls":
      return level.ids;
    case "call":
      return [];
  }
}

export function shownCallbacks({ callbacks, filterText }: CallbacksLevel): readonly ListedCallback[] {
  return callbacks.filter(({ name }) => containsText(name, filterText));
}

export function shownGroups({ counted, dimension, filterText }: GroupsLevel): readonly CallGroup[] {
  return counted.groups.filter((group) => containsText(groupName(group, dimension), filterText));
}

/** The row null stands for all of the group. A filter hides it. */
export function shownParts({ parts, filterText }: GroupLevel): readonly (GroupPart | null)[] {
  if (filterText === "") return [null, ...parts];
  return parts.filter(({ group, dimension }) => containsText(groupName(group, dimension), filterText));
}

/** A filter text is looked for in it; a frame shows hours as dates. */
export function groupName({ values }: CallGroup, dimension: Dimension): string {
  switch (dimension) {
    case "cause":
      if (values.statusCode == null && values.reason === "not-sent") return "no outcome yet";
      return [values.statusCode ?? "no answer:", values.reason].join(" ");
    case "hour":
      return values.hour == null ? "no outcome yet" : new Date(values.hour).toISOString();
    case "from":
      return values.from ?? "no sender";
    case "message":
      return values.messageId ?? "no message id";
  }
}

/** Adds the typed text: the result is what is listed. */
export function listFilter({ filter, filterText }: CallsLevel): CallFilter {
  return { ...filter, status: "FAILED", ...(filterText !== "" && { text: filterText }) };
}

/** What a filter hides is never acted on. */
export function selectedIds({ selected, filterText }: CallsLevel): readonly string[] {
  return [...selected].filter(([, content]) => containsText(content, filterText)).map(([id]) => id);
}

/** Returns null if there is nothing, no filter selects it, or it has been delivered. */
export function callTargetOf(level: Level): CallTarget | null {
  switch (level.kind) {
    case "callbacks":
      return null;
    case "groups": {
      const group = shownGroups(level)[level.cursor];
      const filter = group === undefined ? null : filterOfGroup(group, DIMENSIONS[level.dimension].by);
      return filter === null ? null : { callback: level.callback, calls: { filter }, current: null };
    }
    case "group": {
      const filter = partFilter(level);
      return filter === null ? null : { callback: level.callback, calls: { filter }, current: null };
    }
    case "calls": {
      const { callback, ids, cursor } = level;
      const current = ids[cursor];
      if (current === undefined) return null;
      const chosen = selectedIds(level);
      return { callback, calls: chosen.length > 0 ? { ids: chosen } : { filter: listFilter(level) }, current };
    }
    case "call": {
      const { callback, callId, details } = level;
      const isFailed = details === null || details.call.status === "FAILED";
      return isFailed ? { callback, calls: { ids: [callId] }, current: callId } : null;
    }
  }
}

/** Returns the filter of the row under the cursor. */
export function partFilter(level: GroupLevel): CallFilter | null {
  const part = shownParts(level)[level.cursor];
  if (part === undefined) return null;
  if (part === null) return level.filter;
  const inner = filterOfGroup(part.group, DIMENSIONS[part.dimension].by);
  return inner === null ? null : narrowFilter(level.filter, inner);
}
