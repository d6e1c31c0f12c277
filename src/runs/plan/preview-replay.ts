import type { ListedCallback } from "../../client/client.js";
import type { AddressRule } from "../../delivery/address-rule.js";
import { quoteWord, URL_VARIABLE } from "../../domain/command-line.js";
import { WhcbError } from "../../domain/errors.js";
import { hasUrlSecret } from "../../domain/mask.js";
import { escapeJson } from "../../platform/unsafe-characters.js";
import type { DeliveryRequest } from "../../wire/delivery-request.js";
import type { ReplayOptions } from "../run-options.js";
import type { RunOptions } from "../run-session.js";
import { targetOf } from "../send/send-target.js";
import type { ReplayPlan } from "./replay-plan.js";

export interface PreviewedRequest {
  readonly callbackId: string;
  readonly callId: string;
  readonly request: DeliveryRequest;
  /** `url` has no parameter of the auth. */
  readonly url: string;
  /** `secret` must not be shown. It is "" if there is none. */
  readonly secret: string;
}

/** `UNKNOWN_KEY` stands for a key that the service doesn't return. */
const UNKNOWN_KEY = "WHCB-CALLBACK-KEY";

export async function* previewReplay(plan: ReplayPlan, options: RunOptions, rule: AddressRule): AsyncGenerator<PreviewedRequest> {
  for (const group of plan.groups) {
    const { callback } = group;
    const keys = new Map([[callback.id, options.keys?.get(callback.id) || UNKNOWN_KEY]]);
    const { build, secret } = targetOf(callback, { ...options, keys }, rule);
    for await (const call of plan.read(group)) {
      const body = Buffer.from(await call.readBody()).toString("utf8");
      const url = options.to ?? callback.url;
      yield { callbackId: callback.id, callId: call.id, request: build({ id: call.id, body }), url, secret };
    }
  }
}

/** Returns the callback whose URL the commands leave to a variable, or null. Throws `usage` if there are several such URLs. */
export function findHiddenUrl(callbacks: readonly ListedCallback[], { to }: ReplayOptions): ListedCallback | null {
  const hidden = callbacks.filter(({ url }) => hasUrlSecret(sentUrl(to ?? url)));
  if (new Set(hidden.map(({ url }) => to ?? url)).size > 1) {
    throw new WhcbError("usage", "the URLs of several callbacks hold secrets, and commands have one variable for a URL", {
      hint: "name one callback at a time",
    });
  }
  return hidden[0] ?? null;
}

/** `secret` becomes "$WHCB_CALLBACK_KEY". Throws `usage` for a URL that holds secrets and that curl may read otherwise. */
export function toCurl({ request, url, secret }: PreviewedRequest): string {
  const { method, headers, body } = request;
  const words = ["curl", "--globoff", "--request", method, "--url", urlWord(request.url, url, secret)];
  for (const [name, value] of Object.entries(headers)) words.push("--header", quoteWithVariable(`${name}: ${value}`, secret));
  // --data would read a body that begins with @ as a file name.
  if (body !== null) words.push("--data-raw", quoteWord(isJson(request) ? escapeJson(body, UNSHOWABLE) : body));
  return words.join(" ");
}

/** `UNSHOWABLE` is escaped: JSON needs no quotes that only some shells read. Other controls are escaped already. */
const UNSHOWABLE = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

function isJson({ headers }: DeliveryRequest): boolean {
  return headers["content-type"]?.includes("json") === true;
}

/** Writes the URL as it is parsed here: curl reads a backslash otherwise, and expands braces. */
function sentUrl(url: string): string {
  const parsed = new URL(url);
  // A delivery doesn't send these either.
  parsed.username = "";
  parsed.password = "";
  parsed.hash = "";
  return parsed.href;
}

function urlWord(sent: string, url: string, secret: string): string {
  if (!hasUrlSecret(sentUrl(url))) return quoteWithVariable(sentUrl(sent), secret);
  const { origin } = new URL(url);
  if (!url.toLowerCase().startsWith(origin) || !/^(?::\d+)?(?:[/?][^\\#\s]*)?$/.test(url.slice(origin.length))) {
    throw new WhcbError("usage", "the URL holds secrets and has a part that curl may read otherwise: no command can be printed");
  }
  const parameter = sent.slice(url.length);
  return parameter === "" ? URL_VARIABLE : URL_VARIABLE + quoteWithVariable(parameter, secret);
}

function quoteWithVariable(text: string, secret: string): string {
  if (secret === "") return quoteWord(text);
  // In a URL the key is percent-encoded; the variable isn't, which only differs for unusual keys.
  const encoded = encodeURIComponent(secret);
  // A parsed URL's query has %27 for an apostrophe.
  const spellings = [secret, encoded, encoded.replaceAll("'", "%27")];
  const parts = spellings.reduce((pieces, spelling) => pieces.flatMap((piece) => piece.split(spelling)), [text]);
  return parts.map((part) => (part === "" ? "" : quoteWord(part))).join('"$WHCB_CALLBACK_KEY"') || "''";
}
