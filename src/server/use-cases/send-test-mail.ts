import type { Callback } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import type { TestMail } from "../../domain/outage.js";
import type { LimitChange, LimitState } from "../../store/nodes/limits.js";
import { type ClientLimits, clientLimits } from "../auth/client-limits.js";
import type { ServerDeps } from "../server-deps.js";

interface MailLimit {
  readonly mails: number;
  readonly withinMs: number;
}

const OF_ADDRESS: MailLimit = { mails: 1, withinMs: 60_000 };
const OF_SERVICE: MailLimit = { mails: 20, withinMs: 3_600_000 };
const LIMITS = [OF_ADDRESS, OF_SERVICE];

/** A user may give a callback anybody's address, so the tests of all nodes are limited together. */
export function testMails({ store, clock, sendTestMail }: ServerDeps): (callback: Callback) => Promise<TestMail> {
  const limits: ClientLimits = clientLimits(store.nodes);
  return async (callback) => {
    if (sendTestMail === null) throw new WhcbError("locked", "This node sends no e-mails (--no-dispatch): ask one that does");
    const keys = [`test e-mails to ${callback.email.toLowerCase()}`, "test e-mails"];
    const now = clock.now();
    const waitMs = await limits.changeStates(keys, (states) => spend(states, now));
    if (waitMs > 0) throw new WhcbError("rate-limited", "Too many test e-mails", { retryAfterMs: waitMs });
    return sendTestMail(callback);
  };
}

/** A state has the times of the last tests. Returns how long to wait. */
function spend(states: readonly LimitState[], now: number): LimitChange<number> {
  const recent = LIMITS.map(({ withinMs }, index) => (states[index] ?? []).filter((at) => at <= now && now - at < withinMs));
  const waits = LIMITS.map(({ mails, withinMs }, index) => {
    const at = recent[index]?.at(-mails);
    return at === undefined ? 0 : at + withinMs - now;
  });
  const result = Math.max(...waits);
  if (result > 0) return { states: null, result };
  return {
    states: LIMITS.map(({ withinMs }, index) => ({ state: [...(recent[index] ?? []), now], expiresAt: now + withinMs })),
    result,
  };
}
