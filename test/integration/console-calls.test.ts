/** An action of the console changes exactly the calls that its confirmation counted. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Attempt } from "../../src/domain/attempt.js";
import type { Callback } from "../../src/domain/callback.js";
import { DEFAULT_RETRY_POLICY } from "../../src/domain/retry-policy.js";
import { systemClock } from "../../src/platform/clock.js";
import { ACCEPTED, anAttempt, aResponse, REFUSED_503 } from "../support/builders.js";
import { type PageSeen, Visitor } from "../support/server/console-visitor.js";
import { CALLBACK_SETTINGS, closeService, openService, type Service } from "../support/server/server-fixture.js";
import { fetchReplays } from "../support/store/waiting-calls.js";

let service: Service;
let visitor: Visitor;
let callback: Callback;

const HOUR = 3_600_000;
const ID = "0123456789ABCDEF";
const CALLS = `/console/callbacks/${ID}/calls`;
const CONFIRM = `/console/callbacks/${ID}/confirm`;

beforeEach(async () => {
  service = await openService();
  visitor = await new Visitor(service.app).signIn();
  callback = await service.store.callbacks.create(ID, { ...CALLBACK_SETTINGS, retriesEnabled: false }, 0);
});
afterEach(() => closeService(service));

describe("the calls of a callback", () => {
  it("are its failed ones, latest attempt first, with links to each, to the causes and to the other states", async () => {
    await accept("A", "B", "P", "S");
    await attempt(["A"], { startedAt: Date.UTC(2026, 0, 2, 3, 4, 5), result: answered(503) });
    await attempt(["B"], { startedAt: Date.UTC(2026, 0, 2, 3, 4, 6), result: UNREACHABLE });
    await attempt(["S"], { startedAt: Date.UTC(2026, 0, 1), result: ACCEPTED });
    const page = await visitor.open(CALLS);
    expect(page.status).toBe(200);
    expect(callsOn(page)).toEqual(["B", "A"]);
    expect(page.text).toContain("2026-01-02 03:04:05 failed 503 Service Unavailable");
    expect(page.text).toContain("2026-01-02 03:04:06 failed connection refused 1 not by itself");
    expect(page.text).toContain("Failed 2 Waiting 1 Successful 1 Failed and successful 3");
    expect(page.html).toContain(`href="${CALLS}/A"`);
    expect(callsOn(await visitor.open(linkOf(page, "503 1")))).toEqual(["A"]);
    expect(callsOn(await visitor.open(linkOf(page, "connection refused 1")))).toEqual(["B"]);
    expect(callsOn(await visitor.open(linkOf(page, "Waiting 1")))).toEqual(["P"]);
    expect(callsOn(await visitor.open(linkOf(page, "Failed and successful 3")))).toEqual(["B", "A", "S"]);
  });

  it("are filtered by the URL; each filter in use can be removed by itself", async () => {
    await accept("A", "B");
    await attempt(["A"], { startedAt: Date.now() - HOUR / 2, result: answered(503) });
    await attempt(["B"], { startedAt: Date.now() - 5 * HOUR, result: answered(500) });
    const page = await visitor.open(`${CALLS}?since=1h&statusCode=5xx&q=YES`);
    expect(callsOn(page)).toEqual(["A"]);
    expect(page.html).toContain('value="5xx"');
    expect(linkOf(page, "Since: 1h ✕")).toBe(`${CALLS}?statusCode=5xx&q=YES`);
    expect(callsOn(await visitor.open(linkOf(page, "Since: 1h ✕")))).toEqual(["A", "B"]);
    expect((await visitor.open(`${CALLS}?since=10m`)).text).toContain("No failed call matches");
    expect(linkOf(await visitor.open(`${CALLS}?reason=not-sent`), "Reason: not sent ✕")).toBe(CALLS);
  });

  it("are counted by what matches: on the tabs, and by causes whose links add to the filters", async () => {
    await accept("A", "B", "C", "S", "P");
    await attempt(["A", "B"], { startedAt: Date.now() - HOUR / 2, result: answered(503) });
    await attempt(["C"], { startedAt: Date.now() - 5 * HOUR, result: answered(500) });
    await attempt(["S"], { startedAt: Date.now() - HOUR / 2, result: ACCEPTED });
    const recent = await visitor.open(`${CALLS}?since=1h`);
    expect(recent.text).toContain("Failed 2 Waiting 0 Successful 1 Failed and successful 3 By reason 503 2 Filters Since");
    expect(linkOf(recent, "503 2")).toBe(`${CALLS}?since=1h&statusCode=503`);
    const ofCause = await visitor.open(`${CALLS}?q=yes&statusCode=500`);
    expect(ofCause.text).toContain("Failed 1 Waiting 0 Successful 0 Failed and successful 1 By reason 503 2 500 1 Filters Since");
    expect(linkOf(ofCause, "500 1")).toBe(`${CALLS}?q=yes`);
    const elsewhere = await visitor.open(`${CALLS}?since=1h&statusCode=200`);
    expect(linkOf(elsewhere, "1 successful call")).toBe(`${CALLS}?status=SUCCESS&since=1h&statusCode=200`);
  });

  it("take the times that the page shows as filters", async () => {
    await accept("A", "B");
    await attempt(["A"], { startedAt: Date.UTC(2026, 0, 2, 3, 4, 5) });
    await attempt(["B"], { startedAt: Date.UTC(2026, 0, 2, 3, 4, 4) });
    const page = await visitor.open(`${CALLS}?since=${encodeURIComponent("2026-01-02 03:04:05 UTC")}`);
    expect([page.status, callsOn(page)]).toEqual([200, ["A"]]);
  });

  it("are all of them if the form's fields are left empty", async () => {
    await accept("A", "B");
    await attempt(["A"], { result: { ...answered(503), statusMessage: "" } });
    await attempt(["B"], {});
    const { html } = await visitor.open(CALLS);
    const [form = ""] = html.match(/<form class="filters".*?<\/form>/s) ?? [];
    const names = [...form.matchAll(/<(?:input|select)[^>]* name="([^"]*)"/g)].map(([, name = ""]) => name);
    expect(names).toContain("from");
    const page = await visitor.open(`${CALLS}?${names.map((name) => `${name}=`).join("&")}`);
    expect([page.status, callsOn(page).toSorted()]).toEqual([200, ["A", "B"]]);
    expect(callsOn(await visitor.open(`${CALLS}?from=+&reason=no-message`))).toEqual(["A"]);
  });

  it("with a filter that can't be read say so at its field, and show no calls", async () => {
    await accept("A");
    await attempt(["A"], {});
    const page = await visitor.open(`${CALLS}?since=yesterday<b>&statusCode=503`);
    expect([page.status, callsOn(page)]).toEqual([422, []]);
    expect(page.html).toMatch(/id="field-since"[^>]*aria-invalid="true"[^>]*value="yesterday&lt;b>"/);
    expect(page.text).toContain("Must be a time ago, such as 1h");
  });

  it("are paged from the newest to the oldest and back, each once", async () => {
    const ids = Array.from({ length: 120 }, (_, index) => `C${String(index).padStart(3, "0")}`);
    await accept(...ids);
    for (const [index, id] of ids.entries()) await attempt([id], { startedAt: Date.UTC(2026, 0, 1) + index });
    const first = await visitor.open(`${CALLS}?q=yes`);
    const second = await visitor.open(linkOf(first, "Older →"));
    const third = await visitor.open(linkOf(second, "Older →"));
    expect([first, second, third].flatMap(callsOn)).toEqual(ids.toReversed());
    expect(third.text).not.toContain("Older →");
    expect(first.text).not.toContain("← Newer");
    const back = await visitor.open(linkOf(third, "← Newer"));
    expect(callsOn(back)).toEqual(callsOn(second));
    expect(callsOn(await visitor.open(linkOf(back, "Older →")))).toEqual(callsOn(third));
    const newest = await visitor.open(linkOf(back, "← Newer"));
    expect(callsOn(newest)).toEqual(callsOn(first));
    expect(newest.text).not.toContain("← Newer");
  });

  it("escape everything that others have written", async () => {
    const hostile = `<script>alert("x")</script>`;
    const response = aResponse({
      from: { name: hostile, mri: "", mobile: "", email: "", voice: "" },
      responseMessage: { channel: "SMS", kind: "reply", date: "", content: hostile },
      customParameters: { [hostile]: hostile },
    });
    await service.store.calls.accept([{ callbackId: ID, calls: [{ id: hostile, response }] }], 0);
    const body = `</pre>${hostile}`;
    await attempt([hostile], { result: { kind: "answered", statusCode: 500, statusMessage: hostile, body } });
    const pages = [
      await visitor.open(`${CALLS}?q=${encodeURIComponent(hostile)}`),
      await visitor.open(`${CALLS}/${encodeURIComponent(hostile)}`),
      await visitor.open(`${CONFIRM}?action=replay&call=${encodeURIComponent(hostile)}`),
      await visitor.open(`${CONFIRM}?action=replay&all=on&q=${encodeURIComponent(hostile)}`),
    ];
    for (const page of pages) {
      expect(page.status).toBe(200);
      expect(page.html).not.toContain("<script>alert");
      expect(page.html).not.toContain("</pre><script");
      expect(page.html).toContain("&lt;script>alert");
      expect(page.html).not.toContain("s3cret");
    }
  });
});

describe("one call", () => {
  it("shows its body as it is delivered, its attempts in order, and what comes next", async () => {
    await accept("A");
    await attempt(["A"], { startedAt: Date.UTC(2026, 0, 1, 1), durationMs: 1_200, result: UNREACHABLE });
    await attempt(["A"], {
      startedAt: Date.UTC(2026, 0, 1, 2),
      cause: "replay",
      result: { kind: "answered", statusCode: 503, statusMessage: "Busy", body: "come back" },
    });
    const replay = { startedAt: Date.UTC(2026, 0, 1, 1, 30), durationMs: 5, cause: "replay", sentFrom: "ada@host" } as const;
    await service.store.calls.recordReplays(ID, [{ callId: "A", attempt: { ...replay, result: answered(500) } }], 0);
    const page = await visitor.open(`${CALLS}/A`);
    expect(page.text).toMatch(
      /503 Busy, to attempt 2 come back .* 2026-01-01 01:00:00 UTC 1\. first attempt took 1s connection refused: .* 2026-01-01 01:30:00 UTC 3\. replay by a client \(says: ada@host ?\) took 5ms 500 2026-01-01 02:00:00 UTC 2\. replay by the service .* 503 Busy/,
    );
    expect(page.text).toContain("Next attempt not by itself: retries are off");
    expect(page.html).toContain('<pre class="body" tabindex="0">{\n  &quot;messageid&quot;');
  });

  it("that doesn't exist is a page of its own", async () => {
    expect((await visitor.open(`${CALLS}/nope`)).status).toBe(404);
  });

  it("leads to replaying all that have failed since then, of the same cause or of all", async () => {
    await accept("before", "A", "other", "same");
    for (const [index, id] of ["before", "A", "other", "same"].entries())
      await attempt([id], { startedAt: Date.UTC(2026, 0, 1) + index, result: answered(id === "other" ? 500 : 503) });
    const page = await visitor.open(`${CALLS}/A`);
    expect((await visitor.open(linkOf(page, "with 503 only"))).text).toContain("Replay 2 calls");
    const all = await visitor.open(linkOf(page, "whatever the reason"));
    expect(all.text).toContain("Last attempt since 2026-01-01 00:00:00 UTC");
    expect(all.text).toContain("Replay 3 calls");
    expect(linkOf(all, "Cancel")).toBe(`${CALLS}/A`);
  });
});

it("reads only some lists at once, however many pages are asked for: on PostgreSQL all would wait with what they have read", async () => {
  const { store } = service;
  let [reading, most] = [0, 0];
  const list: typeof store.calls.list = async (...query) => {
    most = Math.max(most, ++reading);
    await new Promise(setImmediate);
    return store.calls.list(...query).finally(() => reading--);
  };
  const { app } = await openService({ store: { ...store, calls: { ...store.calls, list } } });
  const reader = await new Visitor(app).signIn();
  const pages = await Promise.all(Array.from({ length: 20 }, () => reader.open(CALLS)));
  await app.close();
  expect([new Set(pages.map(({ status }) => status)), most]).toEqual([new Set([200]), 4]);
});

describe("selected calls", () => {
  it("are left as they are if they change while a process that marks them stalls", async () => {
    await accept("A", "B");
    await attempt(["A", "B"], {});
    const { store } = service;
    const findProgress: typeof store.calls.findProgress = async (...read) => {
      const found = await store.calls.findProgress(...read);
      for (const status of ["SUCCESS", "FAILED"] as const) await store.calls.mark(ID, ["A"], status, Date.now());
      return found;
    };
    const { app } = await openService({ store: { ...store, calls: { ...store.calls, findProgress } } });
    const stalling = await new Visitor(app).signIn();
    const confirmation = fieldsOf(await stalling.open(`${CONFIRM}?action=success&call=A&call=B`));
    const page = await stalling.post(CONFIRM, confirmation);
    await app.close();
    expect(page.text).toContain("1 call was marked successful. 1 had changed in the meantime: left as it is.");
    expect(await statuses()).toEqual({ A: "FAILED user", B: "SUCCESS user" });
  });

  it("are marked as the confirmation lists them; the result counts what had changed or is gone", async () => {
    await accept("A", "B", "C", "D");
    await attempt(["A", "B", "C", "D"], {});
    const confirmation = await visitor.open(`${CONFIRM}?action=success&call=A&call=B&call=C&q=yes`);
    expect(confirmation.text).toContain("Mark 3 calls successful");
    await service.store.calls.mark(ID, ["B"], "SUCCESS", Date.now());
    const page = await confirm(confirmation, [["call", "gone"]]);
    expect([page.status, page.url]).toEqual([200, `${CALLS}?q=yes`]);
    expect(page.text).toContain(
      "2 calls were marked successful. 1 had changed in the meantime: left as it is. 1 doesn't exist any more.",
    );
    expect(await statuses()).toEqual({ A: "SUCCESS user", B: "SUCCESS user", C: "SUCCESS user", D: "FAILED" });
    expect(service.work).toContainEqual({ callbackId: ID, kind: "changed" });
  });

  it("are left as they are if a client whose clock is behind has reported an attempt since", async () => {
    await accept("A", "B");
    await attempt(["A", "B"], { startedAt: Date.now() - 2_000 });
    const confirmation = await visitor.open(`${CONFIRM}?action=success&call=A&call=B`);
    const reported = anAttempt({ startedAt: Date.now() - 10_000, cause: "replay", sentFrom: "ada@desk", result: answered(503) });
    await systemClock.sleepUntil(Date.now() + 2);
    await service.store.calls.recordReplays(ID, [{ callId: "A", attempt: reported }], Date.now());
    expect((await confirm(confirmation)).text).toContain("1 call was marked successful. 1 had changed in the meantime");
    expect(await statuses()).toEqual({ A: "FAILED", B: "SUCCESS user" });
  });

  it("are left as they are if they were retried since, though the clock was set back", async () => {
    await accept("A", "B");
    await attempt(["A", "B"], { startedAt: Date.now() - 2_000 });
    const confirmation = await visitor.open(`${CONFIRM}?action=success&call=A&call=B`);
    await attempt(["A"], { startedAt: Date.now() - HOUR, cause: "retry", result: answered(503) });
    const page = await confirm(confirmation);
    expect(page.text).toContain("1 call was marked successful. 1 had changed in the meantime: left as it is.");
    const withoutTime = (text: string) => text.replace(/as of [\d:]+/, "");
    expect(withoutTime((await confirm(confirmation)).text)).toBe(withoutTime(page.text));
    expect(await statuses()).toEqual({ A: "FAILED", B: "SUCCESS user" });
  });

  it("that are delivered while they are being marked failed again stay successful", async () => {
    await accept("A", "B");
    await attempt(["A", "B"], {});
    await service.store.calls.mark(ID, ["A", "B"], "SUCCESS", Date.now() - HOUR);
    const confirmation = await visitor.open(`${CONFIRM}?action=failed&call=A&call=B`);
    const { findProgress } = service.store.calls;
    service.store.calls.findProgress = async (...args) => {
      const found = await findProgress(...args);
      service.store.calls.findProgress = findProgress;
      await attempt(["A"], { startedAt: Date.now(), result: ACCEPTED });
      return found;
    };
    expect((await confirm(confirmation)).text).toContain("1 call was marked failed again. 1 had changed in the meantime");
    expect(await statuses()).toEqual({ A: "SUCCESS dispatcher", B: "FAILED user" });
  });

  it("are asked for if none is selected", async () => {
    const page = await visitor.open(`${CONFIRM}?action=success&since=1h`);
    expect([page.url, page.text]).toEqual([
      `${CALLS}?since=1h`,
      expect.stringContaining("Select calls first, or all that match."),
    ]);
  });

  it("are none, and never all, if an id or `all` is empty", async () => {
    await accept("A");
    await attempt(["A"], {});
    for (const query of ["call=", "call=&all=", "call=%20"])
      expect((await visitor.open(`${CONFIRM}?action=success&${query}`)).text).not.toContain("1 call");
    const selected = await visitor.open(`${CONFIRM}?action=success&call=A`);
    const fields = fieldsOf(selected).map(([name, value]): [string, string] => [name, name === "call" ? "" : value]);
    await visitor.post(CONFIRM, [...fields, ["all", ""]]);
    expect(await statuses()).toEqual({ A: "FAILED" });
  });

  it("are shown with what they say, and all of the ids that senders chose, which may differ anywhere", async () => {
    await accept("order-2026-11-29-000017", "order-2026-11-30-000017");
    await attempt(["order-2026-11-29-000017", "order-2026-11-30-000017"], {});
    const { text } = await visitor.open(`${CONFIRM}?action=success&call=order-2026-11-29-000017&call=order-2026-11-30-000017`);
    expect(text).toMatch(/ order-2026-11-29-000017 .* 61400000001 Yes order-2026-11-30-000017 .* 61400000001 Yes /);
  });

  it("that are settled already are left out by the confirmation", async () => {
    await accept("A", "B");
    await attempt(["A"], {});
    await attempt(["B"], { result: ACCEPTED });
    const some = await visitor.open(`${CONFIRM}?action=replay&call=A&call=B`);
    expect(some.text).toContain("Replay 1 call");
    expect(some.text).toContain("1 selected call is left as it is");
    const none = await visitor.open(`${CONFIRM}?action=replay&call=B`);
    expect(none.text).toContain("Nothing to change");
    expect(none.html).not.toContain('type="submit" class="button button-primary"');
  });
});

describe("all calls that match", () => {
  it("are exactly those that were counted, whatever happens before the confirmation is sent", async () => {
    const counted = Array.from({ length: 60 }, (_, index) => `C${index}`);
    await accept(...counted, "older code", "in flight", "waits", "outside");
    const startedAt = Date.now() - HOUR / 2;
    await attempt(counted, { startedAt, result: answered(503) });
    await attempt(["older code"], { startedAt, result: answered(500) });
    await attempt(["outside"], { startedAt: Date.now() - 2 * HOUR, result: answered(503) });
    await otherCallback("X", answered(503));
    const list = await visitor.open(`${CALLS}?since=1h&statusCode=503`);
    expect(list.text).toContain("60 failed calls");
    const confirmation = await visitor.open(selectAll(list, "success"));
    expect(confirmation.text).toContain("Mark 60 calls successful");
    expect(confirmation.text).toContain("Status code 503");
    expect(new Map(fieldsOf(confirmation)).get("since"), "not an hour before the action").toMatch(/^\d{4}-.*Z$/);

    // One of them is accepted. Others come to match: a retry, a call that was in flight, a first failure.
    await attempt(["C0"], { startedAt: Date.now(), cause: "retry", result: ACCEPTED });
    await attempt(["older code"], { startedAt: Date.now(), cause: "retry", result: answered(503) });
    await attempt(["outside"], { startedAt: Date.now(), cause: "retry", result: answered(503) });
    await attempt(["in flight"], { startedAt: Date.now() - 30_000, durationMs: 30_000, result: answered(503) });
    await attempt(["waits"], { startedAt: Date.now(), result: answered(503) });

    const asked = await confirm(confirmation);
    expect(asked.status).toBe(409);
    expect(asked.text).toContain("The calls that match have changed since they were counted. Now they are 59.");
    expect(Object.values(await statuses())).not.toContain("SUCCESS user");
    const page = await confirm(asked);
    expect(page.url).toBe(`${CALLS}?since=1h&statusCode=503`);
    expect(page.text).toContain("59 calls were marked successful.");
    const after = await statuses();
    expect(counted.slice(1).every((id) => after[id] === "SUCCESS user")).toBe(true);
    expect(after).toMatchObject({ C0: "SUCCESS dispatcher", "older code": "FAILED", "in flight": "FAILED", waits: "FAILED" });
    expect(after.outside).toBe("FAILED");
    expect(await service.store.calls.count("FEDCBA9876543210")).toMatchObject({ FAILED: 1 });
  });

  it.each([
    ["success", REFUSED_503],
    ["failed", ACCEPTED],
  ])("aren't marked (%s) if as many others have taken their place, with earlier dates", async (action, result) => {
    const startedAt = Date.now() - HOUR;
    await accept("A", "B", "late A", "late B");
    await attempt(["A", "B"], { startedAt, result });
    const confirmation = await visitor.open(
      `${CONFIRM}?action=${action}&all=on&status=${action === "failed" ? "SUCCESS" : "FAILED"}`,
    );
    expect(confirmation.text).toMatch(/Mark 2 calls (successful|failed again)/);
    // Their outcomes were committed late, or the clock was set back.
    await attempt(["late A", "late B"], { startedAt: startedAt + 1, result });
    await service.store.calls.mark(ID, ["A", "B"], action === "failed" ? "FAILED" : "SUCCESS", Date.now());
    const before = await statuses();
    const asked = await confirm(confirmation);
    expect(asked.status).toBe(409);
    expect(asked.text).toContain("Now they are 2.");
    expect(await statuses()).toEqual(before);
  });

  it("aren't marked if one was retried since, though the clock was set back", async () => {
    await accept("A", "B");
    await attempt(["A", "B"], { startedAt: Date.now() - 2_000 });
    const confirmation = await visitor.open(`${CONFIRM}?action=success&all=on`);
    await attempt(["A"], { startedAt: Date.now() - HOUR, cause: "retry", result: answered(503) });
    const asked = await confirm(confirmation);
    expect([asked.status, asked.text]).toEqual([409, expect.stringContaining("Now they are 2.")]);
    expect(await statuses()).toEqual({ A: "FAILED", B: "FAILED" });
    expect((await confirm(asked)).text).toContain("2 calls were marked successful.");
  });

  it("aren't marked while too many bytes are in memory, and are when the form is sent again", async () => {
    await accept("A", "B");
    await attempt(["A", "B"], {});
    const confirmation = await visitor.open(`${CONFIRM}?action=success&all=on`);
    service.app.answers.tryReserve("user demo", 64 * 1024 * 1024);
    const before = await statuses();
    const refused = await confirm(confirmation);
    expect([refused.status, refused.headers["retry-after"], await statuses()]).toEqual([503, "5", before]);
    service.app.answers.release("user demo", 64 * 1024 * 1024);
    expect((await confirm(confirmation)).text).toContain("2 calls were marked successful.");
    expect(service.app.answers.hasRoom("user demo", 96 * 1024 * 1024)).toBe(true);
  });

  it("are counted as they are now, whatever time a URL names", async () => {
    await accept("A");
    const confirmation = await visitor.open(`${CONFIRM}?action=success&all=on&at=${Date.now() + HOUR}`);
    expect(confirmation.text).toContain("Nothing to change");
    await attempt(["A"], { startedAt: Date.now() });
    const form = fieldsOf(await visitor.open(`${CONFIRM}?action=success&all=on&at=${Date.now() + HOUR}`));
    expect(Number(new Map(form).get("at"))).toBeLessThanOrEqual(Date.now());
  });

  it("are marked failed again by Undo: those of that mark, as far as they haven't changed", async () => {
    await accept("A", "B", "C", "earlier");
    await attempt(["A", "B", "C", "earlier"], {});
    await service.store.calls.mark(ID, ["earlier"], "SUCCESS", Date.now() - HOUR);
    const marked = await confirm(await visitor.open(`${CONFIRM}?action=success&all=on&q=yes`));
    expect(marked.text).toContain("3 calls were marked successful. Undo");
    await attempt(["C"], { startedAt: Date.now() + 1, result: ACCEPTED });
    const undo = await visitor.open(linkOf(marked, "Undo"));
    expect(undo.text).toContain("Mark 2 calls failed again");
    const page = await confirm(undo);
    expect(page.url).toBe(`${CALLS}?q=yes`);
    expect(page.text).toContain("2 calls were marked failed again.");
    expect(await statuses()).toMatchObject({ A: "FAILED user", B: "FAILED user", earlier: "SUCCESS user" });
  });

  it("that wait can be marked, and successful ones marked failed again, but nothing else", async () => {
    await accept("P", "S");
    await attempt(["S"], { startedAt: Date.now() - HOUR, result: ACCEPTED });
    expect((await visitor.open(`${CONFIRM}?action=success&all=on&status=PENDING`)).text).toMatch(
      /Nothing to change|Mark 1 call successful/,
    );
    expect((await visitor.open(`${CONFIRM}?action=failed&all=on&status=SUCCESS`)).text).toContain("Mark 1 call failed again");
    for (const query of ["action=replay&all=on&status=SUCCESS", "action=failed&all=on&status=PENDING", "action=erase&all=on"])
      expect((await visitor.open(`${CONFIRM}?${query}`)).status).toBe(422);
  });
});

describe("a confirmation", () => {
  it("sent twice acts once, also at the same time, and the answer is the same", async () => {
    await accept("A", "B");
    await attempt(["A", "B"], {});
    const confirmation = await visitor.open(`${CONFIRM}?action=success&all=on`);
    const pages = await Promise.all([confirm(confirmation), confirm(confirmation)]);
    pages.push(await confirm(confirmation));
    for (const { url, text } of pages) {
      expect(url).toBe(CALLS);
      expect(text).toContain("2 calls were marked successful. Undo");
    }
    expect(await statuses()).toEqual({ A: "SUCCESS user", B: "SUCCESS user" });
  });

  it.each(["all=on", "call=A&call=B&call=C"])("sent again after its Undo does nothing, and says so (%s)", async (query) => {
    await accept("A", "B", "C");
    await attempt(["A", "B", "C"], {});
    const confirmation = await visitor.open(`${CONFIRM}?action=success&${query}`);
    const marked = await confirm(confirmation);
    expect((await confirm(confirmation)).text).toContain("3 calls were marked successful. Undo");
    const undo = await visitor.open(linkOf(marked, "Undo"));
    await service.store.calls.mark(ID, ["C"], "FAILED", Date.now());
    const asked = await confirm(undo);
    expect(asked.text).toContain("Now they are 2.");
    expect((await confirm(asked)).text).toContain("2 calls were marked failed again.");
    const again = await confirm(confirmation);
    expect(again.text).toContain("No call was marked successful. 3 had changed in the meantime: left as they are.");
    expect(again.html).not.toContain("marked=");
    await attempt(["A"], { startedAt: Date.now() });
    expect((await confirm(confirmation)).text).toContain("No call was marked successful.");
    expect(await statuses()).toEqual({ A: "FAILED user", B: "FAILED user", C: "FAILED user" });
  });

  it("is one mark, also beside another that was opened in the same millisecond", async () => {
    await accept("A", "B");
    await attempt(["A", "B"], {});
    const pages = await Promise.all(["A", "B", "A", "B"].map((id) => visitor.open(`${CONFIRM}?action=success&call=${id}`)));
    expect(new Set(pages.map((page) => new Map(fieldsOf(page)).get("at"))).size).toBe(4);
    const [first, second] = pages;
    if (first === undefined || second === undefined) throw new Error("no pages");
    const marked = await confirm(first);
    await confirm(second);
    await confirm(await visitor.open(linkOf(marked, "Undo")));
    expect(await statuses()).toEqual({ A: "FAILED user", B: "SUCCESS user" });
  });

  it("with another time than its own changes nothing", async () => {
    await accept("A");
    await attempt(["A"], {});
    const fields = fieldsOf(await visitor.open(`${CONFIRM}?action=success&call=A`));
    const at = new Map(fields).get("at");
    for (const other of [`${Number(at) + HOUR}`, `${Number(at) - 1}`, ""]) {
      const page = await visitor.post(
        CONFIRM,
        fields.map(([name, value]) => [name, name === "at" ? other : value] as const),
      );
      expect([page.status, page.text]).toEqual([422, expect.stringContaining("The form is incomplete")]);
    }
    expect(await statuses()).toEqual({ A: "FAILED" });
  });

  it("of a copy of the database, which has the same session and key, changes nothing", async () => {
    await accept("A");
    await attempt(["A"], {});
    const confirmation = await visitor.open(`${CONFIRM}?action=success&call=A`);
    const original = service;
    service = await openService({ store: { ...original.store, databaseId: "another" } });
    const { cookies } = visitor;
    visitor = new Visitor(service.app);
    for (const [name, value] of cookies) visitor.cookies.set(name, value);
    const page = await confirm(confirmation);
    await original.app.close();
    expect([page.status, page.text]).toEqual([422, expect.stringContaining("The form is incomplete")]);
    expect(await statuses()).toEqual({ A: "FAILED" });
  });

  it("asks again if more calls match than it counted: a mark that was shown before and made after", async () => {
    await accept("A", "B", "S");
    await attempt(["A", "B"], {});
    await attempt(["S"], { result: ACCEPTED });
    const mark = await visitor.open(`${CONFIRM}?action=success&all=on`);
    // The service's clock is a second ahead, since what changed within half a second isn't counted.
    const clock = { ...systemClock, now: () => Date.now() + 1_000 };
    const ahead = await openService({ store: service.store, clock });
    const colleague = await new Visitor(ahead.app).signIn();
    const again = await colleague.open(`${CONFIRM}?action=failed&all=on&status=SUCCESS`);
    expect(again.text).toContain("Mark 1 call failed again");
    await confirm(mark);
    const asked = await colleague.post(CONFIRM, fieldsOf(again));
    expect([asked.status, asked.text]).toEqual([409, expect.stringContaining("Now they are 3")]);
    expect(await statuses()).toEqual({ A: "SUCCESS user", B: "SUCCESS user", S: "SUCCESS dispatcher" });
    expect((await colleague.post(CONFIRM, fieldsOf(asked))).text).toContain("3 calls were marked failed again.");
    await ahead.app.close();
  });

  it("without the form's token changes nothing", async () => {
    await accept("A");
    await attempt(["A"], {});
    const confirmation = await visitor.open(`${CONFIRM}?action=success&all=on`);
    const page = await visitor.post(CONFIRM, { ...Object.fromEntries(fieldsOf(confirmation)), token: "guessed" });
    expect(page.status).toBe(403);
    expect(await statuses()).toEqual({ A: "FAILED" });
  });

  it("says who sends the callback's calls, and can be sent again afterwards", async () => {
    await accept("A");
    await attempt(["A"], {});
    const lease = { run: "20260101-000000-ABCD", holder: "ada@laptop", done: 0, total: 9 };
    await service.store.runLeases.take(ID, lease, Date.now());
    const confirmation = await visitor.open(`${CONFIRM}?action=replay&call=A`);
    const refused = await confirm(confirmation);
    expect([refused.status, refused.text]).toEqual([
      409,
      expect.stringContaining("Run 20260101-000000-ABCD of ada@laptop is working on its calls"),
    ]);
    await service.store.runLeases.release(ID, lease, Date.now());
    expect((await confirm(refused)).text).toContain("The replay of 1 call was requested.");
  });
});

describe("a replay", () => {
  it.each(["call=A", "all=on"])("of %s asks again if its destination or key has changed", async (calls) => {
    await accept("A");
    await attempt(["A"], {});
    let page = await visitor.open(`${CONFIRM}?action=replay&${calls}`);
    const settings = { ...CALLBACK_SETTINGS, retriesEnabled: false };
    for (const change of [{ url: "http://127.0.0.1:9001/elsewhere" }, { auth: { ...settings.auth, key: "another" } }]) {
      await service.store.callbacks.update(ID, { ...settings, ...change }, Date.now(), DEFAULT_RETRY_POLICY);
      page = await confirm(page);
      expect([page.status, page.text]).toEqual([409, expect.stringContaining("Nothing was sent: check it again")]);
      if (change.url !== undefined) expect(page.text).toContain(`Destination URL: ${change.url}`);
      expect(await service.store.replays.list(ID, 9)).toEqual([]);
    }
    expect((await confirm(page)).text).toContain("The replay of 1 call was requested.");
  });

  it("is a page with its progress, is requested once, and can be stopped", async () => {
    const ids = Array.from({ length: 5 }, (_, index) => `C${index}`);
    await accept(...ids);
    await attempt(ids, {});
    const confirmation = await visitor.open(`${CONFIRM}?action=replay&all=on`);
    const page = await confirm(confirmation);
    expect(page.url).toMatch(new RegExp(`^/console/callbacks/${ID}/replays/[0-9A-F]{16}$`));
    expect(page.text).toContain("The replay of 5 calls was requested.");
    expect(page.text).toContain("0 of 5 calls done");
    await attempt(["C0"], { startedAt: Date.now(), cause: "replay", result: ACCEPTED });
    await attempt(["C1"], { startedAt: Date.now(), cause: "replay" });
    expect((await confirm(confirmation)).text).toContain("2 of 5 calls done Successful 1 Failed again 1");
    expect((await service.store.replays.list(ID, 9)).map(({ total }) => total)).toEqual([5]);
    expect((await visitor.open(CALLS)).text).toContain("The service is replaying 5 calls, of which 3 are left.");

    const [form = ""] = page.html.match(/<form[^>]*replays.*?<\/form>/s) ?? [];
    expect((await visitor.post(page.url, { token: "guessed" })).status).toBe(403);
    const stopped = await visitor.post(page.url, { token: /name="token" value="([^"]*)"/.exec(form)?.[1] ?? "" });
    expect(stopped.text).toContain("Stopped: 2 calls had been sent, 3 won't be sent by this replay.");
    expect(stopped.text).toContain("stopped requested");
    expect(stopped.text).toContain("2 of 5 calls done Successful 1 Failed again 1 Not sent 3 Left 0");
    expect(stopped.text).toContain("by demo");
    expect(await fetchReplays(service.store, ID, 9)).toEqual([]);
    expect(linkOf(stopped, "Replay the rest…")).toBe(`${CONFIRM}?rest=${page.url.slice(-16)}`);
    const list = await visitor.open(`/console/callbacks/${ID}/replays`);
    expect(list.text).toMatch(/ stopped demo 5 1 1 3 0/);
    expect(linkOf(list, /^\d{4}-.*\d$/)).toBe(page.url);
  });

  it("that was stopped leads to replaying the rest: what it hasn't sent of its calls", async () => {
    await accept("A", "B", "C", "other");
    await attempt(["A", "B", "C"], {});
    await attempt(["other"], { result: answered(500) });
    const running = await confirm(await visitor.open(`${CONFIRM}?action=replay&all=on&statusCode=503`));
    await attempt(["A"], { startedAt: Date.now(), cause: "replay" });
    const id = running.url.slice(-16);
    const cancel = { replayId: id, now: Date.now(), policy: DEFAULT_RETRY_POLICY, random: 0.5 };
    await service.store.replays.cancelChunk(ID, { ...cancel, begunCalls: () => new Set() });
    const rest = await visitor.open(`${CONFIRM}?rest=${id}`);
    expect(rest.text).toContain("What wasn't sent of a replay: all failed calls of the callback that match this filter");
    const page = await confirm(rest);
    expect(page.text).toMatch(/The replay of 2 calls was requested\. .* by demo .* Status code 503/);
    expect((await fetchReplays(service.store, ID, 9)).map((call) => call.id)).toEqual(["B", "C"]);
  });

  it("that was stopped asks to wait with its rest while calls of it are left", async () => {
    await accept("A", "B");
    await attempt(["A", "B"], {});
    const id = (await confirm(await visitor.open(`${CONFIRM}?action=replay&all=on`))).url.slice(-16);
    const seq = (await service.store.calls.find(ID, "A"))?.seq ?? 0;
    const cancel = { replayId: id, now: Date.now(), policy: DEFAULT_RETRY_POLICY, random: 0.5 };
    await service.store.replays.cancelChunk(ID, { ...cancel, begunCalls: () => new Set([seq]) });
    const early = await visitor.open(`${CONFIRM}?rest=${id}`);
    expect([early.status, early.text]).toEqual([
      409,
      expect.stringContaining("1 call of the replay is still waiting or being sent"),
    ]);
    await attempt(["A"], { startedAt: Date.now(), cause: "replay" });
    expect((await confirm(await visitor.open(`${CONFIRM}?rest=${id}`))).text).toContain("The replay of 1 call was requested.");
  });

  it("of calls that were selected one by one leads to its rest too", async () => {
    await accept("A", "B", "C");
    await attempt(["A", "B", "C"], {});
    const id = (await confirm(await visitor.open(`${CONFIRM}?action=replay&call=A&call=B`))).url.slice(-16);
    await attempt(["A"], { startedAt: Date.now(), cause: "replay" });
    const cancel = { replayId: id, now: Date.now(), policy: DEFAULT_RETRY_POLICY, random: 0.5 };
    await service.store.replays.cancelChunk(ID, { ...cancel, begunCalls: () => new Set() });
    expect((await confirm(await visitor.open(`${CONFIRM}?rest=${id}`))).text).toContain("The replay of 1 call was requested.");
    expect((await fetchReplays(service.store, ID, 9)).map((call) => call.id)).toEqual(["B"]);
  });

  it("is confirmed with what its calls are: by reason, in which time, and some of them", async () => {
    await accept("A", "B", "C", "D");
    await attempt(["A", "B", "C"], { startedAt: Date.UTC(2026, 0, 1) });
    await attempt(["D"], { startedAt: Date.UTC(2026, 0, 2), result: UNREACHABLE });
    for (const action of ["replay", "success"]) {
      const { html, text } = await visitor.open(`${CONFIRM}?action=${action}&all=on`);
      expect(text).toContain("Last attempted 2026-01-01 00:00:00 UTC to 2026-01-02 00:00:00 UTC");
      expect(text).toContain("By reason 503 3 connection refused 1");
      expect(text).toMatch(/ From and text D 2026-01-02 00:00:00 failed connection refused: .* 61400000001 Yes /);
      // An element has the direction of its own text.
      expect(html).toContain("<span>Yes</span>");
      expect(text).not.toMatch(/ A failed /);
    }
  });

  it("is confirmed with how many of its calls the endpoint may have, and the command that compares", async () => {
    await accept("A", "B", "C", "D");
    await attempt(["D"], { result: answered(200) });
    await service.store.calls.mark(ID, ["D"], "FAILED", Date.now() - HOUR / 2);
    await attempt(["A"], { result: { kind: "unreachable", reason: "response-timeout", detail: "no answer within 60 s" } });
    await attempt(["B"], { result: answered(504) });
    await attempt(["C"], { result: UNREACHABLE });
    const noticeOf = async (query: string) =>
      /The endpoint may have .*rest\./.exec((await visitor.open(`${CONFIRM}?${query}`)).text)?.[0];
    const because =
      "as it gave no complete answer, or answered 200. whcb reconcile demo --seen FILE marks what your system has and sends the rest.";
    for (const calls of ["all=on", "call=A&call=B&call=C&call=D"]) {
      expect(await noticeOf(`action=replay&${calls}`)).toBe(`The endpoint may have 3 of them, ${because}`);
      expect(await noticeOf(`action=success&${calls}`)).toBeUndefined();
    }
    expect(await noticeOf("action=replay&call=A")).toBe(`The endpoint may have it, ${because}`);
    expect(await noticeOf("action=replay&call=C")).toBeUndefined();
  });

  it("of one call leads to the call", async () => {
    await accept("A");
    await attempt(["A"], {});
    const page = await confirm(await visitor.open(`${CONFIRM}?action=replay&call=A`));
    expect(page.text).toContain("The replay of 1 call was requested. Show the call");
    expect(page.text).toContain(`Replay of 1 call ${CALLBACK_SETTINGS.name} up `);
    expect(linkOf(page, "Show the call")).toBe(`${CALLS}/A`);
  });

  it.each(["all=on", "call=A&call=B"])("is requested once also if the service was started again between (%s)", async (query) => {
    await accept("A", "B");
    await attempt(["A", "B"], {});
    const confirmation = await visitor.open(`${CONFIRM}?action=replay&${query}`);
    const first = await confirm(confirmation);
    await attempt(["A", "B"], { startedAt: Date.now(), cause: "replay" });
    const { app } = await openService({ store: service.store });
    const later = new Visitor(app);
    for (const [name, value] of visitor.cookies) later.cookies.set(name, value);
    const second = await later.post(CONFIRM, fieldsOf(confirmation));
    await app.close();
    expect([second.status, second.url]).toEqual([200, first.url]);
    expect(second.text).toContain("2 of 2 calls done Successful 0 Failed again 2");
    expect(await fetchReplays(service.store, ID, 9)).toEqual([]);
  });

  it.each(["all=on", "call=A&call=B"])(
    "leaves calls with an earlier one, and says so also if it is sent twice (%s)",
    async (query) => {
      await accept("A", "B");
      await attempt(["A", "B"], {});
      const selection = { callIds: ["A"] };
      await service.store.replays.request(ID, { id: "earlier", selection, by: null }, Date.now() - HOUR / 2);
      const confirmation = await visitor.open(`${CONFIRM}?action=replay&${query}`);
      for (const page of [await confirm(confirmation), await confirm(confirmation)])
        expect(page.text).toContain("The replay of 2 calls was requested. 1 of them waits for an earlier replay already.");
    },
  );

  it("of nobody is a page that says so", async () => {
    expect((await visitor.open(`/console/callbacks/${ID}/replays/nope`)).status).toBe(404);
    expect((await visitor.open(`/console/callbacks/${ID}/replays`)).text).toContain("No replays");
  });
});

const UNREACHABLE = { kind: "unreachable", reason: "refused", detail: "connect ECONNREFUSED" } as const;

function answered(statusCode: number) {
  const statusMessage = statusCode === 503 ? "Service Unavailable" : "";
  return { kind: "answered", statusCode, statusMessage, body: "" } as const;
}

async function accept(...ids: readonly string[]): Promise<void> {
  const calls = ids.map((id) => ({ id, response: aResponse() }));
  await service.store.calls.accept([{ callbackId: ID, calls }], 0);
}

/** The attempt got a 503 an hour ago, unless said otherwise. */
async function attempt(ids: readonly string[], over: Partial<Attempt>, callbackId = ID): Promise<void> {
  const attempts = [];
  for (const id of ids) {
    const call = (await service.store.calls.find(callbackId, id)) ?? expect.fail(`no call ${id}`);
    const made = anAttempt({ number: call.attemptCount + 1, startedAt: Date.now() - HOUR, ...over });
    attempts.push({ callbackId, callId: call.id, callSeq: call.seq, attempt: made, random: 0.5, recovery: 0 });
  }
  const group = {
    attempts,
    holdings: [],
    endpoints: [],
    closedOutages: [],
    mails: [],
    fences: new Map(),
    policy: DEFAULT_RETRY_POLICY,
    isRepeated: false,
  };
  await service.store.outcomes.commit(group);
}

