/**
 * One run sends the calls of a callback (docs/runs.md). It has an OS lock named by the callback, and a lease where the service gives them
 * out.
 */
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunLease } from "../domain/callback.js";
import { callbackOperand, commandLine } from "../domain/command-line.js";
import { count } from "../domain/count.js";
import { advise, isWhcbError, WhcbError } from "../domain/errors.js";
import { TO_REPLACE } from "../platform/files/excess-mode.js";
import { requireNoStrangersBeside } from "../platform/files/is-own.js";
import { lockRun } from "./journal/process-lock.js";
import { newRunId } from "./journal/run-id.js";
import type { RunCounts } from "./journal/run-step.js";
import { readRun } from "./journal/stored-runs.js";
import { type FileLock, NO_LOCK, type RunDeps, resumeLine, runnerOf } from "./run-deps.js";

export interface LockedCallback {
  readonly id: string;
  readonly name: string;
}

export interface BusyCallback {
  readonly callback: LockedCallback;
  readonly holder: RunLease | null;
  /** The run is of this machine and was killed, so its lease expires. */
  readonly isAbandoned: boolean;
}

const RENEW_MS = 10_000;
/** A lease lasts 30 s. Nothing is sent if its renewal is older than this. */
const FRESH_MS = 20_000;
/** Nor is anything without leases if the process stood still for so long, as others may have sent the calls or marked them. */
const LONGEST_STOP_MS = 60_000;
const RETRY_MS = 1_000;
const POLL_MS = 2_000;
const LONGEST_RELEASE_MS = 5_000;

interface Lease {
  /** `isLeased` is false if the service gives out no leases. */
  readonly isLeased: boolean;
  /** The last renewal began then, before the service started to count. It is null once the lock may be lost, until it is retaken. */
  renewedAt: ReturnType<typeof readClocks> | null;
}

interface Held extends Lease {
  readonly fileLock: FileLock;
}

export interface LockOptions {
  readonly runId?: string;
  readonly wait?: boolean;
  readonly needsAll?: boolean;
  readonly onWait?: (busy: BusyCallback) => void;
}

/** A run needs this much of its locks. */
export type HeldLocks = Pick<RunLocks, "lease" | "maySend" | "retake" | "reportProgress">;

export class RunLocks {
  readonly runId: string;
  readonly #busy: BusyCallback[] = [];
  readonly #deps: RunDeps;
  readonly #held = new Map<string, Held>();
  readonly #processLock: FileLock;
  readonly #renewing: Promise<void>;
  #progress = { done: 0, total: 0 };
  #isSending = false;
  #isEnding = false;
  #wake: () => void = () => {};

  private constructor(runId: string, deps: RunDeps, processLock: FileLock) {
    this.runId = runId;
    this.#deps = deps;
    this.#processLock = processLock;
    this.#renewing = this.#renew();
  }

