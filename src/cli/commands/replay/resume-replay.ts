import type { ListedCallback } from "../../../client/client.js";
import { commandLine, repeatedLine } from "../../../domain/command-line.js";
import { count } from "../../../domain/count.js";
import { HOUR_MS, spellDuration } from "../../../domain/duration.js";
import { advise, WhcbError } from "../../../domain/errors.js";
import { isMasked, maskUrl, shownUrl } from "../../../domain/mask.js";
import { checkResumable } from "../../../runs/check-service.js";
import { compareDatabase, madeElsewhere } from "../../../runs/journal/other-runs.js";
import { isRecorded, type RecordedUrl } from "../../../runs/journal/recorded-url.js";
import { isSentElsewhere, isUnfinished } from "../../../runs/journal/run-counts.js";
import { findOpenCalls, latestUnfinishedRun, type RunOverview, readRun } from "../../../runs/journal/stored-runs.js";
import { findAllById, findById } from "../../../runs/plan/call-scope.js";
import { resumeRun } from "../../../runs/resume-run.js";
import type { RunDeps, RunFolder } from "../../../runs/run-deps.js";
import type { RunLocks } from "../../../runs/run-locks.js";
import { DEFAULT_REPLAY_OPTIONS, proxyOf, shownTo } from "../../../runs/run-options.js";
import { DEFAULT_BODY_NAMES, type DeliverySettings } from "../../../wire/delivery-settings.js";
import type { Invocation } from "../../args/command-spec.js";
import { readSendingPace, SENDING_FLAGS } from "../../args/sending-flags.js";
import { pauseText } from "../../output/outage-text.js";
import { canAsk } from "../../output/questions.js";
import { followRun, followsService } from "../../output/run/follow-run.js";
import { commandOnRun, resumeCommand, undoWords } from "../../output/run/next-step.js";
import { describeKey } from "../../output/run/plan-text.js";
import { finishRun } from "../../output/run/run-summary.js";
import type { RenderOptions } from "../../output/screen.js";
import { findSecrets } from "../../settings/callback-secrets.js";
import { openRunDeps, profileOf, runFolder } from "../../settings/open-run-deps.js";
import { deliverySettings, type Session, withSession } from "../../settings/session.js";
import { confirmRun, takeLocks } from "../../settings/take-locks.js";
import { latestOwnRun, mentionUnfinishedRuns } from "../../settings/unfinished-run.js";
import type { ReplayFlags } from "./command.js";

export type ReplayInvocation = Invocation<ReplayFlags>;

