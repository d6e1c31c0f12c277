import { count } from "../../../domain/count.js";
import { formatDuration } from "../../../domain/duration.js";
import { WhcbError } from "../../../domain/errors.js";
import { maskUrl } from "../../../domain/mask.js";
import { checkService } from "../../../runs/check-service.js";
import { canBeUndone, compareDatabase, describeUndoable, findUndo } from "../../../runs/journal/other-runs.js";
import { isSentElsewhere } from "../../../runs/journal/run-counts.js";
import type { RunCall } from "../../../runs/journal/run-state.js";
import {
  deleteRun,
  discardRun,
  listOldRuns,
  listRuns,
  type RunOverview,
  type RunRecord,
  readRun,
} from "../../../runs/journal/stored-runs.js";
import { placeOf, shownTo } from "../../../runs/run-options.js";
import { toIsoDate } from "../../../wire/dates.js";
import type { Invocation } from "../../args/command-spec.js";
import { type Column, fieldLines } from "../../output/cells.js";
import { type Json, type RUN_DETAILS_FIELDS, type RUN_FIELDS, writeJson } from "../../output/json-fields.js";
import { isReadBack, type ListingStyle, openListing, requireReadBack } from "../../output/listing.js";
import { confirm, YES } from "../../output/questions.js";
import { commandOnRun, resumeCommand } from "../../output/run/next-step.js";
import { countLines } from "../../output/run/run-summary.js";
import type { RenderOptions } from "../../output/screen.js";
import { joinText, type ScreenText, safeJson, text } from "../../output/screen-text.js";
import { noteLeftOutOf, renderTable } from "../../output/table.js";
import { formatInstant } from "../../output/times.js";
import { profileOf, runFolder } from "../../settings/open-run-deps.js";
import { withSession } from "../../settings/session.js";
import type { RunsFlags } from "./command.js";

export async function printRuns({ values, screen, deps }: Invocation<RunsFlags["list"]>): Promise<void> {
  const listing = openListing(RUN_LISTING, screen, values.columns);
  await listing.add(await listRuns(runFolder(deps)));
  if ((await listing.end()) === 0) screen.info("no runs yet: this lists the replays and marks made from here");
}

export async function discardNamedRun(invocation: Invocation): Promise<void> {
  const { args, screen, deps } = invocation;
  const folder = runFolder(deps);
  const run = await readRun(folder, args.operand(0));
  const { toMark } = run.counts;
  // Only such a run isn't a profile's.
  const options =
    run.profile === run.service ? { ...screen.renderOptions, serviceFlags: ["--service", run.service] } : screen.renderOptions;
  const undo = `\`${commandOnRun("undo", run, options)}\``;
  const hasUndo = run.kind !== "mark-failed" && (await findUndo(run.runId, folder)) === null;
  const marked = hasUndo ? run.calls.filter(canBeUndone).length : 0;
  const maybe = hasUndo ? run.maybeMarked.length : 0;
  const undoable = marked + maybe;
  const marks = describeUndoable(marked, maybe);
  const unknown = isSentElsewhere(run) ? 0 : run.counts.unknown;
  if (run.options !== null && run.state !== "discarded" && toMark + unknown > 0) {
    const { seenToMark } = run;
    const accepted = toMark - seenToMark;
    const sent = isSentElsewhere(run) ? "to the callback's own URL" : "a second time";
    const unmarked = run.hasLateRequest ? "not known to be marked" : "not marked yet";
    const unless = (calls: number) => (run.hasLateRequest ? `, unless the run's last request has marked ${itOrThem(calls)}` : "");
    const arrived = `${unmarked}: ${count(accepted, "call")} that ${accepted === 1 ? "has" : "have"} arrived${placeOf(run.options)}; the next replay sends ${itOrThem(accepted)} ${sent}${unless(accepted)}`;
    const seen = `${unmarked}: ${count(seenToMark, "call")} that your list said ${seenToMark === 1 ? "was" : "were"} received; the next replay sends ${itOrThem(seenToMark)}${unless(seenToMark)}`;
    const stay = `marked SUCCESS: ${marks}, which ${undoable === 1 ? "stays" : "stay"} so; ${undo} takes ${itOrThem(undoable)} back`;
    const instead = `\`${resumeCommand(run, options)}\` marks ${itOrThem(toMark)}`;
    const unanswered = `not known to have arrived: ${count(unknown, "call")} without an answer; the next replay sends ${itOrThem(unknown)}, perhaps a second time`;
    const facts = [...(accepted > 0 ? [arrived] : []), ...(seenToMark > 0 ? [seen] : []), ...(unknown > 0 ? [unanswered] : [])];
    if (args.get(YES)) screen.info(joinText(facts, "\n"));
    const lines = [...facts, ...(undoable > 0 ? [stay] : []), ...(toMark > 0 ? [instead] : []), "Discard the run all the same?"];
    if (!(await confirm(invocation, joinText(lines, "\n")))) return;
  }
  const isCancelled = run.options?.viaService === true && (await cancelInService(run, invocation));
  const runId = await discardRun(folder, run.runId);
  const mayMark = run.hasLateRequest && (run.options === null ? run.maybeMarked.length : toMark) > 0;
  const asTheyAre = mayMark ? ", but its last request may be executed within the next minute" : "";
  const calls = isCancelled ? "the service sends no more of its calls" : `its calls stay as they are${asTheyAre}`;
  const undone = undoable === 0 ? "" : `; it has marked ${marks} SUCCESS: ${undo} takes ${itOrThem(undoable)} back`;
  screen.info(`run ${runId} is discarded; ${calls}${undone}`);
}

