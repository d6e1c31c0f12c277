/** The service has these settings for its deliveries, and a profile for its replays. Commands read them without loading the rest. */

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

/** Throws an Error that says what the text must be. */
export function parseParameterName(text: string): string {
  if (/^[\w.~-]{1,64}$/.test(text)) return text;
  throw new Error("must be the name of a query parameter: letters, digits and . _ ~ -");
}

export interface DeliverySettings {
  readonly authParameter: string;
  readonly bodyNames: BodyNames;
}

/** Leaves out what isn't one of this version. */
export function readDeliverySettings(
  values: Readonly<Partial<Record<keyof DeliverySettings, unknown>>>,
): Partial<DeliverySettings> {
  const read = <Value>(value: unknown, parse: (text: string) => Value): Value | undefined => {
    try {
      return typeof value === "string" ? parse(value) : undefined;
    } catch {
      return undefined;
    }
  };
  const authParameter = read(values.authParameter, parseParameterName);
  const bodyNames = read(values.bodyNames, parseBodyNames);
  return { ...(authParameter !== undefined && { authParameter }), ...(bodyNames !== undefined && { bodyNames }) };
}
