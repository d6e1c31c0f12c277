import type { ListedCallback } from "../../../client/client.js";
import { callbackOperand, commandLine, shellQuote } from "../../../domain/command-line.js";
import { count } from "../../../domain/count.js";
import { advise, WhcbError } from "../../../domain/errors.js";
import { findAccepted } from "../../../runs/accepted-before.js";
import { COMPARED_FIELDS, columnName, OTHER_SENDER } from "../../../runs/plan/body-fields.js";
import { decodeList, type ListEncoding } from "../../../runs/plan/decode-list.js";
import { type SeenFormat, unreadableLine } from "../../../runs/plan/list-records.js";
import { planReconcile, type ReconcilePlan } from "../../../runs/plan/plan-reconcile.js";
import { isDigit, mentionsRefusal, saysWhenItArrived } from "../../../runs/plan/received-field.js";
import { readSeenList, type SeenList } from "../../../runs/plan/seen-list.js";
import { UncomparedColumns } from "../../../runs/plan/uncompared-columns.js";
import type { RunDeps } from "../../../runs/run-deps.js";
import type { RunLocks } from "../../../runs/run-locks.js";
import type { ReplayOptions } from "../../../runs/run-options.js";
import { runReconcile } from "../../../runs/run-reconcile.js";
import { checkTarget } from "../../../runs/send/send-target.js";
import type { Invocation } from "../../args/command-spec.js";
import { readBytes } from "../../args/flag-values.js";
import { checkLastLine } from "../../args/last-line.js";
import { readSendingFlags } from "../../args/sending-flags.js";
import { writeJson } from "../../output/json-fields.js";
import { openProgress } from "../../output/progress-line.js";
import { canAsk } from "../../output/questions.js";
import { followRun, showListed } from "../../output/run/follow-run.js";
import { describePlan, planJson, warnOfUnusableCalls } from "../../output/run/plan-text.js";
import { finishRun, requireMarked, warnOfAcceptedCalls, warnOfUnmarkedCalls } from "../../output/run/run-summary.js";
import { joinText, type ScreenText, safeJson, text } from "../../output/screen-text.js";
import { collectSecrets, describeSecretSources } from "../../settings/callback-secrets.js";
import { openRunDeps, profileFlags } from "../../settings/open-run-deps.js";
import type { ResolvedSettings } from "../../settings/resolve-settings.js";
import { deliverySettings, findCallback, type Session, withSession } from "../../settings/session.js";
import { confirmRun, describeLocks, takeLocks } from "../../settings/take-locks.js";
import { mentionUnfinishedRuns } from "../../settings/unfinished-run.js";
import type { ReconcileFlags } from "./command.js";
import { describeWarnings, seenByReply, type Warnings, waitingText } from "./plan-warnings.js";

export async function run(invocation: Invocation<ReconcileFlags>): Promise<void> {
  const { args, values } = invocation;
  const source = values.seen;
  if (source === undefined) throw new WhcbError("usage", "reconcile needs --seen FILE (or -): what your system has");
  if (values.output === "ids" && !values.dryRun)
    throw new WhcbError("usage", "-o ids needs --dry-run: it lists the calls that your system has");
  const fieldNames = readFieldNames(values.map ?? []);
  const { text, encoding } = decodeList(
    await (source === "-" ? readBytes("stdin", invocation.deps.io.stdin) : readBytes(source)),
  );
  const given = readSendingFlags(values);
  return withSession(invocation, async (session) => {
    const { settings } = session;
    const ignored = new Set((values.ignore ?? []).map(columnName));
    const seen = readSeenList(text, settings.timezone.value, { dateOrder: values.dateOrder, fieldNames, ignored });
    if (seen.read === 0 && !values.allowEmpty) {
      throw new WhcbError("usage", "the list of --seen is empty: nothing was done", {
        hint: "did the command before the pipe fail? --allow-empty replays every failed call",
      });
    }
    checkLastLine(text, "--seen", invocation, { isTable: seen.format === "csv" || seen.format === "tsv" });
    const callback = await findCallback(session, args.operand(0));
    const options = { ...given, ...(await deliverySettings(session)) };
    await using runDeps = await openRunDeps(invocation, session, { maxConnections: options.concurrency });
    const job = { session, callback, seen, encoding, settings, options, runDeps };
    if (values.dryRun) return await listAndReconcile(job, invocation);
    await using taken = await takeLocks(invocation, { callbacks: [callback], runDeps, wait: values.wait, needsAll: true });
    await listAndReconcile({ ...job, locks: taken.locks }, invocation);
  });
}

