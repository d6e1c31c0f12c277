import { expect, test } from "vitest";
import { EgressProxy, readEgressProxy } from "../../../src/delivery/egress-proxy.js";

const covers = (noProxy: string, url: string) =>
  new EgressProxy({ url: "http://proxy.example:3128", noProxy }).covers(new URL(url));

test.each([
  ["", "https://orders.example/", true],
  ["*", "https://orders.example/", false],
  ["orders.example", "https://orders.example/", false],
  ["orders.example", "https://eu.orders.example./", false],
  [".orders.example", "https://orders.example/", false],
  ["*.orders.example", "https://eu.orders.example/", false],
  ["orders.example", "https://myorders.example/", true],
  ["other.example, ORDERS.example", "https://orders.example/", false],
  ["orders.example:8443", "https://orders.example/", true],
  ["orders.example:443", "https://orders.example/", false],
  ["10.0.0.0/8", "https://10.1.2.3/", false],
  ["10.0.0.0/8", "https://11.1.2.3/", true],
  ["2001:db8::/32", "https://[2001:db8::1]/", false],
  ["[2001:db8::1]:443", "https://[2001:db8::1]/", false],
  ["10.0.0.0/99", "https://10.1.2.3/", true],
  ["", "http://127.0.0.1:9000/", false],
  ["", "http://[::1]/", false],
  ["", "http://localhost/", false],
  ["", "http://printer.local/", false],
  ["", "http://0.0.0.0/", false],
])("with NO_PROXY=%s, %s goes through the proxy: %s", (noProxy, url, expected) => {
  expect(covers(noProxy, url)).toBe(expected);
});

test.each([
  "proxy.example:3128",
  "socks5://ada:secret@proxy.example",
  "http://",
  "http:///secret",
  "http://proxy.example/ada-secret",
  "http://secret.:3128",
  "http://ada:secret@proxy.example:",
])("%s isn't a proxy's URL, and isn't repeated", (url) => {
  const message = expect.stringMatching(/^the egress proxy must (?:be an http or https URL|have a )(?!.*secret)/);
  expect(() => readEgressProxy(undefined, { WHCB_EGRESS_PROXY: url })).toThrow(
    expect.objectContaining({ code: "usage", message }),
  );
});

test.each(["http://ada:secret@proxy.example", "http://secret@proxy.example"])("as a flag, %s is rejected", (url) => {
  const rejected = { code: "usage", message: expect.stringMatching(/^--egress-proxy contains a login/) };
  expect(() => readEgressProxy(url, {})).toThrow(expect.objectContaining(rejected));
  expect(readEgressProxy(undefined, { WHCB_EGRESS_PROXY: url })?.place).toBe("proxy.example:80");
});

test("the flag comes before the variable, and no_proxy before NO_PROXY", () => {
  const env = { WHCB_EGRESS_PROXY: "http://one.example", no_proxy: "a.example", NO_PROXY: "b.example" };
  const proxy = readEgressProxy("https://two.example", env);
  expect([proxy?.place, proxy?.covers(new URL("http://a.example")), proxy?.covers(new URL("http://b.example"))]).toEqual([
    "two.example:443",
    false,
    true,
  ]);
  expect(readEgressProxy(undefined, {})).toBeNull();
  expect(readEgressProxy(undefined, { WHCB_EGRESS_PROXY: "" })).toBeNull();
});