function itOrThem(calls: number): string {
  return calls === 1 ? "it" : "them";
}

/** Comes first: a run that can't be cancelled isn't discarded. */
function cancelInService(run: RunOverview, invocation: Invocation): Promise<boolean> {
  return withSession(invocation, async (session) => {
    const { client, serviceFlags } = session;
    await client.verify();
    // Callbacks that were deleted don't keep the run from being given up.
    const isHere = run.service === client.name || compareDatabase(run, client) === "same";
    if (!isHere) await checkService(run, { client, serviceFlags, profile: profileOf(session) });
    let isCancelled = false;
    for (const { id } of run.callbacks) isCancelled = (await client.cancelReplay(id, run.runId)) || isCancelled;
    return isCancelled;
  });
}

export async function pruneRuns(invocation: Invocation<RunsFlags["prune"]>): Promise<void> {
  const { values, screen, deps } = invocation;
  const folder = runFolder(deps);
  const age = values.olderThan;
  const old = await listOldRuns(folder, deps.clock.now() - age);
  const listing = openListing(RUN_LISTING, screen, values.columns);
  const what = `${count(old.length, "finished run")} older than ${formatDuration(age)}`;
  if (old.length > 0 && !values.dryRun) {
    if (!(await confirm(invocation, `Delete the journals of ${what}?`))) return;
    for (const { runId } of old) await deleteRun(folder, runId);
  }
  await listing.add(old);
  await listing.end();
  screen.info(`${values.dryRun ? "would delete" : "deleted"} the journals of ${what}`);
}

export async function showRun({ args, values, screen, deps }: Invocation<RunsFlags["show"]>): Promise<void> {
  if (screen.format === "ndjson" && screen.jsonFields !== null)
    throw new WhcbError("usage", "--json names fields of the run, and -o ndjson prints its calls", { hint: "use one of them" });
  const [runId = null] = args.operands;
  // A script's variable that isn't set leaves out the run, and its calls are marked next.
  if (screen.format === "ids" && runId === null) throw new WhcbError("usage", "-o ids needs the run's id");
  const run = await readRun(runFolder(deps), runId);
  const { outcome } = values;
  const calls = run.calls.filter(({ state }) => outcome === undefined || state === outcome);
  const record = { ...run, calls };
  if (screen.format === "ndjson") await screen.out(joinText(calls.map((call) => text`${safeJson(runCallJson(call))}\n`)));
  else if (screen.format === "ids") {
    if (outcome === "accepted") requireAcceptedByCallbacks(run);
    const named = outcome === undefined ? requireMarkedCalls(run) : calls;
    const ids = named.map(({ id }) => id).filter(isReadBack);
    await screen.out(joinText(ids.map((id) => text`${id}\n`)));
    requireReadBack(named.length - ids.length);
    // The next command may be given them where another service has these ids, too.
    screen.info(`these are calls of ${run.service}`);
  } else if (screen.format === "json") await writeJson(detailsJson(record), screen);
  else {
    await screen.out(
      text`${renderRunHead(record, screen.renderOptions)}\n${renderTable(calls, CALL_COLUMNS, screen.renderOptions)}`,
    );
    noteLeftOutOf(calls, CALL_COLUMNS, screen);
  }
}

/** The ids of a run that only marks are read back to undo it. Throws `usage` for another run: the next command would mark rejected calls. */
function requireMarkedCalls({ kind, runId, options, calls, maybeMarked }: RunRecord): readonly RunCall[] {
  if (options === null) return [...calls.filter(({ isMarked }) => isMarked), ...maybeMarked];
  const outcomes = [...new Set(calls.map(({ state }) => state))].join(", ");
  throw new WhcbError("usage", `-o ids of a ${kind} needs --outcome`, { hint: `calls of run ${runId} have these: ${outcomes}` });
}