/** Returns our names by the list's, from texts such as "mobile=msisdn". Throws `usage`. */
function readFieldNames(texts: readonly string[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const text of texts) {
    const [field = "", listed = ""] = text.split(/=(.*)/s, 2).map(columnName);
    if (!COMPARED_FIELDS.includes(field) || listed === "")
      throw new WhcbError(
        "usage",
        `--map: ${JSON.stringify(text)} must be NAME=COLUMN, with NAME one of ${COMPARED_FIELDS.join(", ")}`,
      );
    if (["acknowledged", "undeliverable"].includes(field) && saysWhenItArrived(listed))
      throw new WhcbError("usage", `--map: ${listed} says when your system got it, and ${field} when the sender replied`, {
        hint: "leave it out; if it is the sender's time, rename the column",
      });
    if (names.has(listed) || [...names.values()].includes(field)) throw new WhcbError("usage", `--map names ${text} twice`);
    names.set(listed, field);
  }
  return names;
}

interface ReconcileJob {
  readonly session: Session;
  readonly callback: ListedCallback;
  readonly seen: SeenList;
  readonly encoding: ListEncoding;
  readonly settings: ResolvedSettings;
  readonly options: ReplayOptions;
  readonly runDeps: RunDeps;
  readonly locks?: RunLocks;
}

async function listAndReconcile(job: ReconcileJob, invocation: Invocation<ReconcileFlags>): Promise<void> {
  const { session, callback, options, runDeps, locks } = job;
  const { screen } = invocation;
  // Another run may have been killed while this one waited for its lock.
  await mentionUnfinishedRuns(invocation, session, [callback.id]);
  const plan = await listAndMatch(job, invocation);
  warnOfUnusableCalls(plan.replay, screen);
  warnOfUnmarkedCalls(plan.replay.unmarked, screen);
  try {
    if (plan.failed === 0) {
      if (plan.waiting > 0) screen.info(`warning: ${waitingText(plan)}`);
      screen.info(`nothing to reconcile: ${job.callback.name} has no failed call`);
      return;
    }
    if (plan.replay.calls > 0) checkTarget(job.callback, options, runDeps);
    warnOfAcceptedCalls(await findAccepted(plan.replay, runDeps), screen);
    requireReceived(plan, job, invocation);
    const warnings = describeWarnings(plan, job.settings);
    for (const lines of warnings) screen.info(text`warning: ${joinText(lines, "\n  ")}`);
    requireCompared(plan, job.seen);
    const description = describeReconcile(plan, describePlan(plan.replay, options, runDeps, screen.renderOptions));
    if (locks === undefined) {
      await showReconcile(plan, { seen: job.seen, options, description, warnings, dryRun: true }, screen);
      screen.info("dry run: nothing was marked or sent");
      return;
    }
    if (plan.seen.length + plan.replay.calls === 0) {
      await showReconcile(plan, { seen: job.seen, options, description, warnings, dryRun: false }, screen);
      return checkLeftOut(plan, invocation);
    }
    requireNamed(plan, job, invocation);
    const question = `Mark ${count(plan.seen.length, "call")} and send ${count(plan.replay.calls, "call")} again?`;
    const sources = plan.replay.calls === 0 ? [] : describeSecretSources([job.callback], options, invocation.deps);
    const asked = { description: [...description, ...describeLocks(locks, runDeps.client)], question: [...sources, question] };
    if (!(await confirmRun(invocation, asked, { runDeps, locks, onlyMarks: false }))) return;
    const secrets = await collectSecrets(invocation, plan.replay, options);
    const summary = await followRun(invocation, { total: plan.replay.calls }, ({ signal, listener }) =>
      runReconcile(plan, { ...options, ...secrets, signal, locks, wasAsked: !invocation.values.yes }, runDeps, listener),
    );
    await finishRun(summary, screen, { ambiguous: ambiguousJson(plan), warnings: warningsJson(warnings) });
    return checkLeftOut(plan, invocation);
  } finally {
    await plan.replay.discard();
  }
}

