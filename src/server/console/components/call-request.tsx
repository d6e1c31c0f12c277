import type { VNode } from "preact";
import { type KnownRequest, toCurl } from "../../../delivery/curl-command.js";
import type { Call } from "../../../domain/call.js";
import { isErased } from "../../../domain/call.js";
import type { Callback } from "../../../domain/callback.js";
import { isWhcbError } from "../../../domain/errors.js";
import { shownUrl } from "../../../domain/mask.js";
import { addressDelivery, type DeliveryRequest, deliveryBody } from "../../../wire/delivery-request.js";
import type { BodyNames } from "../../../wire/delivery-settings.js";
import { prettyBody, shortenText } from "../pretty-body.js";
import { CopyButton } from "./forms.js";

export interface ShownRequest {
  /** Secrets are masked. */
  readonly request: DeliveryRequest<string>;
  /** Only the beginning of the body is shown. */
  readonly isBodyCut: boolean;
  /** The signature differs for each attempt, so none is shown. */
  readonly isSigned: boolean;
  /** It is null for a long body, or a URL that curl may read otherwise. */
  readonly curl: string | null;
}

/** A page shows so many characters of a body. */
const SHOWN_BODY = 65_536;
/** A longer body is left to `whcb replay --dry-run --print-curl`. */
const LONGEST_IN_CURL = 8_192;

/** The call's response may be cut (`isWhole`). Returns null if there is nothing to send any more. */
export function requestOf(
  callback: Callback,
  call: Call,
  options: { readonly authParameter: string; readonly bodyNames: BodyNames; readonly isWhole: boolean },
): ShownRequest | null {
  if (isErased(call)) return null;
  const { isWhole } = options;
  const content = { id: call.id, body: deliveryBody(callback, call.response, options.bodyNames) };
  const { auth } = callback;
  const masked = { ...callback, url: shownUrl(callback), auth: { ...auth, key: auth.key === "" ? "" : "****" } };
  return {
    request: addressDelivery(masked, content, options),
    isBodyCut: !isWhole,
    isSigned: callback.signing === "enabled",
    curl:
      isWhole && content.body.length <= LONGEST_IN_CURL
        ? curlOf({
            request: addressDelivery(callback, content, options),
            callbackId: callback.id,
            url: callback.url,
            to: null,
            secret: auth.key,
          })
        : null,
  };
}

function curlOf(known: KnownRequest): string | null {
  try {
    return toCurl(known);
  } catch (error) {
    if (isWhcbError(error)) return null;
    throw error;
  }
}

export function RequestAsSent({ shown, format }: { shown: ShownRequest; format: Callback["contentType"] }): VNode {
  const { request, isBodyCut, isSigned, curl } = shown;
  const text = prettyBody(request.body, format);
  const head = [
    `${request.method} ${request.url}`,
    ...Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`),
    ...(isSigned ? ["webhook-timestamp: …", "webhook-signature: v1,…"] : []),
  ];
  return (
    <>
      <pre class="request-head">{head.join("\n")}</pre>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls by keyboard too */}
      <pre class="body" tabIndex={0}>
        {shortenText(text, SHOWN_BODY)}
      </pre>
      {(isBodyCut || text.length > SHOWN_BODY) && (
        <p class="muted">
          Only the beginning is shown. <code>whcb calls get</code> prints all of it.
        </p>
      )}
      {curl !== null && (
        <details class="curl">
          <summary>As a curl command</summary>
          <p class="muted">
            The shell replaces the variables in it, which stand for what isn't shown here.
            {isSigned && " It isn't signed: an endpoint that checks signatures rejects it."}
          </p>
          <CopyButton what="as curl" of="curl" />
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls by keyboard too */}
          <pre id="curl" tabIndex={0}>
            {curl}
          </pre>
        </details>
      )}
    </>
  );
}
