/** Node takes UTC for local time where it doesn't know TZ, and says nothing. Programs of the C library know more forms than it. */

/** A fixed offset in whole hours, such as AEST-10, or GMT, which Intl names otherwise than local time. */
const WHOLE_HOURS = /^(?:GMT|[a-z]{3,}[+-]?\d{1,2})$/i;

const PLACE = /^[a-z_]+(?:\/[a-z_]+)+$/i;

/** Daylight saving time begins in one month and ends in another. Its offset is an hour less than the other one if none is given. */
const ZONE = "(?:<[^>]+>|[A-Za-z]+)";
const FILE_RULE = new RegExp(`\\n${ZONE}([+-]?[\\d:]+)(?:${ZONE}([+-]?[\\d:]+)?,M(\\d+)[^,]*,M(\\d+)[^,]*)?\\n$`);

/**
 * Returns how to name what gives the zone of local time if Node's local time isn't of it, and null otherwise. `readFile` reads
 * /etc/localtime, which counts without TZ; it is "" if there is none.
 */
export function findUnknownZone(tz: string | undefined, readFile: () => string): string | null {
  if (tz === undefined) return isOfFile(readFile()) ? null : "the zone of /etc/localtime";
  return tz === "" || isOfEnvironment(tz) ? null : `TZ=${tz}`;
}

/** Node knows the zone by the link's name, or guesses it: where a container has the file of its host, it may be another. */
function isOfFile(text: string): boolean {
  const [rule, standard = "", saving, begins, ends] = FILE_RULE.exec(text) ?? [];
  if (rule === undefined) return true;
  const winter = offsetOf(standard);
  const summer = begins === undefined ? winter : saving === undefined ? winter - 60 : offsetOf(saving);
  const [january, july] = Number(begins) > Number(ends) ? [summer, winter] : [winter, summer];
  return new Date(2026, 0).getTimezoneOffset() === january && new Date(2026, 6).getTimezoneOffset() === july;
}

/** Returns minutes, above 0 in the west. */
function offsetOf(text: string): number {
  const [hours = 0, minutes = 0] = text.replace(/^[+-]/, "").split(":").map(Number);
  return (text.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}

function isOfEnvironment(tz: string): boolean {
  if (tz === "UTC" || WHOLE_HOURS.test(tz)) return true;
  // Intl takes 12 ms, and a place that gives an offset is one that Node knows.
  if (PLACE.test(tz) && [0, 6].some((month) => new Date(2026, month).getTimezoneOffset() !== 0)) return true;
  try {
    const { timeZone } = new Intl.DateTimeFormat("en", { timeZone: tz.replace(/^:/, "") }).resolvedOptions();
    // Intl ignores case, as Node's local time doesn't.
    if (timeZone !== new Intl.DateTimeFormat("en").resolvedOptions().timeZone) return false;
  } catch {
    return false;
  }
  // Both name the same zone for IST and Eire, but local time is another.
  const noon = new Date(2026, 0, 1, 12);
  return new Intl.DateTimeFormat("en", { hour: "numeric", hourCycle: "h23" }).format(noon) === "12";
}
