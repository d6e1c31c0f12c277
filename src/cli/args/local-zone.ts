/** Node takes UTC for local time where it doesn't know TZ, and says nothing. Programs of the C library know more forms than it. */

/** A fixed offset in whole hours, such as AEST-10, or GMT, which Intl names otherwise than local time. */
const WHOLE_HOURS = /^(?:GMT|[a-z]{3,}[+-]?\d{1,2})$/i;

const PLACE = /^[a-z_]+(?:\/[a-z_]+)+$/i;

/** Returns the environment's TZ if Node's local time isn't of that zone, and null otherwise. */
export function findUnknownZone(tz: string | undefined): string | null {
  if (!tz || tz === "UTC" || WHOLE_HOURS.test(tz)) return null;
  // Intl takes 12 ms, and a place that gives an offset is one that Node knows.
  if (PLACE.test(tz) && [0, 6].some((month) => new Date(2026, month).getTimezoneOffset() !== 0)) return null;
  try {
    const { timeZone } = new Intl.DateTimeFormat("en", { timeZone: tz.replace(/^:/, "") }).resolvedOptions();
    // Intl ignores case, as Node's local time doesn't.
    if (timeZone !== new Intl.DateTimeFormat("en").resolvedOptions().timeZone) return tz;
  } catch {
    return tz;
  }
  // Both name the same zone for IST and Eire, but local time is another.
  const noon = new Date(2026, 0, 1, 12);
  return new Intl.DateTimeFormat("en", { hour: "numeric", hourCycle: "h23" }).format(noon) === "12" ? null : tz;
}
