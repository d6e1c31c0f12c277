/** The card above a callback's calls says what is wrong, why, what happens next, and what to do. */
import { afterEach, expect, it } from "vitest";
import type { Callback } from "../../src/domain/callback.js";
import type { Endpoint } from "../../src/domain/endpoint.js";
import type { OpenOutage } from "../../src/domain/outage.js";
import type { ServerDeps } from "../../src/server/server-deps.js";
import { accept, aGroup, anEndpoint, attempt, hold } from "../contract/store-support.js";
import { ACCEPTED, REFUSED_503 } from "../support/builders.js";
import { Visitor } from "../support/server/console-visitor.js";
import { CALLBACK_SETTINGS, closeService, openService, type Service } from "../support/server/server-fixture.js";

const ID = "0123456789ABCDEF";
const MINUTE = 60_000;
const NOON = Date.UTC(2026, 10, 26, 12);
const OUTAGE: OpenOutage = { id: "A".repeat(32), startedAt: NOON, failedCalls: 3, quietSince: null };

let service: Service;
let visitor: Visitor;
let callback: Callback;

afterEach(() => closeService(service));

async function start(retriesEnabled = true, deps: Partial<ServerDeps> = {}): Promise<void> {
  const clock = { now: () => NOON + MINUTE, monotonicMs: () => 0, sleepUntil: async () => {}, nextTurn: async () => {} };
  service = await openService({ clock, ...deps });
  callback = await service.store.callbacks.create(ID, { ...CALLBACK_SETTINGS, retriesEnabled }, NOON);
  visitor = await new Visitor(service.app).signIn();
}

async function change(endpoint: Partial<Endpoint>, outage: OpenOutage | null, to = "ops@example.com"): Promise<void> {
  const mail = {
    outageId: OUTAGE.id,
    callbackId: ID,
    to,
    subject: "fails",
    text: "It failed.",
    createdAt: NOON,
  };
  const mails = outage === null ? [] : [mail];
  await service.store.outcomes.commit(aGroup({ endpoints: [{ callbackId: ID, endpoint: anEndpoint(endpoint), outage }], mails }));
}