async function listAndMatch(
  { callback, seen, encoding, settings, options, runDeps, locks }: ReconcileJob,
  invocation: Invocation<ReconcileFlags>,
) {
  const { screen, values } = invocation;
  screen.info(`reading ${describeList(seen, encoding)}`);
  const listing = await openProgress(invocation, "reading calls");
  const plan = planReconcile(
    {
      callback,
      seen,
      timezone: settings.timezone.value,
      country: settings.country.value,
      sendAmbiguous: values.ambiguous === "send",
      contentType: options.contentType,
      bodyNames: options.bodyNames,
      runId: locks?.runId,
      onEvent: showListed(listing, "calls"),
      onCompare(calls, requests) {
        // Those that wait aren't counted.
        const number = !calls ? "all calls" : `all ${amount(calls)} calls`;
        const cost = requests === null ? "" : `: at least ${count(requests, "request")}`;
        screen.info(`comparing with ${number} of ${callback.name}${cost}`);
      },
    },
    runDeps,
  );
  return plan.finally(() => listing.clear());
}

const MAX_SHOWN = 100;

/** Throws for a list that isn't of what the receiver has. */
function requireReceived(
  { unmatched, listedByWhcb, heading }: ReconcilePlan,
  { seen, callback }: ReconcileJob,
  { values }: Invocation<ReconcileFlags>,
): void {
  if (listedByWhcb !== null)
    throw new WhcbError("usage", `the list has the id of a failed call, ${listedByWhcb}: is it a list of whcb's?`, {
      hint: "if your system stored the webhook-id: --map callid=id; if id means something else: --ignore id; nothing was done",
    });
  const matchesNothing = seen.read > 0 && unmatched === seen.lines.length;
  if (matchesNothing && !values.allowEmpty)
    throw new WhcbError("usage", `the list of --seen matches no call of ${callback.name}: nothing was done`, {
      hint: "is it of another callback, or did the command before the pipe fail? --allow-empty replays every failed call",
    });
  if (heading === null || matchesNothing) return;
  const id = heading.id.slice(0, MAX_SHOWN);
  throw unreadableLine(
    heading.line,
    isDigit(heading.id)
      ? `${id} may be the number of a line, or say yes or no`
      : mentionsRefusal("", heading.id)
        ? `${id} may be a heading of what wasn't received`
        : `no call or message has the id ${id}, so it may be a heading`,
    `give only what was received; if it is an id: --ignore ${shellQuote(heading.name)}; nothing was done`,
  );
}

/** Throws `malformed` if a line by which a call is seen says more than was compared. */
function requireCompared({ uncompared }: ReconcilePlan, { listNames, ignored }: SeenList): void {
  const columns = new UncomparedColumns(ignored);
  for (const { line, name, key } of uncompared) {
    const listed = name === OTHER_SENDER ? "from" : (listNames.get(name) ?? name);
    columns.addUnused(listed, line, name === "content" ? "(text)" : key, key);
  }
  columns.requireNone();
}

/**
 * Throws `usage` if nobody is asked about calls that match by less than their ids, or by ids that nothing confirms, or about a list that may
 * be of failed calls.
 */
function requireNamed(plan: ReconcilePlan, { callback, runDeps }: ReconcileJob, invocation: Invocation<ReconcileFlags>): void {
  const others = otherMatches(plan);
  if ((others.length === 0 && !plan.mayBeOfFailed) || (!invocation.values.yes && canAsk(invocation))) return;
  const flags = ["--file", "FILE", "--yes", ...profileFlags(invocation, runDeps.profile)];
  const command = commandLine({ command: "mark-success", operands: [callbackOperand(callback)], flags });
  throw new WhcbError(
    "usage",
    others.length > 0
      ? `--yes marks only what the list names by the call's id; it has ${others.join(", ")}`
      : `--yes doesn't mark ${count(plan.seen.length, "call")} by a list without a line of a call that was delivered at once: a list of failed calls looks like this`,
    advise`answer the question in a terminal: without --yes, and with the list in a file; or look at the ids that --dry-run -o ids lists, and mark these by name: ${{ command, when: "for those that you have looked at" }}; nothing was done`,
  );
}

/** Says how many calls were matched by less than their ids, and how many by ids that nothing confirms. */
function otherMatches(plan: ReconcilePlan): readonly string[] {
  const { unconfirmed } = plan;
  const byReply = seenByReply(plan);
  return [
    ...(byReply === 0 ? [] : [`${count(byReply, "call")} by message id, sender, content and time`]),
    ...(unconfirmed === 0 ? [] : [`${count(unconfirmed, "call")} by an id that may number something else`]),
  ];
}

