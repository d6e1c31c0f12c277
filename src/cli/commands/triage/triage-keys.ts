/** Says what a key changes in the state, and what it asks for. */
import type { ListedCallback } from "../../../client/client.js";
import type { Key } from "../../full-screen/frame.js";
import { filterOfGroup } from "./call-target.js";
import { type Action, possibleActions } from "./triage-actions.js";
import {
  type CallsLevel,
  callTargetOf,
  DIMENSION_NAMES,
  DIMENSIONS,
  groupName,
  type Level,
  partFilter,
  rowCount,
  shownCallbacks,
  shownGroups,
  shownParts,
  type TriageState,
  topLevel,
  updateLevel,
} from "./triage-state.js";

export type Effect =
  | { readonly do: "quit" | "interrupt" | "load" | "reload" }
  | { readonly do: "run"; readonly action: Action }
  | { readonly do: "answer"; readonly text: string };

export interface Pressed {
  readonly state: TriageState;
  readonly effect?: Effect;
}

export interface PressContext {
  readonly page: number;
  readonly callRows: number;
  /** Whether all that a running command asks is on the screen. */
  readonly isAskedWhole: boolean;
  readonly serviceFlags: readonly string[];
  /** A new level gets it. */
  readonly newId: () => number;
}

export function press(state: TriageState, key: Key, context: PressContext): Pressed {
  if (state.panel !== null) return pressInPanel(state, state.panel, key, context);
  if (key.name === "interrupt") return isUnread(state) ? goBack(state) : { state, effect: { do: "quit" } };
  if (state.isTyping) return pressWhileTyping(state, key);
  const known = { ...state, notice: null };
  if (state.overlay !== null) return pressInOverlay(known, state.overlay, key, context);
  const move = movement(key, context.page);
  if (move !== null) return moveCursor(known, move, context);
  switch (key.name) {
    case "enter":
      return openRow(known, context);
    case "escape":
    case "backspace":
      return goBack(known);
    case "tab":
      return groupDifferently(known, context);
    case "character":
      return pressCharacter(known, key.character, context);
    default:
      return { state };
  }
}

export function actionsIn(state: TriageState, { serviceFlags }: PressContext): readonly Action[] {
  return possibleActions(callTargetOf(topLevel(state)), state.undoable, serviceFlags);
}

function pressCharacter(state: TriageState, character: string, context: PressContext): Pressed {
  if (character === "q") return { state, effect: { do: "quit" } };
  if (character === "?") return { state: { ...state, overlay: { kind: "actions", cursor: 0 } } };
  if (character === "@") return { state: { ...state, overlay: { kind: "commands", cursor: 0 } } };
  if (character === "R") return readAgain(state, () => true);
  if (character === "/") return { state: { ...state, isTyping: true } };
  const level = topLevel(state);
  if (character === " " && level.kind === "calls") return moveCursor(toggleSelected(state, level), 1, context);
  return runAction(
    state,
    actionsIn(state, context).find(({ key }) => key === character),
    character,
  );
}

function runAction(state: TriageState, action: Action | undefined, character: string): Pressed {
  if (action !== undefined) return { state: { ...state, overlay: null }, effect: { do: "run", action } };
  const isAction = "rtamcsu".includes(character);
  return { state: { ...state, notice: isAction ? "not possible here: ? lists what is" : state.notice } };
}

function toggleSelected(state: TriageState, level: CallsLevel): TriageState {
  const id = level.ids[level.cursor];
  const line = id === undefined ? undefined : level.lines.get(id);
  if (id === undefined || line === undefined) return state;
  const selected = new Map(level.selected);
  if (!selected.delete(id)) selected.set(id, line.content);
  return updateLevel(state, level.id, () => ({ ...level, selected }));
}