/** Finishes the wanted run, or with null the latest unfinished one of the profile and its service. It was confirmed when it began, but for one with --to. */
export function resumeReplay(invocation: ReplayInvocation, wanted: string | null): Promise<void> {
  const { args, values, screen, deps } = invocation;
  if (args.operands.length > 0) throw new WhcbError("usage", "--resume takes its callback and calls from the run");
  return withSession(invocation, async (session) => {
    const folder = runFolder(deps);
    const run = wanted === null ? await findUnfinishedRun(session, folder) : await readRun(folder, wanted);
    if (run === null) {
      screen.info("no unfinished run");
      return;
    }
    const isElsewhere = run.service !== session.client.name;
    const isOther = compareDatabase(run, session.client) === "other";
    if (wanted === null && (isElsewhere || isOther || run.kind !== "replay")) {
      const made = isElsewhere ? `made with ${run.service}` : madeElsewhere(run);
      const what = isElsewhere || isOther ? `was ${made}` : `is a ${run.kind}`;
      const resume = { command: resumeCommand(run, screen.renderOptions), when: "to finish it" };
      const discard = { command: commandOnRun("runs discard", run, screen.renderOptions), when: "to give it up" };
      throw new WhcbError("usage", `the latest unfinished run ${what}`, advise`${resume} finishes it, ${discard} gives it up`);
    }
    // By the time that somebody types the line to continue, another run may be the latest.
    const argv = invocation.argv.flatMap((word) => (wanted === null && word === "--resume" ? [word, run.runId] : [word]));
    // So it may be since a script was written, whose variable may not be set.
    if (wanted === null && values.yes) {
      const [{ id, name } = { id: "", name: "" }, ...others] = run.callbacks;
      const what = others.length > 0 ? count(others.length + 1, "callback") : name || id;
      const named = { command: repeatedLine(argv), when: "to finish it" };
      throw new WhcbError("usage", "--yes needs the run to resume", advise`of the latest one, of ${what}: ${named}`);
    }
    const { to, resendUnknown, contentType } = values;
    const before = run.options?.to ?? null;
    if (to !== undefined && before === null) throw new WhcbError("usage", `run ${run.runId} wasn't made with --to`);
    const pace = readSendingPace(values);
    requireObeyed(run, values);
    const maxConnections = pace.concurrency ?? run.options?.concurrency ?? DEFAULT_REPLAY_OPTIONS.concurrency;
    await using runDeps = await openRunDeps(invocation, session, { maxConnections, to: before });
    const total = run.counts.left + (resendUnknown ? run.counts.unknown : 0);
    const found = total === 0 ? [] : await findAllById(run.callbacks, runDeps.client);
    const secrets = run.options === null ? {} : await findSecrets(invocation, found, run.options);
    await using taken = await takeLocks(invocation, {
      callbacks: run.callbacks,
      runDeps,
      wait: values.wait,
      runId: run.runId,
      needsAll: true,
    });
    if (run.options !== null && !isSentElsewhere(run)) {
      const callbackIds = run.callbacks.map(({ id }) => id);
      await mentionUnfinishedRuns(invocation, session, callbackIds, { runId: run.runId, resendUnknown });
    }
    const delivery = await deliverySettings(session);
    if (!(await confirmChanged(run, delivery, { ...runDeps, locks: taken.locks }, { ...invocation, argv }))) return;
    const viaService = run.options?.viaService ?? false;
    const control = {
      ...delivery,
      ...secrets,
      locks: taken.locks,
      resendUnknown,
      followsService: followsService(session.target, values.detach),
      contentType,
      to,
      pace,
    };
    const summary = await followRun(invocation, { total, viaService }, ({ signal, listener }) =>
      resumeRun(run.runId, { ...control, signal }, runDeps, listener),
    );
    await finishRun(summary, screen);
    requireNoneLeft(run, screen.renderOptions);
  });
}

/** Throws `items-failed` for an undo that didn't find all calls of its run, which the session before said. */
function requireNoneLeft({ undoes }: RunOverview, { serviceFlags }: RenderOptions): void {
  if (!undoes?.left) return;
  const again = { command: commandLine(undoWords(undoes.runId, serviceFlags)), when: "once they are listed" };
  const message = `${count(undoes.left, "call")} of run ${undoes.runId} left out, as the undo didn't find all that it had marked`;
  throw new WhcbError("items-failed", message, advise`${again} takes them back once they are listed`);
}

/** Throws `usage` for a flag that the run would ignore. */
function requireObeyed({ runId, options }: RunOverview, values: ReplayInvocation["values"]): void {
  const ofSending = Object.keys(SENDING_FLAGS);
  const [what, names] =
    options === null
      ? ["only marks calls", [...ofSending, "detach", "resendUnknown"]]
      : options.viaService
        ? ["is sent by the service", ofSending]
        : ["isn't sent by the service", ["detach"]];
  const ignored = names.find((name) => Boolean(values[name as keyof typeof values]));
  if (ignored === undefined) return;
  const flag = ignored.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new WhcbError("usage", `run ${runId} ${what}, so --${flag} would be ignored`);
}

/** A profile's service may have another address now, and a copy may have been at this one. Those runs come last. */
async function findUnfinishedRun(session: Session, folder: RunFolder): Promise<RunOverview | null> {
  const profile = profileOf(session);
  const latest = await latestUnfinishedRun(folder, (run) => run.profile === profile);
  if (latest === null) return null;
  await session.client.verify();
  return (await latestOwnRun(session, folder)) ?? latest;
}

