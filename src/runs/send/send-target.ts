import type { ListedCallback } from "../../client/client.js";
import { checkCallbackUrl } from "../../delivery/address-rule.js";
import type { SigningSecret } from "../../domain/callback.js";
import { isWhcbError, WhcbError } from "../../domain/errors.js";
import { isMasked, parseUrl } from "../../domain/mask.js";
import { isThisMachine, isUnspecifiedHost } from "../../platform/loopback.js";
import { addressDelivery, type DeliveryRequest } from "../../wire/delivery-request.js";
import { DEFAULT_AUTH_PARAMETER } from "../../wire/delivery-settings.js";
import { requireAuthType, requireBodyStyle } from "../../wire/json/callback-json.js";
import type { RunDeps } from "../run-deps.js";
import type { ReplayOptions } from "../run-options.js";
import type { RunOptions } from "../run-session.js";

export interface SendTarget {
  readonly build: <Body>(call: { readonly id: string; readonly body: Body }) => DeliveryRequest<Body>;
  /** `secret` is that of the auth. It is "" if there is none. */
  readonly secret: string;
  readonly signingSecrets: readonly SigningSecret[];
}

type Sender = Pick<RunDeps, "addressRule" | "client">;

/** Throws `address-refused` if the service may not send us to the callback's URL (docs/cli.md, Replay). */
export function checkTarget(callback: ListedCallback, { to }: ReplayOptions, { addressRule, client }: Sender): void {
  if (to !== null || addressRule.kind === "any") return;
  try {
    checkCallbackUrl(callback.url, addressRule);
  } catch (error) {
    if (!isWhcbError(error)) throw error;
    // Only `whcb serve` sends when it is asked to.
    const byItself = client.capabilities.has("run-locks") ? "; `replay --via service` lets it send by itself" : "";
    const here = `to send from here all the same: ${error.hint ?? "--allow-network CIDR"}, or the profile's allowNetwork`;
    const url = parseUrl(callback.url);
    // Behind a tunnel the service's loopback is another machine, and a program at that port here would accept the calls.
    const hint =
      url === null
        ? "correct it, or add --to"
        : isThisMachine(url.hostname) || isUnspecifiedHost(url.hostname)
          ? `that is this machine, where the calls would be sent to, and the service isn't known to be here${byItself}`
          : `the service isn't known to be yours, on loopback of this machine, so it may name public addresses only${byItself}; ${here}`;
    throw new WhcbError(error.code, `callback ${callback.name || callback.id}: ${error.message}`, { hint, cause: error });
  }
}

/** Throws `config` for a missing key or signing secret, or a URL whose secrets aren't known, and as `checkTarget`. */
export function targetOf(callback: ListedCallback, options: RunOptions, deps: Sender): SendTarget {
  checkTarget(callback, options, deps);
  const withAuth = sendsAuth(options);
  const key = keyOf(callback, options.keys);
  if (withAuth && key === null) {
    throw new WhcbError("config", `the service doesn't return the key of callback ${callback.name || callback.id}`, {
      hint: "Replay this callback alone, with WHCB_CALLBACK_KEY set to its key. Nothing is sent without it.",
    });
  }
  const url = options.to ?? callback.url;
  if (isMasked(url)) {
    throw new WhcbError("config", `the secrets of ${url} aren't known`, {
      hint: "Add --to with the whole URL. Nothing is sent without them.",
    });
  }
  const auth = { type: withAuth ? requireAuthType(callback) : "httpheader", key: key ?? "" } as const;
  const signingSecrets = withAuth ? signingSecretsOf(callback, options) : [];
  const target = { url, auth, signingSecrets, ...requireBodyStyle(callback, options.contentType) };
  const { authParameter } = options;
  const delivery = { withAuth: withAuth && key !== "", ...(authParameter === undefined ? {} : { authParameter }) };
  return { build: (call) => addressDelivery(target, call, delivery), secret: withAuth ? (key ?? "") : "", signingSecrets };
}

function signingSecretsOf({ id, name, isSigned }: ListedCallback, options: RunOptions): readonly SigningSecret[] {
  if (!isSigned) return [];
  const secret = options.signingSecrets?.get(id);
  if (secret === undefined) {
    throw new WhcbError("config", `deliveries to callback ${name || id} are signed, and the service doesn't return the secret`, {
      hint: "Replay this callback alone, with WHCB_SIGNING_SECRET set to its secret, or let the service send: replay --via service.",
    });
  }
  return [{ secret, until: null }];
}

/** Returns the query parameter that carries the key, or null. An endpoint that reads another one may answer 200 and drop the call. */
export function keyParameter({ auth }: ListedCallback, options: ReplayOptions): string | null {
  if (options.viaService || !sendsAuth(options) || auth.type !== "queryparam" || auth.key === "") return null;
  return options.authParameter ?? DEFAULT_AUTH_PARAMETER;
}

export function sendsAuth({ to, withAuth }: ReplayOptions): boolean {
  return to === null || withAuth;
}

export function callbacksWithoutKey(callbacks: readonly ListedCallback[], options: ReplayOptions): readonly ListedCallback[] {
  if (options.viaService || !sendsAuth(options)) return [];
  return callbacks.filter((callback) => keyOf(callback) === null);
}

/** No service returns the secret of these, and what isn't signed would be rejected. */
export function callbacksToSign(callbacks: readonly ListedCallback[], options: ReplayOptions): readonly ListedCallback[] {
  if (options.viaService || !sendsAuth(options)) return [];
  return callbacks.filter(({ isSigned }) => isSigned);
}

/** Returns the service's key, or else the user's, or null. If it is "", no credential is sent. */
function keyOf(callback: ListedCallback, keys?: RunOptions["keys"]): string | null {
  return callback.auth.key ?? keys?.get(callback.id) ?? null;
}
