import type { Client, ListedCall, ListedCallback, ListedOutage } from "../../../client/client.js";
import { callbackOperand, commandLine } from "../../../domain/command-line.js";
import { count } from "../../../domain/count.js";
import { shownUrl } from "../../../domain/mask.js";
import { dateOrNull } from "../../../wire/dates.js";
import { hasTimedOut, isUnsent } from "../../../wire/json/call-json.js";
import type { Invocation } from "../../args/command-spec.js";
import { type Json, pickFields, type STATUS_FIELDS } from "../../output/json-fields.js";
import {
  describeCodes,
  describeNotice,
  describeTimedOut,
  healthText,
  reportedHealth,
  silenceText,
} from "../../output/outage-text.js";
import { openProgress } from "../../output/progress-line.js";
import type { Palette, RenderOptions } from "../../output/screen.js";
import { joinText, type Printable, type ScreenText, safeJson, text } from "../../output/screen-text.js";
import { formatInstant, formatRelative } from "../../output/times.js";
import { requireCounted, UncountedCalls } from "../../output/uncounted-calls.js";
import { readText } from "../../output/wait-text.js";
import { findNamedCallback, SCREEN_PATIENCE_MS, type Session, withSession } from "../../settings/session.js";
import { mentionUnfinishedRun } from "../../settings/unfinished-run.js";

export function run(invocation: Invocation): Promise<void> {
  return withSession(invocation, (session) => showStatus(invocation, session), { readPatienceMs: () => SCREEN_PATIENCE_MS });
}

async function showStatus(invocation: Invocation, session: Session): Promise<void> {
  const { screen } = invocation;
  const { client } = session;
  const progress = await openProgress(invocation, "reading calls");
  const states = [];
  try {
    const named = await findNamedCallback(invocation, session);
    const callbacks = named === null ? await client.getAllCallbacks() : [named];
    for (const callback of callbacks) {
      const show = (calls: number, total: number | null) =>
        progress.show(readText(`failed calls of ${callback.name}`, calls, total));
      states.push(await readCallbackState(client, callback, screen.renderOptions.now, show));
    }
  } finally {
    progress.clear();
  }
  await mentionUnfinishedRun(invocation, session);
  if (screen.format === "json")
    await screen.out(
      text`${safeJson({ service: client.name, callbacks: states.map((state) => pickFields(statusJson(state), screen.jsonFields)) }, 2)}\n`,
    );
  else if (states.length === 0) screen.info("no callbacks yet; `whcb callbacks create` creates one");
  else await screen.out(renderStatus(states, screen.renderOptions));
  requireCounted(states.map(({ uncounted }) => uncounted));
}

export interface CallbackState extends CallFigures {
  readonly callback: ListedCallback;
  readonly failed: number;
  /** A sentence says what of the list can't be counted. */
  readonly uncounted: string | null;
  /** `isCut` is true if only the newest FAILED calls were read. */
  readonly isCut: boolean;
  /** `isAtLeast` is true if there are more than `failed`, but it isn't known how many. */
  readonly isAtLeast: boolean;
  /** These calls will be retried. It is null if unknown: only `whcb serve` says. */
  readonly retried: { readonly calls: number; readonly nextAt: number | null; readonly until: number | null } | null;
  /** `outages` are open, or null if the service doesn't return them. */
  readonly outages: readonly ListedOutage[] | null;
}

/** `CallFigures` count the FAILED calls that were read. */
interface CallFigures {
  readonly looked: number;
  /** The most frequent comes first; null is without an answer. */
  readonly byStatusCode: readonly { readonly statusCode: number | null; readonly calls: number }[];
  /** So many of those without an answer arrived while the endpoint was down. */
  readonly unsent: number;
  /** The endpoint may have these: its answer didn't come in time. */
  readonly timedOut: number;
  /** `byHour` are counted by hour of the last attempt: the last 24 hours, oldest first. */
  readonly byHour: readonly number[];
  readonly oldestAttemptAt: number | null;
  readonly newestAttemptAt: number | null;
}

const MOST_CALLS_READ = 20_000;
const HOUR_MS = 3_600_000;

async function readCallbackState(
  client: Client,
  callback: ListedCallback,
  now: number,
  onRead: (calls: number, total: number | null) => void,
): Promise<CallbackState> {
  const outages = (await client.listOutages(callback.id))?.filter(({ endedAt }) => endedAt === null) ?? null;
  const summary = new CallSummary(now);
  const rest = new UncountedCalls();
  let total: number | null = null;
  for await (const page of client.listCalls(callback.id, { filter: { status: "FAILED" }, limit: MOST_CALLS_READ })) {
    total ??= page.total;
    rest.add(page);
    for (const call of [...page.calls, ...page.withoutId]) summary.add(call);
    onRead(summary.looked, total);
  }
  const { capabilities } = client;
  const isExact = capabilities.has("exact-lists");
  const failed = isExact ? Math.max(summary.looked, total ?? 0) : summary.looked;
  const isAtLeast = !isExact && summary.looked >= MOST_CALLS_READ;
  return {
    callback,
    failed,
    uncounted: isExact || isAtLeast ? null : rest.describe(callback.name),
    isCut: isAtLeast || failed > summary.looked,
    isAtLeast,
    outages,
    ...summary.read(),
    retried: capabilities.has("retry-reports") ? summary.retried() : null,
  };
}

class CallSummary {
  looked = 0;
  unsent = 0;
  timedOut = 0;
  readonly #now: number;
  readonly #byCode = new Map<number | null, number>();
  readonly #byHour: number[] = Array.from({ length: 24 }, () => 0);
  #oldest: number | null = null;
  #newest: number | null = null;
  #retried = 0;
  #nextAt: number | null = null;
  #until: number | null = null;

