import { describe, expect, it } from "vitest";
import { createRequester, type RepeatCheck, type RequesterDeps } from "../../../src/client/requester.js";
import { TransportFailure, type TransportRequest, type TransportResponse } from "../../../src/client/transport.js";
import type { Wait } from "../../../src/client/wait.js";
import { secretMask } from "../../../src/domain/mask.js";
import { createPacer } from "../../../src/platform/pacer.js";
import { passTime } from "../../support/time/pass-time.js";
import { seededRandom } from "../../support/time/seeded-random.js";
import { VirtualClock } from "../../support/time/virtual-clock.js";

type Answer = TransportResponse | TransportFailure;

const OK: TransportResponse = { status: 200, headers: {}, body: "{}" };
const CUT = new TransportFailure("cut", "the connection was closed (ECONNRESET)");
const REFUSED = new TransportFailure("refused", "connection refused");
const NOON = Date.UTC(2026, 10, 29, 12);
const GET: TransportRequest = { method: "GET", path: "/callbacks", headers: {}, body: null };

function answered(status: number, headers: Record<string, string> = {}): TransportResponse {
  return { status, headers, body: "{}" };
}

interface Options {
  readonly name: string;
  readonly retriesRefused: RequesterDeps["retriesRefused"];
  readonly readPatienceMs: RequesterDeps["readPatienceMs"];
}

/** The service gives these answers in turn, then keeps giving the last one. */
function requesterAt(
  answers: readonly Answer[],
  { name = "http://127.0.0.1:8787", retriesRefused, readPatienceMs }: Partial<Options> = {},
) {
  const waits: (Wait | "ended")[] = [];
  let handlePause: (until: number) => void = () => undefined;
  const clock = new VirtualClock();
  const sentAt: number[] = [];
  const lines: string[] = [];
  const deadlines: (string | undefined)[] = [];
  const requester = createRequester({
    clock,
    mask: secretMask([]),
    random: seededRandom(1),
    pacer: createPacer(null, clock),
    onExchange: (line) => lines.push(line),
    retriesRefused,
    readPatienceMs,
    beginWait: (wait) => {
      const change = (now: Wait): void => {
        waits.push(now);
        if (now.for === "pause") handlePause(now.until);
      };
      change(wait);
      return { change, end: () => void waits.push("ended") };
    },
    transport: {
      name,
      basePath: "",
      async send({ headers }) {
        deadlines.push(headers["x-execute-before"]);
        const answer = answers[Math.min(sentAt.push(clock.monotonicMs()), answers.length) - 1] ?? OK;
        if (answer instanceof TransportFailure) throw answer;
        return answer;
      },
      close: async () => undefined,
    },
  });
  const send = (request: TransportRequest, isRepeatable: boolean, isWanted?: RepeatCheck) =>
    passTime(clock, requester.send(request, isRepeatable, isWanted));
  const onPause = (handler: (until: number) => void): void => {
    handlePause = handler;
  };
  return { send, sentAt, deadlines, lines, waits, clock, onPause, followRun: requester.followRun };
}

