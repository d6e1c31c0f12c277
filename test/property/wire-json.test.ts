import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { resultMessage } from "../../src/domain/attempt.js";
import { retryUntil } from "../../src/domain/retry-policy.js";
import { readDate, toIsoDate, toPlatformDate } from "../../src/wire/dates.js";
import { deliveryBody } from "../../src/wire/delivery-request.js";
import { attemptsToJson, callToJson, readAttempts, readCall, readCallList } from "../../src/wire/json/call-json.js";
import { callbackToJson, readCallback } from "../../src/wire/json/callback-json.js";
import { listToJson } from "../../src/wire/json/list-json.js";
import { outageToJson, readOutageList } from "../../src/wire/json/outage-json.js";
import { readResponse, responseToJson, submissionToJson } from "../../src/wire/json/response-json.js";
import { aCallback } from "../support/builders.js";
import {
  anyAttempt,
  anyCall,
  anyGivenResponse,
  anyInstant,
  anyOutage,
  anyResponse,
  anySettings,
} from "../support/wire/arbitrary-wire.js";

const policy = { intervalMs: 300_000, windowMs: 86_400_000, jitter: false };
const overTheWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** The order doesn't count. `toEqual` takes a member named __proto__ for a prototype. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .map(([name, member]) => [name, sorted(member)])
    .sort(([one], [other]) => (String(one) < String(other) ? -1 : 1));
}

describe("JSON reads back unchanged", () => {
  it("a callback", () => {
    fc.assert(
      fc.property(anySettings, (settings) => {
        const raw = overTheWire(callbackToJson(aCallback(settings), []));
        const { signing, ...listed } = settings;
        const added = {
          isSigned: signing === "enabled",
          signingSecret: null,
          downSince: null,
          expiredCalls: null,
          health: null,
          pause: null,
          sending: null,
          waitingCalls: null,
          waitingSince: undefined,
          raw,
        };
        expect(readCallback(raw)).toEqual({ id: aCallback().id, ...listed, ...added });
      }),
    );
  });

  it("a submitted response", () => {
    fc.assert(
      fc.property(anyResponse, (response) => {
        expect(readResponse(overTheWire(submissionToJson({ response })))).toEqual(response);
      }),
    );
  });

  it("any member of a listed call, in a list and in a delivery", () => {
    fc.assert(
      fc.property(anyGivenResponse, (given) => {
        const { id: _, ...sent } = given;
        const response = readResponse(given);
        expect(sorted(overTheWire(responseToJson(response)))).toEqual(sorted(sent));
        const { messageId: messageid, messageLocation: messagelocation, ...parts } = sent;
        const body = deliveryBody({ contentType: "json", removeHtml: false }, response);
        expect(sorted(JSON.parse(body))).toEqual(sorted(overTheWire({ messageid, messagelocation, ...parts })));
      }),
      { numRuns: 1_000 },
    );
  });

  it("a call", () => {
    fc.assert(
      fc.property(anyCall, fc.boolean(), anyInstant, (call, retriesEnabled, now) => {
        const callback = aCallback({ id: call.callbackId, retriesEnabled });
        const raw = overTheWire(callToJson(call, { callback, policy, link: [], now }));
        const isRetried = call.status === "FAILED" && retriesEnabled && call.firstFailedAt !== null;
        const until = isRetried ? retryUntil(call.firstFailedAt ?? 0, policy) : null;
        const isOver = call.due?.cause === "retry" && until !== null && until < now;
        expect(readCall(raw, { callbackId: "" })).toEqual({
          id: call.id,
          callbackId: call.callbackId,
          status: call.status,
          response: call.response,
          attemptedAt: call.attemptedAt,
          statusCode: call.statusCode,
          statusMessage: call.statusMessage,
          attemptCount: call.attemptCount,
          nextAttemptAt: isOver || call.due === null ? null : Math.max(call.due.at, now),
          retryUntil: until,
          settledBy: call.settledBy,
          settledByUser: null,
          changedAt: call.changedAt,
          submittedAt: call.acceptedAt,
          raw,
        });
      }),
    );
  });

  it("attempts", () => {
    fc.assert(
      fc.property(fc.array(anyAttempt, { maxLength: 5 }), (attempts) => {
        expect(readAttempts(overTheWire(attemptsToJson(attempts)))).toEqual(
          attempts.map(({ result, startedAt, ...attempt }) => ({
            ...attempt,
            sentFrom: null,
            isResent: result.resent === true,
            retryAfterMs: result.kind === "answered" ? (result.retryAfterMs ?? null) : null,
            attemptedAt: startedAt,
            statusCode: result.kind === "answered" ? result.statusCode : null,
            statusMessage: resultMessage(result),
            error: result.kind === "unreachable" ? result.reason : null,
            body: result.kind === "answered" ? result.body || null : null,
          })),
        );
      }),
    );
  });

  it("outages", () => {
    fc.assert(
      fc.property(fc.array(anyOutage, { maxLength: 5 }), (outages) => {
        const document = listToJson("outages", outages.map(outageToJson), { offset: 0, total: outages.length, link: [] });
        expect(readOutageList(overTheWire(document))).toEqual({
          items: outages.map(({ quietSince, ...outage }) => ({
            ...outage,
            recoveringSince: outage.endedAt === null ? quietSince : null,
          })),
          total: outages.length,
          next: null,
        });
      }),
    );
  });

  it("an instant, to the millisecond in ISO and to the minute in the platform's form, in any zone", () => {
    const zones = fc.constantFrom("UTC", "Australia/Sydney", "America/New_York", "Asia/Kolkata", "Pacific/Auckland");
    fc.assert(
      fc.property(anyInstant, zones, (at, zone) => {
        expect(readDate(toIsoDate(at), zone)).toBe(at);
        const toTheMinute = at - (at % 60_000);
        const read = readDate(toPlatformDate(at, zone), zone) ?? Number.NaN;
        // The hour that is repeated when clocks go back has two instants.
        expect([0, 3_600_000]).toContain(Math.abs(read - toTheMinute));
        expect(toPlatformDate(read, zone)).toBe(toPlatformDate(at, zone));
      }),
    );
  });

  it("a reader of any answer returns or throws unavailable", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (document) => {
        for (const read of [
          () => readCallback(document),
          () => readCallList(document, { callbackId: "X" }),
          () => readCall(document, { callbackId: "X" }),
          () => readCallList({ calls: document }, { callbackId: "X" }),
          () => readOutageList({ outages: document }),
          () => readAttempts({ attempts: document }),
          () => readResponse(document),
        ]) {
          try {
            read();
          } catch (error) {
            expect(error).toMatchObject({ name: "WhcbError", code: "unavailable" });
          }
        }
      }),
    );
  });
});
