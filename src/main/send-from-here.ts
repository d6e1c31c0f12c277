import type { Callback } from "../domain/callback.js";
import { isWhcbError } from "../domain/errors.js";
import type { TestMail } from "../domain/outage.js";
import type { RetryPolicy } from "../domain/retry-policy.js";
import { createEmlNotifier, mailDirectoryOf } from "../notifier/eml-notifier.js";
import { createSmtpNotifier } from "../notifier/smtp-notifier.js";
import { sendTestMail, TEST_MAIL_MS } from "../notifier/test-mail.js";
import { systemClock } from "../platform/clock.js";
import { systemRandom } from "../platform/random.js";
import { systemTimers } from "../platform/running-timers.js";

/** Sends a test e-mail from this process, of a database file. `smtp` is "" without a mail server. */
export async function sendFromHere(
  callback: Callback,
  { smtp, path, policy }: { readonly smtp: string; readonly path: string; readonly policy: RetryPolicy },
): Promise<TestMail> {
  try {
    const notifier =
      smtp === ""
        ? createEmlNotifier({ directory: mailDirectoryOf(path) })
        : createSmtpNotifier({ url: smtp, timers: systemTimers, timeoutMs: TEST_MAIL_MS });
    return await sendTestMail(callback, { notifier, now: systemClock.now(), random: systemRandom, policy });
  } catch (error) {
    if (!isWhcbError(error, "config")) throw error;
    return { to: callback.email, channel: smtp === "" ? "file" : "smtp", isSent: false, answer: error.message };
  }
}