async function seeCard(query = ""): Promise<{ readonly text: string; readonly links: readonly string[] }> {
  const { html } = await visitor.open(`/console/callbacks/${ID}/calls${query}`);
  const [card = ""] = html.match(/<section class="callback-card.*?<\/section>/s) ?? [];
  const text = card
    .replace(/<[^>]+>/g, " ")
    .replace(/\s+/g, " ")
    .trim();
  return { text, links: [...card.matchAll(/href="([^"]*)"/g)].map(([, href = ""]) => href.replaceAll("&amp;", "&")) };
}

it("is one calm line as long as nothing is known to be wrong", async () => {
  await start();
  expect((await seeCard()).text).toBe("There has been no call yet. Retries are on. Switch retries off Pause");
  await accept(service.store, callback, ["A"]);
  expect((await seeCard()).text).toBe("Nothing is known to be wrong. Retries are on. Switch retries off Pause");
  await attempt(service.store, callback, ["A"]);
  expect((await seeCard()).text).toBe(
    "Nothing is known to be wrong now. What failed earlier isn't settled yet. Retries are on. Replay the failed call Switch retries off Pause",
  );
});

it("says that an endpoint doesn't answer", async () => {
  await start();
  await accept(service.store, callback, ["A"], NOON);
  expect((await visitor.open("/console")).text).toContain("1 not answering");
  expect((await seeCard()).text).toBe(
    "The endpoint isn't answering Why no attempt has ended since the oldest waiting call was accepted, at 2026-11-26 12:00:00 UTC " +
      "Next What isn't answered within 1 minute fails. Switch retries off Pause",
  );
});

it("says that nothing is sent as the egress proxy can't be used, but not of an endpoint that is reached directly", async () => {
  const failed = "the egress proxy can't be used: it timed out";
  const seen = async (failingUrl: string) => {
    await start(true, { egressFailure: (url) => (url === failingUrl ? failed : null) });
    const { text } = await seeCard();
    await closeService(service);
    return text.includes(`Sending waits: ${failed}.`);
  };
  expect([await seen(CALLBACK_SETTINGS.url), await seen("https://other.example/hook")]).toEqual([true, false]);
});

it.each([
  ["<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>nginx</h1></body></html>", "502 Bad Gateway"],
  ['{"error":{"code":"DOWN","message":"The CRM is down.\\nTry \\"later\\"","traceId":"7f3c-2b1a"}}', "The CRM is down."],
  ['{\n  "status": 503,\n  "title": "Closed\\u202e for lunch",\n  "type": "https://a"\n}', "Closed for lunch"],
  ['{"errors":["E1","Unknown \\"campaign\\""],"trace":["cut off aft', 'Unknown "campaign"'],
  ['{"message":"","ok":false}', '{"message":"","ok":false}'],
  ['{"message":["Name is missing"],"error":"Bad Request"}', "Name is missing"],
  ['{"at":"2026-11-26 12:00","code":7}', '{"at":"2026-11-26 12:00","code":7}'],
])("of an answer says what a person can read: %s", async (body, shown) => {
  await start();
  await accept(service.store, callback, ["A"]);
  await attempt(service.store, callback, ["A"], { result: { kind: "answered", statusCode: 502, statusMessage: "", body } });
  await change({ state: "down", downSince: NOON, probeBeganAt: NOON, probeAt: NOON + MINUTE, roundAt: NOON + MINUTE }, OUTAGE);
  expect((await seeCard()).text.replaceAll("&quot;", '"')).toContain(`Why 502: ${shown} at `);
});

it("of an endpoint that is down has the latest answer, though many calls were held since, and the next round", async () => {
  await start();
  const held = Array.from({ length: 30 }, (_, index) => `H${index}`);
  await accept(service.store, callback, ["A", ...held]);
  const body = "\n <b>s3cret-key</b> is unknown\nmore";
  const result = { kind: "answered", statusCode: 503, statusMessage: "Busy", body } as const;
  await attempt(service.store, callback, ["A"], { startedAt: NOON, result });
  await hold(service.store, callback, held, NOON + 1_000);
  await change(
    { state: "down", downSince: NOON, probeBeganAt: NOON, probeAt: NOON + 2 * MINUTE, roundAt: NOON + 5 * MINUTE },
    OUTAGE,
  );
  const { text, links } = await seeCard();
  expect(text).toBe(
    "The endpoint is down Why 503 Busy: &lt;b>****&lt;/b> is unknown at 2026-11-26 12:00:00 UTC " +
      "Next Retry rounds: 10 each 5 minutes; next at 2026-11-26 12:05:00 UTC . Each call is retried until 24 hours after its first failure. " +
      "Notified nobody yet: the e-mail to ops@example.com isn't sent Replay all 31 failed Switch retries off Pause",
  );
  const [replay = "", retries = ""] = links;
  expect((await visitor.open(replay)).text).toMatch(
    /Replay 31 calls.* sent in retry rounds, 10 each 5 minutes; next at 2026-11-26 12:05:00 UTC/,
  );
  const switched = await visitor.send(retries, `/console/callbacks/${ID}/retries`);
  expect([switched.url, switched.text]).toEqual([
    `/console/callbacks/${ID}/calls`,
    expect.stringContaining("Retries of demo are off."),
  ]);
  await service.store.mails.recordSent(OUTAGE.id, NOON + 2_000, "smtp");
  expect((await seeCard()).text).toContain("Notified ops@example.com at 2026-11-26 12:00:02 UTC");
});

it("has the latest answer that failed, though its call was marked since, and not that of a call that a replay has delivered", async () => {
  await start();
  await accept(service.store, callback, ["A", "B"]);
  await attempt(service.store, callback, ["A"], { startedAt: NOON + 1_000, result: REFUSED_503 });
  await attempt(service.store, callback, ["B"], { startedAt: NOON, result: REFUSED_503 });
  await change({}, OUTAGE);
  const delivered = { startedAt: NOON + 2_000, durationMs: 5, cause: "replay", sentFrom: "ada@desk", result: ACCEPTED } as const;
  await service.store.calls.recordReplays(ID, [{ callId: "B", attempt: delivered }], NOON + 2_000);
  expect((await seeCard()).text).toContain("Why 503 Service Unavailable at 2026-11-26 12:00:01 UTC");
  await service.store.calls.mark(ID, ["A", "B"], "SUCCESS", NOON + 3_000);
  expect((await seeCard()).text).toContain("Why 503 Service Unavailable at 2026-11-26 12:00:01 UTC");
});

it("counts the failed calls that aren't retried any more, as the API does", async () => {
  await start();
  await accept(service.store, callback, ["A", "B", "C"]);
  const result = { kind: "answered", statusCode: 503, statusMessage: "Busy", body: "" } as const;
  await attempt(service.store, callback, ["A", "B", "C"], { startedAt: NOON, result });
  expect((await seeCard()).text).not.toContain("any more");
  await service.store.queue.expireRetries([{ callbackId: ID, firstFailedBefore: NOON + 1, fence: 0 }], 9);
  await service.store.calls.mark(ID, ["C"], "SUCCESS", NOON);
  expect((await seeCard()).text).toContain(
    "Retries are on. 2 not retried any more: their retry window of 24 hours is over. Replay all 2 failed",
  );
});

it("has no address to notify, which an old database allows", async () => {
  await start();
  await change({}, OUTAGE, "");
  expect((await seeCard()).text).toContain("Notified nobody: the callback has no e-mail address Switch");
});

it("beside a filter, replays the calls that match it", async () => {
  await start();
  await accept(service.store, callback, ["A", "B", "C"]);
  const result = { kind: "answered", statusCode: 503, statusMessage: "Busy", body: "" } as const;
  await attempt(service.store, callback, ["A", "B"], { startedAt: NOON, result });
  await attempt(service.store, callback, ["C"], { result: { ...result, statusCode: 404 } });
  const two = await seeCard("?statusCode=503&since=2h");
  expect(two.text).toContain("Replay the 2 that match");
  expect((await visitor.open(two.links[0] ?? "")).text).toMatch(/Replay 2 calls.* Status code 503 /);
  expect((await seeCard("?statusCode=404")).text).toContain("Replay the one that matches");
  expect((await seeCard("?statusCode=500")).text).not.toContain("Replay");
  expect((await seeCard("?status=SUCCESS&statusCode=503")).text).toContain("Replay all 3 failed");
});

it.each<[string, boolean, Partial<Endpoint>, OpenOutage | null]>([
  ["Calls to the endpoint are failing .* Next Each call is retried every 5 minutes until 24 hours", true, {}, OUTAGE],
  ["failing .* Next Retries are off: what has failed isn't sent again by itself.", false, {}, OUTAGE],
  [
    "recovering .* Next What waited is being sent, oldest first.",
    true,
    { state: "recovering", recoveringSince: NOON },
    { ...OUTAGE, quietSince: NOON },
  ],
  [
    "recovering .* Next If no other call fails, the outage ends at 2026-11-26 12:05:30 UTC",
    true,
    {},
    { ...OUTAGE, quietSince: NOON + MINUTE / 2 },
  ],
  ["down, and being checked .* Next The next response is sent as a test.", true, { state: "down", downSince: NOON }, null],
])("says what happens next: %s", async (text, retriesEnabled, endpoint, outage) => {
  await start(retriesEnabled);
  await change(endpoint, outage);
  expect((await seeCard()).text).toMatch(new RegExp(text));
});

it("has a button to pause the callback, and then one to resume it", async () => {
  await start();
  const path = `/console/callbacks/${ID}/pause`;
  const paused = await visitor.send(path, path, { for: "2h" });
  expect(paused.text).toContain("is paused for 2 hours.");
  const until = "paused by demo until 2026-11-26 14:01:00 UTC";
  expect((await seeCard()).text).toBe(
    `The callback is paused Why ${until} Next Nothing is sent before that: what is accepted waits. Then it is sent, ` +
      "one call at a time at first. Switch retries off Resume",
  );
  expect((await visitor.open("/console")).text).toContain(`paused ${until}`);
  const resumed = await visitor.send(path, path);
  expect(resumed.text).toContain("is resumed: what has waited is sent.");
  expect((await seeCard()).text).toBe("There has been no call yet. Retries are on. Switch retries off Pause");
  expect(service.work).toEqual(Array(2).fill({ callbackId: ID, kind: "changed" }));
  expect((await visitor.post(path, { action: "pause", for: "3h" })).status).not.toBe(200);
});
