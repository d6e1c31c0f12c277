/** An endpoint's state, as everybody sees it. */
import type { VNode } from "preact";
import type { EndpointRecord } from "../../../store/outcomes/endpoints.js";
import { Badge, Time } from "./data.js";

export interface Health {
  /**
   * failing: an outage is open, and its last first attempt failed. recovering: it answers again, and the outage is still open. checking: down
   * without an open outage, so no response is held. idle: no event is sent to it.
   */
  readonly health: "up" | "failing" | "down" | "checking" | "recovering" | "idle";
  /** null: up or idle. */
  readonly since: number | null;
}

/** undefined: it never had a call. */
export function healthOf(record: EndpointRecord | undefined, hasEvents = true): Health {
  const { endpoint, outage } = record ?? { outage: null };
  if (endpoint?.state === "down") return { health: outage === null ? "checking" : "down", since: endpoint.downSince };
  if (endpoint?.state === "recovering") return { health: "recovering", since: endpoint.recoveringSince };
  if (outage !== null && outage.quietSince === null) return { health: "failing", since: outage.startedAt };
  if (outage !== null) return { health: "recovering", since: outage.quietSince };
  return { health: hasEvents ? "up" : "idle", since: null };
}

export const TONES = {
  up: "good",
  failing: "bad",
  down: "bad",
  checking: "warning",
  recovering: "warning",
  idle: "neutral",
} as const;

const TEXTS: Partial<Record<Health["health"], string>> = { checking: "checking the endpoint", idle: "receives nothing" };

/** Beside a title, or in a table, where the time is on a line of its own. */
export function EndpointBadge({ health, since, isInTable = false }: Health & { readonly isInTable?: boolean }): VNode {
  return (
    <>
      <Badge tone={TONES[health]}>{TEXTS[health] ?? health}</Badge>{" "}
      {since !== null && (
        <span class={isInTable ? "below" : "muted"}>
          {health === "checking" && "down "}since <Time at={since} />
        </span>
      )}
    </>
  );
}
