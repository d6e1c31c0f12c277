/** A reply, or the notice that a message was undeliverable. */
export interface MessageResponse {
  /** `messageId` is 32 hex digits. */
  readonly messageId: string;
  readonly messageLocation: string;
  readonly from: Sender;
  readonly responseMessage: ResponseMessage;
  /** `customParameters` are in the order given, and may be empty. */
  readonly customParameters: Readonly<Record<string, string>>;
  /** `given` is undefined if exactly the fields that aren't empty were given. */
  readonly given?: GivenMembers | undefined;
}

/** The members that were given, which are sent as they came. */
export interface GivenMembers {
  readonly response: Members;
  readonly from: Members;
  readonly responseMessage: Members;
}

/** The members are in the order given. A name stands for its field, or for an object and its members; a pair has JSON. */
export type Members = readonly (string | GivenValue)[];
type GivenValue = readonly [name: string, json: string];

/** Returns the members that have a value of their own. */
export function givenValues({ response, from, responseMessage }: GivenMembers): readonly GivenValue[] {
  const values: GivenValue[] = [];
  for (const members of [response, from, responseMessage]) {
    for (const member of members) if (typeof member !== "string") values.push(member);
  }
  return values;
}

export type Sender = Readonly<Record<"name" | "mri" | "mobile" | "email" | "voice", string>>;

export interface ResponseMessage {
  /** `channel` is SMS, EMAIL or VOICE; another one is as given. */
  readonly channel: string;
  readonly kind: ResponseKind;
  /** When it was acknowledged or found undeliverable, in the platform's format dd/MM/yy HH:mm. */
  readonly date: string;
  readonly content: string;
}

export type ResponseKind = "reply" | "undeliverable";

/** Reads SMS, EMAIL and VOICE in any case, and leaves another channel as it is. */
export function channelOf(text: string): string {
  const known = text.trim().toUpperCase();
  return known === "SMS" || known === "EMAIL" || known === "VOICE" ? known : text;
}

/** Replaces addresses in a text, word by word: a number that is written with spaces isn't found. */
export function replaceAddresses(text: string, isAddress: (word: string) => boolean, replacement: string): string {
  return text.replace(/[^\s<>()[\]{}"',;:=|]+/g, (word) => {
    const [address = ""] = /^.*[^.!?]/s.exec(word) ?? [];
    return isAddress(address) ? replacement + word.slice(address.length) : word;
  });
}

export function senderAddresses({ mobile, email, voice, mri }: Sender): readonly string[] {
  return [...new Set([mobile, email, voice, mri])].filter((address) => address !== "");
}

/** Returns the first address that is present, for filters and serial order. */
export function senderAddress(from: Sender): string {
  return from.mobile || from.email || from.voice || from.mri || from.name;
}