/** Returns null if the key doesn't move the cursor. */
function movement(key: Key, page: number): number | null {
  switch (key.name) {
    case "up":
      return -1;
    case "down":
      return 1;
    case "pageUp":
      return -page;
    case "pageDown":
      return page;
    case "home":
      return Number.NEGATIVE_INFINITY;
    case "end":
      return Number.MAX_SAFE_INTEGER;
    case "character":
      return key.character === "j" ? 1 : key.character === "k" ? -1 : null;
    default:
      return null;
  }
}

/** More of a list is read as the cursor comes near its end. */
function moveCursor(state: TriageState, by: number, { callRows, page }: PressContext): Pressed {
  const level = topLevel(state);
  const last = level.kind === "call" ? Math.max(0, callRows - page) : Number.POSITIVE_INFINITY;
  const moved = updateLevel(state, level.id, (one) => ({ ...one, cursor: Math.max(0, Math.min(one.cursor + by, last)) }));
  return { state: moved, effect: { do: "load" } };
}

/** Returns whether there is something to go back to, and nothing to see here yet. */
function isUnread(state: TriageState): boolean {
  const level = topLevel(state);
  if (level.isLoaded || state.levels.length === 1) return false;
  return level.kind === "call" ? level.details === null : rowCount(level) === (level.kind === "group" ? 1 : 0);
}

function goBack(state: TriageState): Pressed {
  const level = topLevel(state);
  if (level.filterText !== "") return filterBy(state, "");
  if (state.levels.length === 1) return { state: { ...state, notice: "q quits" } };
  // Calls may have failed or been sent meanwhile.
  return readAgain({ ...state, levels: state.levels.slice(0, -1) }, (one) => one.kind === "groups");
}

/** What was read before is shown meanwhile. */
function readAgain(state: TriageState, isStale: (level: Level) => boolean): Pressed {
  const level = topLevel(state);
  if (!isStale(level)) return { state, effect: { do: "load" } };
  return { state: updateLevel(state, level.id, (one) => ({ ...one, isLoaded: false })), effect: { do: "reload" } };
}

function pressWhileTyping(state: TriageState, key: Key): Pressed {
  const { filterText } = topLevel(state);
  switch (key.name) {
    case "enter":
      return { state: { ...state, isTyping: false }, effect: { do: "load" } };
    case "escape":
      return filterBy({ ...state, isTyping: false }, "");
    case "backspace":
      return filterBy(state, filterText.slice(0, -1));
    case "character":
      return filterBy(state, filterText + key.character);
    default:
      return { state };
  }
}

/** Calls are listed again once the text is complete: the service looks for it. */
function filterBy(state: TriageState, filterText: string): Pressed {
  const level = topLevel(state);
  const changed = updateLevel(state, level.id, (one) =>
    one.kind === "calls"
      ? { ...one, filterText, cursor: 0, ids: [], total: null, isLoaded: false }
      : { ...one, filterText, cursor: 0 },
  );
  return level.kind === "calls" && state.isTyping ? { state: changed } : { state: changed, effect: { do: "load" } };
}

function openRow(state: TriageState, context: PressContext): Pressed {
  const below = levelBelow(topLevel(state), context);
  if (below === null) return { state };
  if (below === "unselectable") return { state: { ...state, notice: "no filter selects these calls" } };
  return { state: { ...state, levels: [...state.levels, below] }, effect: { do: "load" } };
}

