import { commandLine } from "../../../domain/command-line.js";
import type { ScreenSize } from "../../../platform/full-screen.js";
import { bodyRows, type Frame } from "../../full-screen/frame.js";
import type { RenderOptions } from "../../output/screen.js";
import { joinText, type Printable, text } from "../../output/screen-text.js";
import { wrapToWidth } from "../../output/text-width.js";
import { formatInstant } from "../../output/times.js";
import { firstRow, levelRows, levelTitle, totalCalls } from "./level-rows.js";
import type { Action } from "./triage-actions.js";
import { type Level, type Outcome, type Panel, rowCount, type TriageState, topLevel } from "./triage-state.js";

export interface FrameOptions extends RenderOptions {
  readonly actions: readonly Action[];
}

export function triageFrame(state: TriageState, size: ScreenSize, options: FrameOptions): Frame {
  const { palette } = options;
  const level = topLevel(state);
  const title = text`${palette.strong("whcb triage")}  ${levelTitle(level, options)}`;
  const footer = footerLines(state, size, options);
  const rows = bodyRows(size.rows, [title, ""], footer);
  const notes = [typedLine(state, level), positionIn(level, rows), asOf(level, options)].filter((part) => part !== "");
  const header = [title, joinText(notes, "  ")];
  const space = { rows, columns: size.columns };
  if (state.panel !== null) return { header, body: panelLines(state.panel, size, rows, options), footer };
  if (state.overlay?.kind === "actions") return { header, body: actionLines(state.overlay.cursor, rows, options), footer };
  if (state.overlay?.kind === "commands")
    return { header, body: commandLines(state, state.overlay.cursor, space, options), footer };
  return { header, body: levelRows(level, space, options), footer };
}

function typedLine({ isTyping }: TriageState, level: Level): Printable {
  if (isTyping) return `filter: ${level.filterText}_${level.kind === "calls" ? "  (Enter looks for it)" : ""}`;
  return level.filterText === "" ? "" : `filter: ${level.filterText}  (Esc removes it)`;
}

/** A list that fits on the screen needs none. */
function positionIn(level: Level, rows: number): string {
  if (level.kind === "call" || rowCount(level) <= rows) return "";
  const total = level.kind === "calls" ? totalCalls(level) : rowCount(level);
  return total === null ? `row ${level.cursor + 1}` : `${level.cursor + 1} of ${total}`;
}

function asOf(level: Level, { palette, utc }: FrameOptions): Printable {
  if (level.kind !== "groups" || level.counted.readAt === null) return "";
  return palette.dim(`as of ${formatInstant(level.counted.readAt, utc)}`);
}

function footerLines(state: TriageState, size: ScreenSize, { palette, actions }: FrameOptions): readonly Printable[] {
  const { panel, overlay } = state;
  if (panel !== null) {
    if (panel.outcome !== null) return [palette.dim("Enter or Esc goes back")];
    if (panel.question === null) return [palette.dim("Ctrl-C stops it; a second one ends whcb")];
    if (!isAskedWhole(panel, size)) return [palette.dim("Esc: no; Enter isn't taken until all of it fits")];
    return [
      palette.dim(
        panel.question.isSecret ? "Enter takes it, Esc gives it up" : "y and Enter: yes, anything else and Enter, or Esc: no",
      ),
    ];
  }
  if (overlay?.kind === "actions") return [palette.dim("Enter or its key runs it, Esc goes back")];
  if (overlay !== null) return [palette.dim("any key goes back")];
  const keys = actions.map(({ key, short }) => `${key} ${short}`);
  const level = topLevel(state);
  const more = [level.kind === "groups" ? "Tab groups" : "", level.kind === "calls" ? "space selects" : ""].filter(Boolean);
  return [
    state.notice === null ? palette.dim(lastCommand(state)) : palette.warn(state.notice),
    palette.dim(["? actions", ...more, "/ filter", "R refresh", "@ log", "q quits"].join("  ")),
    palette.dim(keys.join("  ")),
  ];
}

function lastCommand({ ran }: TriageState): string {
  const last = ran.at(-1);
  return last === undefined ? "" : `${last.outcome.text}: ${last.command}`;
}

