import type { Callback } from "../domain/callback.js";
import { isWhcbError } from "../domain/errors.js";
import type { TestMail } from "../domain/outage.js";
import type { RetryPolicy } from "../domain/retry-policy.js";
import { type Random, randomId } from "../platform/random.js";
import { toPlatformDate } from "../wire/dates.js";
import { toLine } from "./notice-text.js";
import type { Notifier } from "./notifier.js";
import { composeOutageMail, MAX_NAME } from "./outage-mail.js";

export interface TestMailDeps {
  readonly notifier: Notifier;
  readonly now: number;
  readonly random: Random;
  readonly policy: RetryPolicy;
}

/** Its client waits for a minute, and should see the mail server's answer. */
export const TEST_MAIL_MS = 30_000;

/** Sends what an outage of the callback would send, with a subject of its own. A mail server's rejection is a result. */
export async function sendTestMail(callback: Callback, { notifier, now, random, policy }: TestMailDeps): Promise<TestMail> {
  const { email: to } = callback;
  const { channel } = notifier;
  const ids = { outageId: `test-${randomId(random)}`, callbackId: callback.id };
  try {
    const answer = await notifier.send({ ...ids, to, createdAt: now, ...composeTestMail(callback, now, policy) });
    return { to, channel, isSent: true, answer };
  } catch (error) {
    if (!isWhcbError(error, "unavailable")) throw error;
    return { to, channel, isSent: false, answer: error.message };
  }
}

function composeTestMail(callback: Callback, now: number, policy: RetryPolicy) {
  const name = toLine(callback.name, MAX_NAME);
  const example = composeOutageMail({
    callback,
    startedAt: now,
    result: { kind: "answered", statusCode: 503, statusMessage: "Service Unavailable", body: "" },
    call: { id: "0".repeat(32), response: exampleResponse(now) },
    policy,
    pageUrl: null,
  });
  const text = [
    "This is a test, asked for with `whcb test-email`. Nothing is failing.",
    "",
    `An outage of callback "${name}" sends one e-mail to this address. It would look`,
    "like this, with the figures of the outage:",
    "",
    "-".repeat(72),
    "",
    example.text,
  ].join("\n");
  return { subject: `[whcb] Test: an e-mail about an outage of ${name}`, text };
}

function exampleResponse(now: number) {
  return {
    messageId: "0".repeat(32),
    messageLocation: "",
    from: { name: "", mri: "", mobile: "61491570156", email: "", voice: "" },
    responseMessage: { channel: "SMS", kind: "reply", date: toPlatformDate(now), content: "An example of a reply" },
    customParameters: {},
  } as const;
}
