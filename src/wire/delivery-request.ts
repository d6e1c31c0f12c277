/** The request that an endpoint receives: the POST that carries a response, and the GET of the registration check. */
import type { CallbackSettings } from "../domain/callback.js";
import type { MessageResponse } from "../domain/message-response.js";
import { jsonDeliveryBody, xmlDeliveryBody } from "./delivery-body.js";
import { removeHtml } from "./remove-html.js";

export interface DeliveryRequest<Body = string | null> {
  readonly method: "GET" | "POST";
  readonly url: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
}

export type DeliveryTarget = Pick<CallbackSettings, "url" | "auth" | "contentType" | "removeHtml">;

export interface DeliveryOptions {
  /** The query parameter of `queryparam`; default "Auth" (an older platform: "auth"). */
  readonly authParameter?: string;
  /** false: the callback's key stays at home (a replay to another address). Default true. */
  readonly withAuth?: boolean;
}

/** The same headers go out with every call of a callback: they are made once per callback value, not once per delivery. */
const TARGETS = new WeakMap<DeliveryTarget, { readonly key: string; readonly address: Address }>();

interface Address {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The POST of one call. */
export function buildDelivery(
  target: DeliveryTarget,
  { id, response }: { readonly id: string; readonly response: MessageResponse },
  options: DeliveryOptions = {},
): DeliveryRequest {
  return addressDelivery(target, { id, body: deliveryBody(target, response) }, options);
}

/** What the POST of a call carries: the same for every attempt, as long as these settings are. */
export function deliveryBody(target: Pick<DeliveryTarget, "contentType" | "removeHtml">, response: MessageResponse): string {
  const content = target.removeHtml ? removeHtml(response.responseMessage.content) : response.responseMessage.content;
  return target.contentType === "xml" ? xmlDeliveryBody(response, content) : jsonDeliveryBody(response, content);
}

/**
 * The POST of one call whose body was made before. Every attempt and every replay of a call carries the same `webhook-id`, so that a
 * receiver can drop a repeat.
 */
export function addressDelivery<Body>(
  target: DeliveryTarget,
  { id, body }: { readonly id: string; readonly body: Body },
  options: DeliveryOptions = {},
): DeliveryRequest<Body> {
  const { url, headers } = addressOf(target, options);
  return { method: "POST", url, headers: { ...headers, "webhook-id": id }, body };
}

/** The GET that a registration makes before the callback is stored, with the callback's auth: it must be answered with exactly 200. */
export function buildEndpointCheck(target: DeliveryTarget, options: DeliveryOptions = {}): DeliveryRequest {
  const { url, headers } = addressOf(target, options);
  return { method: "GET", url, headers, body: null };
}

function addressOf(target: DeliveryTarget, options: DeliveryOptions): Address {
  const authParameter = options.authParameter ?? "Auth";
  const withAuth = options.withAuth ?? true;
  const key = withAuth ? authParameter : "";
  const known = TARGETS.get(target);
  if (known?.key === key) return known.address;
  const address = makeAddress(target, withAuth, authParameter);
  TARGETS.set(target, { key, address });
  return address;
}

function makeAddress({ url, auth, contentType }: DeliveryTarget, withAuth: boolean, authParameter: string): Address {
  const headers: Record<string, string> = { "content-type": contentType === "xml" ? "application/xml" : "application/json" };
  if (!withAuth) return { url, headers };
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

/** Appended as text: what the URL says already goes out as its owner wrote it. */
function withQueryParameter(url: string, name: string, value: string): string {
  const [address = ""] = url.split("#", 1);
  const separator = address.includes("?") ? (/[?&]$/.test(address) ? "" : "&") : "?";
  return `${address}${separator}${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
}