/** Throws `usage` if another endpoint has accepted the calls, and they weren't to be marked: the next command would mark them. */
function requireAcceptedByCallbacks({ runId, options }: RunRecord): void {
  const sentTo = shownTo(options);
  if (sentTo === null || options?.mark) return;
  const message = `the calls of run ${runId} were accepted by ${sentTo}, not by their callback's endpoint`;
  throw new WhcbError("usage", message, { hint: "if you mean them all the same, take their ids from -o ndjson" });
}

const COLUMNS_OF_RUN: readonly Column<RunOverview>[] = [
  { key: "started", title: "STARTED", value: ({ startedAt }) => startedAt, kind: "instant", dropRank: 4 },
  { key: "kind", title: "KIND", value: ({ kind }) => kind },
  {
    key: "state",
    title: "STATE",
    value: ({ state }) => state,
    paint: ({ state }, palette) => (state === "finished" ? palette.good : palette.warn),
  },
  {
    key: "callbacks",
    title: "CALLBACKS",
    value: ({ callbacks }) => callbacks.map(({ name }) => name).join(" "),
    least: 8,
    dropRank: 5,
  },
  { key: "planned", title: "CALLS", value: ({ counts }) => counts.planned, kind: "number" },
  { key: "accepted", title: "ACCEPTED", value: ({ counts }) => counts.accepted, kind: "number", dropRank: 2 },
  { key: "rejected", title: "REJECTED", value: ({ counts }) => counts.rejected, kind: "number", dropRank: 3 },
  { key: "marked", title: "MARKED", value: ({ counts }) => counts.marked, kind: "number" },
  { key: "id", title: "RUN", value: ({ runId }) => runId },
  { key: "who", title: "WHO", value: ({ who }) => who, onDemand: true },
  { key: "profile", title: "PROFILE", value: ({ profile }) => profile, onDemand: true },
  { key: "service", title: "SERVICE", value: ({ service }) => service, onDemand: true },
  { key: "sent-to", title: "SENT TO", value: ({ options }) => shownTo(options), least: 12, dropRank: 1, isOptional: true },
];

const RUN_LISTING: ListingStyle<RunOverview> = { columns: COLUMNS_OF_RUN, toJson: overviewJson, toId: ({ runId }) => runId };

const CALL_COLUMNS: readonly Column<RunCall>[] = [
  { key: "at", title: "AT", value: ({ at }) => at, kind: "instant", dropRank: 5 },
  { key: "state", title: "OUTCOME", value: ({ state }) => state },
  { key: "marked", title: "MARKED", value: ({ isMarked }) => (isMarked ? "yes" : "no"), dropRank: 1 },
  { key: "code", title: "CODE", value: ({ statusCode }) => statusCode, kind: "number", dropRank: 2 },
  { key: "reason", title: "REASON", value: ({ message }) => message, least: 12, dropRank: 3 },
  { key: "id", title: "CALL", value: ({ id }) => id, dropRank: 4 },
];

function overviewJson(run: RunOverview): Json<typeof RUN_FIELDS> {
  return {
    runId: run.runId,
    kind: run.kind,
    state: run.state,
    who: run.who,
    profile: run.profile,
    service: run.service,
    startedAt: toIsoDate(run.startedAt),
    lastAt: toIsoDate(run.lastAt),
    // A journal of an earlier version has secrets.
    callbacks: run.callbacks.map(({ id, name, url }) => ({ id, name, url: maskUrl(url) })),
    sentTo: shownTo(run.options),
    counts: run.counts,
  };
}

function detailsJson(record: RunRecord): Json<typeof RUN_DETAILS_FIELDS> {
  return { ...overviewJson(record), calls: record.calls.map(runCallJson) };
}

function runCallJson(call: RunCall): Readonly<Record<string, unknown>> {
  const { id, callbackId, state, statusCode, at, isMarked, message } = call;
  return { id, callbackId, state, statusCode, marked: isMarked, reason: message, at: toIsoDate(at) };
}

function renderRunHead(run: RunRecord, options: RenderOptions): ScreenText {
  const fields = fieldLines(
    [
      ["Run", run.runId],
      ["Kind", run.kind],
      ["State", run.state, run.state === "finished" ? options.palette.good : options.palette.warn],
      ["Who", run.who],
      ["Service", run.service],
      ["Profile", run.profile],
      ["Started", formatInstant(run.startedAt, options.utc)],
      ["Last step", formatInstant(run.lastAt, options.utc)],
      ["Callbacks", run.callbacks.map(({ name, url }) => `${name} (${maskUrl(url)})`).join(", ")],
      ["Sent to", shownTo(run.options)],
      ["Calls", run.counts.planned],
    ],
    options.palette,
  );
  return text`${joinText([...fields, ...countLines(run.counts, options)], "\n")}\n`;
}
