import type { VNode } from "preact";
import type { EndpointRecord } from "../../../store/outcomes/endpoints.js";
import { Badge, Time } from "./data.js";

export interface Health {
  /**
   * A failing endpoint has an open outage, and the last first attempt failed. A recovering one answers again while the outage
   * is still open. One is checked if it is down without an open outage, so no response is held. An idle one is sent no event.
   */
  readonly health: "up" | "failing" | "down" | "checking" | "recovering" | "idle";
  /** `since` is null if the endpoint is up or idle. */
  readonly since: number | null;
}

/** There is no record if it never had a call. */
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

/** In a table the time is on a line of its own. */
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
