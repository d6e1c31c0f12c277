import { afterEach, describe, expect, it } from "vitest";
import type { OpenOutage } from "../../src/domain/outage.js";
import { accept, aGroup, anEndpoint, attempt, hold } from "../contract/store-support.js";
import { HOST, Visitor } from "../support/server/console-visitor.js";
import { CALLBACK_SETTINGS, closeService, openService, type Service } from "../support/server/server-fixture.js";

const ID = "0123456789ABCDEF";
const PATH = `/console/callbacks/${ID}/outages`;
const MINUTE = 60_000;
const NOON = Date.UTC(2026, 10, 26, 12);

let service: Service;
let now = NOON;

afterEach(() => closeService(service));

async function start(name = "Replies"): Promise<Visitor> {
  now = NOON;
  const clock = { now: () => now, monotonicMs: () => now, sleepUntil: async () => {}, nextTurn: async () => {} };
  service = await openService({ clock });
  await service.store.callbacks.create(ID, { ...CALLBACK_SETTINGS, name }, NOON);
  return new Visitor(service.app).signIn();
}

const anOutage = (over: Partial<OpenOutage> = {}): OpenOutage => ({
  id: "A".repeat(32),
  startedAt: NOON,
  failedCalls: 3,
  quietSince: null,
  ...over,
});

async function open(outage: OpenOutage, text = "It failed.\n"): Promise<void> {
  const endpoint = anEndpoint({ state: "down", downSince: outage.startedAt });
  const mail = { outageId: outage.id, callbackId: ID, to: "ops@example.com", subject: "Replies fails", text, createdAt: now };
  await service.store.outcomes.commit(aGroup({ endpoints: [{ callbackId: ID, endpoint, outage }], mails: [mail] }));
}

async function close(outage: OpenOutage, endedAt: number): Promise<void> {
  await service.store.outcomes.commit(aGroup({ closedOutages: [{ ...outage, callbackId: ID, endedAt }] }));
}

