/** What is planned to be marked of one callback. */
import type { ListedCall, ListedCallback } from "../client/client.js";
import { isUnsent } from "../wire/json/call-json.js";
import { AnswerTexts, isRetrying, LastAttemptsSum } from "./plan/replay-plan.js";
import type { RunDeps } from "./run-deps.js";
import { isByDelivery } from "./settled-calls.js";

export interface MarkGroup {
  readonly callback: ListedCallback;
  readonly callIds: readonly string[];
  /** When each call had last changed as it was listed, by id. It has none with FAILED, or if the service doesn't say it. */
  readonly listedChanges: ReadonlyMap<string, number>;
  readonly attempts: LastAttemptsSum;
  /** These calls were SUCCESS by a delivery when they were listed. */
  readonly delivered: ReadonlySet<string>;
  /** So many were never sent. */
  readonly unsent: number;
  /** So many have no date of an attempt. */
  readonly undated: number;
  /** The service would send so many by itself. */
  readonly retrying: number;
}

export interface GrowingGroup extends MarkGroup {
  readonly callIds: string[];
  readonly listedChanges: Map<string, number>;
  readonly delivered: Set<string>;
  readonly answerTexts: AnswerTexts;
  unsent: number;
  undated: number;
  retrying: number;
}

export function newGroup(callback: ListedCallback, answer?: string): GrowingGroup {
  return {
    ...{ callback, callIds: [], listedChanges: new Map(), attempts: new LastAttemptsSum(), answerTexts: new AnswerTexts(answer) },
    ...{ delivered: new Set(), unsent: 0, undated: 0, retrying: 0 },
  };
}

export function addCall(group: GrowingGroup, call: ListedCall, deps: RunDeps): void {
  group.callIds.push(call.id);
  if (call.status !== "SUCCESS" && call.changedAt !== undefined) group.listedChanges.set(call.id, call.changedAt);
  group.attempts.add(call.statusCode, call.attemptedAt, group.answerTexts.keep(call));
  if (isByDelivery(call.settledBy)) group.delivered.add(call.id);
  if (call.status === "PENDING" || isUnsent(call)) group.unsent++;
  if (call.attemptedAt === null) group.undated++;
  if (isRetrying(call, group.callback, deps)) group.retrying++;
}