interface ResumedTarget {
  readonly name: string;
  /** `renamed` is the callback's new name, or null if it has the old one. */
  readonly renamed: string | null;
  readonly url: string;
  readonly shown: string;
  /** `key` names the parameter of the key. */
  readonly key: string;
  readonly keyBefore: string;
  readonly before: RecordedUrl;
  /** It is null too if nothing is sent from here to the callback. */
  readonly pause: ListedCallback["pause"];
}

const ONLY_HERE = "What it marks here stays FAILED there, where a replay sends it, and `whcb undo` can't take it back.";

/** A service may remove settled calls, and a sender use their ids again. */
const LONGEST_UNASKED_MS = 24 * HOUR_MS;

/**
 * The run was confirmed for the callbacks of that time. One that was deleted and created again may have the same id, and other calls of the same ids.
 * Throws `config` if the run was made with another database and nobody can be asked, or is to be.
 */
async function confirmChanged(
  run: RunOverview,
  delivery: DeliverySettings,
  { locks, ...runDeps }: RunDeps & { readonly locks: RunLocks },
  invocation: ReplayInvocation,
): Promise<boolean> {
  const { options, counts, service } = run;
  const to = invocation.values.to ?? options?.to ?? null;
  // The journal doesn't have the secrets of --to, and nothing is sent without them.
  const open = await findOpenCalls(runDeps, run.runId, invocation.values.resendUnknown);
  const toSend = isMasked(to ?? "") ? 0 : open.toSend.length;
  const { seenToMark } = open;
  const accepted = counts.toMark - seenToMark;
  if (!isUnfinished(counts) && toSend === 0) return true;
  const isMadeWithTo = to !== null && toSend + counts.toMark > 0;
  const isElsewhere = service !== runDeps.client.name;
  if (isElsewhere) await checkResumable(run, runDeps);
  const changed: ResumedTarget[] = [];
  const paused: string[] = [];
  const targets = await resumedTargets(run, delivery, runDeps, invocation);
  for (const target of targets) {
    if (target.pause !== null) paused.push(`${target.name} is ${pauseText(target.pause, invocation.screen.renderOptions.utc)}.`);
    const isSame = target.renamed === null && target.key === target.keyBefore;
    if (!isSame || !(await isRecorded(target.url, target.before, runDeps))) changed.push(target);
  }
  const isOther = compareDatabase(run, runDeps.client) === "other";
  if (isOther && (invocation.values.yes || !canAsk(invocation))) {
    const { renderOptions } = invocation.screen;
    const resume = { command: resumeCommand(run, renderOptions), when: "on a terminal, where it asks" };
    const discard = { command: commandOnRun("runs discard", run, renderOptions), when: "to give it up" };
    const message = `run ${run.runId} was ${madeElsewhere(run)}`;
    throw new WhcbError("config", message, advise`on a terminal, ${resume} asks; ${discard} gives it up`);
  }
  const { bodyNames: namesBefore = DEFAULT_BODY_NAMES } = options ?? {};
  const hasOtherNames = options !== null && !options.viaService && delivery.bodyNames !== namesBefore;
  const ageMs = invocation.deps.clock.now() - run.lastAt;
  const isSetBack = ageMs < 0;
  const isOld = ageMs > LONGEST_UNASKED_MS;
  const proxy = options === null || toSend === 0 ? null : proxyOf({ ...options, to }, targets, runDeps);
  const { throughProxy: proxyBefore = null } = options ?? {};
  if (proxyBefore !== null && proxy === null && toSend > 0)
    throw new WhcbError("usage", `run ${run.runId} was begun through an egress proxy, and would now send directly`, {
      hint: "add --egress-proxy URL, or set WHCB_EGRESS_PROXY; nothing was sent",
    });
  const hasSameWay = !hasOtherNames && (proxy === null || proxy === proxyBefore);
  if (paused.length + changed.length === 0 && hasSameWay && !isElsewhere && !isOther && !isOld && !isSetBack && !isMadeWithTo)
    return true;
  const isRenamed = changed.some(({ renamed }) => renamed !== null);
  const isSure =
    isRenamed || changed.some(({ shown, key, keyBefore, before }) => shown + key !== maskUrl(before.url) + keyBefore);
  const description = [
    ...(isElsewhere && !isOther ? [`The run was made with ${service}, and this is ${runDeps.client.name}.`] : []),
    ...(isOther ? [`The run was ${madeElsewhere(run)}.`, ONLY_HERE] : []),
    ...(isOld
      ? [
          `The run stopped ${spellDuration(Math.floor(ageMs / HOUR_MS) * HOUR_MS)} ago: other calls may have its ids by now, if theirs were removed.`,
        ]
      : []),
    ...(isSetBack ? ["The clock was set back since the run stopped: how long ago that was isn't known."] : []),
    ...(changed.length === 0
      ? []
      : [`The ${isRenamed ? "callback" : "URL"} ${isSure ? "has" : "may have"} changed since the run began.`]),
    ...changed.flatMap(describeChange),
    ...paused,
    ...(proxy === null || proxy === proxyBefore
      ? []
      : [
          `The run was begun ${proxyBefore === null ? "without an egress proxy" : `through ${proxyBefore}`}, and would now send through ${proxy}.`,
        ]),
    ...(hasOtherNames ? [`The body names are ${delivery.bodyNames} now, and were ${namesBefore} when the run began.`] : []),
    ...(to === null || toSend === 0
      ? []
      : [
          `The run sends up to ${count(toSend, "call")} to ${maskUrl(to)} (--to, not the callback's URL) and marks ${options?.mark ? "SUCCESS what that accepts" : "nothing"}.`,
        ]),
    ...(accepted === 0
      ? []
      : [
          `not marked yet: ${count(accepted, "call")}${options === null ? "" : ` that ${shownTo(options) ?? "the URL before"} accepted`}`,
        ]),
    ...(seenToMark === 0
      ? []
      : [`not marked yet: ${count(seenToMark, "call")} that your list said ${seenToMark === 1 ? "was" : "were"} received`]),
  ];
  const toMark =
    seenToMark === 0 ? "what was accepted" : accepted === 0 ? "what your list had" : "what was accepted or your list had";
  const question =
    options === null || options.viaService || toSend === 0
      ? "Finish the run all the same?"
      : `${counts.toMark === 0 ? "Send" : `Mark SUCCESS ${toMark} and send`} the rest of the run there?`;
  return confirmRun(invocation, { description, question: [question] }, { runDeps, locks, onlyMarks: options === null });
}