describe("the outages of a callback", () => {
  it("are none at first, and the page says that they appear by themselves", async () => {
    const page = await (await start()).open(PATH);
    expect([page.status, page.text]).toEqual([200, expect.stringContaining("No outage so far")]);
    expect(page.html).toContain(`data-topic="${ID}"`);
  });

  it("name the calls that weren't sent, since it was down, in words", async () => {
    const visitor = await start();
    const callback = await service.store.callbacks.find(ID);
    if (callback === null) throw new Error("it was created");
    await accept(service.store, callback, ["A", "B", "C"]);
    await open(anOutage());
    await attempt(service.store, callback, ["A"], { startedAt: NOON + 1_000, outageId: anOutage().id });
    await hold(service.store, callback, ["B", "C"], NOON + 2_000, anOutage().id);
    expect((await visitor.open(PATH)).text).toContain("Why they failed not sent 2 503 1 What became");
  });

  it("say when it went down, how large the backlog was, what replays did, and what was mailed", async () => {
    const visitor = await start();
    const { store } = service;
    const callback = await store.callbacks.find(ID);
    if (callback === null) throw new Error("it was created");
    await accept(store, callback, ["A", "B", "C"], NOON);
    await open(anOutage());
    await attempt(store, callback, ["A", "B", "C"], { startedAt: NOON + 1_000, outageId: anOutage().id });
    await store.activity.sampleWaiting(NOON + 5 * MINUTE, 0, 9);
    await store.mails.recordSent(anOutage().id, NOON + 2_000, "smtp");
    await store.replays.request(ID, { id: "R", by: null, selection: { callIds: ["A", "B"] } }, NOON + 20 * MINUTE);
    const replay = { cause: "replay", startedAt: NOON + 20 * MINUTE } as const;
    await attempt(store, callback, ["A"], {
      ...replay,
      result: { kind: "answered", statusCode: 200, statusMessage: "", body: "" },
    });
    await attempt(store, callback, ["B"], replay);
    now = NOON + 40 * MINUTE;
    await close(anOutage(), NOON + 30 * MINUTE);
    const { text, html } = await visitor.open(PATH);
    expect(text).toContain("Outage of 2026-11-26 12:00:00 UTC ended");
    expect(text).toContain("Ended 2026-11-26 12:30:00 UTC Duration 30m Calls that failed in it 3");
    expect(text).toContain(
      "Calls that failed in it 3 Why they failed 503 3 What became of them 1 successful by a replay, 2 still failed",
    );
    expect(text).toContain("Largest backlog of the callback 3 at 2026-11-26 12:00:00 UTC Its backlog now 2 failed , 0 waiting");
    expect(text).toContain("E-mail sent at 2026-11-26 12:00:02 UTC");
    expect(text).toContain("To ops@example.com Subject Replies fails Sent 2026-11-26 12:00:02 UTC It failed.");
    expect(html).toContain("chart-accepted-replays");
    expect(html).toContain("chart-failed-replays");
    const week = await visitor.open(`${PATH}?span=week`);
    expect(week.html).toContain("The largest backlog shown is 3.");
    expect(week.text).toContain("Backlog, most in the 3 hours 2026-11-26 12:00:00 UTC 0 3 1 1 3 ");
  });

  it("have the same state as their endpoint at the page's head, and say when they end", async () => {
    const visitor = await start();
    const commit = (state: "down" | "recovering" | "up", quietSince: number | null) => {
      const endpoint = anEndpoint({
        state,
        downSince: state === "down" ? NOON : null,
        recoveringSince: state === "recovering" ? quietSince : null,
      });
      const outage = anOutage({ quietSince });
      return service.store.outcomes.commit(aGroup({ endpoints: [{ callbackId: ID, endpoint, outage }] }));
    };
    await commit("down", null);
    const down = await visitor.open(PATH);
    expect(down.text).toContain("down since 2026-11-26 12:00:00 UTC");
    expect(down.text).toMatch(/Outage of 2026-11-26 12:00:00 UTC open, down .*Ended not yet Duration/);
    await commit("recovering", NOON + MINUTE);
    now = NOON + 2 * MINUTE;
    expect((await visitor.open(PATH)).text).toMatch(
      /recovering since 2026-11-26 12:01:00 UTC .* open, recovering .*not yet Duration/,
    );
    await commit("up", NOON + MINUTE);
    const { text } = await visitor.open(PATH);
    expect(text).toMatch(/recovering since 2026-11-26 12:01:00 UTC .* open, recovering /);
    expect(text).toContain("Ended not yet; at 2026-11-26 12:06:00 UTC if no other call fails until then Duration");
    expect(text).not.toContain(" up ");
  });

  it("say why an e-mail isn't sent yet", async () => {
    const visitor = await start();
    await open(anOutage());
    expect((await visitor.open(PATH)).text).toContain("E-mail not sent yet Backlog");
    await service.store.mails.recordFailed(anOutage().id, "421 <busy>", NOON + 5 * MINUTE);
    const { text, html } = await visitor.open(PATH);
    expect(text).toContain("not sent yet: 421 &lt;busy>; next try at 2026-11-26 12:05:00 UTC");
    expect(html).toContain("The e-mail, not sent yet");
    expect(html).not.toContain("<busy>");
  });

  it("are listed newest first, page by page; any of them can be chosen, with the time that is shown", async () => {
    const visitor = await start();
    for (let day = 0; day < 21; day++) {
      const outage = anOutage({ id: `O${day}`, startedAt: NOON + day * 1440 * MINUTE });
      await close(outage, outage.startedAt + 10 * MINUTE);
    }
    now = NOON + 30 * 1440 * MINUTE;
    await visitor.signIn();
    const first = await visitor.open(PATH);
    expect(first.text).toContain("Outage of 2026-12-16 12:00:00 UTC ended");
    const [, next = ""] = /href="([^"]*cursor=[^"]*)"/.exec(first.html) ?? [];
    const second = await visitor.open(next.replaceAll("&amp;", "&"));
    expect(second.text).toContain("Began Ended State Duration Failed calls E-mail 2026-11-26 12:00:00 UTC");
    expect(second.text).not.toContain("Outage of");
    const chosen = await visitor.open(`${PATH}/O3?span=week`);
    expect(chosen.text).toContain("Outage of 2026-11-29 12:00:00 UTC ended");
    expect(chosen.html).toContain(`<a href="${PATH}/O3?span=week" aria-current="true">`);
    expect(chosen.text).toContain("2026-11-29 11:55 UTC to 2026-12-06 11:55 UTC. The outage began");
  });

  it("of other callbacks aren't found here", async () => {
    const visitor = await start();
    await open(anOutage());
    await service.store.callbacks.create("F".repeat(16), { ...CALLBACK_SETTINGS, name: "other" }, NOON);
    expect((await visitor.open(`/console/callbacks/${"F".repeat(16)}/outages/${anOutage().id}`)).status).toBe(404);
    expect((await visitor.open(`${PATH}/nope`)).status).toBe(404);
    expect((await visitor.open(`${PATH}/${anOutage().id}`)).status).toBe(200);
  });

  it("escape what others have written", async () => {
    const visitor = await start("<script>alert(1)</script>");
    await open(anOutage(), "</pre><script>alert(2)</script>\n");
    const { html, text } = await visitor.open(PATH);
    expect(html).not.toContain("<script>alert");
    expect(text).toContain("&lt;/pre>&lt;script>alert(2)");
  });
});

describe("a page that follows its callback", () => {
  const versionOf = (html: string) => /data-version="([^"]+)"/.exec(html)?.[1];

  it("has the version of what it shows", async () => {
    const visitor = await start();
    const before = versionOf((await visitor.open(PATH)).html);
    expect(before).toMatch(/^[\w-]{16}$/);
    expect(versionOf((await visitor.open(PATH)).html)).toBe(before);
    await open(anOutage());
    const { html } = await visitor.open(PATH);
    expect(versionOf(html)).not.toBe(before);
    expect((await service.store.callbacks.readVersions([ID])).get(ID)).toBe(versionOf(html));
  });

  it("is refreshed without keeping the session alive, and without taking the next page's notice", async () => {
    const visitor = await start();
    const refresh = async (): Promise<number> => {
      const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      const answer = await service.app.inject({ url: PATH, headers: { host: HOST, cookie, "x-refresh": "1" } });
      expect(answer.headers["set-cookie"]).toBeUndefined();
      return answer.statusCode;
    };
    visitor.cookies.set("whcb-notice", "a.b");
    for (let minutes = 0; minutes < 59; minutes += 10) {
      now = NOON + minutes * MINUTE;
      expect(await refresh()).toBe(200);
    }
    now = NOON + 60 * MINUTE;
    expect(await refresh()).toBe(401);
  });
});
