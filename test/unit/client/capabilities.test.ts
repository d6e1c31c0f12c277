/** A client finds out once, from a service's answers, what the service can, and then asks for nothing else. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Client } from "../../../src/client/client.js";
import type { TransportRequest } from "../../../src/client/transport.js";
import { clientOver } from "../../support/client/client-services.js";

const LEASE = { run: "R", holder: "ada@host", done: 0, total: 1 };
const ATTEMPT = {
  callId: "A",
  startedAt: 0,
  durationMs: 1,
  result: { kind: "answered", statusCode: 503, statusMessage: "", body: "" },
} as const;
const REPORT = { sentFrom: "ada@host", attempts: [ATTEMPT] };
const NONE = { status: 200, body: '{"status":"No records found"}' };

let requests: TransportRequest[];

beforeEach(() => {
  requests = [];
});

/** `answer` is null where the service answers with an empty list. */
function clientAnswering(answer: (request: TransportRequest) => { status: number; body?: string } | null): Client {
  return clientOver({
    name: "https://service.invalid",
    basePath: "",
    async send(request) {
      requests.push(request);
      const { status, body = "" } = answer(request) ?? NONE;
      return { status, headers: {}, body };
    },
    close: async () => undefined,
  });
}

const countOf = (part: string): number => requests.filter(({ path }) => path.includes(part)).length;

async function listAll(client: Client): Promise<void> {
  for await (const _page of client.listCalls("CB", { filter: {} }));
}

async function groupAll(client: Client): Promise<number> {
  let calls = 0;
  for await (const { groups } of client.groupCalls("CB", { filter: {}, by: ["reason"] })) calls += groups.length;
  return calls;
}

describe.each([400, 403, 404, 405, 501])("a service that answers %i where it has no such route or parameter", (status) => {
  const call = { id: "A", status: "FAILED" };
  const listed = { status: 200, body: JSON.stringify({ status: "1 to 1 of 1", calls: [call] }) };
  const isPlatformList = ({ path }: TransportRequest): boolean => /\/calls\?(?!groupBy)/.test(path);
  const open = () => clientAnswering((request) => (isPlatformList(request) ? listed : { status }));

  it("has no outages, groups, short ids, attempts, history, run locks, replays and sign-in codes", async () => {
    const client = open();
    expect(await client.listOutages()).toBe(null);
    expect(await groupAll(client)).toBe(1);
    expect((await client.findCallIds("CB", ["A"])).get("A")?.callIds).toEqual(["A"]);
    expect((await client.getCall("CB", "A")).id).toBe("A");
    expect(await client.listAttempts("CB", "A")).toBe(null);
    expect(await client.recordReplays("CB", REPORT)).toBe(false);
    expect(await client.takeRunLock("CB", LEASE)).toEqual({ kind: "unsupported" });
    expect(await client.findReplay("CB", "R")).toBe(null);
    expect(await client.cancelReplay("CB", "R")).toBe(false);
    expect(await client.createSignInCode()).toBe(null);
  });

  it("is asked once for what it lacks", async () => {
    const client = open();
    for (const callbackId of ["CB", "CC"]) {
      await client.listOutages(callbackId);
      await client.findCallIds(callbackId, ["A"]);
      await client.listAttempts(callbackId, "A");
      await client.recordReplays(callbackId, REPORT);
      await client.getCall("CB", "A");
      await groupAll(client);
    }
    const counts = ["/outages", "/call-ids", "/calls/A/attempts", "CB/attempts", "CC/attempts", "groupBy"].map(countOf);
    expect(counts).toEqual([1, 1, 1, 1, 0, 1]);
  });
});

