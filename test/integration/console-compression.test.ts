import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aResponse } from "../support/builders.js";
import { HOST, Visitor } from "../support/server/console-visitor.js";
import { CALLBACK_SETTINGS, closeService, openService, type Service } from "../support/server/server-fixture.js";

let service: Service;
let visitor: Visitor;
let list: string;

beforeAll(async () => {
  service = await openService();
  const callbackId = "0123456789ABCDEF";
  await service.store.callbacks.create(callbackId, CALLBACK_SETTINGS, 0);
  const calls = Array.from({ length: 50 }, (_, index) => ({ id: `call-${index}`, response: aResponse() }));
  await service.store.calls.accept([{ callbackId, calls }], 0);
  visitor = await new Visitor(service.app).signIn();
  list = `/console/callbacks/${callbackId}/calls?status=PENDING`;
});

afterAll(() => closeService(service));

async function get(url: string, headers: Readonly<Record<string, string>>, method: "GET" | "HEAD" = "GET") {
  const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const answer = await service.app.inject({ method, url, headers: { host: HOST, cookie, ...headers } });
  const { "content-encoding": coding, "content-length": length, vary } = answer.headers;
  return { status: answer.statusCode, coding, length: Number(length), vary, bytes: answer.rawPayload, text: answer.body };
}

describe("a page", () => {
  it("is compressed for a browser that takes it, and as it is for others", async () => {
    const plain = await get(list, {});
    const compressed = await get(list, { "accept-encoding": "gzip, deflate, br, zstd", "sec-fetch-site": "same-origin" });
    expect(compressed).toMatchObject({ status: 200, coding: "gzip", vary: "Accept-Encoding", length: compressed.bytes.length });
    expect(plain).toMatchObject({ status: 200, coding: undefined, vary: "Accept-Encoding", length: plain.bytes.length });
    expect(plain.length).toBeGreaterThan(8 * compressed.length);
    expect(withoutNow(gunzipSync(compressed.bytes).toString())).toBe(withoutNow(plain.text));
    for (const refused of ["", "br", "gzip;q=0", "identity, GZIP; q=0.000", "gzipped"]) {
      expect((await get(list, { "accept-encoding": refused })).coding).toBeUndefined();
    }
    expect((await get(list, { "accept-encoding": "br;q=1, GZIP;q=0.5" })).coding).toBe("gzip");
  });

  it("has the headers of GET with HEAD", async () => {
    const { status, coding, vary, length, bytes } = await get(list, { "accept-encoding": "gzip" }, "HEAD");
    expect({ status, coding, vary, bytes: bytes.length }).toEqual({
      status: 200,
      coding: "gzip",
      vary: "Accept-Encoding",
      bytes: 0,
    });
    expect(length).toBeGreaterThan(1000);
  });

  it("isn't compressed if another site asks for it, which could learn from its size what else is in it", async () => {
    for (const site of ["same-site", "cross-site"]) {
      const { coding } = await get(list, { "accept-encoding": "gzip", "sec-fetch-site": site });
      expect(coding).toBeUndefined();
    }
  });

  it("has another token in its forms each time, and every one of them is right", async () => {
    const tokens = [];
    for (let time = 0; time < 3; time += 1) tokens.push(tokensOf((await get("/console", {})).text)[0] ?? "");
    expect(new Set(tokens).size).toBe(3);
    const shared = tokens.map((token) => token.split(".")[1] ?? "");
    expect(new Set(shared).size).toBe(3);
    for (const token of tokens) {
      const { status } = await visitor.post("/console/callbacks/new", { token, name: "" });
      expect(status).toBe(422);
    }
    const [, signature = ""] = tokens[0]?.split(".") ?? [];
    for (const forged of [signature, `.${signature}`, `other.${signature}`, "."]) {
      expect((await visitor.post("/console/sign-out", { token: forged })).status).toBe(403);
    }
  });
});

const tokensOf = (html: string) => [...html.matchAll(/name="token" value="([^"]*)"/g)].map(([, token]) => token);
/** Each page has tokens of its own, and the time at which it was made. */
const withoutNow = (html: string) => html.replace(/name="token" value="[^"]*"|<time[^>]*>[^<]*<.time>/g, "");
