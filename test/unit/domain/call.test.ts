import { describe, expect, it } from "vitest";
import {
  attemptedLongAgo,
  type Call,
  cancelReplay,
  ERASED,
  endsRetries,
  eraseCall,
  holdCall,
  isErased,
  isHeld,
  isInWindow,
  isMarked,
  laterChange,
  markCall,
  markProblem,
  mayBeginAt,
  nextAttemptAt,
  type RetryRule,
  recordAttempt,
  recordClientReplay,
  requestReplay,
} from "../../../src/domain/call.js";
import { ACCEPTED, aCall, anAttempt, REFUSED_503 } from "../../support/builders.js";

const RETRY: RetryRule = { retriesEnabled: true, policy: { intervalMs: 300, windowMs: 1_000, jitter: false }, random: 0.5 };
const NO_RETRY: RetryRule = { ...RETRY, retriesEnabled: false };

describe("an attempt", () => {
  it("answered with 200 makes the call SUCCESS, whatever came before", () => {
    const failed = aCall({ status: "FAILED", attemptCount: 3, firstFailedAt: 10, due: { at: 50, cause: "retry" } });
    const call = recordAttempt(failed, anAttempt({ number: 4, startedAt: 60, durationMs: 5, result: ACCEPTED }), RETRY);
    expect(call).toEqual({
      ...failed,
      status: "SUCCESS",
      settledBy: "dispatcher",
      attemptCount: 4,
      attemptedAt: 60,
      statusCode: 200,
      statusMessage: "OK",
      due: null,
      changedAt: 65,
      sentAt: 60,
    });
  });

  it.each([201, 204, 301, 410, 500])("answered with %i leaves it FAILED", (statusCode) => {
    const result = { kind: "answered", statusCode, statusMessage: "", body: "" } as const;
    expect(recordAttempt(aCall(), anAttempt({ result }), RETRY).status).toBe("FAILED");
  });

  it("that got no answer keeps the kind of error", () => {
    const result = { kind: "unreachable", reason: "refused", detail: "nobody listens" } as const;
    const call = recordAttempt(aCall(), anAttempt({ result }), NO_RETRY);
    expect(call).toMatchObject({ statusCode: null, statusMessage: "refused: nobody listens", error: "refused" });
  });

  it("that fails makes the call due one interval after it began, counted from its own first failure", () => {
    const first = recordAttempt(aCall(), anAttempt({ startedAt: 100, durationMs: 40 }), RETRY);
    expect(first).toMatchObject({ status: "FAILED", firstFailedAt: 100, due: { at: 400, cause: "retry" } });
    const second = recordAttempt(first, anAttempt({ number: 2, startedAt: 400 }), RETRY);
    expect(second).toMatchObject({ firstFailedAt: 100, due: { at: 700, cause: "retry" } });
  });

  it("that began at the window's last millisecond leaves nothing due, one before it does", () => {
    const failed = aCall({ status: "FAILED", firstFailedAt: 100 });
    expect(recordAttempt(failed, anAttempt({ startedAt: 1_100 }), RETRY).due).toBeNull();
    expect(recordAttempt(failed, anAttempt({ startedAt: 1_099 }), RETRY).due).not.toBeNull();
  });

  it("leaves nothing due if retries are off", () => {
    expect(recordAttempt(aCall(), anAttempt(), NO_RETRY).due).toBeNull();
  });

  it("that a replay made and that is accepted makes the call replayed; a later one doesn't keep that", () => {
    const replayed = recordAttempt(aCall(), anAttempt({ cause: "replay", result: ACCEPTED }), RETRY);
    expect(replayed.isReplayed).toBe(true);
    expect(recordAttempt(replayed, anAttempt({ cause: "retry", result: ACCEPTED }), RETRY).isReplayed).toBe(false);
  });

  it("in flight while a user marked the call SUCCESS is recorded and can't turn it back, so the mark can be undone", () => {
    const marked = aCall({ status: "SUCCESS", settledBy: "user", changedAt: 5 });
    const call = recordAttempt(marked, anAttempt({ result: REFUSED_503, startedAt: 7 }), RETRY);
    const shown = { attemptedAt: 7, sentAt: 7, statusCode: 503, statusMessage: "Service Unavailable" };
    expect(call).toEqual({ ...marked, attemptCount: 1, ...shown });
    expect(recordAttempt(marked, anAttempt({ result: ACCEPTED, startedAt: 7 }), RETRY)).toMatchObject({
      settledBy: "dispatcher",
      changedAt: 7,
    });
  });

  it("in flight while a user marked the call SUCCESS and FAILED again makes nothing due; its replay, failed later, does", () => {
    const first = recordAttempt(aCall(), anAttempt({ startedAt: 100 }), RETRY);
    const marked = markCall(markCall(first, "SUCCESS", 410), "FAILED", 420);
    const lateRetry = anAttempt({ number: 2, startedAt: 400, durationMs: 50, cause: "retry" });
    const late = recordAttempt(marked, lateRetry, RETRY);
    expect(late).toMatchObject({ status: "FAILED", settledBy: "user", attemptCount: 2, due: null });
    const asked = requestReplay(marked, 430);
    expect(recordAttempt(asked, lateRetry, RETRY)).toMatchObject({ settledBy: "user", due: asked.due });
    const replayed = recordAttempt(requestReplay(late, 500), anAttempt({ number: 3, startedAt: 510, cause: "replay" }), RETRY);
    expect(replayed).toMatchObject({ settledBy: null, due: { at: 810, cause: "retry" } });
    const markedInReplay = markCall(markCall(requestReplay(late, 500), "SUCCESS", 520), "FAILED", 530);
    expect(recordAttempt(markedInReplay, anAttempt({ startedAt: 510, cause: "replay" }), RETRY).due).toBeNull();
  });

  it("leaves a replay due that was requested while it was in flight; the replay's own attempt doesn't", () => {
    const asked = aCall({ status: "FAILED", attemptCount: 1, firstFailedAt: 0, due: { at: 350, cause: "replay" } });
    expect(recordAttempt(asked, anAttempt({ number: 2, startedAt: 300, cause: "retry" }), NO_RETRY).due).toEqual(asked.due);
    expect(recordAttempt(asked, anAttempt({ number: 2, startedAt: 360, cause: "replay" }), NO_RETRY).due).toBeNull();
  });

  it("that failed in a recovery sends the call to the end of the next one, and a later round doesn't bring it forward", () => {
    const inRecovery = recordAttempt(aCall(), anAttempt(), RETRY, 2);
    expect(inRecovery.failedInRecovery).toBe(2);
    expect(recordAttempt(inRecovery, anAttempt({ number: 2 }), RETRY).failedInRecovery).toBe(2);
  });
});

