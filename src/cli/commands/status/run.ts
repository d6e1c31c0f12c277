import type { ListedCallback } from "../../../client/client.js";
import { KeptMemory } from "../../../client/list-walker.js";
import { UNANSWERED_MS } from "../../../domain/callback.js";
import { callbackOperand, commandLine } from "../../../domain/command-line.js";
import { count } from "../../../domain/count.js";
import { shownUrl } from "../../../domain/mask.js";
import { dateOrNull } from "../../../wire/dates.js";
import type { Invocation } from "../../args/command-spec.js";
import { type Json, pauseJson, pickFields, type STATUS_FIELDS } from "../../output/json-fields.js";
import {
  countFailed,
  describeCodes,
  describeNotice,
  describeOpenEnds,
  healthText,
  pauseText,
  reportedHealth,
  silenceText,
} from "../../output/outage-text.js";
import { openProgress } from "../../output/progress-line.js";
import type { Palette, RenderOptions } from "../../output/screen.js";
import { joinText, type Printable, type ScreenText, safeJson, text } from "../../output/screen-text.js";
import { formatInstant, formatRelative } from "../../output/times.js";
import { requireCounted } from "../../output/uncounted-calls.js";
import { readText } from "../../output/wait-text.js";
import { findNamedCallback, SCREEN_PATIENCE_MS, type Session, withSession } from "../../settings/session.js";
import { showService } from "../../settings/take-locks.js";
import { mentionUnfinishedRuns } from "../../settings/unfinished-run.js";
import { type CallbackState, type CallFigures, readCallbackState } from "./callback-state.js";

export function run(invocation: Invocation): Promise<void> {
  return withSession(invocation, (session) => showStatus(invocation, session), { readPatienceMs: () => SCREEN_PATIENCE_MS });
}

async function showStatus(invocation: Invocation, session: Session): Promise<void> {
  const { screen } = invocation;
  const { client } = session;
  const progress = await openProgress(invocation, "reading calls");
  const states: CallbackState[] = [];
  const kept = new KeptMemory();
  try {
    const named = await findNamedCallback(invocation, session);
    await showService(invocation, session);
    const callbacks = named === null ? await client.getAllCallbacks() : [named];
    for (const callback of callbacks) {
      const show = (figures: CallFigures, total: number | null) => {
        const codes = describeCodes(figures);
        const read = readText(`failed calls of ${callback.name}`, figures.looked, total);
        progress.show(codes === "" ? read : `${read} (${codes})`);
      };
      states.push(kept.keep(await readCallbackState(client, callback, screen.renderOptions.now, show)));
    }
  } finally {
    progress.clear();
  }
  const callbackIds = states.map(({ callback }) => callback.id);
  await mentionUnfinishedRuns(invocation, session, callbackIds);
  if (screen.format === "json")
    await screen.out(
      text`${safeJson({ service: client.name, callbacks: states.map((state) => pickFields(statusJson(state), screen.jsonFields)) }, 2)}\n`,
    );
  else if (states.length === 0) screen.info("no callbacks yet; `whcb callbacks create` creates one");
  else await screen.out(renderStatus(states, screen.renderOptions));
  requireCounted(states.map(({ uncounted }) => uncounted));
}

export function statusJson(state: CallbackState): Json<typeof STATUS_FIELDS> {
  const { callback, retried, outages } = state;
  const health = reportedHealth(callback, outages?.[0]);
  return {
    callbackId: callback.id,
    callback: callback.name,
    url: shownUrl(callback),
    retriesEnabled: callback.retriesEnabled,
    state: health?.health ?? null,
    stateSince: dateOrNull(health?.since ?? null),
    downSince: dateOrNull(callback.downSince),
    paused: pauseJson(callback),
    sending: callback.sending,
    waiting: callback.waitingCalls,
    waitingSince: dateOrNull(callback.waitingSince ?? null),
    failed: state.failed,
    lookedAt: state.looked,
    byStatusCode: state.statusCodes,
    byHour: state.byHour,
    oldestAttempt: dateOrNull(state.oldestAttemptAt),
    newestAttempt: dateOrNull(state.newestAttemptAt),
    retried:
      retried === null
        ? null
        : { calls: retried.calls, nextAttemptDate: dateOrNull(retried.nextAt), until: dateOrNull(retried.until) },
    expired: callback.expiredCalls,
    outages:
      outages?.map(({ id, startedAt, recoveringSince, failedCalls, notifiedAt, notifiedBy, mailError }) => ({
        id,
        startedAt: dateOrNull(startedAt),
        recoveringSince: dateOrNull(recoveringSince),
        failedCalls,
        notifiedAt: dateOrNull(notifiedAt),
        notifiedBy,
        mailError,
      })) ?? null,
  };
}

export function renderStatus(states: readonly CallbackState[], options: RenderOptions): ScreenText {
  return joinText(
    states.map((state) => text`${joinText(stateLines(state, options), "\n")}\n`),
    "\n",
  );
}

