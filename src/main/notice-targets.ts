import type { NoticeOptions } from "../cli/cli-deps.js";
import { type AddressRule, checkCallbackUrl } from "../delivery/address-rule.js";
import type { Deliverer } from "../delivery/deliverer.js";
import { isWhcbError, WhcbError } from "../domain/errors.js";
import type { OutageUrl } from "../domain/outage.js";
import type { NoticeTarget } from "../notifier/notice-target.js";
import type { Notifier } from "../notifier/notifier.js";
import { createRecoveryMails } from "../notifier/recovery-mail.js";
import { createWebhookNotices, readSigningKeys } from "../notifier/webhook-notices.js";
import type { Clock } from "../platform/clock.js";
import type { Store } from "../store/open-store.js";

export interface NoticeDeps {
  /** `deliverer` checks the addresses to which it connects. */
  readonly deliverer: Deliverer;
  readonly notifier: Notifier;
  readonly clock: Clock;
  readonly sign: Store["sign"];
  readonly outageUrl: OutageUrl;
}

/** Throws `config` for what can't be used, before anything is opened. */
export function planNotices(options: NoticeOptions, rule: AddressRule): (deps: NoticeDeps) => readonly NoticeTarget[] {
  const { webhooks, secret, recoveryMails } = options;
  const signingKeys = readSigningKeys(secret);
  for (const { url } of webhooks) checkAddress(url, rule);
  return ({ deliverer, notifier, clock, sign, outageUrl }) => [
    ...webhooks.map(({ url, format }) =>
      createWebhookNotices({
        url,
        format,
        signingKeys,
        outageUrl,
        sign,
        now: () => clock.now(),
        deliver: (request) => deliverer.deliver(request),
      }),
    ),
    ...(recoveryMails ? [createRecoveryMails(notifier, outageUrl)] : []),
  ];
}

function checkAddress(url: string, rule: AddressRule): void {
  try {
    checkCallbackUrl(url, rule, "A URL for notices");
  } catch (error) {
    if (!isWhcbError(error, "address-refused")) throw error;
    throw new WhcbError("config", error.message, { hint: error.hint ?? "--allow-network CIDR allows a network", cause: error });
  }
}