describe("a holding", () => {
  it("fails the call without an attempt; its window starts then", () => {
    const held = holdCall(aCall(), 500, RETRY.policy);
    expect(held).toMatchObject({
      status: "FAILED",
      attemptCount: 0,
      attemptedAt: 500,
      firstFailedAt: 500,
      statusMessage: "Held: endpoint down",
      due: { at: 800, cause: "retry" },
    });
    expect(isHeld(held)).toBe(true);
    for (const over of [{ sentAt: 1 }, { due: null }, { status: "SUCCESS" }] as const)
      expect(isHeld({ ...held, ...over })).toBe(false);
  });

  it("makes the calls that are held together due together, with jitter too", () => {
    const policy = { ...RETRY.policy, jitter: true };
    expect(holdCall(aCall(), 500, policy).due).toEqual({ at: 800, cause: "retry" });
  });

  it("replaces what a client reported before", () => {
    const unreached = anAttempt({ startedAt: 400, result: { kind: "unreachable", reason: "dns", detail: "no address" } });
    const reported = { ...recordClientReplay(aCall(), unreached, 450), statusCode: 503 };
    expect(holdCall(reported, 500, RETRY.policy)).toMatchObject({
      statusCode: null,
      error: null,
      changedAt: 500,
      attemptedAt: 500,
      attemptCount: 1,
      sentAt: null,
    });
  });

  it("changes only a PENDING call", () => {
    const settled = aCall({ status: "SUCCESS", settledBy: "user" });
    expect(holdCall(settled, 500, RETRY.policy)).toBe(settled);
  });
});

