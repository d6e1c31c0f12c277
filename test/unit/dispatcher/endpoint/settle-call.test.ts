import { describe, expect, it } from "vitest";
import type { EndpointState } from "../../../../src/dispatcher/endpoint/endpoint-state.js";
import { commitCall, settleCall } from "../../../../src/dispatcher/endpoint/settle-call.js";
import { ACCEPTED, aCall, anAttempt } from "../../../support/builders.js";
import { AT, aDownEndpoint, anEndpoint, someCalls } from "../../../support/dispatcher/an-endpoint.js";
import { MINUTE } from "../../../support/dispatcher/simulation.js";

const SETTLED = { ...AT, jitter: 0.5 };

/** A call is sent and fails, and its outcome is stored. */
function failCall(endpoint: EndpointState, call = aCall()) {
  endpoint.inFlight.add(call.seq, { dueAt: null, generation: endpoint.generation });
  endpoint.hints.dueAt = null;
  const opened = settleCall(endpoint, call, anAttempt({ startedAt: AT.now }), SETTLED);
  commitCall(endpoint, call.seq);
  return opened;
}

describe("a call that fails", () => {
  it("opens an outage, and is due again one interval after its attempt began", () => {
    const endpoint = anEndpoint();
    expect(failCall(endpoint)).toMatchObject({ startedAt: AT.now, failedCalls: 1 });
    expect([endpoint.hints.dueAt, failCall(endpoint, aCall({ seq: 2 }))]).toEqual([AT.now + 5 * MINUTE, null]);
  });

  it("isn't due again with retries off", () => {
    const endpoint = anEndpoint({ retriesEnabled: false });
    failCall(endpoint);
    expect(endpoint.hints.dueAt).toBeNull();
  });

  it("is looked for in the store if others changed something while it was in flight", () => {
    const endpoint = anEndpoint();
    endpoint.inFlight.add(1, { dueAt: null, generation: endpoint.generation - 1 });
    endpoint.hints.mayHavePending = false;
    commitCall(endpoint, 1);
    expect(endpoint.hints.mayHavePending).toBe(true);
  });
});

describe("a call that changes the endpoint's state", () => {
  it("outdates what was read, as other calls are due now", () => {
    const endpoint = aDownEndpoint();
    endpoint.queues.backlog.fill(someCalls([2, 3], MINUTE), AT.monotonicMs);
    endpoint.roundLeft = 2;
    settleCall(endpoint, aCall(), anAttempt({ startedAt: AT.now, result: ACCEPTED }), SETTLED);
    expect([endpoint.health.endpoint.state, endpoint.queues.backlog.length, endpoint.roundLeft]).toEqual(["recovering", 0, 0]);
  });
});

describe("a delivered call that had failed before", () => {
  it("may have been the last one of its outage", () => {
    const endpoint = aDownEndpoint();
    endpoint.mayBeOver = false;
    const attempt = anAttempt({ startedAt: AT.now, result: ACCEPTED });
    settleCall(endpoint, aCall({ firstFailedAt: AT.now - MINUTE }), attempt, SETTLED);
    expect(endpoint.mayBeOver).toBe(true);
  });
});
