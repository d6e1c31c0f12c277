/** Settings of deliveries by the service, and of a profile for its replays. Commands read these without loading the rest. */

/** The platform's documents also show "auth", so this is a setting. */
export const DEFAULT_AUTH_PARAMETER = "Auth";

/** The platform's documents disagree about the names of the message's id and URL. */
export const BODY_NAMES = ["messageid-messagelocation", "messageid-location", "messageId-location"] as const;
export type BodyNames = (typeof BODY_NAMES)[number];
export const DEFAULT_BODY_NAMES: BodyNames = "messageid-messagelocation";

/** Throws an Error that says what the text must be. */
export function parseBodyNames(text: string): BodyNames {
  // Case matters, as two of them differ in nothing else.
  const names = BODY_NAMES.find((one) => one === text);
  if (names === undefined) throw new Error(`must be one of ${BODY_NAMES.join(", ")}`);
  return names;
}
