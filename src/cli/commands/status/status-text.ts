import { count } from "../../../domain/count.js";
import { dateOrNull } from "../../output/call-columns.js";
import type { RenderOptions } from "../../output/render-options.js";
import { sanitize } from "../../output/sanitize.js";
import { formatInstant, formatRelative } from "../../output/times.js";
import type { CallbackState } from "./callback-state.js";
import { sparkline } from "./sparkline.js";

/** A few lines for each callback, the failing ones with what to type next. */
export function renderStatus(states: readonly CallbackState[], options: RenderOptions): string {
  return states.map((state) => renderCallbackState(state, options)).join("\n");
}

/** The JSON contract of `status`. */
export function statusJson(state: CallbackState): Readonly<Record<string, unknown>> {
  const { callback, retried } = state;
  return {
    callbackId: callback.id,
    callback: callback.name,
    url: callback.url,
    retriesEnabled: callback.retriesEnabled,
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
      state.outages?.map(({ id, startedAt, failedCalls, notifiedAt }) => ({
        id,
        startedAt: dateOrNull(startedAt),
        failedCalls,
        notifiedAt: dateOrNull(notifiedAt),
      })) ?? null,
  };
}

function renderCallbackState(state: CallbackState, options: RenderOptions): string {
  const { callback, failed } = state;
  const { palette } = options;
  const outage = state.outages?.[0];
  const health = outage !== undefined ? palette.bad("outage") : failed > 0 ? palette.warn("failed calls") : palette.good("fine");
  const lines = [`${palette.strong(sanitize(callback.name))}  ${health}  ${palette.dim(sanitize(callback.url))}`];
  if (outage !== undefined) {
    lines.push(
      `  outage since ${formatInstant(outage.startedAt, options.utc)} (${formatRelative(outage.startedAt, options.now)}), ${count(outage.failedCalls, "call")} failed`,
    );
    if (outage.notifiedAt !== null)
      lines.push(`  ${sanitize(callback.email)} was told at ${formatInstant(outage.notifiedAt, options.utc)}`);
  }
  if (failed === 0) return `${[...lines, "  no failed calls"].join("\n")}\n`;
  const codes = state.byStatusCode.map(({ statusCode, calls }) => `${statusCode ?? "no answer"}: ${calls}`).join(", ");
  lines.push(`  ${palette.bad(count(failed, "failed call"))} (${codes}${state.isCut ? `; of the newest ${state.looked}` : ""})`);
  lines.push(`  by hour, last 24: ${sparkline(state.byHour)}  ${palette.dim("now")}`);
  lines.push(...describeRetries(state, options));
  lines.push(`  ${palette.dim("next:")} whcb calls list ${shellName(callback.name)} --failed`);
  lines.push(`        whcb replay ${shellName(callback.name)} --failed`);
  return `${lines.join("\n")}\n`;
}

function describeRetries({ retried, callback, failed }: CallbackState, options: RenderOptions): readonly string[] {
  if (!callback.retriesEnabled) return ["  retries are off: the service sends none of them again by itself"];
  if (retried === null) return ["  retries are on; the service doesn't tell which are still retried"];
  if (retried.calls === 0 || retried.nextAt === null) return ["  none of them is retried any more"];
  const until = retried.until === null ? "" : `, the last until ${formatInstant(retried.until, options.utc)}`;
  return [
    `  ${retried.calls === failed ? "all" : retried.calls} still retried, next ${formatRelative(retried.nextAt, options.now)}${until}`,
  ];
}

function shellName(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `'${sanitize(name).replaceAll("'", `'\\''`)}'`;
}