  /**
   * Takes the locks in the order of the ids, so two runs never deadlock. Throws `unavailable` if none can be taken, or not all that are
   * needed, or while a process works on the run.
   */
  static async take(callbacks: readonly LockedCallback[], deps: RunDeps, options: LockOptions = {}): Promise<RunLocks> {
    const runId = options.runId ?? newRunId(deps.clock.now(), deps.random);
    // This one is taken first and released last: a lease tells runs apart, but not two processes that resume the same run.
    const processLock = await lockRun(deps, runId);
    // It renews those that are taken while it waits for the others.
    const locks = new RunLocks(runId, deps, processLock);
    const ordered = callbacks.toSorted((one, other) => (one.id < other.id ? -1 : 1));
    try {
      for (const callback of ordered) {
        for (let isFirst = true; ; isFirst = false) {
          const answer = await takeOne(callback.id, locks.lease, deps);
          if ("renewedAt" in answer) locks.#held.set(callback.id, answer);
          else if (options.wait) {
            if (isFirst) options.onWait?.(await busyCallback(callback, answer.holder, deps));
            await deps.clock.sleepUntil(deps.clock.now() + POLL_MS);
            continue;
          } else locks.#busy.push(await busyCallback(callback, answer.holder, deps));
          break;
        }
      }
      const [busy] = locks.#busy;
      if (busy !== undefined && (locks.#held.size === 0 || options.needsAll)) throw busyError(busy, deps);
    } catch (error) {
      await locks.release();
      throw error;
    }
    return locks;
  }

  /** Other runs have these callbacks. */
  get busy(): readonly BusyCallback[] {
    return this.#busy;
  }

  /** The run then releases its callbacks itself. */
  get isSending(): boolean {
    return this.#isSending;
  }

  /** Other machines and users aren't locked out. */
  get isLocal(): boolean {
    return [...this.#held.values()].some(({ isLeased }) => !isLeased);
  }

  locked<Callback extends LockedCallback>(callbacks: readonly Callback[]): readonly Callback[] {
    return callbacks.filter(({ id }) => this.#held.has(id));
  }

  /** The lease must have been renewed within the last 20 s, by both clocks. Without one, the process must have run within the last minute. */
  maySend(callbackId: string): boolean {
    const held = this.#held.get(callbackId);
    if (held === undefined || held.renewedAt === null) return false;
    const longestMs = held.isLeased ? FRESH_MS : LONGEST_STOP_MS;
    const { wallMs, monotonicMs } = readClocks(this.#deps);
    return Math.abs(wallMs - held.renewedAt.wallMs) <= longestMs && monotonicMs - held.renewedAt.monotonicMs <= longestMs;
  }

  /** Throws `unavailable` if another run has taken it. */
  async retake({ id, name }: LockedCallback): Promise<void> {
    const answer = await takeLease(id, this.lease, this.#deps);
    if ("holder" in answer) throw busyError({ callback: { id, name }, holder: answer.holder, isAbandoned: false }, this.#deps);
    const held = this.#held.get(id);
    if (held !== undefined) this.#held.set(id, { ...held, ...answer });
  }

  /** Waiting runs are shown this: at once that the run sends, and the counts at each renewal. */
  reportProgress({ planned, left, unknown }: RunCounts): void {
    this.#progress = { done: planned - left - unknown, total: planned };
    if (!this.#isSending) this.#wake();
    this.#isSending = true;
  }

  /** Never throws, and waits at most 5 s, as a lease expires anyway. */
  async release(): Promise<void> {
    const { clock } = this.#deps;
    this.#isEnding = true;
    this.#wake();
    const released = new AbortController();
    const expired = clock.sleepUntil(clock.now() + LONGEST_RELEASE_MS, released.signal);
    await Promise.race([this.#releaseAll(), expired]);
    released.abort();
    await this.#processLock.release();
  }

  async #releaseAll(): Promise<void> {
    await this.#renewing;
    for (const [id, held] of this.#held) await releaseOne(id, this.lease, held, this.#deps);
    this.#held.clear();
  }

  async #renew(): Promise<void> {
    const { clock } = this.#deps;
    let hasFailed = false;
    for (;;) {
      if (this.#isEnding) return;
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await clock.sleepUntil(clock.now() + (hasFailed ? RETRY_MS : RENEW_MS), woken.signal);
      if (this.#isEnding) return;
      hasFailed = false;
      for (const [id, held] of this.#held) if (!(await this.#renewOne(id, held))) hasFailed = true;
    }
  }

  /** Returns false if the service failed. */
  async #renewOne(callbackId: string, held: Held): Promise<boolean> {
    await writeHolder(callbackId, this.lease, this.#deps);
    if (!held.isLeased) {
      held.renewedAt = this.maySend(callbackId) ? readClocks(this.#deps) : null;
      return true;
    }
    try {
      const answer = await takeLease(callbackId, this.lease, this.#deps);
      // While the lease was lost, another run may have sent the calls.
      held.renewedAt = "holder" in answer || !this.maySend(callbackId) ? null : answer.renewedAt;
      return true;
    } catch (error) {
      if (!isWhcbError(error)) throw error;
      return false;
    }
  }

  get lease(): RunLease {
    return { run: this.runId, holder: runnerOf(this.#deps), ...this.#progress };
  }
}

interface Busy {
  readonly holder: RunLease | null;
}

async function takeOne(callbackId: string, lease: RunLease, deps: RunDeps): Promise<Held | Busy> {
  const answer = await takeLease(callbackId, lease, deps);
  if ("holder" in answer) return answer;
  const path = lockPath(callbackId, deps);
  const fileLock = await deps.lockFile(path).catch((error: unknown) => {
    requireNoStrangersBeside(path);
    // Where files can't be locked, the lease is enough.
    if (answer.isLeased && isWhcbError(error)) return NO_LOCK;
    throw error;
  });
  if (fileLock === null) {
    await releaseLease(callbackId, lease, answer, deps);
    return { holder: await readHolder(callbackId, deps) };
  }
  await writeHolder(callbackId, lease, deps);
  return { ...answer, fileLock };
}

async function takeLease(callbackId: string, lease: RunLease, deps: RunDeps): Promise<Lease | Busy> {
  const renewedAt = readClocks(deps);
  const answer = await deps.client.takeRunLock(callbackId, lease);
  if (answer.kind === "busy") return { holder: answer.holder };
  return answer.kind === "taken" ? { isLeased: true, renewedAt } : { isLeased: false, renewedAt: readClocks(deps) };
}

function readClocks({ clock }: RunDeps) {
  return { wallMs: clock.now(), monotonicMs: clock.monotonicMs() };
}

async function releaseOne(callbackId: string, lease: RunLease, held: Held, deps: RunDeps): Promise<void> {
  await rm(holderPath(callbackId, deps), { force: true });
  await held.fileLock.release();
  await releaseLease(callbackId, lease, held, deps);
}

async function releaseLease(callbackId: string, lease: RunLease, { isLeased }: Lease, deps: RunDeps): Promise<void> {
  try {
    if (isLeased) await deps.client.releaseRunLock(callbackId, lease);
  } catch (error) {
    if (!isWhcbError(error)) throw error;
  }
}

/** The name doesn't depend on the service, whose URL can be written in several ways. */
function lockPath(callbackId: string, { runsDirectory }: RunDeps): string {
  const name = createHash("sha256").update(callbackId).digest("hex").slice(0, 32);
  return join(runsDirectory, `callback-${name}.lock`);
}

/** The file is only for messages: the OS decides who has the lock. */
function holderPath(callbackId: string, deps: RunDeps): string {
  return `${lockPath(callbackId, deps)}.json`;
}

async function writeHolder(callbackId: string, lease: RunLease, deps: RunDeps): Promise<void> {
  await writeFile(holderPath(callbackId, deps), JSON.stringify(lease), { mode: 0o600, flag: TO_REPLACE }).catch(() => undefined);
}

async function readHolder(callbackId: string, deps: RunDeps): Promise<RunLease | null> {
  try {
    const { run, holder, done, total } = JSON.parse(await readFile(holderPath(callbackId, deps), "utf8"));
    return { run: String(run), holder: String(holder), done: Number(done), total: Number(total) };
  } catch {
    return null;
  }
}

/** Resolves to null if no run is known to have the callback. Nothing is locked. */
export async function findBusy(callback: LockedCallback, deps: RunDeps): Promise<BusyCallback | null> {
  const holder = (await deps.client.findRunLock(callback.id)) ?? (await findLocalHolder(callback.id, deps));
  return holder && busyCallback(callback, holder, deps);
}

/** The file that names a holder outlives a run that was killed. */
async function findLocalHolder(callbackId: string, deps: RunDeps): Promise<RunLease | null> {
  const holder = await readHolder(callbackId, deps);
  if (holder === null) return null;
  const lock = await deps.lockFile(lockPath(callbackId, deps));
  await lock?.release();
  return lock === null ? holder : null;
}

async function busyCallback(callback: LockedCallback, holder: RunLease | null, deps: RunDeps): Promise<BusyCallback> {
  return { callback, holder, isAbandoned: await isAbandoned(holder?.run ?? "", deps) };
}

async function isAbandoned(runId: string, deps: RunDeps): Promise<boolean> {
  if (runId === "") return false;
  const isUnfinished = async (): Promise<boolean> => {
    const run = await readRun(deps, runId);
    return run.runId === runId && run.state === "unfinished";
  };
  try {
    // It may have ended after its journal was read, and before the look at its process.
    return (await isUnfinished()) && (await isUnfinished());
  } catch (error) {
    if (!isWhcbError(error)) throw error;
    return false;
  }
}

function busyError(busy: BusyCallback, deps: RunDeps): WhcbError {
  const message = describeBusy(busy, deps);
  if (!busy.isAbandoned) {
    return new WhcbError("unavailable", message, {
      hint: "Wait until it ends, or add --wait: then the calls are listed again.",
    });
  }
  const resume = { command: resumeLine(busy.holder?.run ?? "", deps), when: "to continue it now" };
  const advice = advise`${resume} continues it now. Or add --wait: then the calls are listed when they are free.`;
  return new WhcbError("unavailable", message, advice);
}

/** Returns a text such as "another run is working on the calls of demo: run 20261124-233015-0427F3A of ada@desk, 120 of 300 calls done". */
export function describeBusy({ callback, holder, isAbandoned }: BusyCallback, { serviceFlags = [] }: RunDeps): string {
  const name = callback.name || callback.id;
  if (holder === null) return `another run is working on the calls of ${name}`;
  if (holder.run === "") {
    const { replay, done, total } = holder;
    const words = {
      command: "replay",
      operands: [callbackOperand(callback)],
      flags: ["--cancel", replay ?? "", ...serviceFlags],
    };
    const cancel = replay === undefined ? "" : `, ${done} of ${total} done; \`${commandLine(words)}\` cancels the rest`;
    return `the service is replaying ${count(total, "call")} of ${name} itself${cancel}`;
  }
  const run = `run ${holder.run} of ${holder.holder}`;
  if (isAbandoned) return `${run} was stopped before its end, and keeps the calls of ${name} for up to 30 seconds`;
  const progress = holder.total === 0 ? "none done yet" : `${holder.done} of ${holder.total} calls done`;
  return `another run is working on the calls of ${name}: ${run}, ${progress}`;
}
