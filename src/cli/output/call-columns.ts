import { CALL_CELLS, type CallRow, callRecord } from "../../wire/call-record.js";
import type { Column } from "./cells.js";
import type { CALL_FIELDS, Json } from "./json-fields.js";
import type { ListingStyle } from "./listing.js";
import type { Paint, Palette } from "./screen.js";

const ON_DEMAND = { onDemand: true };

const COLUMNS: readonly Column<CallRow>[] = [
  column("attempted", "LAST ATTEMPT", { dropRank: 4 }),
  column("status", "STATUS", { paint: ({ call }, palette) => statusPaint(call.status, palette) }),
  column("code", "CODE", { dropRank: 1 }),
  column("reason", "REASON", { least: 12, dropRank: 2 }),
  column("from", "FROM", { least: 12, dropRank: 6 }),
  column("content", "CONTENT", { least: 8, dropRank: 7 }),
  column("id", "CALL", { dropRank: 5 }),
  column("callback", "CALLBACK", { ...ON_DEMAND, least: 8 }),
  column("message", "MESSAGE", ON_DEMAND),
  column("channel", "CHANNEL", ON_DEMAND),
  column("kind", "KIND", ON_DEMAND),
  column("attempts", "ATTEMPTS", ON_DEMAND),
  column("next", "NEXT ATTEMPT", ON_DEMAND),
  column("until", "RETRIED UNTIL", ON_DEMAND),
  column("settled-by", "SETTLED BY", ON_DEMAND),
  column("answer", "ANSWER", { ...ON_DEMAND, least: 16, dropRank: 3, isOptional: true }),
  column("settled-by-user", "SETTLED BY USER", ON_DEMAND),
];

/** The columns of a table, if others aren't asked for: lines for a program keep theirs. */
export const TABLE_COLUMNS = ["attempted", "status", "code", "reason", "answer", "from", "content", "id"];

function column(key: keyof typeof CALL_CELLS, title: string, look: Partial<Column<CallRow>>): Column<CallRow> {
  return { key, title, ...CALL_CELLS[key], ...look };
}

export const callJson: (row: CallRow) => Json<typeof CALL_FIELDS> = callRecord;

export const CALL_LISTING: ListingStyle<CallRow> = { columns: COLUMNS, toJson: callJson, toId: ({ call }) => call.id };

export function statusPaint(status: string, palette: Palette): Paint {
  return status === "SUCCESS" ? palette.good : status === "FAILED" ? palette.bad : palette.warn;
}

export function leftOutText(calls: number): string {
  return calls > 0 ? ` (${calls} left out: the service returned them although the filter excludes them)` : "";
}
