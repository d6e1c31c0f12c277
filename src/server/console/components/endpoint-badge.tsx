import type { VNode } from "preact";
import { endpointHealth, HEALTHS, type Health, type Pause } from "../../../domain/callback.js";
import type { EndpointReport } from "../../../store/outcomes/endpoints.js";
import { Badge, Time } from "./data.js";

/** There is no record if the callback was deleted meanwhile. */
export function healthOf(record: EndpointReport | undefined): Health {
  return record === undefined ? { health: "up", since: null } : endpointHealth({ ...record, events: record.callback.events });
}

/** An example: "paused by ada until 2026-11-29 14:00:00 UTC". */
export function PauseEnd({ pause: { by, until } }: { pause: Pause }): VNode {
  return (
    <>
      paused{by !== null && ` by ${by}`} until {until === null ? "it is resumed" : <Time at={until} />}
    </>
  );
}

/** The meaning is shown on hover and with the keyboard's focus. */
export function EndpointBadge({ health, since }: Health): VNode {
  const { text, tone, meaning } = HEALTHS[health];
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: its title is shown then */}
      <span class="explained" title={meaning} tabIndex={0}>
        <Badge tone={tone}>{text}</Badge>
      </span>{" "}
      {since !== null && (
        <span class="muted">
          {health === "checking" && "failing "}since <Time at={since} />
        </span>
      )}
    </>
  );
}
