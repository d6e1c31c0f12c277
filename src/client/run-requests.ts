import { type DeliveryResult, MAX_REPORT_DURATION_MS } from "../domain/attempt.js";
import type { RunLease } from "../domain/callback.js";
import { WhcbError } from "../domain/errors.js";
import { idInUrl } from "../wire/bulk-ids.js";
import { toIsoDate } from "../wire/dates.js";
import { countOf, objectOf, textOf } from "../wire/json/json-value.js";
import { type ListedReplay, readServiceReplay } from "../wire/json/replay-json.js";
import { callbackPath } from "./callback-requests.js";
import { isUnknownRoute } from "./capabilities.js";
import type { ServiceApi } from "./service-api.js";
import { isSuccess, type TransportResponse } from "./transport.js";

export interface ReplayReport {
  readonly sentFrom: string;
  readonly attempts: readonly ReplayAttempt[];
}

export interface ReplayAttempt {
  readonly callId: string;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly result: DeliveryResult;
  /** The call was listed with this instant, if the service says it. A mark names it, a report doesn't. */
  readonly submittedAt?: number | undefined;
}

/** A service without run locks, such as the platform, answers `unsupported`. */
export type RunLockAnswer = { readonly kind: "taken" | "unsupported" } | { readonly kind: "busy"; readonly holder: RunLease };

export function runRequests(api: ServiceApi) {
  const { capabilities } = api;
  const request = (method: "PUT" | "DELETE", callbackId: string, lease: RunLease) =>
    api.exchange({ method, path: `${callbackPath(callbackId)}/run-lock`, noun: "callback", body: lease, isRepeatable: true });
  /** Takes or renews the lock, for 30 s. */
  async function takeRunLock(callbackId: string, lease: RunLease): Promise<RunLockAnswer> {
    for (;;) {
      const answer = await request("PUT", callbackId, lease);
      if (answer.status === 204 || answer.status === 409) capabilities.noteFeature("run-locks", true);
      if (answer.status === 204) return { kind: "taken" };
      if (answer.status === 409) return { kind: "busy", holder: readRunLease(api.documentOf(answer)) };
      // Any other success is that of a service that answers every path.
      if (!isSuccess(answer) && !isUnknownRoute(answer)) throw api.errorOf(answer);
      // The service has no such route, or the callback was deleted.
      const isNotFound = answer.status === 404 && api.errorOf(answer).code === "not-found";
      if (isNotFound || capabilities.lacks("run-locks")) return { kind: "unsupported" };
      if (capabilities.has("run-locks")) throw unexpectedAnswer(answer, api);
      // It may be a gateway's answer for a moment, so the service is asked once more.
      capabilities.noteFeature("run-locks", false);
    }
  }

  async function releaseRunLock(callbackId: string, lease: RunLease): Promise<void> {
    const answer = await request("DELETE", callbackId, lease);
    // The callback may have been deleted.
    if (!isSuccess(answer) && answer.status !== 404) throw api.errorOf(answer);
  }

  /** Returns null if nobody has the lock, or the service doesn't say. */
  async function findRunLock(callbackId: string): Promise<RunLease | null> {
    if (!capabilities.has("run-locks")) return null;
    const path = `${callbackPath(callbackId)}/run-lock`;
    const answer = await api.exchangeIfKnown({ method: "GET", path, noun: "callback" });
    return answer?.status === 200 ? readRunLease(api.documentOf(answer)) : null;
  }

  /** Returns null if the service doesn't know the replay, or can't replay. */
  async function findReplay(callbackId: string, replayId: string): Promise<ListedReplay | null> {
    const answer = await api.exchangeIfKnown({ method: "GET", path: replayPath(callbackId, replayId), noun: "call" });
    return answer && readServiceReplay(api.documentOf(answer));
  }

  /** Cancels what has not begun. Returns false if the service doesn't know the replay, or can't replay. */
  async function cancelReplay(callbackId: string, replayId: string): Promise<boolean> {
    const path = replayPath(callbackId, replayId);
    return (await api.exchangeIfKnown({ method: "DELETE", path, noun: "call", isRepeatable: true })) !== null;
  }

  /** Reports up to 100 attempts. Returns false if the service keeps none. */
  async function recordReplays(callbackId: string, report: ReplayReport): Promise<boolean> {
    const path = `${callbackPath(callbackId)}/attempts`;
    const request = { method: "POST", path, noun: "call", body: replayReportJson(report, api) } as const;
    return (await api.exchangeFeature("reported-attempts", request)) !== null;
  }

  return { findRunLock, takeRunLock, releaseRunLock, findReplay, cancelReplay, recordReplays };
}

/** Keeps within what the service accepts, whatever our clock was set to meanwhile. */
export function replayReportJson({ sentFrom, attempts }: ReplayReport, api: ServiceApi): object {
  return { sentFrom, attempts: attempts.map((attempt) => attemptJson(attempt, api.toServiceClock(attempt.startedAt))) };
}

function attemptJson({ callId, durationMs, result }: ReplayAttempt, startedAt: number): object {
  const isAnswered = result.kind === "answered";
  return {
    id: callId,
    attemptedDate: toIsoDate(startedAt),
    durationMs: Math.min(durationMs, MAX_REPORT_DURATION_MS),
    statusCode: isAnswered ? result.statusCode : undefined,
    statusMessage: (isAnswered ? result.statusMessage : result.detail).slice(0, 1_000),
    error: isAnswered ? undefined : result.reason,
    body: (isAnswered && result.body) || undefined,
    resent: result.resent,
  };
}

function unexpectedAnswer({ status }: TransportResponse, { name }: ServiceApi): WhcbError {
  return new WhcbError("unavailable", `${name} has run locks, and answered ${status} to a request for one`, {
    hint: "Something between here and the service may have answered instead. Try again.",
  });
}

function replayPath(callbackId: string, replayId: string): string {
  return `${callbackPath(callbackId)}/replays/${idInUrl(replayId)}`;
}

function readRunLease(document: unknown): RunLease {
  const { run, holder, done, total, replay } = objectOf(document);
  const lease = { run: textOf(run), holder: textOf(holder), done: countOf(done) ?? 0, total: countOf(total) ?? 0 };
  return replay === undefined ? lease : { ...lease, replay: textOf(replay) };
}
