import { describe, expect, it } from "vitest";
import { createClient } from "../../../src/client/client.js";
import type { TransportRequest, TransportResponse } from "../../../src/client/transport.js";
import { seededRandom } from "../../support/time/seeded-random.js";
import { VirtualClock } from "../../support/time/virtual-clock.js";

const CALL = { status: "FAILED", messageId: "M", attemptedDate: "01/01/26 10:00", statusCode: 503, statusMessage: "No" };

/** The service has this many calls and callbacks, and its `next` repeats the limit. `maxLimit` is its X-Max-Limit. */
function aService(count: number, maxLimit?: number) {
  const paths: string[] = [];
  const ids = Array.from({ length: count }, (_, index) => index.toString(16).padStart(16, "0"));
  async function send({ path }: TransportRequest): Promise<TransportResponse> {
    paths.push(path);
    const url = new URL(path, "http://service.invalid");
    const limit = Number(url.searchParams.get("limit"));
    const offset = Number(url.searchParams.get("offset"));
    const name = url.pathname.split("/").at(-1) ?? "";
    const items = ids
      .slice(offset, offset + limit)
      .map((id) => (name === "calls" ? { id, ...CALL } : { id, name: id, url: "http://a" }));
    url.searchParams.set("offset", String(offset + limit));
    const link = offset + limit < count ? [{ uri: url.pathname + url.search, rel: "next", method: "GET" }] : [];
    const body = { status: `${offset + 1} to ${offset + items.length} of ${count}`, [name]: items, link };
    return {
      status: 200,
      headers: maxLimit === undefined ? {} : { "x-max-limit": String(maxLimit) },
      body: JSON.stringify(body),
    };
  }
  const clock = new VirtualClock();
  const transport = { name: "service", basePath: "", send, close: async () => undefined };
  const client = createClient(transport, { credentials: null, rate: null, timezone: "UTC", clock, random: seededRandom(1) });
  const listCalls = async (limit?: number) => {
    let listed = 0;
    for await (const { calls } of client.listCalls("X", { filter: {}, ...(limit === undefined ? {} : { limit }) })) {
      listed += calls.length;
    }
    return listed;
  };
  return { client, paths, listCalls };
}

describe("a service that announces no limit", () => {
  it("is asked for 20 rows a page, and its links are followed as they are", async () => {
    const { client, paths, listCalls } = aService(45);
    expect(await listCalls()).toBe(45);
    expect(await client.listCallbacks()).toHaveLength(45);
    expect(paths).toEqual([
      "/callbacks/X/calls?limit=20",
      "/callbacks/X/calls?limit=20&offset=20",
      "/callbacks/X/calls?limit=20&offset=40",
      "/callbacks?limit=20",
      "/callbacks?limit=20&offset=20",
      "/callbacks?limit=20&offset=40",
    ]);
  });

  it("is asked for fewer rows if fewer are needed", async () => {
    const { paths, listCalls } = aService(45);
    expect(await listCalls(7)).toBe(7);
    expect(paths).toEqual(["/callbacks/X/calls?limit=7"]);
  });
});

describe("a service that announces X-Max-Limit", () => {
  it("is asked for that many rows from the second request on, 500 at most", async () => {
    const { paths, listCalls } = aService(1_100, 10_000);
    expect(await listCalls()).toBe(1_100);
    expect(await listCalls(30)).toBe(30);
    expect(paths).toEqual([
      "/callbacks/X/calls?limit=20",
      "/callbacks/X/calls?limit=500&offset=20",
      "/callbacks/X/calls?limit=500&offset=520",
      "/callbacks/X/calls?limit=500&offset=1020",
      "/callbacks/X/calls?limit=30",
    ]);
  });
});