describe("a request", () => {
  it("is retried with growing waits after a reset, a 500, a 429 and a 403 that means too many per second", async () => {
    const service = requesterAt([
      CUT,
      answered(500),
      answered(429),
      answered(403, { "x-error-code": "ERR_403_DEVELOPER_OVER_QPS" }),
      OK,
    ]);
    expect(await service.send(GET, true)).toEqual(OK);
    const waits = service.sentAt.slice(1).map((at, index) => at - (service.sentAt[index] ?? 0));
    const bounds = [
      [125, 250],
      [250, 500],
      [4_000, 6_000],
      [8_000, 12_000],
    ];
    expect(waits.length).toBe(bounds.length);
    for (const [index, [least = 0, most = 0] = []] of bounds.entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(least);
      expect(waits[index]).toBeLessThanOrEqual(most);
    }
  });

  it("waits at least as long as Retry-After says", async () => {
    const service = requesterAt([answered(503, { "retry-after": "7" }), OK]);
    await service.send(GET, true);
    expect(service.sentAt).toEqual([0, 7_000]);
  });

  it("says what it waits for: its answer, the next try and the pause that the service asks for", async () => {
    const { send, waits } = requesterAt([CUT, answered(503, { "retry-after": "7" }), OK]);
    await send(GET, true);
    const answer = { for: "answer", from: "service" };
    expect(waits).toMatchObject([
      answer,
      answer,
      { for: "retry", reason: CUT.message, tried: 1, mostTries: 10 },
      answer,
      { for: "pause", from: "service", status: 503, retryAfterMs: 7_000 },
      answer,
      "ended",
    ]);
  });

  it("that only reads is given up as soon as its user's patience is over", async () => {
    const service = requesterAt([CUT], { readPatienceMs: () => 1_000 });
    await expect(service.send(GET, true)).rejects.toMatchObject({ code: "network" });
    expect(service.clock.monotonicMs()).toBeLessThanOrEqual(1_000);
    await expect(service.send({ ...GET, method: "PUT" }, true)).rejects.toMatchObject({ code: "network" });
    expect(service.clock.monotonicMs()).toBeGreaterThan(10_000);
  });

  it("that isn't answered within its user's patience may only be slow", async () => {
    const slow = new TransportFailure("timeout", "no answer in time");
    const service = requesterAt([slow], { readPatienceMs: () => 1_000 });
    await expect(service.send(GET, true)).rejects.toMatchObject({
      hint: "It may only be slow: `whcb calls list --failed` waits a minute for each answer.",
    });
  });

  it("stops with its run in a pause of more than 5 s", async () => {
    const { send, sentAt, clock, followRun, onPause } = requesterAt([
      answered(503, { "retry-after": "5" }),
      answered(503, { "retry-after": "6" }),
      answered(503, { "retry-after": "100" }),
    ]);
    const run = new AbortController();
    const begunAt = clock.now();
    const pauses: number[] = [];
    onPause((until) => {
      pauses.push(until - begunAt);
      if (pauses.length === 3) run.abort();
    });
    const endRun = followRun({ stop: run.signal, giveUp: new AbortController().signal });
    await expect(send(GET, true)).rejects.toMatchObject({ code: "unavailable", retryAfterMs: 100_000 });
    expect([pauses, sentAt]).toEqual([
      [5_000, 11_000, 111_000],
      [0, 5_000, 11_000],
    ]);
    await expect(send(GET, true)).rejects.toMatchObject({ code: "unavailable" });
    expect([pauses.length, clock.monotonicMs()]).toEqual([3, 11_000]);
    endRun();
    await expect(send(GET, true)).rejects.toMatchObject({ code: "unavailable" });
    expect(clock.monotonicMs()).toBe(111_000);
  });

  it("that changes something says until when it may be executed, by the clock of a service that says its own", async () => {
    const told = (at: number, status = 200) => answered(status, { "x-service-time": new Date(at).toISOString() });
    const service = requesterAt([OK, told(NOON), OK, told(NOON + 3_600_000, 412), OK]);
    const put = { ...GET, method: "PUT" } as const;
    await service.send(put, false);
    await service.send(GET, true);
    service.clock.advance(1_000);
    service.clock.jump(86_400_000);
    await service.send(put, false);
    await service.send(put, false);
    const waited = (service.sentAt[4] ?? 0) - (service.sentAt[3] ?? 0);
    const deadlines = [NOON + 61_000, NOON + 61_000, NOON + 3_660_000 + waited];
    expect(service.deadlines).toEqual([undefined, undefined, ...deadlines.map((at) => new Date(at).toISOString())]);
  });

  it("isn't repeated once it isn't wanted any more", async () => {
    const { send, sentAt } = requesterAt([answered(504)]);
    await expect(send(GET, true, () => sentAt.length < 2)).rejects.toMatchObject({ code: "unavailable" });
    expect(sentAt.length).toBe(2);
  });

  it("that isn't repeatable is retried after a 429, but not after a reset or a 500", async () => {
    const post: TransportRequest = { ...GET, method: "POST" };
    const cut = requesterAt([CUT, OK]);
    await expect(cut.send(post, false)).rejects.toMatchObject({
      code: "network",
      hint: expect.stringContaining("may have been executed"),
    });
    const broken = requesterAt([answered(500), OK]);
    await expect(broken.send(post, false)).rejects.toMatchObject({ code: "unavailable" });
    const busy = requesterAt([answered(429), OK]);
    expect(await busy.send(post, false)).toEqual(OK);
    expect([cut.sentAt.length, broken.sentAt.length, busy.sentAt.length]).toEqual([1, 1, 2]);
  });

  it("gives up within two minutes with the last error", async () => {
    const service = requesterAt([answered(500)]);
    await expect(service.send(GET, true)).rejects.toMatchObject({ code: "unavailable" });
    const busy = requesterAt([answered(429)]);
    await expect(busy.send(GET, true)).rejects.toMatchObject({ code: "rate-limited" });
    expect(service.clock.monotonicMs()).toBeLessThanOrEqual(120_000);
    expect(busy.clock.monotonicMs()).toBeLessThanOrEqual(120_000);
    expect(service.sentAt.length).toBeLessThanOrEqual(10);
  });

  it("isn't retried after the daily limit, and no other is sent for a minute", async () => {
    const service = requesterAt([answered(403, { "x-error-code": "ERR_403_DEVELOPER_OVER_QPD" }), OK]);
    await expect(service.send(GET, true)).rejects.toMatchObject({ code: "quota-exceeded" });
    await expect(service.send(GET, true)).rejects.toMatchObject({ code: "quota-exceeded" });
    expect(service.sentAt).toEqual([0]);
    service.clock.advance(60_001);
    expect(await service.send(GET, true)).toEqual(OK);
  });

  it("to a service that has never answered fails at once, and locally hints at `whcb serve`", async () => {
    const here = requesterAt([REFUSED]);
    await expect(here.send(GET, true)).rejects.toMatchObject({ code: "network", hint: expect.stringContaining("whcb serve") });
    const elsewhere = requesterAt([REFUSED], { name: "https://api.au.whispir.com" });
    await expect(elsewhere.send(GET, true)).rejects.toMatchObject({
      code: "network",
      hint: expect.not.stringContaining("serve"),
    });
    expect(here.sentAt).toEqual([0]);
  });

  it("is retried while a service that has answered before refuses connections", async () => {
    const service = requesterAt([OK, REFUSED, REFUSED, OK]);
    await service.send(GET, true);
    expect(await service.send(GET, true)).toEqual(OK);
    expect(service.sentAt.length).toBe(4);
  });

  it("fails at once at a refusal that its user doesn't want to wait for, and is retried after others", async () => {
    const reasons: string[] = [];
    const retriesRefused = (reason: string) => reasons.push(reason) > 1;
    const service = requesterAt([OK, CUT, REFUSED, REFUSED, OK], { retriesRefused });
    await service.send(GET, true);
    await expect(service.send(GET, true)).rejects.toMatchObject({ code: "network" });
    expect(await service.send(GET, true)).toEqual(OK);
    expect(reasons).toEqual(["connection refused", "connection refused"]);
  });

  it("isn't retried after a certificate error", async () => {
    const service = requesterAt([new TransportFailure("tls", "its certificate has expired"), OK]);
    await expect(service.send(GET, true)).rejects.toMatchObject({
      message: "http://127.0.0.1:8787: its certificate has expired",
    });
    expect(service.sentAt.length).toBe(1);
  });

  it("is reported to onExchange without the key in its path", async () => {
    const service = requesterAt([OK]);
    await service.send({ ...GET, path: "/callbacks?apikey=s3cret&limit=1" }, true);
    expect(service.lines).toEqual(["GET /callbacks?apikey=••••&limit=1 -> 200, 2 characters (0 ms)"]);
  });
});