const RECORDS = {
  ndjson: ["NDJSON body", "NDJSON bodies"],
  xml: ["XML body", "XML bodies"],
  csv: ["CSV row", "CSV rows"],
  tsv: ["TSV row", "TSV rows"],
  ids: ["id", "ids"],
} satisfies Record<SeenFormat, readonly [one: string, many: string]>;

/** Returns "1 204 CSV rows in Windows-1252; 1 200 of them differ in what is compared". */
function describeList({ format, read, lines }: SeenList, encoding: string): string {
  const [one, many] = RECORDS[format];
  const different = read === lines.length ? "" : `; ${amount(lines.length)} of them differ in what is compared`;
  return `${amount(read)} ${read === 1 ? one : many}${encoding === "UTF-8" ? "" : ` in ${encoding}`}${different}`;
}

/** Returns "1 204". */
function amount(number: number): string {
  return String(number).replace(/\B(?=(?:\d{3})+$)/g, " ");
}

/** Throws while ambiguous calls are undecided, or left out for another run to mark. */
function checkLeftOut({ ambiguous, replay }: ReconcilePlan, { values, screen }: Invocation<ReconcileFlags>): void {
  if (ambiguous.length === 0 || values.ambiguous !== undefined) {
    requireMarked(replay.unmarked, screen.renderOptions);
    return;
  }
  throw new WhcbError("items-failed", `${count(ambiguous.length, "ambiguous call")}: neither marked nor sent`, {
    hint: "--ambiguous send sends them; --ambiguous skip leaves them without an error; whcb mark-success marks those that your system has",
  });
}

function warningsJson(warnings: Warnings): readonly string[] {
  return warnings.map((lines) => lines.join("\n  "));
}

function describeReconcile(plan: ReconcilePlan, replay: readonly string[]): readonly string[] {
  const { callback, failed, seen, seenById, ambiguous } = plan;
  const others = otherMatches(plan);
  const divided = `your system has ${seen.length}, ${ambiguous.length} ambiguous, ${plan.replay.calls} to send`;
  const matched = `it has ${[`${seenById} by the call's id`, ...others].join(", ")}`;
  return [
    `${count(failed, "failed call")} of ${callback.name}: ${divided}`,
    ...(others.length === 0 ? [] : [matched]),
    ...replay,
  ];
}

interface ShownPlan {
  readonly seen: SeenList;
  readonly options: ReplayOptions;
  readonly description: readonly string[];
  readonly warnings: Warnings;
  readonly dryRun: boolean;
}

async function showReconcile(plan: ReconcilePlan, shown: ShownPlan, screen: Invocation["screen"]): Promise<void> {
  const { seen, options, description, warnings, dryRun } = shown;
  if (screen.format === "ids") return screen.out(joinText(plan.seen.map((id) => text`${id}\n`)));
  if (screen.format === "ndjson") return showCalls(plan, screen);
  if (screen.format !== "json") return screen.out(text`${joinText(description, "\n")}\n`);
  const document = {
    dryRun,
    format: seen.format,
    lines: seen.read,
    failed: plan.failed,
    seen: plan.seen.length,
    seenById: plan.seenById,
    ambiguous: ambiguousJson(plan),
    unmatched: plan.unmatched,
    warnings: warningsJson(warnings),
    replay: planJson(plan.replay, options),
  };
  await writeJson(document, screen);
}

async function showCalls(plan: ReconcilePlan, screen: Invocation["screen"]): Promise<void> {
  const line = (event: string, id: string): ScreenText => text`${safeJson({ event, callbackId: plan.callback.id, id })}\n`;
  await screen.out(joinText(plan.seen.map((id) => line("seen", id))));
  await screen.out(joinText(plan.ambiguous.map(({ id }) => line("ambiguous", id))));
  for (const group of plan.replay.groups)
    for await (const id of plan.replay.callIds(group)) await screen.out(line("planned", id));
}

function ambiguousJson({ ambiguous }: ReconcilePlan): readonly { readonly id: string; readonly from: string }[] {
  return ambiguous.map(({ id, from }) => ({ id, from }));
}
