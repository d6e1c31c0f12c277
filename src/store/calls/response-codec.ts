/** A response as one column: a tuple instead of an object, since its field names would be half of it. */
import type { Channel, MessageResponse, ResponseKind } from "../../domain/message-response.js";

/** `messageId` and `channel` have columns of their own. The places are named in call-filter-sql.ts too. */
export type StoredResponse = readonly [
  messageLocation: string,
  name: string,
  mri: string,
  mobile: string,
  email: string,
  voice: string,
  kind: ResponseKind,
  date: string,
  content: string,
  customParameters: Readonly<Record<string, string>>,
];

/** Where the sender's five ways of being named stand, and the content. */
export const SENDER_PLACES = [1, 2, 3, 4, 5] as const;
export const CONTENT_PLACE = 8;

export function encodeResponse({ messageLocation, from, responseMessage, customParameters }: MessageResponse): StoredResponse {
  const { name, mri, mobile, email, voice } = from;
  const { kind, date, content } = responseMessage;
  return [messageLocation, name, mri, mobile, email, voice, kind, date, content, customParameters];
}

export function decodeResponse(messageId: string, channel: Channel, stored: StoredResponse): MessageResponse {
  const [messageLocation, name, mri, mobile, email, voice, kind, date, content, customParameters] = stored;
  return {
    messageId,
    messageLocation,
    from: { name, mri, mobile, email, voice },
    responseMessage: { channel, kind, date, content },
    customParameters,
  };
}
