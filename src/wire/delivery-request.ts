import type { BodyStyle, DeliveryTarget, SigningSecret } from "../domain/callback.js";
import { callbackSecrets } from "../domain/mask.js";
import type { MessageResponse } from "../domain/message-response.js";
import { type BodyNames, DEFAULT_AUTH_PARAMETER, DEFAULT_BODY_NAMES } from "./delivery-settings.js";
import type { JsonObject } from "./json/json-value.js";
import { type MessageNames, responseToJson } from "./json/response-json.js";
import { removeHtml } from "./remove-html.js";
import { readSigningKey, signatureHeaders } from "./webhook-signature.js";
import { elements, type LongXml, xmlDocument } from "./xml/xml-write.js";

export interface DeliveryRequest<Body = string | null> extends Address {
  readonly method: "GET" | "POST";
  readonly body: Body;
  /** Secrets are masked where the answer repeats them. */
  readonly secrets?: readonly string[];
}

interface Address {
  readonly url: string;
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

const MESSAGE_NAMES: Readonly<Record<BodyNames, MessageNames>> = {
  "messageid-messagelocation": { messageId: "messageid", messageLocation: "messagelocation" },
  "messageid-location": { messageId: "messageid", messageLocation: "location" },
  "messageId-location": { messageId: "messageId", messageLocation: "location" },
};

export interface DeliveryOptions {
  /** `authParameter` is the parameter of `queryparam` auth. Default: DEFAULT_AUTH_PARAMETER. */
  readonly authParameter?: string;
  /** A replay to another address has no credential. Default: true. */
  readonly withAuth?: boolean;
  readonly bodyNames?: BodyNames;
}

/** All attempts and replays of a call carry the same `webhook-id`. */
export function addressDelivery<Body>(
  target: DeliveryTarget,
  { id, body }: { readonly id: string; readonly body: Body },
  options: DeliveryOptions = {},
): DeliveryRequest<Body> {
  const { url, headers, secrets } = addressOf(target, options);
  // A property that is added after a spread costs V8 a microsecond.
  return { method: "POST", url, headers: { "webhook-id": id, ...headers }, body, secrets };
}

/** Adds the signatures, if there is a secret. The body is signed as it is sent, so nothing of the request may be changed afterwards. */
export function signDelivery<Body extends string | Uint8Array | null>(
  request: DeliveryRequest<Body>,
  secrets: readonly SigningSecret[],
  now: () => number,
): DeliveryRequest<Body> {
  if (secrets.length === 0) return request;
  const at = now();
  const keys = secrets.flatMap(({ secret, until }) => {
    return until === null || at < until ? [readSigningKey(secret) ?? failWithoutKey()] : [];
  });
  const { headers, body } = request;
  const signature = signatureHeaders({ id: headers["webhook-id"] ?? "", at, body: body ?? "" }, keys);
  return { ...request, headers: { ...headers, ...signature } };
}

function failWithoutKey(): never {
  throw new Error("The signing secret has no key");
}

/** The check must be answered with exactly 200 before a callback is stored. It isn't signed. */
export function buildEndpointCheck(target: DeliveryTarget, options: DeliveryOptions = {}): DeliveryRequest {
  return { method: "GET", ...addressOf(target, options), body: null };
}

export function deliveryBody(style: BodyStyle, response: MessageResponse, bodyNames?: BodyNames): string {
  return buildBody(style, response, bodyNames).toString();
}

export function buildBody(
  style: BodyStyle,
  response: MessageResponse,
  bodyNames: BodyNames = DEFAULT_BODY_NAMES,
): string | LongXml {
  const { content } = response.responseMessage;
  const document = responseToJson(response, MESSAGE_NAMES[bodyNames], style.removeHtml ? removeHtml(content) : content);
  return style.contentType === "xml" ? xmlBody(document) : JSON.stringify(document);
}

function xmlBody(document: JsonObject): string | LongXml {
  return xmlDocument(
    `<ns2:deliveryResponse xmlns:ns2="http://schemas.api.whispir.com">${elements(document)}</ns2:deliveryResponse>`,
  );
}

/** An address is built once for each callback value, not for each delivery. */
const ADDRESSES = new WeakMap<DeliveryTarget, { readonly key: string; readonly address: SecretAddress }>();

interface SecretAddress extends Address {
  readonly secrets: readonly string[];
}

function addressOf(target: DeliveryTarget, options: DeliveryOptions): SecretAddress {
  const authParameter = options.authParameter ?? DEFAULT_AUTH_PARAMETER;
  const withAuth = options.withAuth ?? true;
  const key = withAuth ? authParameter : "";
  const known = ADDRESSES.get(target);
  if (known?.key === key) return known.address;
  const address = { ...makeAddress(target, withAuth, authParameter), secrets: callbackSecrets(target) };
  ADDRESSES.set(target, { key, address });
  return address;
}

function makeAddress({ url, auth, contentType }: DeliveryTarget, withAuth: boolean, authParameter: string): Address {
  const headers: Record<string, string> = { "content-type": contentType === "xml" ? "application/xml" : "application/json" };
  if (!withAuth || auth.key === "") return { url, headers };
  switch (auth.type) {
    case "queryparam":
      return { url: withQueryParameter(url, authParameter, auth.key), headers };
    case "httpheader":
      return { url, headers: { ...headers, "x-whispir-callback-key": auth.key } };
    case "basicauth":
      return { url, headers: { ...headers, authorization: `Basic ${auth.key}` } };
    case "bearertoken":
      return { url, headers: { ...headers, authorization: `Bearer ${auth.key}` } };
  }
}

/** Leaves the rest of the URL exactly as written. */
function withQueryParameter(url: string, name: string, value: string): string {
  const [address = ""] = url.split("#", 1);
  const separator = address.includes("?") ? (/[?&]$/.test(address) ? "" : "&") : "?";
  return `${address}${separator}${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
}