describe("an attempt that a client reports", () => {
  const call = aCall({ status: "FAILED", attemptCount: 1, attemptedAt: 100, sentAt: 100, due: { at: 400, cause: "retry" } });

  it("changes what is shown of the last attempt, and counts", () => {
    expect(recordClientReplay(call, anAttempt({ startedAt: 100, durationMs: 9, result: ACCEPTED }), 150)).toEqual({
      ...call,
      attemptCount: 2,
      statusCode: 200,
      statusMessage: "OK",
      changedAt: 150,
    });
    expect(recordClientReplay(call, anAttempt({ startedAt: 101 }), 150)).toMatchObject({ attemptedAt: 101, sentAt: 100 });
  });

  it("of before the last one isn't shown, but changes the call as it comes: the client's clock may be behind", () => {
    const reported = recordClientReplay(call, anAttempt({ startedAt: 99, result: ACCEPTED }), 150);
    expect(reported).toEqual({ ...call, attemptCount: 2, changedAt: 150 });
  });

  it("is the last one of a call without an attempt", () => {
    expect(recordClientReplay(aCall(), anAttempt({ startedAt: 0, result: ACCEPTED }), 150)).toMatchObject({
      attemptedAt: 0,
      statusCode: 200,
      changedAt: 150,
    });
  });

  it("changes a marked call only if it was accepted, even before the last attempt: the mark can't be undone then", () => {
    const marked = markCall(call, "SUCCESS", 120);
    const report = (startedAt: number, result = REFUSED_503) =>
      recordClientReplay(marked, anAttempt({ startedAt, result }), 150).changedAt;
    expect([report(99), report(130), report(99, ACCEPTED), report(130, ACCEPTED)]).toEqual([120, 120, 150, 150]);
  });

  it("changes a marked call after its mark, though the clock was set back", () => {
    const marked = markCall(call, "SUCCESS", 200);
    expect(recordClientReplay(marked, anAttempt({ startedAt: 130, result: ACCEPTED }), 150).changedAt).toBe(201);
  });

  it("doesn't move the time from which the service may send the call", () => {
    const { policy } = RETRY;
    const paced = mayBeginAt(call, policy, 0);
    expect(mayBeginAt(recordClientReplay(call, anAttempt({ startedAt: 9_999 }), 9_999), policy, 0)).toBe(paced);
  });
});

describe("a change", () => {
  const before = aCall({ status: "FAILED", firstFailedAt: 100, due: { at: 1_100, cause: "retry" } });
  const failed = { ...before, due: null };

  it("ends the retries of a call if it stays FAILED and nothing is due any more", () => {
    expect(endsRetries(before, failed, RETRY)).toBe(true);
    expect(endsRetries(before, failed, NO_RETRY)).toBe(false);
    expect(endsRetries(failed, failed, RETRY)).toBe(false);
    expect(endsRetries({ ...before, firstFailedAt: null }, failed, RETRY)).toBe(false);
    expect(endsRetries(before, before, RETRY)).toBe(false);
    expect(endsRetries(before, { ...failed, status: "SUCCESS" }, RETRY)).toBe(false);
    expect(endsRetries(before, { ...failed, settledBy: "user" }, RETRY)).toBe(false);
  });

  it("ends them too if the call waited for a replay that was requested inside its window, not later", () => {
    const replayAt = (at: number) => endsRetries({ ...before, due: { at, cause: "replay" } }, failed, RETRY);
    expect([replayAt(1_100), replayAt(1_101)]).toEqual([true, false]);
    expect(endsRetries({ ...before, due: { at: 1_101, cause: "retry" } }, failed, RETRY)).toBe(true);
  });

  it("that takes a mark back seems later than the mark, though the clock is behind", () => {
    expect([99, 100, 101, 102].map((at) => laterChange(aCall({ changedAt: 100 }), at))).toEqual([101, 101, 101, 102]);
  });
});

