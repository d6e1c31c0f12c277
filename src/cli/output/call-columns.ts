import { CALL_CELLS, type CallRow, callRecord } from "../../wire/call-record.js";
import type { Column } from "./cells.js";
import type { CALL_FIELDS, Json } from "./json-fields.js";
import type { ListingStyle } from "./listing.js";
import type { Paint, Palette } from "./screen.js";

/** A column's look: the rest of it is a cell of every list. */
const LOOKS: Readonly<Record<keyof typeof CALL_CELLS, Omit<Column<CallRow>, "key" | "value" | "kind">>> = {
  attempted: { title: "LAST ATTEMPT", dropRank: 3 },
  status: { title: "STATUS", paint: ({ call }, palette) => statusPaint(call.status, palette) },
  code: { title: "CODE", dropRank: 1 },
  reason: { title: "REASON", least: 8, dropRank: 4 },
  from: { title: "FROM", least: 12, dropRank: 5 },
  content: { title: "CONTENT", least: 8, dropRank: 6 },
  id: { title: "CALL" },
  callback: { title: "CALLBACK", least: 8, onDemand: true },
  message: { title: "MESSAGE", onDemand: true },
  channel: { title: "CHANNEL", onDemand: true },
  kind: { title: "KIND", onDemand: true },
  attempts: { title: "ATTEMPTS", onDemand: true },
  next: { title: "NEXT ATTEMPT", onDemand: true },
  until: { title: "RETRIED UNTIL", onDemand: true },
  "settled-by": { title: "SETTLED BY", onDemand: true },
};

const COLUMNS = (Object.keys(CALL_CELLS) as (keyof typeof CALL_CELLS)[]).map(
  (key): Column<CallRow> => ({ key, ...CALL_CELLS[key], ...LOOKS[key] }),
);

export const CALL_LISTING: ListingStyle<CallRow> = { columns: COLUMNS, toJson: callJson, toId: ({ call }) => call.id };

export function callJson(row: CallRow): Json<typeof CALL_FIELDS> {
  return callRecord(row);
}

export function statusPaint(status: string, palette: Palette): Paint {
  return status === "SUCCESS" ? palette.good : status === "FAILED" ? palette.bad : palette.warn;
}

export function leftOutText(calls: number): string {
  return calls > 0 ? ` (${calls} left out: the service returned them although the filter excludes them)` : "";
}
