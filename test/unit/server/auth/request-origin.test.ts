import type { FastifyRequest } from "fastify";
import { describe, expect, it } from "vitest";
import { isThisMachine } from "../../../../src/platform/loopback.js";
import {
  clientAddress,
  createOriginCheck,
  hostNameOf,
  isForeign,
  isSameOrigin,
  isValidHost,
  schemeOf,
} from "../../../../src/server/auth/request-origin.js";

interface Sent {
  readonly method?: string;
  /** HTTP/1.0 may leave it out. */
  readonly host?: string | undefined;
  readonly origin?: string;
  readonly site?: string;
  /** A trusted proxy forwards this host. */
  readonly forwardedHost?: string;
}

function aRequest(sent: Sent): FastifyRequest {
  const { method = "POST", origin, site, forwardedHost } = sent;
  const host = "host" in sent ? sent.host : "localhost:8787";
  const headers = { host, origin, "sec-fetch-site": site };
  return { method, headers, host: forwardedHost ?? host ?? "" } as unknown as FastifyRequest;
}

it.each([
  ["api.example.com", true],
  ["api.example.com.", true],
  ["api.example.com:8080", true],
  ["API.example.com:65535", true],
  ["[2001:db8::1]:80", true],
  ["[2001:DB8::1]", true],
  ["", true],
  ["a".repeat(255), true],
  ["a".repeat(256), false],
  ["api.example.com:65536", false],
  ["api.example.com:99999", false],
  ["api.example.com:100000", false],
  ["api.example.com:", false],
  ["api.example.com:80x", false],
  ["api..example.com", false],
  [".example.com", false],
  ["a b", false],
  ["user@example.com", false],
  ["example.com/path", false],
  ["x[::1]", false],
  ["[::1]x", false],
  ["[]", false],
])("Host %j is valid: %j", (host, isValid) => {
  expect(isValidHost(host)).toBe(isValid);
});

it.each([
  ["API.example.com.:8080", "api.example.com"],
  ["[2001:DB8::1]:80", "[2001:db8::1]"],
  ["a b", ""],
  ["", ""],
])("Host %j has the name %j", (host, name) => {
  expect(hostNameOf(host)).toBe(name);
});

it("takes names below localhost for this machine, as browsers do, and no name above it", () => {
  const names = ["localhost", "127.0.0.1", "[::1]", "whcb.localhost", "a.b.localhost"];
  const others = ["localhost.example.com", "notlocalhost", "example.com", "192.0.2.1", ""];
  expect([...names, ...others].filter(isThisMachine)).toEqual(names);
});

