/** A page of another site can make a browser send these requests to a service on this machine. */
import { afterEach, describe, expect, it } from "vitest";
import { CREDENTIALS, closeService, openService, type Service } from "../support/server/server-fixture.js";

let service: Service;

afterEach(() => closeService(service));

const UNSAFE = [
  "POST /callbacks",
  "PUT /callbacks/demo",
  "DELETE /callbacks/demo",
  "POST /callbacks/demo/calls",
  "PUT /callbacks/demo/calls?id=A",
  "PUT /callbacks/demo/calls/A",
  "POST /callbacks/demo/attempts",
  "POST /callbacks/demo/replays?status=FAILED",
  "PUT /callbacks/demo/run-lock",
  "DELETE /callbacks/demo/run-lock",
  "POST /auth",
  "PATCH /callbacks",
] as const;

const SAFE = ["GET /callbacks", "GET /auth/verify", "GET /openapi.json", "GET /healthz", "HEAD /callbacks"] as const;

/** A page needs no permission of the service to send a form, whose body may be JSON. */
async function statuses(routes: readonly string[], headers: Record<string, string>): Promise<readonly string[]> {
  const answers = routes.map(async (route) => {
    const [method, url = ""] = route.split(" ");
    const form = { "content-type": "application/x-www-form-urlencoded", ...CREDENTIALS, ...headers };
    const { statusCode } = await service.app.inject({ method: method as "GET", url, headers: form, payload: "{}" });
    return `${route} ${statusCode === 403 || statusCode === 421 ? statusCode : "passes"}`;
  });
  return Promise.all(answers);
}

const all = (routes: readonly string[], outcome: number | "passes") => routes.map((route) => `${route} ${outcome}`);

describe("a service on loopback", () => {
  it.each([
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: "http://localhost:3000" },
    { origin: "http://127.0.0.1:80" },
    { origin: "https://evil.example", "sec-fetch-site": "same-origin" },
    { "sec-fetch-site": "cross-site" },
  ])("rejects every change with %j", async (headers) => {
    service = await openService({ knownHosts: [] });
    expect(await statuses(UNSAFE, headers)).toEqual(all(UNSAFE, 403));
  });

  it.each([
    {},
    { origin: "http://localhost" },
    { origin: "http://localhost:80", "sec-fetch-site": "same-origin" },
    { "sec-fetch-site": "none" },
    { host: "127.0.0.1:8787", origin: "http://127.0.0.1:8787" },
    { host: "[::1]:8787", origin: "http://[::1]:8787" },
  ])("accepts changes of its own pages and of programs: %j", async (headers) => {
    service = await openService({ knownHosts: [] });
    expect(await statuses(UNSAFE, headers)).toEqual(all(UNSAFE, "passes"));
  });

  it("answers a link from elsewhere, such as from an e-mail", async () => {
    service = await openService({ knownHosts: [] });
    const link = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", origin: "https://mail.example" };
    expect(await statuses(SAFE, link)).toEqual(all(SAFE, "passes"));
  });

  it.each([
    "rebound.example",
    "rebound.example:8787",
    "localhost.rebound.example",
    "127.0.0.1.rebound.example",
    "192.0.2.1",
    "x.",
  ])("answers nothing to the Host %s, which may be another name of this address", async (host) => {
    service = await openService({ knownHosts: ["proxy.example"] });
    const own = { host, origin: `http://${host}`, "sec-fetch-site": "same-origin" };
    expect(await statuses([...SAFE, ...UNSAFE], own)).toEqual(all([...SAFE, ...UNSAFE], 421));
    // A trusted proxy's header changes nothing, as a page can send it too.
    expect(await statuses(SAFE, { ...own, "x-forwarded-host": "localhost" })).toEqual(all(SAFE, 421));
    expect(await statuses(SAFE, {})).toEqual(all(SAFE, "passes"));
  });

  it.each([
    "localhost",
    "LOCALHOST:8787",
    "127.0.0.1",
    "127.1.2.3:80",
    "[::1]:8787",
    "whcb.localhost",
    "proxy.example",
    "Proxy.Example:8443",
  ])("knows the Host %s", async (host) => {
    service = await openService({ knownHosts: ["proxy.example"] });
    expect(await statuses(SAFE, { host })).toEqual(all(SAFE, "passes"));
  });

  it("takes the origin that a trusted proxy forwards", async () => {
    service = await openService({ knownHosts: [], isTrustedProxy: (address) => address === "127.0.0.1" });
    const forwarded = { host: "127.0.0.1:8787", "x-forwarded-host": "proxy.example", "x-forwarded-proto": "https" };
    expect(await statuses(UNSAFE, { ...forwarded, origin: "https://proxy.example" })).toEqual(all(UNSAFE, "passes"));
    expect(await statuses(UNSAFE, { ...forwarded, origin: "https://evil.example" })).toEqual(all(UNSAFE, 403));
  });
});

it("a public service has any name and origin, but takes no changes from another site's pages", async () => {
  service = await openService({ knownHosts: null });
  expect(await statuses(UNSAFE, { host: "whcb.example", origin: "https://whcb.example" })).toEqual(all(UNSAFE, "passes"));
  expect(await statuses(UNSAFE, { host: "whcb.example", "sec-fetch-site": "cross-site" })).toEqual(all(UNSAFE, 403));
  expect(await statuses(SAFE, { host: "whcb.example", "sec-fetch-site": "cross-site" })).toEqual(all(SAFE, "passes"));
});