  constructor(now: number) {
    this.#now = now;
  }

  add(call: ListedCall): void {
    this.looked += 1;
    this.#byCode.set(call.statusCode, (this.#byCode.get(call.statusCode) ?? 0) + 1);
    if (isUnsent(call)) this.unsent += 1;
    if (hasTimedOut(call)) this.timedOut += 1;
    if (call.nextAttemptAt !== null) {
      this.#retried += 1;
      this.#nextAt = Math.min(this.#nextAt ?? call.nextAttemptAt, call.nextAttemptAt);
      if (call.retryUntil !== null) this.#until = Math.max(this.#until ?? 0, call.retryUntil);
    }
    if (call.attemptedAt === null) return;
    this.#oldest = Math.min(this.#oldest ?? call.attemptedAt, call.attemptedAt);
    this.#newest = Math.max(this.#newest ?? 0, call.attemptedAt);
    const hoursAgo = Math.max(0, Math.floor((this.#now - call.attemptedAt) / HOUR_MS));
    if (hoursAgo < 24) this.#byHour[23 - hoursAgo] = (this.#byHour[23 - hoursAgo] ?? 0) + 1;
  }

  read(): CallFigures {
    return {
      looked: this.looked,
      byStatusCode: [...this.#byCode].map(([statusCode, calls]) => ({ statusCode, calls })).sort((a, b) => b.calls - a.calls),
      unsent: this.unsent,
      timedOut: this.timedOut,
      byHour: this.#byHour,
      oldestAttemptAt: this.#oldest,
      newestAttemptAt: this.#newest,
    };
  }

  retried(): NonNullable<CallbackState["retried"]> {
    return { calls: this.#retried, nextAt: this.#nextAt, until: this.#until };
  }
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
    failed: state.failed,
    lookedAt: state.looked,
    byStatusCode: state.byStatusCode,
    byHour: state.byHour,
    oldestAttempt: dateOrNull(state.oldestAttemptAt),
    newestAttempt: dateOrNull(state.newestAttemptAt),
    retried:
      retried === null
        ? null
        : { calls: retried.calls, nextAttemptDate: dateOrNull(retried.nextAt), until: dateOrNull(retried.until) },
    outages:
      outages?.map(({ id, startedAt, recoveringSince, failedCalls, notifiedAt, notifiedBy }) => ({
        id,
        startedAt: dateOrNull(startedAt),
        recoveringSince: dateOrNull(recoveringSince),
        failedCalls,
        notifiedAt: dateOrNull(notifiedAt),
        notifiedBy,
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
  const lines: Printable[] = [
    text`${palette.strong(callback.name)}  ${health === null ? describeCalls(state, palette) : healthText(health, palette)}  ${palette.dim(shownUrl(callback))}`,
  ];
  if (health?.health === "not-answering" && health.since !== null)
    lines.push(`  ${silenceText(health.since, options.utc)} (${formatRelative(health.since, options.now)})`);
  if (outage !== undefined) {
    lines.push(
      `  outage since ${formatInstant(outage.startedAt, options.utc)} (${formatRelative(outage.startedAt, options.now)}); ${count(outage.failedCalls, "call")} failed in it`,
    );
    if (health?.health === "recovering" && health.since !== null)
      lines.push(
        `  recovering since ${formatInstant(health.since, options.utc)}: calls are accepted again; the outage ends when none has failed for a while`,
      );
    const notice = describeNotice(outage, callback, options.utc);
    if (notice !== null) lines.push(`  ${notice}`);
  } else if (callback.downSince !== null) {
    lines.push(`  down since ${formatInstant(callback.downSince, options.utc)}; the next response that is sent tests it`);
  }
  if (failed === 0 && uncounted !== null) return [...lines, "  failed calls: unknown"];
  if (failed === 0) return [...lines, outage === undefined ? "  no failed calls" : "  no failed calls are left"];
  const codes = describeCodes({ statusCodes: state.byStatusCode, unsent: state.unsent });
  lines.push(
    text`  ${palette.bad(`${state.isAtLeast ? "at least " : ""}${count(failed, "failed call")}`)} (${codes}${state.isCut ? `; of the newest ${state.looked}` : ""})`,
  );
  const timedOut = describeTimedOut(state, callback, options.serviceFlags);
  if (timedOut !== null) lines.push(`  ${timedOut}`);
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

function describeCalls({ failed, uncounted }: CallbackState, palette: Palette): Printable {
  if (failed > 0) return palette.warn("failed calls");
  return uncounted === null ? palette.good("no failed calls") : palette.warn("unknown");
}

function describeRetries({ retried, callback, failed }: CallbackState, options: RenderOptions): readonly string[] {
  if (callback.retriesEnabled === null) return ["  retries: unknown, the service didn't return the setting"];
  if (retried === null) return [`  retries are ${callback.retriesEnabled ? "on" : "off"}`];
  if (!callback.retriesEnabled) return ["  retries are off: the service won't send them again by itself"];
  if (retried.calls === 0 || retried.nextAt === null) return ["  none of them is retried any longer"];
  const until = retried.until === null ? "" : `, the last until ${formatInstant(retried.until, options.utc)}`;
  return [
    `  ${retried.calls === failed ? "all" : retried.calls} still retried, next ${formatRelative(Math.max(retried.nextAt, options.now), options.now)}${until}`,
  ];
}

const BARS = "▁▂▃▄▅▆▇█";

/** Scales the bars to the highest. Zero is a dot, to differ from a single failure. */
export function sparkline(numbers: readonly number[]): string {
  const most = Math.max(...numbers, 1);
  return numbers.map((number) => (number === 0 ? "·" : (BARS[Math.ceil((number / most) * BARS.length) - 1] ?? ""))).join("");
}
