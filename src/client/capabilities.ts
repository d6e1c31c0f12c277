/** What a service can, found once from its own answers: nothing is requested only to find that out. */
import type { ListedCall } from "../wire/json/call-json.js";
import { isServices } from "./service-error.js";
import { isSuccess, type TransportResponse } from "./transport.js";

export type Feature =
  | "outages"
  | "audit"
  | "groups"
  /** A call has a path of its own. */
  | "call-paths"
  /** The service completes short call ids. */
  | "call-ids"
  /** The service tells the states of several calls at once. */
  | "call-states"
  /** The service finds a call without its callback. */
  | "call-places"
  /** The service lists the attempts of a call. */
  | "attempts"
  /** The service keeps attempts that a client reports. */
  | "reported-attempts"
  /** A mark says whether a replay has delivered the calls. */
  | "settled-by"
  | "run-locks"
  /** Each call says how often it was attempted and when it is sent next. */
  | "retry-reports"
  /** A list applies all filters and the order, and its total counts what matches. */
  | "exact-lists"
  /** PENDING calls are listed with `status=PENDING` only. */
  | "pending-lists"
  /** A mark leaves calls that were delivered or marked meanwhile. */
  | "guarded-marks"
  /** An update says which settings it expects. */
  | "guarded-updates"
  /** A callback's deliveries may be signed. */
  | "signed-deliveries"
  /** As retries are switched on for a callback, its earlier failures are sent. */
  | "retries-of-earlier-failures";

/** `whcb serve` has all of these, and no other service has one. */
const OURS: ReadonlySet<Feature> = new Set([
  "run-locks",
  "retry-reports",
  "exact-lists",
  "pending-lists",
  "guarded-marks",
  "guarded-updates",
  "signed-deliveries",
  "retries-of-earlier-failures",
]);

/** The platform accepts this `limit`, and announces none. */
export const DEFAULT_PAGE = 20;
export const LARGEST_PAGE = 500;

export class Capabilities {
  #rowsPerPage = DEFAULT_PAGE;
  #isOurs = false;
  readonly #found = new Map<Feature, boolean>();

  /** A list accepts a `limit` up to this, as far as known. */
  get rowsPerPage(): number {
    return this.#rowsPerPage;
  }

  /** Returns false until an answer shows that the service has it. */
  has(feature: Feature): boolean {
    return this.#found.get(feature) ?? (this.#isOurs && OURS.has(feature));
  }

  /** Returns false until an answer shows that the service lacks it. */
  lacks(feature: Feature): boolean {
    return this.#found.get(feature) === false;
  }

  noteFeature(feature: Feature, isThere: boolean): void {
    this.#found.set(feature, isThere);
  }

  /**
   * Returns whether the answer says that the service lacks the feature, and notes that. What was found stays: a later one is a gateway's, or of
   * what was deleted.
   */
  isMissing(feature: Feature, answer: TransportResponse): boolean {
    if (this.has(feature)) return false;
    if (isSuccess(answer)) this.noteFeature(feature, true);
    if (!isUnknownRoute(answer)) return false;
    // `whcb serve` answers 404 for what was deleted, and what isn't its document is a gateway's, maybe for a moment.
    if (!this.#isOurs || (answer.status !== 404 && isServices(answer))) this.noteFeature(feature, false);
    return true;
  }

  /** Only `whcb serve` says how many rows a page may have. */
  readAnswer({ headers }: TransportResponse): void {
    const announced = Number(headers["x-max-limit"]);
    if (!Number.isInteger(announced) || announced <= 0) return;
    this.#rowsPerPage = Math.min(announced, LARGEST_PAGE);
    this.#isOurs = true;
  }

  /** Only `whcb serve` counts a call's attempts. A proxy may have removed the header. */
  readCalls(calls: readonly ListedCall[]): void {
    this.#isOurs ||= calls.some(({ attemptCount }) => attemptCount !== null);
  }
}

/** A service may answer an unknown path so, and a gateway may say 403. */
export function isUnknownRoute({ status }: TransportResponse): boolean {
  return [400, 403, 404, 405, 501].includes(status);
}

/** A path that is known may not take a method. */
export function isUnknownMethod({ status }: TransportResponse): boolean {
  return status === 405 || status === 501;
}
