import type { ListedCallback } from "../../../client/client.js";
import type { Health } from "../../../domain/callback.js";
import { callbackOperand, commandLine } from "../../../domain/command-line.js";
import { count } from "../../../domain/count.js";
import { formatDuration } from "../../../domain/duration.js";
import { senderAddress } from "../../../domain/message-response.js";
import { isUnsent } from "../../../wire/json/call-json.js";
import { bodyRows, type Frame } from "../../full-screen/frame.js";
import { describeNotice, healthText, pauseText, reportedHealth, silenceText } from "../../output/outage-text.js";
import type { RenderOptions } from "../../output/screen.js";
import { joinText, type Printable, type ScreenText, text } from "../../output/screen-text.js";
import { formatInstant, formatRelative } from "../../output/times.js";
import type { ShownCall } from "./callback-reader.js";
import type { WatchChange, WatchedCallback } from "./watch-state.js";

/** `Freshness` says when the service last answered (epoch ms). */
export interface Freshness {
  readonly service: string;
  readonly answeredAt: number;
  /** `lost` is null while the service answers. */
  readonly lost: { readonly reason: string | null } | null;
}

export interface WatchEvent {
  readonly happenedAt: number;
  readonly callback: ListedCallback;
  readonly change: Exclude<WatchChange, { kind: "counts" }>;
}

export function watchFrame(
  {
    callbacks,
    events,
    freshness,
  }: {
    readonly callbacks: readonly WatchedCallback[];
    /** `events` are short lines. The newest event comes first. */
    readonly events: readonly ScreenText[];
    readonly freshness: Freshness;
  },
  rows: number,
  options: RenderOptions,
): Frame {
  const { palette } = options;
  const header = [text`${palette.strong("whcb watch")}  ${freshness.service}`, freshnessLine(freshness, options)];
  const failing = callbacks.filter(({ reading }) => reading.failed !== 0);
  const footer = [...triageLine(failing, options), palette.dim("q quits")];
  const blocks = callbacks.map((watched) => callbackLines(watched, options));
  const room = bodyRows(rows, header, footer);
  // Callbacks get half of the room, so that events are always seen.
  const [shown, hidden] = fitBlocks(blocks, events.length === 0 ? room : Math.max(4, Math.floor(room / 2)));
  const more = hidden > 0 ? [palette.dim(`and ${count(hidden, "callback")} more: \`whcb watch <callback>\` watches one`)] : [];
  const none = callbacks.length === 0 ? ["no callbacks yet"] : [];
  return { header, body: [...none, ...shown, ...more, ...(events.length > 0 ? ["", ...events] : [])].slice(0, room), footer };
}

function triageLine(failing: readonly WatchedCallback[], { palette, serviceFlags }: RenderOptions): readonly Printable[] {
  const [first, another] = failing;
  if (first === undefined) return [];
  const operands = another === undefined ? [callbackOperand(first.reading.callback)] : [];
  return [palette.dim(`\`${commandLine({ command: "triage", operands, flags: serviceFlags })}\` goes through failed calls`)];
}

/** Returns one line, for a pipe. */
export function countsLine(watched: WatchedCallback, options: RenderOptions): ScreenText {
  const parts = [...countParts(watched), ...drainParts(watched)];
  return text`${formatInstant(options.now, options.utc)}  ${watched.reading.callback.name}: ${joinText(parts, ", ")}`;
}

/** A pipe gets it when nothing else was printed for a while. */
export function quietLine({ lost }: Freshness, options: RenderOptions): ScreenText {
  return text`${formatInstant(options.now, options.utc)}  ${lost === null ? "no change" : "no answer"}`;
}

export function eventLine({ happenedAt, callback, change }: WatchEvent, options: RenderOptions): ScreenText {
  return text`${formatInstant(happenedAt, options.utc)}  ${callback.name}: ${describeChange(change, callback, options)}`;
}

/** Leaves out the date, as the event has just happened. */
export function shortEventLine({ happenedAt, callback, change }: WatchEvent, options: RenderOptions): ScreenText {
  const time = formatInstant(happenedAt, options.utc).split(" ")[1] ?? "";
  return text`${options.palette.dim(time)}  ${callback.name}: ${describeChange(change, callback, options)}`;
}

export function freshnessLine({ service, answeredAt, lost }: Freshness, options: RenderOptions): ScreenText {
  const since = formatInstant(answeredAt, options.utc);
  if (lost === null) return options.palette.dim(`as of ${since}`);
  const reason = lost.reason === null ? `no answer from ${service}` : `it can't be read: ${lost.reason}`;
  return options.palette.bad(`${reason}; what is shown is from ${since} (${formatRelative(answeredAt, options.now)})`);
}

