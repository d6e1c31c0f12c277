/** `whcb serve` stopped by a signal, by a second one, and with work in progress. */
import { once } from "node:events";
import { type ClientRequest, request } from "node:http";
import { connect } from "node:net";
import { json } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { callIdOf, HEADERS, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";

/** Without the stop, a connection without whole headers is closed after 15 s, and an attempt after 60 s. */
const LONGEST_STOP_MS = 14_000;

async function serve(home: Home) {
  const server = await home.serve([], { env: USER_ENV });
  return { server, api: new ServedApi(server.url) };
}

/** Resolves when the service has begun to handle the request. */
async function streamTo(url: string): Promise<ClientRequest> {
  const stream = request(url, {
    method: "POST",
    headers: { ...HEADERS, "content-type": "application/x-ndjson", expect: "100-continue" },
  });
  await once(stream, "continue");
  return stream;
}

const idsOf = (count: number, from = 0) => Array.from({ length: count }, (_, index) => callIdOf(from + index));
const sorted = (calls: readonly { readonly id: string }[]) => calls.map(({ id }) => id).sort();
const posts = (endpoint: { readonly stdout: string }) => endpoint.stdout.match(/POST/g)?.length ?? 0;

// They wait most of the time.
describe.concurrent("a first signal", () => {
  it.each(["SIGTERM", "SIGINT"] as const)(
    "%s lets attempts and requests in flight finish, accepts nothing new, and loses nothing",
    async (signal) => {
      await using home = new Home();
      const { server, api } = await serve(home);
      const slow = await home.listen(["--delay", "1500ms"]);
      const id = await api.create({ name: "slow", url: slow.url });
      expect((await api.hand(id, idsOf(3))).status).toBe(202);
      await slow.says(/(POST[\s\S]*){3}/);

      // A stream whose end comes after the signal.
      const stream = await streamTo(`${api.url}/callbacks/${id}/calls`);
      stream.write(`${JSON.stringify({ id: callIdOf(3) })}\n`);
      server.child.kill(signal);
      await server.says(/stopping/);
      const refused = await api.hand(id, idsOf(1, 4)).then(
        ({ status, headers }) => `${status} ${headers.get("retry-after")}`,
        (error: Error) => String((error.cause as { code?: string }).code),
      );
      expect(["503 5", "ECONNREFUSED", "ECONNRESET", "UND_ERR_SOCKET"]).toContain(refused);
      stream.end(`${JSON.stringify({ id: callIdOf(5) })}\n`);
      const [streamed] = await once(stream, "response");
      expect([streamed.statusCode, await json(streamed)]).toEqual([202, { accepted: 2, rejected: [] }]);

      const { code, stderr } = await server.ended;
      expect(code, stderr).toBe(0);
      expect(posts(slow)).toBe(3);
      await slow.stop();
      const quick = await home.listen(["--port", new URL(slow.url).port]);
      const again = await serve(home);
      const delivered = await eventually(
        () => again.api.list(id, "SUCCESS"),
        (calls) => calls.length === 5,
      );
      expect(sorted(delivered)).toEqual([...idsOf(4), callIdOf(5)]);
      expect(delivered.map(({ attemptCount }) => attemptCount)).toEqual([1, 1, 1, 1, 1]);
      expect(posts(quick)).toBe(2);
    },
  );

  it("isn't delayed by idle connections", async () => {
    await using home = new Home();
    const { server, api } = await serve(home);
    expect((await api.readiness()).status).toBe(200);
    const silent = connect(Number(new URL(server.url).port), "127.0.0.1");
    const half = connect(Number(new URL(server.url).port), "127.0.0.1");
    await Promise.all([once(silent, "connect"), once(half, "connect")]);
    half.write("POST /callbacks HTTP/1.1\r\nHost: x\r\n");
    for (const socket of [silent, half]) socket.on("error", () => undefined);
    await delay(100);
    const closed = Promise.all([once(silent, "close"), once(half, "close")]);
    const began = performance.now();
    expect((await server.stop()).code).toBe(0);
    expect(performance.now() - began).toBeLessThan(LONGEST_STOP_MS);
    await closed;
  });

  it("counts once if it arrives twice within a moment, as it does through npx", async () => {
    await using home = new Home();
    const { server, api } = await serve(home);
    const slow = await home.listen(["--delay", "1s"]);
    await api.hand(await api.create({ name: "slow", url: slow.url }), idsOf(1));
    await slow.says(/POST/);
    server.child.kill("SIGINT");
    expect((await server.stop("SIGINT")).code).toBe(0);
  });

  it("during the start also ends the service, and does no harm", async () => {
    await using home = new Home();
    for (const afterMs of [50, 200, 350, 500]) {
      const server = home.start(["serve", "--port", "0", "--db", home.path("x.db")], { env: USER_ENV });
      await delay(afterMs);
      const { stderr } = await server.stop();
      expect(stderr).not.toContain("    at ");
    }
    const { api } = await serve(home);
    expect(await api.readiness()).toEqual({ status: 200, body: { status: "ready" } });
  });
});

describe.concurrent("a second signal", () => {
  it("stops at once, and nothing that was committed is lost or sent again", async () => {
    await using home = new Home();
    const { server, api } = await serve(home);
    const good = await home.listen();
    const hanging = await home.listen(["--hang"]);
    const goodId = await api.create({ name: "good", url: good.url });
    const hangingId = await api.create({ name: "hanging", url: hanging.url });
    await api.hand(hangingId, idsOf(2, 100));
    await api.hand(goodId, idsOf(50));
    await eventually(
      () => api.list(goodId, "SUCCESS"),
      (calls) => calls.length === 50,
    );
    await hanging.says(/(POST[\s\S]*){2}/);
    server.child.kill("SIGTERM");
    await server.says(/stopping/);
    // Sooner than this it would be taken for an echo of the first.
    await delay(300);
    const began = performance.now();
    const { code, stderr } = await server.stop("SIGTERM");
    expect([code, stderr.includes("    at ")]).toEqual([130, false]);
    expect(performance.now() - began).toBeLessThan(LONGEST_STOP_MS);

    await hanging.stop();
    const repaired = await home.listen(["--port", new URL(hanging.url).port]);
    const again = await serve(home);
    const delivered = await eventually(
      () => again.api.list(hangingId, "SUCCESS"),
      (calls) => calls.length === 2,
    );
    expect(sorted(delivered)).toEqual(idsOf(2, 100));
    expect(sorted(await again.api.list(goodId, "SUCCESS"))).toEqual(idsOf(50));
    expect([posts(good), posts(repaired)]).toEqual([50, 2]);
  });
});
