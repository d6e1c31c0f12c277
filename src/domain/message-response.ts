/** A reply, or the notice that a message was undeliverable. */
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
  /** Acknowledged or found undeliverable; dd/MM/yy HH:mm, as on the platform. */
  readonly date: string;
  readonly content: string;
}

export type Channel = "SMS" | "EMAIL" | "VOICE";
export type ResponseKind = "reply" | "undeliverable";

/** The first present; for filters and serial order. */
export function senderAddress(from: Sender): string {
  return from.mobile || from.email || from.voice || from.mri || from.name;
}
