/** A reply to a message, or the notice that the message was undeliverable. */
export interface MessageResponse {
  /** 32 hex digits. */
  readonly messageId: string;
  readonly messageLocation: string;
  readonly from: Sender;
  readonly responseMessage: ResponseMessage;
  /** In the order given; may be empty. */
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
  /** When it was acknowledged or found undeliverable, in the platform's format: dd/MM/yy HH:mm. */
  readonly date: string;
  readonly content: string;
}

export type Channel = "SMS" | "EMAIL" | "VOICE";
export type ResponseKind = "reply" | "undeliverable";

/** For filters and serial order: the first address present. */
export function senderAddress(from: Sender): string {
  return from.mobile || from.email || from.voice || from.mri || from.name;
}