function levelBelow(level: Level, { newId }: PressContext): Level | "unselectable" | null {
  const fresh = { id: newId(), cursor: 0, filterText: "", isLoaded: false };
  switch (level.kind) {
    case "callbacks": {
      const callback = shownCallbacks(level)[level.cursor];
      return callback === undefined ? null : groupsLevel(callback, fresh.id);
    }
    case "groups": {
      const { callback, dimension } = level;
      const group = shownGroups(level)[level.cursor];
      if (group === undefined) return null;
      const filter = filterOfGroup(group, DIMENSIONS[dimension].by);
      if (filter === null) return "unselectable";
      return { ...fresh, kind: "group", callback, dimension, group, filter, parts: [] };
    }
    case "group": {
      const part = shownParts(level)[level.cursor];
      if (part === undefined) return null;
      const filter = partFilter(level);
      if (filter === null) return "unselectable";
      const names = [groupName(level.group, level.dimension), ...(part ? [groupName(part.group, part.dimension)] : [])];
      const calls = { ids: [], lines: new Map(), total: null, selected: new Map() };
      return { ...fresh, kind: "calls", callback: level.callback, title: names.join(" · "), filter, ...calls };
    }
    case "calls": {
      const callId = level.ids[level.cursor];
      return callId === undefined ? null : { ...fresh, kind: "call", callback: level.callback, callId, details: null };
    }
    case "call":
      return null;
  }
}

export function groupsLevel(callback: ListedCallback, id: number): Level {
  const counted = { readAt: null, groups: [], calls: 0, otherCalls: 0 };
  return { id, cursor: 0, filterText: "", isLoaded: false, kind: "groups", callback, dimension: "cause", counted };
}

function groupDifferently(state: TriageState, { newId }: PressContext): Pressed {
  const level = topLevel(state);
  if (level.kind !== "groups") return { state };
  const next = DIMENSION_NAMES[(DIMENSION_NAMES.indexOf(level.dimension) + 1) % DIMENSION_NAMES.length] ?? "cause";
  const grouped = { ...groupsLevel(level.callback, newId()), dimension: next };
  return { state: { ...state, levels: [...state.levels.slice(0, -1), grouped] }, effect: { do: "load" } };
}

function pressInOverlay(
  state: TriageState,
  overlay: NonNullable<TriageState["overlay"]>,
  key: Key,
  context: PressContext,
): Pressed {
  const actions = actionsIn(state, context);
  const rows = overlay.kind === "actions" ? actions.length : state.ran.length;
  const move = movement(key, context.page);
  if (move !== null) {
    const cursor = Math.max(0, Math.min(overlay.cursor + move, rows - 1));
    return { state: { ...state, overlay: { ...overlay, cursor } } };
  }
  const closed = { ...state, overlay: null };
  if (overlay.kind === "commands" || key.name === "escape" || key.name === "backspace") return { state: closed };
  if (key.name === "enter") return runAction(state, actions[overlay.cursor], "");
  if (key.name !== "character") return { state };
  if (key.character === "q" || key.character === "?") return { state: closed };
  return runAction(
    state,
    actions.find((action) => action.key === key.character),
    key.character,
  );
}

/**
 * Returns what stays of the text that was typed before a question. It begins the answer's line, as the end of a text for another window must
 * not be a yes. A yes itself doesn't stay.
 */
export function keepTyped(typed: string): string {
  return /^\s*y(es?)?\s*$/i.test(typed) ? "" : typed;
}

function pressInPanel(
  state: TriageState,
  panel: NonNullable<TriageState["panel"]>,
  key: Key,
  { isAskedWhole }: PressContext,
): Pressed {
  const { question, typed } = panel;
  const isEnd = key.name === "enter" || key.name === "escape" || key.name === "interrupt";
  // Text may be typed here that is meant for another window.
  if (panel.outcome !== null) return { state: isEnd ? { ...state, panel: null } : state };
  if (question === null && key.name === "interrupt") return { state, effect: { do: "interrupt" } };
  if (key.name === "enter" && !isAskedWhole) return { state };
  const withTyped = (text: string): TriageState => ({ ...state, panel: { ...panel, typed: text } });
  if (isEnd) {
    const answer = { do: "answer", text: key.name === "enter" ? typed : "" } as const;
    return { state: withTyped(""), ...(question !== null && { effect: answer }) };
  }
  if (key.name === "backspace") return { state: withTyped(typed.slice(0, -1)) };
  return { state: key.name === "character" ? withTyped(typed + key.character) : state };
}