function outcomeText({ text, isGood }: Outcome, { palette }: FrameOptions): Printable {
  return isGood ? palette.good(text) : palette.bad(text);
}

function actionLines(cursor: number, rows: number, { actions, palette }: FrameOptions): readonly Printable[] {
  if (actions.length === 0) return ["nothing can be done here"];
  const lines = actions.flatMap(({ key, label, command }, index) => [
    index === cursor ? palette.strong(`> ${key}  ${label}`) : `  ${key}  ${label}`,
    palette.dim(`       ${shortCommand(commandLine(command))}`),
  ]);
  const top = firstRow(2 * cursor, lines.length, rows);
  return lines.slice(top, top + rows);
}

/** A command isn't cut: two may differ at their ends. */
function commandLines(
  { ran }: TriageState,
  cursor: number,
  { rows, columns }: ScreenSize,
  options: FrameOptions,
): readonly Printable[] {
  if (ran.length === 0) return ["no command was run yet"];
  const lines = ran
    .toReversed()
    .slice(cursor)
    .flatMap(({ ranAt, command, outcome }) => [
      text`${options.palette.dim(formatInstant(ranAt, options.utc))}  ${outcomeText(outcome, options)}`,
      ...wrapCommand(`  ${shortCommand(command)}`, columns),
    ]);
  return lines.slice(0, rows);
}

/** Returns whether all that the panel asks is on the screen. What isn't seen can't be confirmed. */
export function isAskedWhole(panel: Panel, { rows, columns }: ScreenSize): boolean {
  const lines = outputLines(panel, columns).length + (panel.progress === null ? 0 : 1) + questionLines(panel, columns).length;
  return panel.question === null || lines <= bodyRows(rows, ["", ""], [""]);
}

function outputLines({ output }: Panel, columns: number): readonly string[] {
  return output.flatMap((line) => (/\bwhcb /.test(line) ? wrapCommand(line, columns) : wrapToWidth(line, columns)));
}

const CONTINUED = " \\";

/** A part that is pasted alone must be no other command. */
function wrapCommand(command: string, columns: number): readonly string[] {
  if (wrapToWidth(command, columns).length === 1) return [command];
  const lines = wrapToWidth(command, columns - CONTINUED.length);
  return lines.map((line, index) => (index < lines.length - 1 ? line + CONTINUED : line));
}

function questionLines({ question, typed }: Panel, columns: number): readonly string[] {
  return question === null ? [] : wrapToWidth(question.text + (question.isSecret ? "•".repeat(typed.length) : typed), columns);
}

/** Shows the end of its output, and what it asks or does now. */
function panelLines(panel: Panel, size: ScreenSize, rows: number, options: FrameOptions): readonly Printable[] {
  const { command, progress, question, outcome } = panel;
  const { columns } = size;
  const progressing = progress === null ? [] : [options.palette.dim(progress)];
  const now = outcome === null ? [...progressing, ...questionLines(panel, columns)] : ["", outcomeText(outcome, options)];
  const said = outputLines(panel, columns);
  const named = [...wrapCommand(`$ ${shortCommand(command)}`, columns), ""];
  // What a question is about is needed more than the command.
  const head = question !== null && named.length + said.length + now.length > rows ? [] : named;
  const room = Math.max(0, rows - head.length - now.length);
  const last = (lines: number) => (lines > 0 ? said.slice(-lines) : []);
  const body = isAskedWhole(panel, size) ? last(room) : [options.palette.warn(TOO_SMALL), ...last(room - 1)];
  return [...head, ...body, ...now].slice(0, rows);
}

const TOO_SMALL = "What is asked doesn't fit: make the window larger.";

const MOST_IDS = 3;

/** Leaves out most ids: @ and a file have room for no more than a few either. */
export function shortCommand(command: string): string {
  const ids = command.match(/(?: [0-9A-F]{32})+/i)?.[0];
  if (ids === undefined) return command;
  const all = ids.trim().split(" ");
  if (all.length <= MOST_IDS) return command;
  return command.replace(ids, ` ${all.slice(0, MOST_IDS).join(" ")} … (${all.length} ids)`);
}
