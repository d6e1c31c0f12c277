import type { ListedCallback } from "../../../client/client.js";
import type { EgressProxy } from "../../../delivery/egress-proxy.js";
import { count, listSome } from "../../../domain/count.js";
import { parseUrl, shownUrl } from "../../../domain/mask.js";
import type { UnusableCalls } from "../../../runs/plan/call-scope.js";
import type { LeftOutCalls, ReplayGroup, ReplayPlan } from "../../../runs/plan/replay-plan.js";
import type { RunDeps } from "../../../runs/run-deps.js";
import type { RunLocks } from "../../../runs/run-locks.js";
import { type ReplayOptions, shownTo } from "../../../runs/run-options.js";
import { keyParameter, sendsAuth } from "../../../runs/send/send-target.js";
import { pauseJson } from "../json-fields.js";
import { countFailed, describeAnswers, describeCodes, describeOpenEnds, pauseText } from "../outage-text.js";
import type { RenderOptions, Screen } from "../screen.js";
import { formatInstant } from "../times.js";

export function describePlan(
  plan: ReplayPlan,
  options: ReplayOptions,
  { egressProxy = null }: Pick<RunDeps, "egressProxy">,
  renderOptions: RenderOptions,
): readonly string[] {
  const describe = (group: ReplayGroup) => describeGroup(group, options, egressProxy, renderOptions);
  return [...plan.groups.flatMap(describe), ...describeLeftOut(plan)];
}

/** Another endpoint than the callback's has none of the calls. */
export function describeMissingAnswers(
  { groups }: ReplayPlan,
  { to }: ReplayOptions,
  { serviceFlags }: RenderOptions,
): readonly string[] {
  if (to !== null) return [];
  const lines = groups.map((group) => describeOpenEnds(group, group.callback, serviceFlags));
  return lines.flatMap((line) => (line === null ? [] : [`  ${line}`]));
}

export function describeLeftOut(plan: LeftOutCalls): readonly string[] {
  return [
    plan.leftOut > 0 ? `${count(plan.leftOut, "call")} left out: the service listed them, but they don't match the filter` : "",
    plan.notFailed > 0 ? `${count(plan.notFailed, "call")} left out: not FAILED` : "",
    plan.waiting > 0
      ? `${count(plan.waiting, "call")} left out: waiting for ${plan.waiting === 1 ? "its" : "their"} first attempt to end`
      : "",
    plan.skippedRetrying > 0 ? `${count(plan.skippedRetrying, "call")} left out: the service is still retrying them` : "",
    plan.missing.length > 0 ? `not found: ${listSome(plan.missing)}` : "",
  ].filter((line) => line !== "");
}

/** Busy callbacks aren't searched, so an id that wasn't found may be of theirs: it isn't said not to exist. */
export function withoutBusy<Plan extends Pick<LeftOutCalls, "missing">>(
  plan: Plan,
  locks: Pick<RunLocks, "busy"> | undefined,
  screen: Screen,
): Plan {
  const calls = plan.missing.length;
  if (locks === undefined || locks.busy.length === 0 || calls === 0) return plan;
  const may = calls === 1 ? "it may be" : "they may be";
  screen.info(`${count(calls, "call")} left out: not found in the callbacks that aren't busy; ${may} of the busy ones`);
  return { ...plan, missing: [] };
}

/** These calls stay as they are, so the warning is shown in every format. */
export function warnOfUnusableCalls(
  {
    withoutId,
    withoutResponse = 0,
    unlisted,
    unlistedYet,
  }: UnusableCalls & Partial<Pick<ReplayPlan, "withoutResponse" | "unlistedYet">>,
  screen: Screen,
): void {
  if (withoutId > 0) screen.info(`warning: ${count(withoutId, "call")} listed without a usable id: neither sent nor marked`);
  if (withoutResponse > 0) {
    const their = withoutResponse === 1 ? "its" : "their";
    screen.info(`warning: ${count(withoutResponse, "call")} listed without ${their} response: neither sent nor marked`);
  }
  if (unlisted > 0)
    screen.info(`warning: ${count(unlisted, "call")} counted by the service, but not listed: neither sent nor marked`);
  if (unlistedYet) {
    const { calls, until } = unlistedYet;
    const end = formatInstant(until, screen.renderOptions.utc);
    screen.info(
      `warning: ${count(calls, "call")} just made FAILED, and not among the listed ones, which may lag: look again after ${end}`,
    );
  }
}