async function otherCallback(callId: string, result: Attempt["result"]): Promise<void> {
  const { id } = await service.store.callbacks.create("FEDCBA9876543210", { ...callback, name: "other" }, 0);
  await service.store.calls.accept([{ callbackId: id, calls: [{ id: callId, response: aResponse() }] }], 0);
  await attempt([callId], { startedAt: Date.now() - HOUR / 2, result }, id);
}

/** Returns the status of each call, and who settled it. */
async function statuses(): Promise<Record<string, string>> {
  const page = await service.store.calls.list(ID, { filter: {}, limit: 100, offset: 0, sort: [] });
  const entries = page.items.map(({ id, status, settledBy }) => [id, [status, settledBy].filter(Boolean).join(" ")]);
  return Object.fromEntries(entries);
}

function callsOn({ html }: PageSeen): readonly string[] {
  return [...html.matchAll(/name="call" value="([^"]*)"/g)].map(([, id = ""]) => id);
}

/** Finds a link by its whole text. */
function linkOf({ html }: PageSeen, wanted: string | RegExp): string {
  for (const [, href = "", inner = ""] of html.matchAll(/<a\b[^>]*?href="([^"]*)"[^>]*>(.*?)<\/a>/gs)) {
    const text = inner
      .replace(/<[^>]+>/g, "")
      .replace(/\s+/g, " ")
      .trim();
    if (typeof wanted === "string" ? text === wanted : wanted.test(text)) return href.replaceAll("&amp;", "&");
  }
  throw new Error(`no link ${wanted}`);
}

/** Returns where the list's form leads with "All that match". */
function selectAll({ html }: PageSeen, action: string): string {
  const [form = ""] = html.match(/<form class="selection".*?<\/form>/s) ?? [];
  const hidden = [...form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
  const query = new URLSearchParams(hidden.map(([, name = "", value = ""]) => [name, value]));
  return `${CONFIRM}?${query}&all=on&action=${action}`;
}

function fieldsOf({ html }: PageSeen): [string, string][] {
  const [form = ""] = html.match(/<form[^>]*\/confirm".*?<\/form>/s) ?? [];
  const inputs = [...form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
  return inputs.map(([, name = "", value = ""]) => [name, value.replaceAll("&amp;", "&").replaceAll("&quot;", '"')]);
}

function confirm(confirmation: PageSeen, more: readonly [string, string][] = []): Promise<PageSeen> {
  return visitor.post(CONFIRM, [...fieldsOf(confirmation), ...more]);
}
