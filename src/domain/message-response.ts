/** A reply to a message, or the news that it was undeliverable: what a call delivers. */
export interface MessageResponse {
  /** 32 hex digits. */
  readonly messageId: string;
  readonly messageLocation: string;
  readonly from: Sender;
  readonly responseMessage: ResponseMessage;
  /** In the order given; empty where the message had none. Values are strings on the wire. */
  readonly customParameters: Readonly<Record<string, string>>;
}

export interface Sender {
  readonly name: string;
  readonly mri: string;
  readonly mobile: string;
  readonly email: string;
  readonly voice: string;
}

export interface ResponseMessage {
  readonly channel: Channel;
  readonly kind: ResponseKind;
  /** When it was acknowledged or found undeliverable, as the platform writes it: dd/MM/yy HH:mm. */
  readonly date: string;
  readonly content: string;
}

export type Channel = "SMS" | "EMAIL" | "VOICE";
export type ResponseKind = "reply" | "undeliverable";

/** The one address that a response came from, for filters and serial order: the first that is there. */
export function senderAddress(from: Sender): string {
  return from.mobile || from.email || from.voice || from.mri || from.name;
}