export function planJson(plan: ReplayPlan, options: ReplayOptions): Readonly<Record<string, unknown>> {
  return {
    calls: plan.calls,
    leftOut: plan.leftOut,
    withoutId: plan.withoutId,
    withoutResponse: plan.withoutResponse,
    unlisted: plan.unlisted,
    notFailed: plan.notFailed,
    waiting: plan.waiting,
    skippedRetrying: plan.skippedRetrying,
    missing: plan.missing,
    sentTo: shownTo(options),
    unmarked: runsJson(plan.unmarked.filter(({ as }) => as !== "marked")),
    justMarked: runsJson(plan.unmarked.filter(({ as }) => as === "marked")),
    callbacks: plan.groups.map((group) => ({
      id: group.callback.id,
      name: group.callback.name,
      url: shownUrl(group.callback),
      authParameter: keyParameter(group.callback, options),
      calls: group.calls,
      retrying: group.retrying,
      timedOut: group.openEnds,
      statusCodes: group.statusCodes,
      paused: pauseJson(group.callback),
    })),
  };
}

function runsJson(runs: ReplayPlan["unmarked"]) {
  return runs.map(({ header, calls }) => ({ runId: header.runId, calls }));
}

/** Returns text such as ", key in ?Auth=", or "". */
export function describeKey(callback: ListedCallback, options: ReplayOptions): string {
  const parameter = keyParameter(callback, options);
  return parameter === null ? "" : `, key in ?${parameter}=`;
}

function describeSigning({ isSigned }: ListedCallback, options: ReplayOptions): string {
  if (!isSigned || options.viaService) return "";
  return sendsAuth(options) ? ", signed" : ", unsigned (--with-auth signs)";
}

function describeGroup(
  group: ReplayGroup,
  options: ReplayOptions,
  egressProxy: EgressProxy | null,
  renderOptions: RenderOptions,
): readonly string[] {
  const url = shownTo(options) ?? shownUrl(group.callback);
  const where = options.viaService ? `${url}, by the service` : `${url}${describeProxy(group, options, egressProxy)}`;
  const key = describeKey(group.callback, options) + describeSigning(group.callback, options);
  const since =
    group.firstAttemptedAt === null ? "" : `, last attempts from ${formatInstant(group.firstAttemptedAt, renderOptions.utc)}`;
  const twice = "the receiver may see those twice, with the same webhook-id (--skip-retrying leaves them out)";
  const codes = describeCodes(group);
  return [
    `${countFailed(group.calls, group.unsent)} of ${group.callback.name} -> ${where}${key}${since}${codes && ` (${codes})`}`,
    ...describeAnswers(group),
    ...describePaused(group.callback, options, renderOptions.utc),
    ...describeRetrying(group, twice),
  ];
}

/** `consequence` is what the run changes about them. */
export function describeRetrying({ retrying }: Pick<ReplayGroup, "retrying">, consequence: string): readonly string[] {
  return retrying === 0 ? [] : [`  the service is still retrying ${retrying} of them: ${consequence}`];
}

function describeProxy({ callback }: ReplayGroup, { to }: ReplayOptions, egressProxy: EgressProxy | null): string {
  const url = parseUrl(to ?? callback.url);
  return url !== null && egressProxy?.covers(url) ? `, through the egress proxy ${egressProxy.place}` : "";
}

/** Another URL isn't paused. */
function describePaused({ name, pause }: ListedCallback, { to, viaService }: ReplayOptions, utc: boolean): readonly string[] {
  if (pause === null || to !== null) return [];
  return [
    `  ${name} is ${pauseText(pause, utc)}: ${viaService ? "the service sends them after that" : "they are sent from here all the same"}`,
  ];
}
