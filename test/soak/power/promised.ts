/** What users were told until a power cut must hold after it. */
import type { TraceRecord } from "../../support/power/disk-trace.js";

export interface Promised {
  /** The service listens there. */
  readonly ports: readonly string[];
  /** The profile has these settings, by the first run of the service or `config set`. The last ones count. */
  readonly settings: readonly Readonly<Record<string, string | number>>[];
  readonly callbacks: readonly string[];
  /** The service has answered with 202 to these calls. */
  readonly accepted: readonly string[];
  /** The service has listed these calls as SUCCESS, or a command that marks them has ended. */
  readonly success: readonly string[];
  /** The service has answered with 202 that it will attempt these calls once more. */
  readonly requested: readonly string[];
  /** The service has listed these outages as notified. */
  readonly notified: readonly string[];
  /** The endpoint got these calls from `whcb replay`. */
  readonly replayed: readonly string[];
  /** These runs have ended, and so many calls were shown as accepted and marked. */
  readonly runs: readonly { readonly runId: string; readonly counts: { readonly accepted: number; readonly marked: number } }[];
  readonly users: readonly string[];
  readonly backups: readonly string[];
}

/** A note of the trace has what was promised since the note before. */
export function promisedIn(records: readonly TraceRecord[]): Promised {
  const notes = records
    .filter(({ operation }) => operation === "N")
    .map(({ bytes }): Partial<Promised> => JSON.parse(bytes.toString("utf8")));
  const all = <Name extends keyof Promised>(name: Name) =>
    notes.flatMap((note): readonly Promised[Name][number][] => note[name] ?? []);
  return {
    ports: all("ports"),
    settings: all("settings"),
    callbacks: all("callbacks"),
    accepted: all("accepted"),
    success: all("success"),
    requested: all("requested"),
    notified: all("notified"),
    replayed: all("replayed"),
    runs: all("runs"),
    users: all("users"),
    backups: all("backups"),
  };
}
