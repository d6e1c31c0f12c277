import type { Client, ListedCallback } from "../../../client/client.js";
import { count } from "../../../domain/count.js";
import { dateOrNull } from "../../../wire/dates.js";
import type { Invocation } from "../../args/command-spec.js";
import { EXIT_DONE, EXIT_ITEMS_FAILED } from "../../exit-codes.js";
import { type CHECK_FIELDS, type Json, writeJson } from "../../output/json-fields.js";
import type { RenderOptions } from "../../output/screen.js";
import { text } from "../../output/screen-text.js";
import { formatInstant } from "../../output/times.js";
import { requireCounted, UncountedCalls } from "../../output/uncounted-calls.js";
import { findNamedCallback, withSession } from "../../settings/session.js";
import { showService } from "../../settings/take-locks.js";
import type { CheckFlags } from "./command.js";

export function run(invocation: Invocation<CheckFlags>): Promise<number> {
  const { values, screen } = invocation;
  return withSession(invocation, async (session) => {
    const { client } = session;
    const maxAgeMs = values.maxAge ?? null;
    const maxWaitingAgeMs = values.maxWaitingAge ?? null;
    const maxFailed = values.maxFailed ?? (maxAgeMs === null ? 0 : null);
    const named = await findNamedCallback(invocation, session);
    const callbacks = named === null ? await client.listCallbacks() : [named];
    // A monitor sees no warning.
    client.requireOwnDatabase();
    await showService(invocation, session);
    const facts = await readFacts(client, callbacks);
    const limits = { maxFailed, maxAgeMs, maxWaitingAgeMs };
    const exceeded = findProblems(facts, callbacks, limits, screen.renderOptions);
    const isExceeded = exceeded.length > 0;
    const unknown = [...facts.uncounted, ...(maxWaitingAgeMs === null ? [] : unreportedWaits(callbacks))];
    const problems = [...exceeded, ...unknown];
    if (!isExceeded) requireCounted(unknown);
    if (screen.format === "json") {
      const document: Json<typeof CHECK_FIELDS> = {
        ok: !isExceeded,
        failed: facts.failed,
        callbacks: facts.callbacks,
        oldestAttempt: dateOrNull(facts.oldestAt),
        ...limits,
        problems,
      };
      await writeJson(document, screen);
    } else {
      const { palette } = screen.renderOptions;
      const head = isExceeded
        ? text`${palette.bad("exceeded")}: ${problems.join("; ")}`
        : text`${palette.good("ok")}: ${failedCalls(facts)}`;
      await screen.out(text`${head}\n`);
    }
    return isExceeded ? EXIT_ITEMS_FAILED : EXIT_DONE;
  });
}

interface CheckFacts {
  readonly failed: number;
  readonly callbacks: readonly { readonly id: string; readonly name: string; readonly failed: number }[];
  readonly oldestAt: number | null;
  /** Each is a sentence. */
  readonly uncounted: readonly string[];
}

/** A `whcb serve` is asked once per callback, as the first page has the total. Others may ignore filter or order, so all pages are read. */
async function readFacts(client: Client, callbacks: readonly ListedCallback[]): Promise<CheckFacts> {
  const checked: CheckFacts["callbacks"][number][] = [];
  const uncounted: string[] = [];
  let oldestAt: number | null = null;
  for (const callback of callbacks) {
    let seen = 0;
    let total: number | null = null;
    const rest = new UncountedCalls();
    const { capabilities } = client;
    for await (const page of client.listCalls(callback.id, { filter: { status: "FAILED" }, oldestFirst: true })) {
      total ??= page.total;
      rest.add(page);
      const calls = [...page.calls, ...page.withoutId];
      seen += calls.length;
      for (const { attemptedAt } of calls) if (attemptedAt !== null) oldestAt = Math.min(oldestAt ?? attemptedAt, attemptedAt);
      if (capabilities.has("exact-lists") && total !== null && page.leftOut === 0) break;
    }
    const isExact = capabilities.has("exact-lists");
    const description = isExact ? null : rest.describe(callback.name);
    if (description !== null) uncounted.push(description);
    checked.push({ id: callback.id, name: callback.name, failed: isExact ? Math.max(seen, total ?? 0) : seen });
  }
  return { failed: checked.reduce((sum, { failed }) => sum + failed, 0), callbacks: checked, oldestAt, uncounted };
}

/** Returns "12 failed calls of demo", or "15 failed calls of 3 callbacks (demo 12, crm 3)". */
function failedCalls({ failed, callbacks }: CheckFacts): string {
  const calls = count(failed, "failed call");
  const [only] = callbacks;
  if (callbacks.length === 1 && only !== undefined) return `${calls} of ${only.name}`;
  const failing = callbacks.filter((callback) => callback.failed > 0).map((callback) => `${callback.name} ${callback.failed}`);
  return `${calls} of ${count(callbacks.length, "callback")}${failing.length === 0 ? "" : ` (${failing.join(", ")})`}`;
}

/** Without a limit a value is null. */
interface CheckLimits {
  readonly maxFailed: number | null;
  readonly maxAgeMs: number | null;
  readonly maxWaitingAgeMs: number | null;
}

function findProblems(
  facts: CheckFacts,
  callbacks: readonly ListedCallback[],
  limits: CheckLimits,
  { now, utc }: RenderOptions,
): readonly string[] {
  const problems: string[] = [];
  if (limits.maxFailed !== null && facts.failed > limits.maxFailed) {
    problems.push(`${failedCalls(facts)}, ${limits.maxFailed} allowed`);
  }
  if (limits.maxAgeMs !== null && facts.oldestAt !== null && now - facts.oldestAt > limits.maxAgeMs) {
    problems.push(`the oldest failed at ${formatInstant(facts.oldestAt, utc)}, longer ago than --max-age allows`);
  }
  const { maxWaitingAgeMs } = limits;
  for (const { name, waitingSince, pause } of callbacks) {
    if (maxWaitingAgeMs === null || pause !== null || waitingSince == null || now - waitingSince <= maxWaitingAgeMs) continue;
    problems.push(`${name}: a call has waited since ${formatInstant(waitingSince, utc)}, longer than --max-waiting-age allows`);
  }
  return problems;
}

function unreportedWaits(callbacks: readonly ListedCallback[]): readonly string[] {
  const unreported = callbacks.filter(({ waitingSince }) => waitingSince === undefined);
  return unreported.map(({ name }) => `the service doesn't say since when calls of ${name} wait`);
}