describe("the origin of a request to a service on loopback", () => {
  const statusOf = (...requests: readonly Sent[]) => {
    const check = createOriginCheck(["Whcb.Example"]);
    return requests.map((sent) => check(aRequest(sent))?.status ?? null);
  };

  it("is checked by the host's name, in any case and at any port", () => {
    for (const host of ["localhost", "LOCALHOST:1", "127.0.0.1:8787", "[::1]", "x.localhost", "whcb.example", "WHCB.Example:80"])
      expect([host, statusOf({ host })]).toEqual([host, [null]]);
    for (const host of ["rebound.example", "whcb.example.evil", "x.whcb.example", "192.0.2.1"])
      expect([host, statusOf({ host }, { host, method: "GET" })]).toEqual([host, [421, 421]]);
    expect(statusOf({ host: "a b" }, { host: "localhost:99999", method: "GET" }, { host: undefined })).toEqual([400, 400, null]);
  });

  it("is checked again after a right one", () => {
    const [right, rebound] = [{ host: "localhost" }, { host: "rebound.example" }];
    expect(statusOf(right, rebound, rebound, right, right)).toEqual([null, 421, 421, null, null]);
    expect(statusOf(right, { ...right, forwardedHost: "a b" }, right)).toEqual([null, 400, null]);
    expect(statusOf({ ...right, forwardedHost: "proxy.example" }, { ...right, forwardedHost: "a b" })).toEqual([null, 400]);
  });

  it("may not be another site's page, nor another port's, unless nothing can change", () => {
    for (const site of ["cross-site", "same-site"]) {
      const changes = ["POST", "PUT", "DELETE", "OPTIONS"].map((method) => ({ method, site }));
      expect(statusOf(...changes, { method: "GET", site }, { method: "HEAD", site })).toEqual([403, 403, 403, 403, null, null]);
    }
    expect(statusOf({ site: "same-origin" }, { site: "none" }, {})).toEqual([null, null, null]);
    expect(["cross-site", "same-site", "same-origin", "none", undefined, ["cross-site"]].filter(isForeign)).toEqual([
      "cross-site",
      "same-site",
    ]);
    const origins = ["http://localhost:8787", "https://localhost:8787", "http://localhost", "http://localhost:1", "null", ""];
    expect(statusOf(...origins.map((origin) => ({ origin })))).toEqual([null, null, 403, 403, 403, 403]);
    expect(statusOf({ origin: "https://evil.example", method: "GET" })).toEqual([null]);
  });

  it("is rejected with what is wrong", () => {
    const check = createOriginCheck([]);
    const documentOf = (sent: Sent) => check(aRequest(sent))?.document;
    expect(documentOf({ host: "a b" })).toMatchObject({
      errorSummary: "The request can't be read",
      errorDetail: "The Host header isn't a valid host",
    });
    expect(documentOf({ host: "whcb.example" })).toMatchObject({
      errorSummary: "The service has another name",
      errorDetail: "Host must be localhost or a name given with --allow-host",
    });
    expect(documentOf({ site: "cross-site" })).toMatchObject({
      errorSummary: "The request comes from another site",
      errorDetail: "A web page of another site may not change anything here",
    });
  });
});

it("a public service takes any valid host and origin, but no changes from another site's pages", () => {
  const check = createOriginCheck(null);
  const sent: Sent = { host: "api.example.com", origin: "https://other.example" };
  const statuses = [sent, { ...sent, site: "cross-site" }, { host: "a b" }].map((each) => check(aRequest(each))?.status);
  expect(statuses).toEqual([undefined, 403, 400]);
});

it.each([
  ["https://api.example.com", "api.example.com", true],
  ["https://api.example.com", "api.example.com:443", true],
  ["http://api.example.com", "API.example.com:80", true],
  ["http://api.example.com:8080", "api.example.com:8080", true],
  ["http://api.example.com", "api.example.com:443", false],
  ["https://api.example.com", "example.com", false],
  ["https://api.example.com", "a b", false],
  ["null", "api.example.com", false],
])("a page of %j is of the host %j: %j", (origin, host, isSame) => {
  expect(isSameOrigin(origin, aRequest({ host }))).toBe(isSame);
});

it.each([
  ["203.0.113.5", "203.0.113.5"],
  ["2001:db8::1", "2001:db8::1"],
  ["unknown", "127.0.0.1"],
  ["", "127.0.0.1"],
  ["203.0.113.5:4711", "127.0.0.1"],
  ["[2001:db8::1]", "127.0.0.1"],
  [`fe80::1%${"x".repeat(1000)}`, "127.0.0.1"],
])("a client that a trusted proxy calls %j has the address %j", (ip, address) => {
  expect(clientAddress({ ip, socket: { remoteAddress: "127.0.0.1" } })).toBe(address);
});

it("a client whose connection has ended has no address", () => {
  expect(clientAddress({ ip: "unknown", socket: {} })).toBe("");
});

it("has a scheme for links, whatever a proxy forwards", () => {
  const schemes = ["https", "http", "javascript", "HTTPS"].map((protocol) => schemeOf({ protocol } as FastifyRequest));
  expect(schemes).toEqual(["https", "http", "http", "http"]);
});