describe("a call may be attempted", () => {
  const { policy } = RETRY;
  const retried = aCall({ status: "FAILED", sentAt: 1_000, due: { at: 1_300, cause: "retry" } });

  it("four fifths of an interval after its last attempt, or at once after a repair or for a replay", () => {
    expect(mayBeginAt(retried, policy, 0)).toBe(1_240);
    expect(mayBeginAt(retried, policy, 1_000)).toBe(1_240);
    expect(mayBeginAt(retried, policy, 1_001)).toBe(0);
    expect(mayBeginAt({ ...retried, due: { at: 1_300, cause: "replay" } }, policy, 0)).toBe(0);
    expect(mayBeginAt({ ...retried, sentAt: null }, policy, 0)).toBe(0);
    expect(mayBeginAt({ ...retried, due: null }, policy, 0)).toBe(1_240);
  });

  it("by a query as by itself", () => {
    expect(attemptedLongAgo(1_240, policy, 0)).toBe(1_000);
    expect(attemptedLongAgo(1_239, policy, 0)).toBe(999);
    expect(attemptedLongAgo(1_239, policy, 1_001)).toBe(1_000);
    // A repair that another clock dates ahead permits nothing that begins later than now.
    expect(attemptedLongAgo(1_239, policy, 9_999)).toBe(1_238);
  });

  it("inside its window, whose last millisecond counts, or for a replay at any time", () => {
    const failed = { firstFailedAt: 100, due: { at: 300, cause: "retry" } } as const;
    const isInside = (at: number, over: Partial<Call> = {}) => isInWindow(aCall({ ...failed, ...over }), at, policy);
    expect([isInside(1_100), isInside(1_101)]).toEqual([true, false]);
    expect(isInside(1_101, { due: { at: 300, cause: "replay" } })).toBe(true);
    expect(isInside(1_101, { due: null })).toBe(true);
    expect(isInside(1_101, { firstFailedAt: null })).toBe(true);
  });
});

describe("the next attempt", () => {
  it("is never in the past", () => {
    const call = aCall({ status: "FAILED", due: { at: 100, cause: "retry" } });
    expect([99, 100, 101].map((now) => nextAttemptAt(call, now))).toEqual([100, 100, 101]);
    expect(nextAttemptAt(aCall(), 5)).toBeNull();
  });
});

describe("an erased call", () => {
  it("can be told from one whose endpoint says that it is", () => {
    const failed = aCall({ status: "FAILED", statusCode: 503, error: null, due: { at: 9, cause: "retry" } });
    const erased = eraseCall(failed, 5);
    expect([isErased(erased), isErased({ ...erased, statusMessage: "not sent" })]).toEqual([true, false]);
    expect(erased).toMatchObject({ status: "SUCCESS", settledBy: "user", due: null, statusCode: null, changedAt: 5 });
    expect(erased.statusMessage).toBe("Erased: the sender's data was removed");
    const { statusMessage } = erased;
    for (const statusCode of [200, 503]) expect(isErased({ ...erased, statusCode, statusMessage })).toBe(false);
  });
});

