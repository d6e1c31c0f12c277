/** The contract, case by case: over a socket and in process, in JSON and in XML. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { BodyFormat } from "../../src/domain/callback.js";
import { systemClock } from "../../src/platform/clock.js";
import { listOf, objectOf, textOf } from "../../src/wire/json/json-value.js";
import { aResponse } from "../support/builders.js";
import { BUSY, OK, pendingCalls, REFUSED, recordAttempts } from "../support/server/recorded-calls.js";
import { CALLBACK_BODY, CREDENTIALS, closeService, openService, type Service } from "../support/server/server-fixture.js";
import { Caller, inProcess, overHttp, type Transport } from "../support/server/service-callers.js";
import { aGroup, anEndpoint } from "./store-support.js";

const MADE_UP = /^[0-9A-F]{32}$/;
const FIRST_AT = Date.UTC(2026, 0, 9, 2, 22);

describe.each(["over HTTP", "in process"] as const)("a callbacks service %s", (way) => {
  describe.each(["json", "xml"] as const)("in %s", (format) => {
    describeService(way, format);
  });
});

function describeService(way: "over HTTP" | "in process", format: BodyFormat): void {
  let service: Service;
  let caller: Caller;
  let stoppedAt: number | null = null;

  beforeAll(async () => {
    service = await openService({ clock: { ...systemClock, now: () => stoppedAt ?? systemClock.now() } });
    let transport: Transport = inProcess(service.app);
    if (way === "over HTTP") transport = overHttp(await service.app.listen({ port: 0, host: "127.0.0.1" }));
    caller = new Caller(transport, format);
  });
  afterAll(() => closeService(service));
  beforeEach(async () => {
    stoppedAt = null;
    for (const { id } of (await service.store.callbacks.list({ limit: 500, offset: 0, sort: [] })).items) {
      await service.store.callbacks.delete(id, Date.now());
    }
    while ((await service.store.retention.purgeDeleted(5000)) > 0);
    service.work.length = 0;
  });

  async function createDemo(change: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const answer = await caller.send("POST", "/callbacks", "callback", { ...CALLBACK_BODY, ...change });
    expect(answer.status).toBe(201);
    return textOf(answer.document.id);
  }

  const submit = (path: string, ...calls: readonly Record<string, unknown>[]) =>
    caller.send("POST", path, "calls", calls.length === 1 ? { calls: [calls[0]] } : { calls });

  describe("callbacks", () => {
    it("creates one, gets it by id and by name, and lists it", async () => {
      const created = await caller.send("POST", "/callbacks", "callback", CALLBACK_BODY);
      const id = textOf(created.document.id);
      expect(created.status).toBe(201);
      expect(id).toMatch(/^[0-9A-F]{16}$/);
      expect(created.headers.location).toMatch(new RegExp(`^http://[^/]+/callbacks/${id}$`));
      const { link: _, ...document } = created.document;
      expect(document).toEqual({
        id,
        ...CALLBACK_BODY,
        retriesEnabled: caller.said(true),
        state: "up",
        waitingSince: caller.said(null),
      });
      const byId = await caller.get(`/callbacks/${id}`);
      const byName = await caller.get("/callbacks/demo");
      expect([byId.status, byId.document, byName.document]).toEqual([200, created.document, created.document]);
      const list = await caller.get("/callbacks");
      expect([list.status, list.document.status, caller.items(list.document, "callbacks")]).toEqual([
        200,
        "1 to 1 of 1",
        [created.document],
      ]);
    });

    it("answers 'No records found' if there are none", async () => {
      const list = await caller.get("/callbacks");
      expect([list.status, list.document]).toEqual([200, { status: "No records found" }]);
    });

    it("accepts the older spelling of queryparam and returns the newer", async () => {
      const id = await createDemo({ auth: { type: "querystring", key: "k" } });
      expect((await caller.get(`/callbacks/${id}`)).document.auth).toEqual({ type: "queryparam", key: "k" });
    });

    it("has retries off by default, and accepts a boolean as text", async () => {
      const { retriesEnabled: _, ...unsaid } = CALLBACK_BODY;
      const first = await caller.send("POST", "/callbacks", "callback", unsaid);
      const second = await caller.send("POST", "/callbacks", "callback", { ...unsaid, name: "two", retriesEnabled: "true" });
      expect([first.document.retriesEnabled, second.document.retriesEnabled]).toEqual([caller.said(false), caller.said(true)]);
    });

    it("rejects a name that is taken with 400, also on an update", async () => {
      await createDemo();
      const other = await createDemo({ name: "other" });
      const again = await caller.send("POST", "/callbacks", "callback", CALLBACK_BODY);
      const renamed = await caller.send("PUT", `/callbacks/${other}`, "callback", CALLBACK_BODY);
      expect([again.status, again.document, renamed.status]).toEqual([
        400,
        {
          errorSummary: "The name is taken",
          errorText: "Bad Request",
          errorDetail: "A callback named demo already exists",
        },
        400,
      ]);
    });

    it("names each field that is missing in a 422", async () => {
      const answer = await caller.send("POST", "/callbacks", "callback", { name: "x", callbacks: { reply: "enabled" } });
      expect([answer.status, answer.document.errorText, answer.document.errorDetail]).toEqual([
        422,
        "Unprocessable Entity",
        "url is required; auth is required; contentType is required; email is required",
      ]);
    });

    it("answers a malformed body with 400", async () => {
      const answer = await caller.sendText("POST", "/callbacks", format === "json" ? '{"name":' : "<a><b></a>");
      expect([answer.status, answer.document.errorText]).toEqual([400, "Bad Request"]);
    });

    it("replaces one, keeps the key if none is given, and notifies the dispatcher", async () => {
      const id = await createDemo();
      const change = { ...CALLBACK_BODY, name: "renamed", auth: { type: "bearertoken" }, retriesEnabled: false };
      const answer = await caller.send("PUT", "/callbacks/demo", "callback", change);
      expect([answer.status, answer.text]).toEqual([204, ""]);
      const { link: _, ...document } = (await caller.get(`/callbacks/${id}`)).document;
      expect(document).toEqual({
        id,
        ...change,
        auth: { type: "bearertoken", key: CALLBACK_BODY.auth.key },
        retriesEnabled: caller.said(false),
        state: "up",
        waitingSince: caller.said(null),
      });
      expect(service.work).toEqual([{ callbackId: id, kind: "changed" }]);
    });

    it("deletes one, and then its name is free", async () => {
      const id = await createDemo();
      expect((await caller.delete("/callbacks/demo")).status).toBe(204);
      expect(service.work).toEqual([{ callbackId: id, kind: "changed" }]);
      expect((await caller.get(`/callbacks/${id}`)).status).toBe(404);
      expect((await caller.get(`/callbacks/${id}/calls`)).status).toBe(404);
      expect((await caller.delete(`/callbacks/${id}`)).status).toBe(404);
      await createDemo();
    });

    it("is found by a name that a URL has to escape", async () => {
      await createDemo({ name: "a/b ü?#%" });
      expect((await caller.get(`/callbacks/${encodeURIComponent("a/b ü?#%")}`)).document.name).toBe("a/b ü?#%");
    });

    it("lists them by name, or by id descending", async () => {
      const ids = [await createDemo({ name: "b" }), await createDemo({ name: "a" }), await createDemo({ name: "c" })];
      const names = caller.items((await caller.get("/callbacks")).document, "callbacks").map(({ name }) => name);
      const byId = await caller.get("/callbacks?sortFields=id&sortOrder=desc");
      expect([names, caller.items(byId.document, "callbacks").map(({ id }) => id)]).toEqual([
        ["a", "b", "c"],
        ids.sort().reverse(),
      ]);
    });
  });

  describe("submitting responses", () => {
    it("accepts one call object, generates its id, and notifies the dispatcher", async () => {
      const id = await createDemo();
      const answer = await caller.send("POST", "/callbacks/demo/calls", "call", { responseMessage: { content: "Yes" } });
      const [call] = await pendingCalls(service.store, id);
      expect([answer.status, caller.items(answer.document, "calls")]).toEqual([202, [{ id: call?.id }]]);
      expect(call?.id).toMatch(MADE_UP);
      expect(call?.response).toEqual({
        messageId: "",
        messageLocation: "",
        from: { name: "", mri: "", mobile: "", email: "", voice: "" },
        responseMessage: {
          channel: "",
          kind: "reply",
          date: "",
          content: "Yes",
        },
        customParameters: {},
      });
      expect(service.work).toEqual([{ callbackId: id, kind: "accepted" }]);
    });

    it("accepts every field, and parameters as strings", async () => {
      const id = await createDemo();
      const from = { name: " Fred & <Co> ", mri: "Fred.1", mobile: "+61400000000", email: "f@example.com", voice: "1" };
      const message = { channel: "EMAIL", undeliverable: "09/01/26 13:22", content: "line 1\nline 2 😀" };
      const answer = await submit("/callbacks/demo/calls", {
        id: "mine-1",
        messageId: "ABC4857BCCF484575FCA",
        messageLocation: "https://api.au.whispir.com/messages/ABC4857BCCF484575FCA",
        from,
        responseMessage: message,
        customParameters: { order: 42, "a b": true, text: "<&>" },
      });
      const [call] = await pendingCalls(service.store, id);
      expect([answer.status, call?.id, call?.response]).toEqual([
        202,
        "mine-1",
        {
          messageId: "ABC4857BCCF484575FCA",
          messageLocation: "https://api.au.whispir.com/messages/ABC4857BCCF484575FCA",
          from,
          responseMessage: { channel: "EMAIL", kind: "undeliverable", date: message.undeliverable, content: message.content },
          customParameters: { order: "42", "a b": "true", text: "<&>" },
        },
      ]);
    });

    it("returns the ids in the order given, and stores a repeated id once", async () => {
      const id = await createDemo();
      const first = await submit("/callbacks/demo/calls", { id: "C" }, { id: "A" }, { id: "B" });
      const again = await submit("/callbacks/demo/calls", { id: "B" }, { id: "D" });
      expect(caller.items(first.document, "calls")).toEqual([{ id: "C" }, { id: "A" }, { id: "B" }]);
      expect([again.status, (await pendingCalls(service.store, id)).map((call) => call.id)]).toEqual([202, ["C", "A", "B", "D"]]);
    });

    it("stores all or none: one invalid call rejects the request", async () => {
      const id = await createDemo();
      const answer = await submit("/callbacks/demo/calls", { id: "A" }, { responseMessage: { channel: "x".repeat(65) } });
      expect([answer.status, answer.document.errorDetail, await pendingCalls(service.store, id)]).toEqual([
        422,
        "calls.1.responseMessage.channel must be text of up to 64 characters, or null",
        [],
      ]);
    });

    it("rejects a disabled kind, and an id of another callback's call, with 422", async () => {
      const id = await createDemo({ callbacks: { reply: "disabled", undeliverable: "enabled" } });
      await createDemo({ name: "other" });
      const disabled = await submit("/callbacks/demo/calls", { responseMessage: { acknowledged: "09/01/26 13:22" } });
      expect(disabled.status).toBe(422);
      const undeliverable = { responseMessage: { undeliverable: "09/01/26 13:22" } };
      expect((await submit("/callbacks/demo/calls", { id: "A", ...undeliverable })).status).toBe(202);
      expect((await submit("/callbacks/other/calls", { id: "B" }, { id: "A" })).status).toBe(422);
      expect((await pendingCalls(service.store, id)).map((call) => call.id)).toEqual(["A"]);
    });

    it("accepts 1 000 calls and not one more", async () => {
      const id = await createDemo();
      const many = (count: number) => Array.from({ length: count }, () => ({ messageId: "M" }));
      expect((await submit("/callbacks/demo/calls", ...many(1001))).status).toBe(422);
      expect((await submit("/callbacks/demo/calls", ...many(1000))).status).toBe(202);
      expect(await service.store.calls.count(id)).toEqual({ PENDING: 1000, SUCCESS: 0, FAILED: 0 });
    });
  });

  describe("calls", () => {
    /** A failed one, an undeliverable one that got no answer, a delivered one, in the order of their attempts. */
    async function createHistory(): Promise<string> {
      const id = await createDemo();
      await submit(
        "/callbacks/demo/calls",
        { id: "A", messageId: "M1", from: { mobile: "+614" }, responseMessage: { content: "Yes, please" } },
        { id: "B", messageId: "M2", responseMessage: { channel: "VOICE", undeliverable: "09/01/26 13:22" } },
        { id: "C", messageId: "M1", responseMessage: { channel: "EMAIL", content: "No" }, customParameters: { order: "7" } },
      );
      const results = [BUSY, REFUSED, OK];
      const outage = { id: "0".repeat(32), startedAt: FIRST_AT, failedCalls: 2, quietSince: null };
      await recordAttempts(
        service.store,
        await pendingCalls(service.store, id),
        (_, index) => ({ result: results[index] ?? OK, startedAt: FIRST_AT + index * 60_000 }),
        outage,
      );
      service.work.length = 0;
      return id;
    }

    const idsOf = async (query: string): Promise<unknown[]> =>
      caller.items((await caller.get(`/callbacks/demo/calls${query}`)).document, "calls").map(({ id }) => id);

    it("lists them newest first, with all their fields", async () => {
      const id = await createHistory();
      stoppedAt = FIRST_AT;
      const list = await caller.get("/callbacks/demo/calls");
      const calls = caller.items(list.document, "calls");
      expect([list.document.status, calls.map((call) => call.id)]).toEqual(["1 to 3 of 3", ["C", "B", "A"]]);
      const { link, submittedDate, ...failed } = objectOf(calls[2]);
      expect(submittedDate).toMatch(/^\d{4}-.*Z$/);
      expect(failed).toEqual({
        id: "A",
        messageId: "M1",
        status: "FAILED",
        from: { mobile: "+614" },
        responseMessage: { content: "Yes, please" },
        callback: {
          id,
          name: "demo",
          url: CALLBACK_BODY.url,
          attemptedDate: "2026-01-09T02:22:00.000Z",
          statusCode: caller.said(503),
          statusMessage: "Service Unavailable",
        },
        attemptCount: caller.said(1),
        nextAttemptDate: "2026-01-09T02:27:00.000Z",
        retryUntil: "2026-01-10T02:22:00.000Z",
        changedDate: "2026-01-09T02:22:00.012Z",
      });
      expect(Array.isArray(link) && link.map((item) => [item.rel, item.method, item.uri.replace(/^http:\/\/[^/]+/, "")])).toEqual(
        [
          ["updateCallbackHistory", "PUT", `/callbacks/${id}/calls?id=A`],
          ["self", "GET", `/callbacks/${id}/calls/A`],
        ],
      );
      const unanswered = objectOf(objectOf(calls[1]).callback);
      expect([unanswered.statusCode, unanswered.statusMessage]).toEqual([undefined, "refused: ECONNREFUSED"]);
      expect(objectOf(calls[0])).toMatchObject({
        status: "SUCCESS",
        settledBy: "dispatcher",
        customParameters: expect.anything(),
      });
    });

    it("gets one by its id, the same as in the list", async () => {
      await createHistory();
      stoppedAt = FIRST_AT;
      const [, , listed] = caller.items((await caller.get("/callbacks/demo/calls")).document, "calls");
      const one = await caller.get("/callbacks/demo/calls/A");
      expect([one.status, one.document]).toEqual([200, listed]);
      expect((await caller.get("/callbacks/demo/calls/nope")).status).toBe(404);
    });

    it.each([
      ["?status=FAILED", ["B", "A"]],
      ["?status=success", ["C"]],
      ["?status=PENDING", []],
      ["?statusCode=503", ["A"]],
      ["?statusCode=5xx,none", ["B", "A"]],
      ["?channel=voice", ["B"]],
      ["?messageId=M1", ["C", "A"]],
      ["?messageId=m1", []],
      ["?from=%2B614", ["A"]],
      ["?q=YES", ["A"]],
      ["?since=2026-01-09T02:23:00Z", ["C", "B"]],
      ["?until=09/01/26%2002:23", ["A"]],
      ["?sortFields=id", ["A", "B", "C"]],
      ["?sortFields=status,id&sortOrder=desc", ["C", "B", "A"]],
      ["?sortFields=attemptedDate&sortOrder=asc", ["A", "B", "C"]],
      ["?offset=1&limit=1", ["B"]],
      ["?unknown=1", ["C", "B", "A"]],
    ])("filters and sorts: %s", async (query, ids) => {
      await createHistory();
      expect(await idsOf(query)).toEqual(ids);
    });

    it.each([
      "?limit=0",
      "?limit=x",
      "?limit=-1",
      "?limit=1&limit=2",
      "?offset=-1",
      "?offset=1e3",
      "?sortFields=content",
      "?sortOrder=up",
      "?status=LOST",
      "?since=yesterday",
      "?statusCode=600",
      "?cursor=nonsense",
      "?expand=links",
    ])("answers %s with 422", async (query) => {
      await createDemo();
      expect((await caller.get(`/callbacks/demo/calls${query}`)).status).toBe(422);
    });

    it("pages by rel=next so that each call comes once while calls are being marked, and by offset", async () => {
      const id = await createDemo();
      await submit("/callbacks/demo/calls", ...Array.from({ length: 45 }, (_, index) => ({ id: `N${index}` })));
      await recordAttempts(service.store, await pendingCalls(service.store, id), () => ({ result: BUSY, startedAt: FIRST_AT }));
      const seen: unknown[] = [];
      const statuses: unknown[] = [];
      for (let path: string | null = "/callbacks/demo/calls?status=FAILED"; path !== null; ) {
        const page = await caller.get(path);
        const ids = caller.items(page.document, "calls").map((call) => textOf(call.id));
        seen.push(...ids);
        statuses.push(page.document.status);
        path = caller.next(page);
        await service.store.calls.mark(id, ids.slice(0, 5), "SUCCESS", Date.now());
      }
      expect(new Set(seen).size).toBe(45);
      expect(seen.length).toBe(45);
      expect(statuses[0]).toBe("1 to 20 of 45");
      const byOffset = await Promise.all([0, 20, 40].map((offset) => idsOf(`?offset=${offset}`)));
      expect(new Set(byOffset.flat()).size).toBe(45);
      expect((await caller.get("/callbacks/demo/calls?offset=40")).document.status).toBe("41 to 45 of 45");
    });

    it("goes back by rel=prev, and has no link to a page that doesn't exist", async () => {
      await createHistory();
      const linksOf = async (query: string) => {
        const { document, text } = await caller.get(`/callbacks/demo/calls${query}`);
        if (format === "json") return listOf(document.link).map((link) => objectOf(link).rel);
        return [...text.matchAll(/<ns2:link>.*?<rel>(\w+)</g)].map(([, rel]) => rel);
      };
      expect([
        await linksOf("?limit=1"),
        await linksOf("?limit=1&offset=1"),
        await linksOf("?limit=1&offset=2"),
        await linksOf(""),
      ]).toEqual([["next"], ["next", "prev"], ["prev"], []]);
    });

    it("treats a limit above the largest page as the largest", async () => {
      await createDemo();
      await submit("/callbacks/demo/calls", ...Array.from({ length: 501 }, () => ({ messageId: "M" })));
      expect((await caller.get("/callbacks/demo/calls?status=PENDING&limit=100000")).document.status).toBe("1 to 500 of 501");
    });

    it("lists every attempt, alone and within the list", async () => {
      await createHistory();
      const attempts = await caller.get("/callbacks/demo/calls/A/attempts");
      const expected = {
        number: caller.said(1),
        attemptedDate: "2026-01-09T02:22:00.000Z",
        durationMs: caller.said(12),
        statusCode: caller.said(503),
        statusMessage: "Service Unavailable",
        cause: "first",
        body: "busy",
      };
      expect([attempts.document.status, caller.items(attempts.document, "attempts")]).toEqual(["1 to 1 of 1", [expected]]);
      const list = await caller.get("/callbacks/demo/calls?expand=attempts&q=yes");
      const [call] = caller.items(list.document, "calls");
      expect(caller.items(objectOf(call), "attempts")).toEqual([expected]);
    });

    it("takes a UUID with and without its dashes, in either case, for one call, and any other id exactly", async () => {
      await createHistory();
      const [dashed, digits] = ["550e8400-e29b-41d4-a716-446655440000", "550E8400E29B41D4A716446655440000"];
      for (const id of [dashed, digits.toLowerCase(), dashed.toUpperCase(), digits]) {
        const answer = await submit("/callbacks/demo/calls", { id });
        expect(caller.items(answer.document, "calls")).toEqual([{ id: digits }]);
      }
      expect(await idsOf("?status=PENDING")).toEqual([digits]);
      await submit("/callbacks/demo/calls", { id: "order-1-11" }, { id: "ORDER-1-11" });
      expect(await idsOf("?status=PENDING&sortFields=id")).toEqual([digits, "ORDER-1-11", "order-1-11"]);
      expect((await caller.get(`/callbacks/demo/calls/${dashed}`)).document.id).toBe(digits);
      const mark = (id: string) => caller.send("PUT", `/callbacks/demo/calls?id=A&id=${id}`, "call", { status: "SUCCESS" });
      for (const other of ["order-11-1", "Order-1-11", "order-1-1", "a", `${dashed.slice(0, 13)}${dashed.slice(14)}`])
        expect((await mark(other)).status).toBe(404);
      expect((await mark(dashed)).status).toBe(204);
      expect(await idsOf("?status=SUCCESS&sortFields=id")).toEqual([digits, "A", "C"]);
    });

    it("knows a call of 0.1.0 by the UUID with dashes that it was stored under", async () => {
      const callbackId = await createDemo();
      const dashed = "550e8400-e29b-41d4-a716-446655440000";
      const response = aResponse();
      await service.store.calls.accept([{ callbackId, calls: [{ id: dashed, response }] }], Date.now());
      expect((await caller.get(`/callbacks/demo/calls/${dashed}`)).document.id).toBe(dashed);
      const path = `/callbacks/demo/calls?id=${dashed}`;
      expect((await caller.send("PUT", path, "call", { status: "SUCCESS" })).status).toBe(204);
      expect((await caller.send("POST", `/callbacks/demo/replays?id=${dashed}`, "call", {})).status).toBe(202);
      expect(await idsOf("?status=SUCCESS")).toEqual([dashed]);
    });

    it("marks several, by id and by id[], and notifies the dispatcher", async () => {
      const id = await createHistory();
      const answer = await caller.send("PUT", "/callbacks/demo/calls?id=A&id[]=B", "call", { status: "SUCCESS" });
      expect([answer.status, answer.text, await idsOf("?status=SUCCESS")]).toEqual([204, "", ["C", "B", "A"]]);
      expect(service.work).toEqual([{ callbackId: id, kind: "changed" }]);
      expect((await caller.send("PUT", "/callbacks/demo/calls/C", "call", { status: "FAILED" })).status).toBe(204);
      expect(await idsOf("?status=FAILED")).toEqual(["C"]);
    });

    it("marks all or none: a 404 names an id that isn't a call of this callback", async () => {
      await createHistory();
      await createDemo({ name: "other" });
      await submit("/callbacks/other/calls", { id: "X" });
      for (const strange of ["nope", "X", "B%20", "%EF%BB%BFB"]) {
        const answer = await caller.send("PUT", `/callbacks/demo/calls?id=A&id=${strange}`, "call", { status: "SUCCESS" });
        expect([answer.status, answer.document.errorDetail]).toEqual([404, expect.stringContaining(decodeURIComponent(strange))]);
      }
      expect(await idsOf("?status=SUCCESS")).toEqual(["C"]);
    });

    it("rejects marks with no id, too many ids, or an invalid status", async () => {
      await createHistory();
      await submit("/callbacks/demo/calls", { id: "P" });
      const mark = async (query: string, document: Record<string, unknown>) =>
        (await caller.send("PUT", `/callbacks/demo/calls${query}`, "call", document)).status;
      const ids = (count: number) => `?${Array.from({ length: count }, (_, index) => `id=${index}`).join("&")}`;
      expect([
        await mark("", { status: "SUCCESS" }),
        await mark("?id=A", { status: "PENDING" }),
        await mark("?id=A", { state: "SUCCESS" }),
        await mark("?id=P", { status: "FAILED" }),
        await mark(ids(101), { status: "SUCCESS" }),
        await mark(ids(100), { status: "SUCCESS" }),
      ]).toEqual([422, 422, 422, 422, 422, 404]);
    });

    it("rejects a guard of a mark that would guard nothing, and names it", async () => {
      await createHistory();
      const [dashed, digits] = ["550e8400-e29b-41d4-a716-446655440000", "550E8400E29B41D4A716446655440000"];
      await submit("/callbacks/demo/calls", { id: digits });
      const listed = (id: string, more: object = {}) => ({ id, changedDate: "2026-11-24T09:31:00.000Z", ...more });
      const mark = async (path: string, unlessChanged: readonly object[]) => {
        const request = { method: "PUT", url: `/callbacks/demo/calls${path}`, headers: CREDENTIALS } as const;
        const answer = await service.app.inject({ ...request, payload: { status: "SUCCESS", unlessChanged } });
        return [answer.statusCode, answer.body];
      };
      const rejected = [
        [await mark("?id=A", [listed("A"), listed("B")]), "unlessChanged has call B, which the request doesn't mark"],
        [await mark("?id=A", [listed("a")]), "unlessChanged has call a, which the request doesn't mark"],
        [await mark("/A", [listed("B")]), "unlessChanged has call B, which the request doesn't mark"],
        [await mark("?id=A&id=B", [listed("A"), listed("B"), listed("A")]), "unlessChanged has call A twice"],
        [await mark(`?id=${digits}`, [listed(digits), listed(dashed)]), `unlessChanged has call ${dashed} twice`],
        [await mark("?id=A", [listed("A", { status: "FAILED" })]), "unlessChanged.0.status isn't a member of a listed call"],
        [await mark("?id=A", Array(101).fill(listed("A"))), "unlessChanged must have at most 100 items"],
      ] as const;
      for (const [answer, message] of rejected) expect(answer).toEqual([422, expect.stringContaining(message)]);
      expect(await mark("?id=A", [])).toEqual([204, ""]);
      expect(await mark(`?id=${digits}`, [listed(dashed)])).toEqual([200, expect.stringContaining(digits)]);
      expect(await idsOf("?status=SUCCESS")).toEqual(["C", "A"]);
    });

    it("requests replays by id and by filter, and never all without either", async () => {
      const id = await createHistory();
      const replay = async (query: string) => caller.send("POST", `/callbacks/demo/replays${query}`, "call", {});
      const byId = await replay("?id=A&id=C");
      const anId = expect.stringMatching(/^[0-9A-F]{16}$/);
      expect([byId.status, byId.document]).toEqual([202, { id: anId, total: caller.said(1), accepted: caller.said(1) }]);
      expect((await replay("?statusCode=none")).document).toEqual({ id: anId, total: caller.said(1), accepted: caller.said(1) });
      // It waits already, for the first replay.
      expect((await replay("?id=A")).document).toEqual({ id: anId, total: caller.said(0), accepted: caller.said(1) });
      expect(service.work).toEqual([
        { callbackId: id, kind: "changed" },
        { callbackId: id, kind: "changed" },
        { callbackId: id, kind: "changed" },
      ]);
      expect([(await replay("")).status, (await replay("?status=SUCCESS")).status, (await replay("?id=nope")).status]).toEqual([
        422, 422, 404,
      ]);
      const due = await service.store.calls.find(id, "A");
      expect(due?.due?.cause).toBe("replay");
    });

    it("shows a replay and cancels it, under the id of the run that requested it", async () => {
      const id = await createHistory();
      await caller.send("POST", "/callbacks/demo/replays?id=A", "call", { run: "RUN-1", holder: "ada@desk" });
      const path = "/callbacks/demo/replays/RUN-1";
      const counts = { total: caller.said(1), succeeded: caller.said(0), failed: caller.said(0) };
      const replay = { id: "RUN-1", requestedDate: expect.stringMatching(/^\d{4}-.*Z$/), ...counts };
      expect((await caller.get(path)).document).toEqual({
        ...replay,
        state: "running",
        cancelled: caller.said(0),
        left: caller.said(1),
      });
      expect((await caller.delete(path)).status).toBe(204);
      expect((await caller.delete(path)).status).toBe(204);
      expect((await caller.get(path)).document).toEqual({
        ...replay,
        state: "cancelled",
        cancelled: caller.said(1),
        left: caller.said(0),
      });
      expect((await service.store.calls.find(id, "A"))?.due).toBeNull();
      const more = await caller.send("POST", "/callbacks/demo/replays?id=A", "call", { run: "RUN-1", holder: "ada@desk" });
      expect(more.status).toBe(409);
      for (const unknown of ["RUN-2", "x".repeat(100), "%00"]) {
        const other = `/callbacks/demo/replays/${unknown}`;
        expect([(await caller.get(other)).status, (await caller.delete(other)).status]).toEqual([404, 404]);
      }
    });

    it("takes no run's id that changes its path, and no holder with control characters", async () => {
      await createHistory();
      const lease = { run: "RUN-1", holder: "ada@desk" };
      const others = ["..", ".", "", " ", "a/b", "%2e%2e", "RUN\u202e1", "x".repeat(65)].map((run) => ({ ...lease, run }));
      for (const body of [...others, { ...lease, holder: "ceo\u007f" }, { ...lease, holder: "" }]) {
        const requests = [
          await caller.send("POST", "/callbacks/demo/replays?id=A", "call", body),
          await caller.send("PUT", "/callbacks/demo/run-lock", "call", body),
        ];
        expect(requests.map(({ status }) => status)).toEqual([422, 422]);
      }
      const longest = { ...lease, run: `A~_.${"-".repeat(60)}` };
      expect((await caller.send("PUT", "/callbacks/demo/run-lock", "call", longest)).status).toBe(204);
    });

    it("says of a callback the state of its endpoint, since when, and since when it is down", async () => {
      const id = await createHistory();
      const states = async () => {
        const { document } = await caller.get("/callbacks");
        const listed = caller.items(document, "callbacks").find((callback) => callback.id === id) ?? {};
        const { document: one } = await caller.get("/callbacks/demo");
        return [listed, one].map(({ state, stateSince, downSince }) => [state, stateSince, downSince]);
      };
      expect(await states()).toEqual(Array(2).fill(["failing", "2026-01-09T02:22:00.000Z", undefined]));
      const endpoint = anEndpoint({ state: "down", downSince: FIRST_AT });
      await service.store.outcomes.commit(aGroup({ endpoints: [{ callbackId: id, endpoint, outage: null }] }));
      expect(await states()).toEqual(Array(2).fill(["down", "2026-01-09T02:22:00.000Z", "2026-01-09T02:22:00.000Z"]));
      await service.store.callbacks.delete(id, Date.now());
    });

    it("lists outages, of all callbacks or one", async () => {
      const id = await createHistory();
      const expected = {
        id: "0".repeat(32),
        callbackId: id,
        startedAt: "2026-01-09T02:22:00.000Z",
        state: "open",
        failedCalls: caller.said(2),
      };
      for (const path of ["/outages", "/outages?callbackId=demo"]) {
        const list = await caller.get(path);
        expect(caller.items(list.document, "outages").find((outage) => outage.callbackId === id)).toEqual(expected);
      }
      expect((await caller.get("/outages?callbackId=nope")).status).toBe(404);
      await service.store.callbacks.delete(id, Date.now());
    });
  });
}
