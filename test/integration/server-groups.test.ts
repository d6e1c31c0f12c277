import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NONE_RETRIED } from "../../src/domain/call-groups.js";
import { groupsToJson, readGroups } from "../../src/wire/json/group-json.js";
import { aResponse } from "../support/builders.js";
import { BUSY, pendingCalls, REFUSED, recordAttempts } from "../support/server/recorded-calls.js";
import { CALLBACK_SETTINGS, CREDENTIALS, closeService, openService, type Service } from "../support/server/server-fixture.js";

const ID = "0123456789ABCDEF";
const NOON = Date.UTC(2030, 0, 1, 12);
const CALLS = `/callbacks/${ID}/calls`;

let service: Service;

beforeEach(async () => {
  service = await openService();
  await service.store.callbacks.create(ID, CALLBACK_SETTINGS, 0);
});
afterEach(() => closeService(service));

async function get(url: string, accept = "application/json") {
  return service.app.inject({ url, headers: { ...CREDENTIALS, accept } });
}

async function accept(calls: readonly { readonly id: string; readonly mobile: string }[]): Promise<void> {
  const responseFrom = (mobile: string) => aResponse({ from: { name: "", mri: "", mobile, email: "", voice: "" } });
  const made = calls.map(({ id, mobile }) => ({ id, response: responseFrom(mobile) }));
  await service.store.calls.accept([{ callbackId: ID, calls: made }], 0);
}

async function threeFailed(): Promise<void> {
  const ids = ["A", "B", "C"].map((letter) => letter.repeat(32));
  await accept(ids.map((id) => ({ id, mobile: "61400000001" })));
  await recordAttempts(service.store, await pendingCalls(service.store, ID), (_, index) => {
    return { result: index === 2 ? REFUSED : BUSY, startedAt: NOON + index };
  });
}

describe("groupBy", () => {
  it("answers groups with counts, a span and an example, in JSON", async () => {
    await threeFailed();
    const answer = await get(`/callbacks/demo/calls?status=FAILED&groupBy=statusCode,reason,%20hour`);
    expect([answer.statusCode, answer.headers["x-max-limit"]]).toEqual([200, "500"]);
    const at = (millisecond: number) => new Date(NOON + millisecond).toISOString();
    expect(answer.json()).toEqual({
      status: "1 to 3 of 3",
      retried: { calls: 3, nextAttemptDate: at(5 * 60_000), retryUntil: at(24 * 60 * 60_000 + 2) },
      groupedBy: "statusCode,reason,hour",
      groups: [
        {
          statusCode: 503,
          reason: "Service Unavailable",
          hour: at(0),
          count: 2,
          firstAttemptedDate: at(0),
          lastAttemptedDate: at(1),
          exampleId: "B".repeat(32),
        },
        {
          reason: "refused",
          hour: at(0),
          count: 1,
          firstAttemptedDate: at(2),
          lastAttemptedDate: at(2),
          exampleId: "C".repeat(32),
        },
      ],
      link: [],
    });
  });

  it("answers XML, and filters", async () => {
    await threeFailed();
    const { body } = await get(`${CALLS}?groupBy=channel&statusCode=none`, "application/xml");
    const date = new Date(NOON + 2).toISOString();
    expect(body).toContain(
      `<status>1 to 1 of 1</status><groupedBy>channel</groupedBy><groups><group><channel>SMS</channel><count>1</count>` +
        `<firstAttemptedDate>${date}</firstAttemptedDate><lastAttemptedDate>${date}</lastAttemptedDate>` +
        `<exampleId>${"C".repeat(32)}</exampleId></group></groups>`,
    );
  });

  it("answers an empty list of groups where nothing matches", async () => {
    const answer = await get(`${CALLS}?groupBy=hour,hour`);
    expect(answer.json()).toEqual({ status: "No records found", retried: { calls: 0 }, groupedBy: "hour", groups: [], link: [] });
  });

  it.each([
    ["groupBy=content", 422, "groupBy may be statusCode, reason, answer, hour, from, messageId, channel, comma-separated"],
    ["groupBy=statusCode,", 422, "groupBy may be"],
    ["groupBy=hour&groupBy=from", 422, "groupBy must be given once"],
    ["groupBy=hour&status=LOST", 422, "status must be"],
    ["groupBy=hour&cursor=nonsense", 422, "cursor isn't one"],
  ])("answers %s with %s", async (query, status, detail) => {
    const answer = await get(`${CALLS}?${query}`);
    expect(answer.statusCode).toBe(status);
    expect(answer.json().errorDetail).toContain(detail);
  });

  it("links to the calls that it has not counted", async () => {
    const calls = Array.from({ length: 5_000 }, (_, index) => ({ id: `call${index}`, mobile: `614${index}` }));
    await accept(calls);
    const counted: string[] = [];
    let pages = 0;
    for (let url: string | null = `${CALLS}?groupBy=from&status=PENDING&limit=1`; url !== null; ) {
      const answer = await get(url);
      const page = readGroups(answer.json(), ["from"]);
      expect(answer.json().status).toMatch(new RegExp(`^${counted.length + 1} to \\d+ of 5000$`));
      counted.push(...(page?.groups ?? []).map(({ values }) => String(values.from)));
      url = page?.next ?? null;
      pages += 1;
    }
    expect(pages).toBeGreaterThan(1);
    expect(counted.sort()).toEqual(calls.map(({ mobile }) => mobile).sort());
  });
});

describe("reading groups", () => {
  const group = {
    values: { statusCode: null, hour: NOON },
    count: 2,
    firstAttemptedAt: NOON,
    lastAttemptedAt: NOON + 1,
    exampleId: "A",
  };
  const by = ["statusCode", "hour"] as const;

  it("reads what is written", () => {
    for (const retried of [NONE_RETRIED, { calls: 2, nextAt: NOON, until: NOON + 1 }]) {
      const written = groupsToJson({ by, groups: [group], offset: 0, count: 2, total: 2, retried, link: [] });
      expect(readGroups(JSON.parse(JSON.stringify(written)), by)).toEqual({ groups: [group], total: 2, retried, next: null });
    }
  });

  it("is null for a list of calls, and for groups by something else", () => {
    const written = groupsToJson({ by: ["hour"], groups: [], offset: 0, count: 0, total: 0, retried: NONE_RETRIED, link: [] });
    for (const document of [{ status: "No records found" }, { calls: [] }, [], null, written])
      expect(readGroups(document, by)).toBeNull();
  });
});