function stateLines(state: CallbackState, options: RenderOptions): readonly Printable[] {
  const { callback, failed, uncounted } = state;
  const { palette } = options;
  const outage = state.outages?.[0];
  const health = reportedHealth(callback, outage);
  const failingSince = health?.health === "checking" ? health.since : callback.downSince;
  const lines: Printable[] = [
    text`${palette.strong(callback.name)}  ${health === null ? describeCalls(state, palette) : healthText(health, palette)}  ${palette.dim(shownUrl(callback))}`,
  ];
  if (callback.pause !== null)
    lines.push(`  ${pauseText(callback.pause, options.utc)}: what is accepted waits, and nothing is sent`);
  if (callback.sending !== null) lines.push(`  sending ${callback.sending}`);
  if (health?.health === "not-answering" && health.since !== null)
    lines.push(`  ${silenceText(health.since, options.utc)} (${formatRelative(health.since, options.now)})`);
  const waiting = describeWaiting(callback, options);
  if (waiting !== null) lines.push(`  ${waiting}`);
  if (outage !== undefined) {
    lines.push(
      `  outage since ${formatInstant(outage.startedAt, options.utc)} (${formatRelative(outage.startedAt, options.now)}); ${count(outage.failedCalls, "call")} failed in it`,
    );
    if (health?.health === "recovering" && health.since !== null)
      lines.push(
        `  recovering since ${formatInstant(health.since, options.utc)}: a call was accepted; the outage ends when none has failed for a while`,
      );
    const notice = describeNotice(outage, options.utc);
    if (notice !== null) lines.push(`  ${notice}`);
  } else if (failingSince !== null && callback.pause === null) {
    lines.push(
      `  none of its own attempts was accepted since ${formatInstant(failingSince, options.utc)}; the next response that is sent tests it`,
    );
  }
  if (failed === 0 && uncounted !== null) return [...lines, "  failed calls: unknown"];
  if (failed === 0) return [...lines, outage === undefined ? "  no failed calls" : "  no failed calls are left"];
  const codes = describeCodes(state);
  const details = [codes, state.isCut ? `of the newest ${state.looked}` : ""].filter(Boolean).join("; ");
  lines.push(
    text`  ${palette.bad(`${state.isAtLeast ? "at least " : ""}${countFailed(failed, state.unsent)}`)}${details && ` (${details})`}`,
  );
  const openEnds = describeOpenEnds(state, callback, options.serviceFlags);
  if (openEnds !== null) lines.push(`  ${openEnds}`);
  lines.push(text`  by hour, last 24: ${sparkline(state.byHour)}  ${palette.dim("now")}`);
  lines.push(...describeRetries(state, options));
  const words = { operands: [callbackOperand(callback)], flags: ["--failed", ...options.serviceFlags] };
  lines.push(text`  ${palette.dim("next:")} ${commandLine({ command: "calls list", ...words })}`);
  lines.push(`        ${commandLine({ command: "replay", ...words })}`);
  // triage needs a terminal.
  if (options.width !== null)
    lines.push(`        ${commandLine({ command: "triage", operands: words.operands, flags: options.serviceFlags })}`);
  return lines;
}

/** Calls that wait no longer than an endpoint may take aren't mentioned. */
function describeWaiting({ waitingCalls, waitingSince, pause }: ListedCallback, { now, utc }: RenderOptions): string | null {
  if (waitingCalls === null || waitingSince == null) return null;
  if (pause === null && now - waitingSince <= UNANSWERED_MS) return null;
  const waits = waitingCalls === 1 ? "waits for its" : "wait for their";
  return `${count(waitingCalls, "call")} ${waits} first attempt to end, the oldest since ${formatInstant(waitingSince, utc)}`;
}

function describeCalls({ failed, uncounted }: CallbackState, palette: Palette): Printable {
  if (failed > 0) return palette.warn("failed calls");
  return uncounted === null ? palette.good("no failed calls") : palette.warn("unknown");
}

function describeRetries({ retried, callback, failed }: CallbackState, options: RenderOptions): readonly string[] {
  if (callback.retriesEnabled === null) return ["  retries: unknown, the service didn't return the setting"];
  if (retried === null) return [`  retries are ${callback.retriesEnabled ? "on" : "off"}`];
  if (!callback.retriesEnabled) {
    const sends = `the service sends ${retried.calls} that it was asked to replay, and no others`;
    return [`  retries are off: ${retried.calls > 0 ? sends : "the service won't send them again by itself"}`];
  }
  const expired =
    callback.expiredCalls === null ? [] : [`  ${callback.expiredCalls} not retried any more: their retry window is over`];
  if (retried.calls === 0 || retried.nextAt === null)
    return callback.expiredCalls === failed ? expired : ["  none of them is retried any longer", ...expired];
  const until = retried.until === null ? null : formatInstant(retried.until, options.utc);
  const which = retried.calls === failed ? "all" : retried.calls;
  // A window may end in the pause.
  if (callback.pause !== null)
    return [
      `  ${which} waiting for the end of the pause${until === null ? "" : `, the last retry window until ${until}`}`,
      ...expired,
    ];
  if (callback.sending !== null)
    return [`  ${which} to be retried once calls are sent${until === null ? "" : `, the last until ${until}`}`, ...expired];
  const next = formatRelative(Math.max(retried.nextAt, options.now), options.now);
  return [`  ${which} still retried, next ${next}${until === null ? "" : `, the last until ${until}`}`, ...expired];
}

const BARS = "▁▂▃▄▅▆▇█";

/** Scales the bars to the highest. Zero is a dot, to differ from a single failure. */
export function sparkline(numbers: readonly number[]): string {
  const most = Math.max(...numbers, 1);
  return numbers.map((number) => (number === 0 ? "·" : (BARS[Math.ceil((number / most) * BARS.length) - 1] ?? ""))).join("");
}