function callbackLines(watched: WatchedCallback, options: RenderOptions): readonly Printable[] {
  const { palette } = options;
  const { callback, outage, failed } = watched.reading;
  const health = reportedHealth(callback, outage);
  const calls = failed === 0 ? palette.good("no failed calls") : palette.warn("failed calls");
  const state = health === null ? calls : healthText(health, palette);
  return [
    callback.pause === null
      ? text`${palette.strong(callback.name)}  ${state} ${sinceText(health, options)}`
      : text`${palette.strong(callback.name)}  ${palette.warn(pauseText(callback.pause, options.utc))} ${sinceText(health, options)}`,
    text`  ${joinText(countParts(watched), "  ")}`,
    text`  ${joinText(rateParts(watched), "  ")}`,
    ...drainParts(watched).map((part) => text`  ${part}`),
  ];
}

function sinceText(health: Health | null, { utc, now }: RenderOptions): string {
  if (health === null || health.since === null) return "";
  return `${health.health === "checking" ? "failing since" : "since"} ${formatInstant(health.since, utc)} (${formatRelative(health.since, now)})`;
}

/** The service is asked for one count after the other, so their sum isn't exact while calls move. */
function countParts({ reading: { failed, pending, succeeded }, perSecond }: WatchedCallback): readonly string[] {
  const isMoving = (pending ?? 0) > 0 || (perSecond.succeeded ?? 0) > 0 || (perSecond.failed ?? 0) > 0;
  return [
    `${failed ?? "?"} failed`,
    ...(pending === null ? [] : [`${pending} waiting`]),
    `${succeeded ?? "?"} delivered or marked${isMoving ? " (counted in turn)" : ""}`,
  ];
}

function drainParts({ backlog, drainedInMs }: WatchedCallback): readonly string[] {
  return drainedInMs === null || backlog === 0 ? [] : [`no backlog in ${formatDuration(drainedInMs)} at this rate`];
}

function rateParts({ perSecond, windowMs }: WatchedCallback): readonly string[] {
  const rate = (value: number | null) => (value === null ? "?" : value < 10 ? value.toFixed(1) : String(Math.round(value)));
  return [
    `in ${rate(perSecond.in)}/s`,
    `out ${rate(perSecond.succeeded)}/s delivered or marked, ${rate(perSecond.failed)}/s failed`,
    ...(windowMs === null ? [] : [`(last ${formatDuration(Math.round(windowMs / 1_000) * 1_000)})`]),
  ];
}

function describeChange(
  change: WatchEvent["change"],
  callback: WatchEvent["callback"],
  { palette, utc }: RenderOptions,
): Printable {
  switch (change.kind) {
    case "failure":
      return describeFailure(change.call, palette);
    case "more-failures":
      return palette.bad(`and ${count(change.calls, "more failure")} in the same moment`);
    case "outage-opened": {
      const notice = describeNotice(change.outage, utc);
      return palette.bad(`outage since ${formatInstant(change.outage.startedAt, utc)}${notice === null ? "" : `; ${notice}`}`);
    }
    case "not-answering":
      return palette.bad(silenceText(change.since, utc));
    case "outage-recovering":
      return palette.warn("calls are accepted again: the outage is ending");
    case "outage-closed": {
      const outage = `the outage of ${formatInstant(change.outage.startedAt, utc)}`;
      const isProven = reportedHealth(callback)?.health !== "checking";
      return isProven
        ? palette.good(`${outage} is over`)
        : palette.warn(`${outage} is closed, but no call has been accepted since`);
    }
  }
}

function describeFailure(call: ShownCall, palette: RenderOptions["palette"]): ScreenText {
  const code = call.statusCode ?? (isUnsent(call) ? "no outcome yet" : "no answer");
  const failed = joinText(["failed", code, call.statusMessage ?? ""].filter(Boolean), " ");
  return text`${palette.bad(failed)}, from ${senderAddress(call.response.from)}, call ${call.id}`;
}

/** Returns whole blocks, and how many don't fit. */
function fitBlocks(blocks: readonly (readonly Printable[])[], rows: number): readonly [readonly Printable[], number] {
  const shown: Printable[] = [];
  for (const [index, block] of blocks.entries()) {
    const isLast = index === blocks.length - 1;
    if (index > 0 && shown.length + block.length + (isLast ? 0 : 1) > rows) return [shown, blocks.length - index];
    shown.push(...block);
  }
  return [shown, 0];
}
