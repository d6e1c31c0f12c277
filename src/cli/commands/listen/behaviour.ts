/** How a rehearsed endpoint answers its n-th POST. Pure: the same seed fails the same ones. */

export interface Behaviour {
  /** The status of a failure, or of every answer where no failing is asked for; null: 503 for failures, 200 else. */
  readonly status: number | null;
  readonly failFirst: number | null;
  readonly failForMs: number | null;
  /** 0 to 1. */
  readonly flaky: number | null;
  readonly seed: number;
  readonly delayMs: number;
  readonly hang: boolean;
}

export type Answer = { readonly kind: "status"; readonly status: number; readonly delayMs: number } | { readonly kind: "hang" };

/** `number`: 1 for the first POST. `elapsedMs`: since the endpoint opened. */
export function answerTo(number: number, elapsedMs: number, behaviour: Behaviour): Answer {
  const { status, failFirst, failForMs, flaky, delayMs } = behaviour;
  const recovers = failFirst !== null || failForMs !== null || flaky !== null;
  const fails =
    (failFirst !== null && number <= failFirst) ||
    (failForMs !== null && elapsedMs < failForMs) ||
    (flaky !== null && seededUnit(behaviour.seed, number) < flaky);
  if (behaviour.hang && (fails || !recovers)) return { kind: "hang" };
  if (!recovers) return { kind: "status", status: status ?? 200, delayMs };
  return { kind: "status", status: fails ? (status ?? 503) : 200, delayMs };
}

/** A number in [0,1) that depends on nothing but these two (a round of murmur3's finaliser). */
function seededUnit(seed: number, number: number): number {
  let hash = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(number, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000;
}
