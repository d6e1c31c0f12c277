import { type ReplayCounts, replayState, type ServiceReplay } from "../../domain/callback.js";
import { toIsoDate } from "../dates.js";
import { countOf, type JsonObject, objectOf, textOf } from "./json-value.js";

/** A client sees a replay like this. */
export interface ListedReplay extends ReplayCounts {
  readonly id: string;
  readonly state: string;
}

export function serviceReplayToJson(replay: ServiceReplay): JsonObject {
  const { id, requestedAt, total, succeeded, failed, cancelled, left } = replay;
  return { id, state: replayState(replay), requestedDate: toIsoDate(requestedAt), total, succeeded, failed, cancelled, left };
}

export function readServiceReplay(document: unknown): ListedReplay {
  const { id, state, total, succeeded, failed, cancelled, left } = objectOf(document);
  const count = (value: unknown) => countOf(value) ?? 0;
  return {
    id: textOf(id),
    state: textOf(state),
    total: count(total),
    succeeded: count(succeeded),
    failed: count(failed),
    cancelled: count(cancelled),
    left: count(left),
  };
}

/** Returns null if it isn't the answer to a request for a replay. */
export function readAccepted(document: unknown): number | null {
  return countOf(objectOf(document).accepted);
}
