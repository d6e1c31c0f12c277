/** The export of the console's calls: a file that is whole, or visibly isn't. */
import { once } from "node:events";
import { type ClientRequest, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CALL_LISTING } from "../../src/cli/output/call-columns.js";
import type { Callback } from "../../src/domain/callback.js";
import { hold } from "../contract/store-support.js";
import { aResponse } from "../support/builders.js";
import { eventually } from "../support/process/whcb-process.js";
import { HOST, Visitor } from "../support/server/console-visitor.js";
import { CALLBACK_SETTINGS, closeService, openService, type Service } from "../support/server/server-fixture.js";

const ID = "0123456789ABCDEF";
const EXPORT = `/console/callbacks/${ID}/calls/export`;
const NOON = Date.UTC(2026, 10, 26, 12);

let service: Service;
let visitor: Visitor;
let callback: Callback;
let pagesRead = 0;

beforeEach(async () => {
  service = await openService();
  const { list } = service.store.calls;
  pagesRead = 0;
  service.store.calls.list = (...query) => {
    pagesRead += 1;
    return list(...query);
  };
  visitor = await new Visitor(service.app).signIn();
  callback = await service.store.callbacks.create(ID, CALLBACK_SETTINGS, 0);
});
afterEach(() => closeService(service));

/** Fails calls with ids from "C000000" on, or from `first` on, each a ms after the one before. */
async function fail(howMany: number, content: string, first = 0): Promise<void> {
  const ids = Array.from({ length: howMany }, (_, index) => `C${String(first + index).padStart(6, "0")}`);
  const responseMessage = { channel: "SMS", kind: "reply", date: "26/11/26 11:59", content } as const;
  const calls = ids.map((id) => ({ id, response: aResponse({ responseMessage }) }));
  await service.store.calls.accept([{ callbackId: ID, calls }], 0);
  await hold(service.store, callback, ids, NOON + first);
}

describe("an export", () => {
  it("as csv has the columns of the command line, and runs no formula", async () => {
    await fail(1, '=HYPERLINK("x")\n2nd, line');
    const { status, html, headers } = await visitor.open(`${EXPORT}?format=csv`);
    expect([status, headers["content-type"], headers["content-disposition"]]).toEqual([
      200,
      "text/csv; charset=utf-8",
      `attachment; filename="calls-${ID}.csv"`,
    ]);
    const [heading = "", ...lines] = html.split("\n");
    expect(heading.split(",")).toEqual(CALL_LISTING.columns.map(({ key }) => key));
    expect(lines.join("\n")).toMatch(
      /^2026-11-26T12:00:00.000Z,FAILED,,Held: [^,]*,61400000001,"'=HYPERLINK\(""x""\)\n2nd, line",C000000,demo,0A1B[^,]*,SMS,reply,0,,2026-11-27T12:00:00.000Z,,,\n$/,
    );
  });

  it("as ndjson has each call that matches once, and the members of the command line's JSON", async () => {
    await fail(600, "yes");
    await service.store.calls.mark(ID, ["C000001"], "SUCCESS", Date.now());
    const { html, headers } = await visitor.open(`${EXPORT}?format=ndjson&q=YES`);
    expect(headers["content-type"]).toBe("application/x-ndjson; charset=utf-8");
    const records: Record<string, unknown>[] = html
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(new Set(records.map(({ id }) => id)).size).toBe(599);
    expect(records).toHaveLength(599);
    expect(records[0]).toMatchObject({ id: "C000000", callback: "demo", status: "FAILED", content: "yes", attemptCount: 0 });
    expect((await visitor.open(`${EXPORT}?format=ndjson&status=SUCCESS`)).html).toContain('"id":"C000001"');
    expect((await visitor.open(`${EXPORT}?format=ndjson&q=nowhere`)).html).toBe("");
  });

  it("lets other requests be answered between its pages", async () => {
    await fail(400, "yes");
    const { list } = service.store.calls;
    let hasTurned = true;
    const turned: boolean[] = [];
    service.store.calls.list = (...query) => {
      turned.push(hasTurned);
      hasTurned = false;
      setImmediate(() => (hasTurned = true));
      return list(...query);
    };
    await visitor.open(`${EXPORT}?format=csv`);
    expect(turned).toEqual([true, true, true, true]);
  });

  it("is read a page at a time, however many run", async () => {
    await fail(400, "yes");
    const { list } = service.store.calls;
    let reading = 0;
    let most = 0;
    service.store.calls.list = async (...query) => {
      reading += 1;
      most = Math.max(most, reading);
      const page = await list(...query);
      reading -= 1;
      return page;
    };
    const others = [visitor.open(`${EXPORT}?format=csv`), visitor.open(`${EXPORT}?format=ndjson`)];
    for (const { html } of await Promise.all(others)) expect(html).toContain("C000399");
    expect(most).toBe(1);
  });

  it("is of a known format, with a filter that can be read, for who is signed in", async () => {
    for (const query of ["", "?format=xml", "?format=csv&since=yesterday"])
      expect((await visitor.open(EXPORT + query)).status).toBe(422);
    expect((await new Visitor(service.app).open(`${EXPORT}?format=csv`)).url).toMatch(/^\/console\/sign-in\?to=/);
  });
});

