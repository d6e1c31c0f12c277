/** Spreadsheets and databases write dates in several ways (docs/reconcile.md). */
import { readDate } from "../../wire/dates.js";

export type DateOrder = "dmy" | "mdy";
export const DATE_ORDERS: readonly DateOrder[] = ["dmy", "mdy"];

const NUMBERS =
  /^(\d{1,4})([/.-])(\d{1,2})\2(\d{1,4})(?:,?\s+|T)(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,]\d{1,9})?)?(?:\s*([ap])\.?\s?m\.?)?$/i;
/** Dates with points have the day first everywhere, and so has the platform's 28/11/26 05:36. */
const HAS_DAY_FIRST = /^\s*\d{1,2}\.|^\d{2}\/\d{2}\/\d{2} \d{2}:\d{2}$/;
/** Bodies have the platform's dates. */
const IN_BODY = /^\d{2}\/\d{2}\/(?:\d{2}|\d{4}) \d{2}:\d{2}$/;
/** PostgreSQL writes a zone of whole hours so. */
const HOURS_ONLY = /(:\d{2}(?:\.\d{1,9})?[+-]\d{2})$/;

/** Returns an instant in ms, or null if it isn't a date with a time. Dates without a zone are in `timezone` (IANA, or an offset). */
export function readListDate(text: string, order: DateOrder, timezone?: string): number | null {
  const numbers = NUMBERS.exec(text.trim());
  if (numbers === null) return readDate(text.trim().replace(HOURS_ONLY, "$1:00"), timezone);
  const [, first = "", , second = "", third = "", hour, minute, seconds = "00", half] = numbers;
  const dayFirst = order === "dmy" ? [third, second, first] : [third, first, second];
  const [year = "", month = "", day = ""] = first.length === 4 ? [first, second, third] : dayFirst;
  const hours = half === undefined ? Number(hour) : hourOfHalf(Number(hour), half.toLowerCase() === "p");
  const twoDigits = (value: string | number): string => String(value).padStart(2, "0");
  const date = [year.length === 2 ? `20${year}` : year, twoDigits(month), twoDigits(day)].join("-");
  return readDate(`${date} ${twoDigits(hours)}:${minute}:${seconds}`, timezone);
}

/** Some programs write 00:30 AM and 17:30 PM. Returns 24, which no date has, for what contradicts itself. */
function hourOfHalf(hour: number, isAfternoon: boolean): number {
  if (hour > 12 ? !isAfternoon : hour === 0 && isAfternoon) return 24;
  return (hour % 12) + (isAfternoon ? 12 : 0);
}

export interface DateInList {
  readonly line: number;
  readonly text: string;
}

/** Returns the order of the dates, or the first one that reads differently in the two orders if nothing tells which it is. */
export function findDateOrder(dates: readonly DateInList[], areBodies: boolean): DateOrder | DateInList {
  let open: DateInList | undefined;
  const found = new Set<DateOrder>();
  for (const date of dates) {
    if (areBodies && IN_BODY.test(date.text)) found.add("dmy");
    const [dayFirst, monthFirst] = DATE_ORDERS.map((order) => readListDate(date.text, order));
    if (dayFirst === monthFirst) continue;
    if (dayFirst === null) found.add("mdy");
    else if (monthFirst === null) found.add("dmy");
    else if (!HAS_DAY_FIRST.test(date.text)) open ??= date;
  }
  return DATE_ORDERS.find((order) => found.has(order)) ?? open ?? "dmy";
}

/** Returns whether it says its zone, or null if it isn't a date. */
export function saysListZone(text: string, order: DateOrder): boolean | null {
  const at = readListDate(text, order, "+00:00");
  return at === null ? null : at === readListDate(text, order, "+01:00");
}
