/** What of a delivery is a setting of the service, and of a profile for its replays. Commands read these without loading the rest. */

/** A setting: the platform's documents also show "auth". */
export const DEFAULT_AUTH_PARAMETER = "Auth";

/** The platform's documents disagree about the names of the message's id and URL. */
export const BODY_NAMES = ["messageid-messagelocation", "messageid-location", "messageId-location"] as const;
export type BodyNames = (typeof BODY_NAMES)[number];
export const DEFAULT_BODY_NAMES: BodyNames = "messageid-messagelocation";

/** Throws an Error that says what it must be. */
export function parseBodyNames(text: string): BodyNames {
  // Two of them differ only in case.
  const names = BODY_NAMES.find((one) => one === text);
  if (names === undefined) throw new Error(`must be one of ${BODY_NAMES.join(", ")}`);
  return names;
}