describe("a reader who takes nothing", () => {
  it("has few calls read, and a stop of the service or the session's end cuts the connection", async () => {
    await fail(20_000, "x".repeat(2_000));
    await service.app.listen({ host: "127.0.0.1", port: 0 });
    const stopped = await start();
    await eventually(
      async () => pagesRead,
      (pages) => pages > 1,
    );
    const other = await start();
    const third = await start();
    expect([third.statusCode, await text(third)]).toEqual([429, expect.stringContaining("As many exports are running")]);
    expect(pagesRead).toBeLessThan(20);
    other.destroy();
    await service.app.close();
    await expect(text(stopped)).rejects.toThrow("aborted");
  });

  it("counts no more once it has gone, even if it went before the callback was found", async () => {
    await fail(1, "yes");
    await service.app.listen({ host: "127.0.0.1", port: 0 });
    const { sessions } = service.store;
    const { find } = sessions;
    for (let tries = 0; tries < 3; tries++) {
      const gone = new AbortController();
      let finds = 0;
      sessions.find = async (...given) => {
        finds += 1;
        await once(gone.signal, "abort");
        return find(...given);
      };
      const request = startRequest();
      await eventually(
        async () => finds,
        (count) => count > 0,
      );
      request.destroy();
      await eventually(
        async () => service.app.connections.inFlight,
        (count) => count === 0,
      );
      sessions.find = find;
      gone.abort();
    }
    expect((await visitor.open(`${EXPORT}?format=csv`)).status).toBe(200);
  });

  it("gets nothing more after the session has ended", async () => {
    await fail(20_000, "x".repeat(2_000));
    await service.app.listen({ host: "127.0.0.1", port: 0 });
    const answer = await start();
    await visitor.send("/console", "/console/sign-out");
    await expect(text(answer)).rejects.toThrow("aborted");
  });
});

describe("the room for answers", () => {
  const MIB = 1024 * 1024;
  const owner = "user demo";

  it("is kept for the largest call of a page from before it is read until its reader has taken it or is gone", async () => {
    await fail(1, "x".repeat(5 * MIB));
    await service.app.listen({ host: "127.0.0.1", port: 0 });
    const unread = [await start("ndjson"), await start("ndjson")];
    visitor = await new Visitor(service.app).signIn();
    const third = await start("ndjson");
    const { "retry-after": retryAfter, "content-disposition": disposition } = third.headers;
    expect([third.statusCode, retryAfter, disposition]).toEqual([503, "5", undefined]);
    expect(service.app.answers.hasRoom(owner, 22 * MIB)).toBe(false);
    third.destroy();
    for (const answer of unread) answer.destroy();
    await eventually(
      async () => service.app.answers.hasRoom(owner, 64 * MIB),
      (hasRoom) => hasRoom,
    );
  });

  it("is waited for by an export that has begun", async () => {
    await fail(100, "yes");
    await fail(1, "x".repeat(MIB), 100);
    await service.app.listen({ host: "127.0.0.1", port: 0 });
    const { list } = service.store.calls;
    let asked = 0;
    service.store.calls.list = (...query) => {
      asked += 1;
      if (asked === 2) service.app.answers.tryReserve(owner, 59 * MIB);
      if (asked === 3) service.app.answers.release(owner, 59 * MIB);
      return list(...query);
    };
    const lines = (await text(await start("ndjson"))).trimEnd().split("\n");
    expect([new Set(lines).size, asked]).toEqual([101, 3]);
  });
});

async function start(format = "csv"): Promise<IncomingMessage> {
  const [answer] = await once(startRequest(format), "response");
  return answer;
}

function startRequest(format = "csv"): ClientRequest {
  const { port } = service.app.server.address() as AddressInfo;
  const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const path = `${EXPORT}?format=${format}`;
  const request = get({ host: "127.0.0.1", port, path, headers: { host: HOST, cookie }, agent: false });
  return request.on("error", () => undefined);
}
