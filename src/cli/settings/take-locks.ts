/** docs/runs.md, "One run at a time", describes the locks. */
import type { Client } from "../../client/client.js";
import { WhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import type { Io } from "../../platform/terminal.js";
import type { RunDeps } from "../../runs/run-deps.js";
import { describeBusy, type LockedCallback, RunLocks } from "../../runs/run-locks.js";
import type { Invocation } from "../args/command-spec.js";
import { EXIT_INTERRUPTED } from "../exit-codes.js";
import { confirm, YES } from "../output/questions.js";
import { joinText, type Printable } from "../output/screen-text.js";
import { namingProfile, profileOf } from "./open-run-deps.js";
import type { Session } from "./session.js";
import { readSettings } from "./settings-file.js";

interface TakenLocks extends AsyncDisposable {
  readonly locks: RunLocks;
}

/** Names the callbacks that are left out because they are busy. */
export async function takeLocks(
  { deps, screen }: Invocation,
  { callbacks, runDeps, wait, runId, needsAll }: LockRequest,
): Promise<TakenLocks> {
  const locks = await RunLocks.take(callbacks, runDeps, {
    ...(runId === undefined ? {} : { runId }),
    wait,
    ...(needsAll && { needsAll }),
    onWait: (busy) => screen.info(`waiting: ${describeBusy(busy, runDeps)}`),
  });
  const stopListening = releaseOnInterrupt(locks, deps.io, deps.clock);
  for (const busy of locks.busy) screen.info(`left out: ${describeBusy(busy, runDeps)}`);
  return {
    locks,
    async [Symbol.asyncDispose]() {
      stopListening();
      await locks.release();
    },
  };
}

/** Throws `items-failed` if busy callbacks were left out. */
export function requireNoneBusy({ busy }: RunLocks): void {
  if (busy.length === 0) return;
  const names = busy.map(({ callback }) => callback.name || callback.id).join(", ");
  throw new WhcbError("items-failed", `another run was working on the calls of ${names}`);
}

const LONGEST_RELEASE_MS = 2_000;

interface Releasable {
  readonly isSending: boolean;
  release(): Promise<void>;
}

/** Ctrl-C before the run releases the callbacks at once, not when their leases expire. */
export function releaseOnInterrupt(locks: Releasable, io: Io, clock: Clock): () => void {
  return io.onInterrupt(() => {
    if (locks.isSending) return;
    const expired = clock.sleepUntil(clock.now() + LONGEST_RELEASE_MS);
    void Promise.race([locks.release(), expired]).then(() => io.exitNow(EXIT_INTERRUPTED));
  });
}

/** Throws `unavailable` if the calls that were listed are those of a service that has run locks. */
export function describeLocks({ isLocal }: RunLocks, { capabilities, name }: Client): readonly string[] {
  if (!isLocal) return [];
  if (capabilities.has("exact-lists"))
    throw new WhcbError("unavailable", `${name} has run locks, and something between here and it said that it hasn't`, {
      hint: "let the gateway pass all paths of whcb serve; nothing was sent",
    });
  return ["This service has no run locks: runs from other machines or by other users aren't kept out."];
}

export interface LockRequest {
  readonly callbacks: readonly LockedCallback[];
  readonly runDeps: RunDeps;
  /** A busy callback is waited for. */
  readonly wait: boolean;
  readonly runId?: string;
  /** A busy callback is an error, and not left out. */
  readonly needsAll?: boolean;
}

const LONGEST_QUESTION_MS = 10 * 60_000;

export interface RunQuestion {
  /** With --yes the lines are shown all the same. */
  readonly description: readonly string[];
  readonly question: readonly string[];
}

/**
 * Throws `config` if another database than the profile's answers, and `unavailable` if another one answers after the question than before.
 * While the run has its locks, it throws `usage` after 10 minutes.
 */
export async function confirmRun(
  invocation: Invocation,
  { description, question }: RunQuestion,
  { runDeps, locks, onlyMarks }: { readonly runDeps: RunDeps; readonly locks: RunLocks | undefined; readonly onlyMarks: boolean },
): Promise<boolean> {
  const { client } = runDeps;
  client.requireOwnDatabase();
  const named = namingProfile(invocation, runDeps.profile);
  const hasYes = invocation.args.get(YES);
  const described = [
    ...(await describeService(invocation, runDeps.client, runDeps.profile)),
    ...description,
    ...(onlyMarks ? [] : describeMissingTime(runDeps)),
  ];
  if (hasYes && described.length > 0) invocation.screen.info(joinText(described, "\n"));
  const asked = joinText([...described, ...question], "\n");
  const isConfirmed = await (locks === undefined ? confirm(named, asked) : confirmInTime(named, asked));
  if (isConfirmed && !hasYes && client.databaseId() !== null) await client.verify();
  return isConfirmed;
}

/**
 * Callbacks of several services may have one name. Another terminal may have changed the current profile, and an exported variable may name
 * another service than the only profile's, or a database, which counts for `serve`, `db` and `users` only.
 */
export async function describeService({ deps }: Invocation, { name }: Client, profile: string): Promise<readonly string[]> {
  const isOfProfile = profile !== name;
  const { profiles } = await readSettings(deps.paths.config);
  if (profiles.size < 2 && isOfProfile && !deps.io.env.WHCB_DB) return [];
  return [`service: ${name}${isOfProfile ? ` (profile ${profile})` : ""}`];
}

/** Says which service sends because of what is done next, or is reported on, though nothing is asked. */
export async function showService(invocation: Invocation, session: Session): Promise<void> {
  for (const line of await describeService(invocation, session.client, profileOf(session))) invocation.screen.info(line);
}

/** If `whcb serve` says its time, a mark leaves out what a user has made FAILED since calls were accepted, or seen in a list. */
function describeMissingTime({ client }: RunDeps): readonly string[] {
  if (!client.capabilities.has("guarded-marks") || client.serviceNow() !== null) return [];
  const what = "a mark doesn't notice what a user makes FAILED meanwhile";
  return [`warning: the service's header X-Service-Time is missing, as a gateway may drop it: ${what}`];
}

async function confirmInTime(invocation: Invocation, question: Printable): Promise<boolean> {
  const { clock } = invocation.deps;
  const answered = new AbortController();
  const expired = clock.sleepUntil(clock.now() + LONGEST_QUESTION_MS, answered.signal).then(() => {
    if (answered.signal.aborted) return false;
    throw new WhcbError("usage", "no answer within 10 minutes: nothing was done");
  });
  try {
    return await Promise.race([confirm(invocation, question), expired]);
  } finally {
    answered.abort();
    await expired.catch(() => undefined);
  }
}