describe("a service that has outages and attempts", () => {
  const gateways = { status: 404, body: "default backend - 404" };

  it("has them after a gateway's 404, too, which is a failure", async () => {
    let isLost = false;
    const client = clientAnswering(() => (isLost ? gateways : null));
    await client.listOutages();
    await client.listAttempts("CB", "A");
    isLost = true;
    await expect(client.listOutages()).rejects.toMatchObject({ code: "unavailable" });
    await expect(client.listAttempts("CB", "A")).rejects.toMatchObject({ code: "unavailable" });
    isLost = false;
    expect(await client.listOutages()).toEqual([]);
    expect(await client.listAttempts("CB", "A")).toEqual([]);
  });
});

describe("`whcb serve` behind a proxy that removes the header X-Max-Limit", () => {
  const call = { id: "A", status: "FAILED", attemptCount: 1 };
  const listed = { status: 200, body: JSON.stringify({ status: "1 to 1 of 1", calls: [call] }) };

  it("is known by its calls: marks are guarded, and an odd answer to a request for a run lock is a failure", async () => {
    const client = clientAnswering(({ path, method }) => {
      if (method === "PUT") return path.endsWith("/run-lock") ? { status: 403 } : { status: 204 };
      return listed;
    });
    await listAll(client);
    await client.markCalls("CB", ["A"], "SUCCESS", { unlessSettled: true });
    expect(requests.at(-1)?.body).toBe('{"status":"SUCCESS","unlessSettled":true}');
    await expect(client.takeRunLock("CB", LEASE)).rejects.toMatchObject({ code: "unavailable" });
  });

  it("gets no mark without its guards, though a gateway rejects those with them", async () => {
    const client = clientAnswering(({ method }) => (method === "PUT" ? { status: 400 } : listed));
    await listAll(client);
    const guards = { unlessSettled: true, unlessFailedSince: 0 };
    const marked = client.markCalls("CB", ["A"], "SUCCESS", { by: "replay", replays: REPORT, ...guards });
    await expect(marked).rejects.toMatchObject({ code: "malformed" });
    const bodies = requests.filter(({ method }) => method === "PUT").map(({ body }) => JSON.parse(body ?? ""));
    expect(bodies).toMatchObject([{ ...guards, unlessFailedSince: expect.anything() }, { unlessSettled: true }]);
  });

  it.each([400, 403, 404, 405, 501])("tells the states of calls after a gateway has answered %i once", async (status) => {
    const client = clientAnswering(({ path }) => {
      if (!path.includes("/call-states")) return listed;
      return countOf("/call-states") === 1 ? { status, body: "<h1>Sorry</h1>" } : { status: 200, body: '{"calls":[]}' };
    });
    await listAll(client);
    expect(await client.findStates("CB", ["A"])).toBeNull();
    expect(await client.findStates("CB", ["A"])).toEqual(new Map());
  });

  it("doesn't lack a replay because a gateway says so: it is neither over nor cancelled", async () => {
    const missing = { status: 404, body: '{"errorSummary":"Not found","errorText":"Not Found","errorDetail":"no replay R"}' };
    let replay: { status: number; body: string } = { status: 404, body: "<h1>Sorry</h1>" };
    const client = clientAnswering(({ path }) => (path.includes("/replays/") ? replay : listed));
    await listAll(client);
    await expect(client.findReplay("CB", "R")).rejects.toMatchObject({ code: "unavailable" });
    await expect(client.cancelReplay("CB", "R")).rejects.toMatchObject({ code: "unavailable" });
    replay = missing;
    expect([await client.findReplay("CB", "R"), await client.cancelReplay("CB", "R")]).toEqual([null, false]);
  });

  it("has a history of the other callbacks, though one was deleted meanwhile", async () => {
    const deleted = { status: 404, body: '{"errorSummary":"Not found","errorText":"Not Found","errorDetail":"no callback CB"}' };
    const client = clientAnswering(({ path }) =>
      path.endsWith("/attempts") ? (path.includes("CB") ? deleted : { status: 204 }) : listed,
    );
    await listAll(client);
    expect(await client.recordReplays("CB", REPORT)).toBe(false);
    expect(await client.recordReplays("CC", REPORT)).toBe(true);
  });
});