describe("a user's word", () => {
  it("FAILED isn't possible for a call that is PENDING or erased; SUCCESS is", () => {
    const erased = eraseCall(aCall(), 5);
    expect(markProblem(aCall(), "FAILED")).toBe("is waiting for its first attempt to end and can't");
    expect(markProblem(erased, "FAILED")).toBe("was erased and can't be sent again, so it can't");
    const possible = [markProblem(aCall({ status: "SUCCESS" }), "FAILED"), markProblem(aCall({ status: "FAILED" }), "FAILED")];
    expect([...possible, markProblem(aCall(), "SUCCESS"), markProblem(erased, "SUCCESS")]).toEqual([null, null, null, null]);
  });

  it("and a client's replay are marks; what the dispatcher delivered isn't", () => {
    expect((["user", "replay", "dispatcher", null] as const).map((settledBy) => isMarked({ settledBy }))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it("SUCCESS gives way to a client's replay that was accepted, unless the call was erased", () => {
    const marked = aCall({ status: "SUCCESS", settledBy: "user", changedAt: 1 });
    expect(markCall(marked, "SUCCESS", 5, "replay")).toEqual({ ...marked, settledBy: "replay", changedAt: 5 });
    expect(markCall(marked, "SUCCESS", 5)).toBe(marked);
    for (const settled of [
      { ...marked, settledBy: "dispatcher" } as const,
      { ...marked, settledBy: "replay" } as const,
      { ...marked, statusMessage: ERASED },
    ])
      expect(markCall(settled, "SUCCESS", 5, "replay")).toBe(settled);
    const failed = aCall({ status: "FAILED", settledBy: "user" });
    expect(markCall(failed, "FAILED", 5, "replay")).toBe(failed);
    expect(markCall(failed, "SUCCESS", 5, "replay")).toMatchObject({ status: "SUCCESS", settledBy: "replay" });
  });

  it("SUCCESS cancels what is due", () => {
    const due = aCall({ status: "FAILED", due: { at: 9, cause: "retry" } });
    expect(markCall(due, "SUCCESS", 5)).toEqual({ ...due, status: "SUCCESS", due: null, settledBy: "user", changedAt: 5 });
  });

  it("FAILED changes the status and makes nothing due; it doesn't change a FAILED call", () => {
    expect(markCall(aCall({ status: "SUCCESS" }), "FAILED", 5)).toMatchObject({ status: "FAILED", due: null, settledBy: "user" });
    const failed = aCall({ status: "FAILED", due: { at: 9, cause: "retry" } });
    expect(markCall(failed, "FAILED", 5)).toBe(failed);
  });

  it("replay makes a FAILED call due now, and no other", () => {
    expect(requestReplay(aCall({ status: "FAILED", failedInRecovery: 3 }), 5)).toMatchObject({
      due: { at: 5, cause: "replay" },
      failedInRecovery: 0,
    });
    for (const other of [aCall({ status: "SUCCESS" }), aCall()]) expect(requestReplay(other, 5)).toBe(other);
    expect(requestReplay(aCall({ status: "FAILED", due: { at: 9, cause: "retry" } }), 5).due).toEqual({ at: 5, cause: "replay" });
  });

  it("a replay that is requested again stays with the first one", () => {
    const waiting = requestReplay(aCall({ status: "FAILED" }), 5, 3);
    expect(waiting).toMatchObject({ due: { at: 3, cause: "replay" }, changedAt: 5 });
    expect(requestReplay(waiting, 9)).toBe(waiting);
  });

  it("a cancelled replay gives back the retries that the call would have had", () => {
    const failed = { status: "FAILED", attemptCount: 2, attemptedAt: 150, sentAt: 100, firstFailedAt: 100 } as const;
    const cancel = (over: Parameters<typeof aCall>[0], retriesEnabled = true) =>
      cancelReplay(requestReplay(aCall({ ...failed, ...over }), 200), 300, { ...RETRY, retriesEnabled }).due;
    const { intervalMs, windowMs } = RETRY.policy;
    expect(cancel({})).toEqual({ at: 100 + intervalMs, cause: "retry" });
    expect(cancel({}, false)).toBeNull();
    // A mark made it FAILED, so nothing was due.
    expect(cancel({ settledBy: "user" })).toBeNull();
    expect(cancel({ firstFailedAt: 299 - windowMs })).toBeNull();
    // A call that was held has had no attempt.
    expect(cancel({ sentAt: null, firstFailedAt: 150 })).toEqual({ at: 150 + intervalMs, cause: "retry" });
    expect(cancel({ firstFailedAt: null })).toBeNull();
    // It would have been due already.
    expect(cancel({ firstFailedAt: 300 - windowMs, sentAt: 290 - intervalMs })).toEqual({ at: 300, cause: "retry" });
    expect(cancelReplay(requestReplay(aCall({ ...failed, changedAt: 400 }), 200), 300, RETRY).changedAt).toBe(402);
    const retried = aCall({ ...failed, due: { at: 9, cause: "retry" } });
    for (const other of [retried, aCall(failed)]) expect(cancelReplay(other, 300, RETRY)).toBe(other);
  });
});
