import type { EgressProxy } from "../delivery/egress-proxy.js";
import type { BodyFormat } from "../domain/callback.js";
import { maskUrl, parseUrl } from "../domain/mask.js";
import type { BodyNames } from "../wire/delivery-settings.js";

/** A call's body depends on its callback and on these. */
export interface BodyOptions {
  /** `contentType` counts for a callback whose content type the service doesn't return. */
  readonly contentType?: BodyFormat | undefined;
  /** The default is the wire's. */
  readonly bodyNames?: BodyNames | undefined;
}

/** A resumed run may have another one. */
export interface SendingPace {
  /** So many requests to one endpoint are in flight at once. */
  readonly concurrency: number;
  /** One endpoint gets so many requests a second. null means no limit. */
  readonly rate: number | null;
  /** One call is sent first. If it fails, no other one of that callback is sent. */
  readonly canary: boolean;
  /** So many failures in a row stop a callback. */
  readonly maxFailures: number;
  /** Each sender or message has one call in flight at a time, and none after a rejected one. */
  readonly serialBy: "from" | "message" | null;
}

export interface ReplayOptions extends BodyOptions, SendingPace {
  readonly to: string | null;
  /** With `to`, the callback's auth is sent too. */
  readonly withAuth: boolean;
  /** Accepted calls are marked. With `to` it is false unless it was asked for. */
  readonly mark: boolean;
  /** The service attempts the calls, and other options are unused. */
  readonly viaService: boolean;
  /** The run began to send through this egress proxy. */
  readonly throughProxy?: string;
  /** `authParameter` counts for `queryparam` auth. The default is the wire's. */
  readonly authParameter?: string;
}

/** Nothing else that a command is given is written to the journal: keys and secrets are among it. */
const RECORDED = {
  contentType: true,
  bodyNames: true,
  concurrency: true,
  rate: true,
  canary: true,
  maxFailures: true,
  serialBy: true,
  to: true,
  withAuth: true,
  mark: true,
  viaService: true,
  throughProxy: true,
  authParameter: true,
} satisfies Record<keyof ReplayOptions, true>;

export function recordedOptions(options: ReplayOptions, targets: readonly HasUrl[], deps: HasProxy): ReplayOptions {
  const recorded = Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(RECORDED, name)));
  const throughProxy = proxyOf(options, targets, deps);
  return { ...(recorded as unknown as ReplayOptions), ...(throughProxy !== null && { throughProxy }) };
}

interface HasUrl {
  readonly url: string;
}

interface HasProxy {
  readonly egressProxy?: EgressProxy | null;
}

/** Returns the host and port of the egress proxy through which calls are sent to `to`, or else to one of the targets, or null. */
export function proxyOf(
  { to, viaService }: Pick<ReplayOptions, "to" | "viaService">,
  targets: readonly HasUrl[],
  { egressProxy }: HasProxy,
): string | null {
  const urls = viaService ? [] : to === null ? targets.map(({ url }) => url) : [to];
  const isCovered = urls.some((text) => {
    const url = parseUrl(text);
    return url !== null && egressProxy?.covers(url);
  });
  return isCovered && egressProxy ? egressProxy.place : null;
}

/** Returns the URL of --to as it is shown, or null if the calls are sent to their callbacks' own URLs. */
export function shownTo(options: Pick<ReplayOptions, "to"> | null): string | null {
  return options?.to ? maskUrl(options.to) : null;
}

/** Returns text such as " at https://example.com/other", or "" if the calls are sent to their callbacks' own URLs. */
export function placeOf(options: Pick<ReplayOptions, "to"> | null): string {
  const to = shownTo(options);
  return to === null ? "" : ` at ${to}`;
}

export const DEFAULT_REPLAY_OPTIONS: ReplayOptions = {
  concurrency: 8,
  rate: null,
  canary: true,
  maxFailures: 10,
  serialBy: null,
  to: null,
  withAuth: false,
  mark: true,
  viaService: false,
};
