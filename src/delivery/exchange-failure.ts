import { errors } from "undici";
import { systemErrorCode } from "../domain/errors.js";
import { DeliveryFailure, isTlsCode, tlsDetail } from "./delivery-failure.js";

export function exchangeFailure(error: unknown, host: string, hasHeaders: boolean): DeliveryFailure {
  if (error instanceof DeliveryFailure) return error;
  const code = systemErrorCode(error);
  if (error instanceof errors.HeadersOverflowError)
    return new DeliveryFailure("too-large", "the answer's headers are larger than 16 KiB", error);
  if (code === "HPE_INVALID_EOF_STATE" || (error instanceof errors.ResponseContentLengthMismatchError && hasHeaders)) {
    return new DeliveryFailure("reset", `${host} closed the connection before its answer was complete`, error);
  }
  // The headers contradict each other, or undici asserts something else of an answer, such as a status from 100.
  const isInvalid = error instanceof errors.HTTPParserError || error instanceof errors.ResponseContentLengthMismatchError;
  if (isInvalid || code === "ERR_ASSERTION") {
    return new DeliveryFailure("protocol", `what ${host} sent isn't a valid HTTP answer`, error);
  }
  if (error instanceof errors.SocketError) {
    if (error.message === "bad upgrade") return switchedProtocols(host, error);
    return error.message.startsWith("bad ")
      ? new DeliveryFailure("protocol", `${host} sent an answer that wasn't requested`, error)
      : new DeliveryFailure("reset", `${host} closed the connection before its answer was complete`, error);
  }
  if (error instanceof errors.InvalidArgumentError) {
    return new DeliveryFailure(
      "protocol",
      "the request can't be sent: its URL or a header contains a character that HTTP doesn't allow",
      error,
    );
  }
  if (isTlsCode(code)) return new DeliveryFailure("tls", `${host}: ${tlsDetail(code)}`, error);
  return new DeliveryFailure("reset", `the connection to ${host} was lost${code === "" ? "" : ` (${code})`}`, error);
}

/** Undici itself only notices a switch whose headers are complete. */
export function switchedProtocols(host: string, cause?: unknown): DeliveryFailure {
  return new DeliveryFailure("protocol", `${host} answered 101 Switching Protocols, which wasn't requested`, cause);
}
