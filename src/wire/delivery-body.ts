/** The body of the POST that a callback receives. Note the lower-case names of its first two fields. */
import type { MessageResponse } from "../domain/message-response.js";
import { element, escapeXml, textElement, XML_DECLARATION } from "./xml/xml-text.js";

/** contract.md, "The POST that a callback receives". `content` is the response's, its markup removed where that is asked for. */
export function jsonDeliveryBody(response: MessageResponse, content: string): string {
  const { from, responseMessage } = response;
  return JSON.stringify({
    messageid: response.messageId,
    messagelocation: response.messageLocation,
    from: { name: from.name, mri: from.mri, mobile: from.mobile, email: from.email, voice: from.voice },
    responseMessage:
      responseMessage.kind === "undeliverable"
        ? { channel: responseMessage.channel, undeliverable: responseMessage.date, content }
        : { channel: responseMessage.channel, acknowledged: responseMessage.date, content },
    customParameters: response.customParameters,
  });
}

export function xmlDeliveryBody(response: MessageResponse, content: string): string {
  return (
    `${XML_DECLARATION}<ns2:deliveryResponse xmlns:ns2="http://schemas.api.whispir.com">` +
    textElement("messageid", response.messageId) +
    textElement("messagelocation", response.messageLocation) +
    responseElements(response, content) +
    "</ns2:deliveryResponse>"
  );
}

/** What a delivery and a listed call say alike: sender, message, custom parameters. */
export function responseElements(response: MessageResponse, content = response.responseMessage.content): string {
  const { from, responseMessage } = response;
  return (
    "<from>" +
    textElement("name", from.name) +
    textElement("mri", from.mri) +
    textElement("mobile", from.mobile) +
    textElement("email", from.email) +
    textElement("voice", from.voice) +
    "</from><responseMessage>" +
    textElement("channel", responseMessage.channel) +
    textElement(responseMessage.kind === "undeliverable" ? "undeliverable" : "acknowledged", responseMessage.date) +
    textElement("content", content) +
    "</responseMessage>" +
    customParameterElements(response.customParameters)
  );
}

function customParameterElements(parameters: MessageResponse["customParameters"]): string {
  const entries = Object.entries(parameters);
  if (entries.length === 0) return "";
  const entry = ([key, value]: [string, string]): string =>
    `<entry><key>${escapeXml(key)}</key><value>${escapeXml(value)}</value></entry>`;
  return element("customParameters", entries.map(entry).join(""));
}
