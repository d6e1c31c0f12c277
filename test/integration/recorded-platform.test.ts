/** The recorded platform itself: it answers as the documents say, so that the command line's tests against it mean something. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  callbackId,
  callIds,
  openRecordedPlatform,
  PLATFORM_USER,
  type RecordedPlatform,
  type RecordedPlatformOptions,
  recordedCalls,
} from "../support/platform/recorded-platform.js";

const SETTINGS = {
  auth: { type: "querystring", key: "MY_KEY" },
  contentType: "xml",
  removeHTML: "enabled",
  retriesEnabled: "true",
  email: "ops@example.com",
  callbacks: { reply: "enabled", undeliverable: "disabled" },
};
const CREDENTIALS = {
  authorization: `Basic ${Buffer.from(`${PLATFORM_USER.username}:${PLATFORM_USER.password}`).toString("base64")}`,
  "x-api-key": PLATFORM_USER.apiKey,
};
const CALLBACK = callbackId(0);
const CALLS = `/callbacks/${CALLBACK}/calls`;

let platform: RecordedPlatform;

async function open(over: Partial<RecordedPlatformOptions> = {}): Promise<void> {
  const callback = {
    id: CALLBACK,
    name: "Replies CRM",
    url: "http://127.0.0.1:9/hook",
    settings: SETTINGS,
    calls: recordedCalls(45),
  };
  platform = await openRecordedPlatform({ edition: "guide", callbacks: [callback], ...over });
}

beforeEach(() => open());
afterEach(() => platform.close());

interface Page {
  readonly status: string;
  readonly calls: readonly object[];
  readonly link: readonly object[];
}

async function pageOf(path: string): Promise<Page> {
  return JSON.parse(await (await ask(path)).text());
}

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const accept = { accept: "application/vnd.whispir.api-call-v1+json" };
  return fetch(platform.url + path, { ...init, headers: { ...CREDENTIALS, ...accept, ...init.headers } });
}

describe("the recorded platform", () => {
  it("lists callbacks with id, name, url and link alone", async () => {
    expect(await (await ask("/callbacks")).json()).toEqual({
      status: "1 to 1 of 1",
      callbacks: [
        {
          id: CALLBACK,
          name: "Replies CRM",
          url: "http://127.0.0.1:9/hook",
          link: [{ uri: `https://api.whispir.com/callbacks/${CALLBACK}?apikey=[API_KEY]`, rel: "self", method: "GET" }],
        },
      ],
      link: [],
    });
  });

  it("shows a callback by its id with every setting, and by nothing else", async () => {
    expect(await (await ask(`/callbacks/${CALLBACK}`)).json()).toMatchObject({ id: CALLBACK, ...SETTINGS });
    expect((await ask("/callbacks/Replies%20CRM")).status).toBe(404);
  });

  it("lists calls by 20, with relative links and dd/MM/yy dates", async () => {
    const page = await pageOf(`${CALLS}?status=FAILED`);
    expect(page).toMatchObject({
      status: "1 to 20 of 45",
      link: [{ rel: "next", uri: `${CALLS}?status=FAILED&limit=20&offset=20`, method: "GET" }],
    });
    expect(page.calls).toHaveLength(20);
    const id = callIds(0).guide;
    expect(page.calls[0]).toEqual({
      id,
      messageId: expect.stringMatching(/^[0-9A-F]{20}$/),
      messageLocation: expect.stringMatching(/^https:\/\/api\.whispir\.com\/messages\/[0-9A-F]{20}$/),
      status: "FAILED",
      from: { name: "Ada Byron", mri: expect.any(String), mobile: expect.any(String), email: "", voice: "" },
      responseMessage: { channel: "SMS", acknowledged: "24/11/26 09:31", content: "Reply 0" },
      callback: {
        id: CALLBACK,
        name: "Replies CRM",
        url: "http://127.0.0.1:9/hook",
        attemptedDate: "24/11/26 09:31",
        statusCode: 500,
        statusMessage: "Internal Server Error",
      },
      link: [{ rel: "updateCall", uri: `${CALLS}/${id}`, method: "PUT" }],
    });
  });

  it("lists calls as XML where no format is asked for, with links as elements", async () => {
    const answer = await ask(CALLS, { headers: { accept: "*/*" } });
    expect(answer.headers.get("content-type")).toBe("application/vnd.whispir.api-call-v1+xml");
    const text = (await answer.text()).replace(/\s*\n\s*/g, "");
    expect(text).toContain('xmlns:ns3="http://schemas.api.whispir.com"><status>1 to 20 of 45</status><ns2:call><id>');
    expect(text).toContain(
      `<link><uri>${CALLS}/${callIds(0).guide}</uri><rel>updateCall</rel><method>PUT</method></link></ns2:call>`,
    );
    expect(text).toContain(`<ns2:link><uri>${CALLS}?offset=20&amp;limit=20</uri><rel>next</rel><method>GET</method></ns2:link>`);
  });

  it("rejects a page above 20, and knows no route for one call, outages or replays", async () => {
    expect((await ask(`${CALLS}?limit=21`)).status).toBe(422);
    expect((await ask("/callbacks?limit=500")).status).toBe(422);
    for (const path of [`${CALLS}/${callIds(0).guide}`, "/outages", `/callbacks/${CALLBACK}/replays`]) {
      expect((await ask(path)).status).toBe(404);
    }
    expect((await ask(CALLS, { method: "POST", body: "{}" })).status).toBe(405);
  });

  it("marks up to 100 calls with a body that names no type, all or none", async () => {
    const mark = (...numbers: number[]) =>
      ask(`${CALLS}?${numbers.map((number) => `id=${callIds(number).guide}`).join("&")}`, {
        method: "PUT",
        body: new TextEncoder().encode('{"status":"SUCCESS"}'),
      });
    expect((await mark(0, 1)).status).toBe(204);
    expect((await mark(2, 99)).status).toBe(404);
    expect((await mark(...Array.from({ length: 101 }, (_, number) => number))).status).toBe(422);
    expect((await pageOf(`${CALLS}?status=SUCCESS`)).status).toBe("1 to 2 of 2");
  });

  it("ignores parameters that it doesn't know, or rejects them", async () => {
    expect((await ask(`${CALLS}?q=boots`)).status).toBe(200);
    await platform.close();
    await open({ unknownParameters: "reject" });
    expect((await ask(`${CALLS}?q=boots`)).status).toBe(422);
    expect((await ask(`${CALLS}?status=FAILED&limit=20&offset=20&sortOrder=asc&sortFields=attemptedDate`)).status).toBe(200);
  });

  it("answers a wrong key with 403 and HTML, a wrong password with 401", async () => {
    const wrongKey = await ask("/callbacks", { headers: { "x-api-key": "no" } });
    expect([wrongKey.status, await wrongKey.text()]).toEqual([403, "<h1>Developer Inactive</h1>"]);
    expect((await ask("/callbacks", { headers: { authorization: "Basic bm8=" } })).status).toBe(401);
  });

  it.each([
    ["over-second", "x-error-code"],
    ["over-second-mashery", "x-mashery-error-code"],
  ] as const)("says that the rate is exceeded (%s) in the header %s", async (answer, header) => {
    await platform.close();
    await open({ perSecond: { requests: 1, answer } });
    await ask("/callbacks");
    const second = await ask("/callbacks");
    expect([second.status, second.headers.get(header)]).toEqual([403, "ERR_403_DEVELOPER_OVER_QPS"]);
  });

  it("checks the URL of a new callback with a GET", async () => {
    const create = (url: string) =>
      ask("/callbacks", { method: "POST", body: JSON.stringify({ ...SETTINGS, name: "New", url }) });
    expect((await create("http://127.0.0.1:9/")).status).toBe(400);
    // The platform's own root answers 403 without a key.
    expect((await create(`${platform.url}/`)).status).toBe(400);
  });

  it("keeps of a callback only what a PUT contains", async () => {
    const url = "http://127.0.0.1:9/hook";
    const put = await ask(`/callbacks/${CALLBACK}`, {
      method: "PUT",
      body: JSON.stringify({ name: "Replies CRM", url, contentType: "json" }),
    });
    expect(put.status).toBe(204);
    expect(await (await ask(`/callbacks/${CALLBACK}`)).json()).toEqual({
      id: CALLBACK,
      name: "Replies CRM",
      url,
      contentType: "json",
      link: [expect.anything()],
    });
  });

  it("writes ids, dates, codes and links of the newer documents as these do", async () => {
    await platform.close();
    await open({ edition: "openapi" });
    const page = await pageOf(CALLS);
    expect(page.calls[1]).toMatchObject({
      id: expect.stringMatching(/^[0-9A-F]{32}$/),
      responseMessage: { channel: "sms", acknowledged: "24/11/26 09:30" },
      callback: { attemptedDate: "2026-11-24T09:30:00.000Z", statusCode: "500" },
      link: [{ rel: "updateCallbackHistory", host: "api.au.whispir.com", port: -1 }, { rel: "self" }],
    });
    expect(page.link).toMatchObject([{ rel: "next", uri: `https://api.au.whispir.com${CALLS}?limit=20&offset=20` }]);
    expect(await (await ask("/callbacks")).json()).toMatchObject({ callbacks: [{ retriesEnabled: true }] });
  });
});