function describeChange({ name, renamed, shown, key, keyBefore, before }: ResumedTarget): readonly string[] {
  const shownBefore = maskUrl(before.url) + (key === keyBefore ? "" : keyBefore);
  const isSame = shown === shownBefore;
  return [
    ...(renamed === null ? [] : [`${name}: named ${renamed} now`]),
    ...(isSame && renamed !== null
      ? []
      : [`${name}: ${shown}${key}, before${isSame ? " perhaps with another secret" : `: ${shownBefore}`}`]),
  ];
}

async function resumedTargets(
  { callbacks, options, toHash }: RunOverview,
  delivery: DeliverySettings,
  { client }: RunDeps,
  { values: { to } }: ReplayInvocation,
): Promise<readonly ResumedTarget[]> {
  const targets: ResumedTarget[] = [];
  if (options !== null && options.to !== null && to !== undefined) {
    const before = { url: options.to, urlHash: toHash };
    targets.push({ name: "--to", renamed: null, url: to, shown: maskUrl(to), key: "", keyBefore: "", before, pause: null });
  }
  for (const before of callbacks) {
    const now = await findById(before.id, client);
    if (now === null) continue;
    const key = options === null ? "" : describeKey(now, { ...options, ...delivery });
    const keyBefore = options === null ? "" : describeKey(now, options);
    const renamed = now.name === before.name ? null : now.name;
    const pause = options === null || options.viaService || options.to !== null ? null : now.pause;
    const name = before.name || before.id;
    targets.push({ name, renamed, url: now.url, shown: shownUrl(now), key, keyBefore, before, pause });
  }
  return targets;
}
