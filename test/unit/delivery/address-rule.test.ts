import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, expect, test } from "vitest";
import {
  type AddressRule,
  ANY_ADDRESS,
  addressRuleFor,
  checkCallbackUrl,
  inNetworks,
  isAddressAllowed,
  isConnectionAllowed,
  publicAddressRule,
  type ServiceReach,
} from "../../../src/delivery/address-rule.js";
import { isWhcbError, type WhcbError } from "../../../src/domain/errors.js";

const PUBLIC = publicAddressRule();
const LOCAL: ServiceReach = { host: "127.0.0.1", trustedProxies: [], allowHosts: [], publicUrl: null, hasApi: true };

const REFUSED_URLS: readonly string[] = [
  // loopback, in every spelling that a URL takes
  "http://127.0.0.1/",
  "https://127.0.0.1/",
  "http://127.1/",
  "http://127.0.1/",
  "http://2130706433/",
  "http://0x7f000001/",
  "http://0x7f.0.0.1/",
  "http://0x7f.1/",
  "http://0177.0.0.1/",
  "http://0177.0.0.01/",
  "http://017700000001/",
  "http://127.0.0.1./",
  "http://127.0.0.1.:80/",
  "http://%31%32%37.0.0.1/",
  "http://127。0。0。1/",
  "http://①②⑦.0.0.1/",
  "http://127.255.255.254/",
  "http://0/",
  "http://0.0.0.0/",
  "http://[::1]/",
  "http://[0:0:0:0:0:0:0:1]/",
  "http://[::]/",
  "http://[::ffff:127.0.0.1]/",
  "http://[::ffff:7f00:1]/",
  "http://[::127.0.0.1]/",
  "http://user:password@127.0.0.1/",
  // IP addresses of any kind: a domain name is required
  "http://10.0.0.1/",
  "http://172.16.0.1/",
  "http://192.168.1.1/",
  "http://169.254.169.254/latest/meta-data/",
  "http://[fd00:ec2::254]/",
  "http://100.100.100.200/",
  "http://8.8.8.8/",
  "https://[2606:4700:4700::1111]/",
  // internal names
  "http://localhost/",
  "http://LOCALHOST/",
  "http://metadata/",
  "http://intranet/",
  "http://example.com./",
  "http://localhost./",
  "http://a..example.com/",
  "http://example.123x-/",
  "http://example.c-/",
  "http://example.1com/",
  `http://${"a".repeat(64)}.com/`,
  `http://example.${"a".repeat(64)}/`,
  `http://${`${"a".repeat(63)}.`.repeat(4)}com/`,
  // ports
  "http://example.com:8080/",
  "https://example.com:22/",
  "http://example.com:0/",
  "http://example.com:25/",
  // other schemes, and text that isn't a URL
  "ftp://example.com/",
  "file:///etc/passwd",
  "gopher://example.com/",
  "javascript:alert(1)",
  "data:text/plain,x",
  "//example.com/",
  "example.com",
  "http://",
  "",
  " ",
  "http://exa mple.com/",
];

const ALLOWED_URLS: readonly string[] = [
  "http://example.com/",
  "https://example.com/",
  "https://example.com:443/hook?a=b",
  "http://example.com:80/",
  "http://example.com:443/",
  "https://example.com:80/",
  "https://a-b.sub.example.co.uk/x",
  "https://bücher.example/",
  "https://_x.example.com/",
  "https://127.0.0.1.example.com/",
  "https://example.c/",
  `https://${"a".repeat(63)}.${"b".repeat(63)}/`,
];

/** [address, whether it is allowed], at port 443. */
const ADDRESSES: readonly (readonly [string, boolean])[] = [
  ["0.0.0.0", false],
  ["0.1.2.3", false],
  ["10.0.0.1", false],
  ["10.255.255.255", false],
  ["100.63.255.255", true],
  ["100.64.0.1", false],
  ["100.127.255.255", false],
  ["100.100.100.200", false],
  ["127.0.0.1", false],
  ["127.255.255.255", false],
  ["169.254.0.1", false],
  ["169.254.169.254", false],
  ["169.254.170.2", false],
  ["172.15.255.255", true],
  ["172.16.0.1", false],
  ["172.31.255.255", false],
  ["172.32.0.1", true],
  ["192.0.0.192", false],
  ["192.0.2.1", false],
  ["192.88.99.1", false],
  ["192.168.0.1", false],
  ["198.18.0.1", false],
  ["198.19.255.255", false],
  ["198.51.100.1", false],
  ["203.0.113.1", false],
  ["224.0.0.1", false],
  ["239.255.255.255", false],
  ["240.0.0.1", false],
  ["255.255.255.255", false],
  ["168.63.129.16", false],
  ["168.63.129.17", true],
  ["1.1.1.1", true],
  ["8.8.8.8", true],
  ["93.184.216.34", true],
  ["::", false],
  ["::1", false],
  ["::2", false],
  ["::7f00:1", false],
  ["::ffff:127.0.0.1", false],
  ["::ffff:10.0.0.1", false],
  ["::ffff:8.8.8.8", false],
  ["::ffff:0:127.0.0.1", false],
  ["64:ff9b::7f00:1", false],
  ["64:ff9b::8.8.8.8", false],
  ["64:ff9b:1::1", false],
  ["100::1", false],
  ["2001::1", false],
  ["2001:0:4138:e378:8000:63bf:3fff:fdd2", false],
  ["2001:2::1", false],
  ["2001:10::1", false],
  ["2001:20::1", false],
  ["2001:db8::1", false],
  ["2002:7f00:1::1", false],
  ["2002:0808:0808::1", false],
  ["3fff::1", false],
  ["3fff:fff:ffff::1", false],
  ["3ffe::1", true],
  ["4000::1", false],
  ["5f00::1", false],
  ["fc00::1", false],
  ["fd00:ec2::254", false],
  ["fdff:ffff::1", false],
  ["fe80::1", false],
  ["fe80::1%eth0", false],
  ["fec0::1", false],
  ["ff02::1", false],
  ["2606:4700:4700::1111", true],
  ["2a00:1450:4001:800::200e", true],
  ["2a00:1450:4001:800:0:5eff:a00:1", true],
  ["2a00:1450:4001:800:100:5efe:a00:1", true],
  ["2a00:1450:0:5efe:a00:1::", true],
  ["64:ff9b:2::1", false],
  ["", false],
  ["example.com", false],
  ["2130706433", false],
];

type Embed = (v4: string, bytes: readonly number[]) => string;

/** Forms of IPv6 addresses that lead to an IPv4 address. */
const EMBEDDING: readonly (readonly [form: string, embed: Embed])[] = [
  ["compatible", (v4) => `::${v4}`],
  ["mapped", (v4) => `::ffff:${v4}`],
  ["translated (SIIT)", (v4) => `::ffff:0:${v4}`],
  ["NAT64", (v4) => `64:ff9b::${v4}`],
  ["local NAT64 with a prefix of 96 bits", (v4) => `64:ff9b:1:ffff:ffff:ffff:${v4}`],
  ["local NAT64 with a prefix of 48 bits", (_, [a, b, c, d]) => `64:ff9b:1:${group(a, b)}:${group(0, c)}:${group(d, 0)}::`],
  ["6to4", (_, [a, b, c, d]) => `2002:${group(a, b)}:${group(c, d)}::1`],
  ["Teredo, as its server", (_, [a, b, c, d]) => `2001:0:${group(a, b)}:${group(c, d)}:8000:63bf:3fff:fdd2`],
  [
    "Teredo, as its client",
    (_, bytes) => {
      const [a, b, c, d] = bytes.map((byte) => 255 - byte);
      return `2001:0:4136:e378:8000:63bf:${group(a, b)}:${group(c, d)}`;
    },
  ],
  ["ISATAP", (v4) => `2a00:1450:4001:800:0:5efe:${v4}`],
  ["ISATAP, as a global address", (v4) => `2a00:1450:4001:800:200:5efe:${v4}`],
  ["ISATAP, link-local", (v4) => `fe80::5efe:${v4}`],
];

function group(high = 0, low = 0): string {
  return (high * 256 + low).toString(16);
}

describe("the public rules", () => {
  describe.each(EMBEDDING)("for an IPv4 address in IPv6, %s", (_, embed) => {
    test.each(["127.0.0.1", "10.0.0.1", "169.254.169.254", "8.8.8.8"])("reject %s, also if it is allowed itself", (v4) => {
      const address = embed(v4, v4.split(".").map(Number));
      expect(isIP(address)).toBe(6);
      for (const rule of [PUBLIC, publicAddressRule([v4])]) expect(isAddressAllowed(address, 443, rule)).toBe(false);
    });
  });

  test.each(REFUSED_URLS)("reject the URL %j", (url) => {
    expect(refusalOf(url)).toBe("address-refused");
  });

  test.each(ALLOWED_URLS)("allow the URL %j", (url) => {
    expect(refusalOf(url)).toBeNull();
  });

  test.each(ADDRESSES)("for the address %j: %j", (address, isAllowed) => {
    expect(isAddressAllowed(address, 443, PUBLIC)).toBe(isAllowed);
  });

  test("are tested with 149 URLs and addresses", () => {
    expect(REFUSED_URLS.length + ALLOWED_URLS.length + ADDRESSES.length).toBe(149);
  });

  test("allow a public address at ports 80 and 443 only", () => {
    expect([80, 443, 8080, 22, 0].map((port) => isAddressAllowed("1.1.1.1", port, PUBLIC))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});

describe("this machine's own addresses", () => {
  const ownAddresses = () => ["203.0.114.7", "2606:4700:0:0:0:0:0:9", "fe80::1%eth0", "not an address"];

  test("are rejected by the public rules although they are public, unless a network is allowed", () => {
    const rule = publicAddressRule([], { ownAddresses });
    const addresses = ["203.0.114.7", "::ffff:203.0.114.7", "2606:4700::9", "203.0.114.8"];
    expect(addresses.map((address) => isAddressAllowed(address, 443, rule))).toEqual([false, false, false, true]);
    expect(isAddressAllowed("203.0.114.7", 443, publicAddressRule(["203.0.114.7"], { ownAddresses }))).toBe(true);
  });

  test("show in a connection, whether an interface lists them or not", () => {
    const isAllowed = (address: string, rule = publicAddressRule(), localAddress = address) =>
      isConnectionAllowed({ localAddress, remoteAddress: address }, rule);
    expect([isAllowed("7.7.7.7"), isAllowed("2606:4700::9")]).toEqual([false, false]);
    expect(isAllowed("7.7.7.7", publicAddressRule(["7.7.7.0/24"]))).toBe(true);
    expect(isAllowed("127.0.0.1", ANY_ADDRESS)).toBe(true);
    expect(isAllowed("203.0.114.8", publicAddressRule(), "203.0.114.7")).toBe(true);
  });

  test("are those of the network interfaces", () => {
    const addresses = Object.values(networkInterfaces()).flatMap((entries = []) => entries.map(({ address }) => address));
    const rule = publicAddressRule();
    expect(rule.kind === "public" ? rule.ownAddresses() : []).toEqual(addresses);
    expect(addresses.filter((address) => isAddressAllowed(address, 443, rule))).toEqual([]);
  });
});

describe("for a service elsewhere", () => {
  const rule = publicAddressRule([], { isWebOnly: false });

  test("public addresses and names are allowed at any port", () => {
    for (const url of ["http://8.8.8.8:9000/", "https://[2606:4700:4700::1111]:8443/", "http://example.com:8080/"]) {
      expect(refusalOf(url, rule)).toBeNull();
    }
    expect(isAddressAllowed("1.1.1.1", 9000, rule)).toBe(true);
  });

  test.each([
    "http://127.1/",
    "http://10.0.0.1/",
    "http://169.254.169.254/",
    "http://[::1]/",
    "http://localhost/",
    "http://x.local/",
  ])("%s is rejected", (url) => expect(refusalOf(url, rule)).toBe("address-refused"));
});

describe("an allowed network", () => {
  const newRule = () => publicAddressRule(["10.1.0.0/16", "fd12::/16", "192.168.7.7", "fd34::7"]);

  test("may be connected to at any port, unlike the addresses next to it", () => {
    const allowed = ["10.1.0.1", "10.1.255.255", "fd12::9", "192.168.7.7", "fd34::7"];
    const others = ["10.2.0.1", "192.168.7.8", "fd13::9", "fd34::8", "::ffff:10.1.0.1", "not an address"];
    expect([...allowed, ...others].filter((address) => isAddressAllowed(address, 8080, newRule()))).toEqual(allowed);
  });

  test("may be addressed by IP address", () => {
    expect(refusalOf("http://10.1.2.3:9000/hook", newRule())).toBeNull();
    expect(refusalOf("http://[fd12::9]:9000/hook", newRule())).toBeNull();
    expect(refusalOf("http://10.2.2.3:9000/hook", newRule())).toBe("address-refused");
  });

  test("leaves names and ports to the check before connecting", () => {
    expect(refusalOf("http://orders:9000/hook", newRule())).toBeNull();
    expect(isAddressAllowed("1.1.1.1", 9000, newRule())).toBe(false);
  });

  test("must be a CIDR or an address", () => {
    expect(() => publicAddressRule(["10.0.0.0/33"])).toThrow("10.0.0.0/33 must be a network");
    expect(() => publicAddressRule(["all"])).toThrow("all must be a network");
    // Shortened, octal or hexadecimal: read as 192.0.0.168/16, 0.0.0.10/8 and 8.0.0.0/8 they would open other networks.
    for (const text of ["192.168/16", "10/8", "010.0.0.0/8", "0x0a000000/8"])
      expect(() => publicAddressRule([text])).toThrow(`${text} must be a network`);
  });
});

describe("a refusal says what to do", () => {
  const atAnyPort = publicAddressRule([], { isWebOnly: false });
  const TO_ALLOW = "An operator can allow a network with --allow-network CIDR.";

  test.each([
    ["ftp://example.com/", PUBLIC, "A callback's url must be an absolute http or https URL.", undefined],
    ["http://10.0.0.1/", PUBLIC, "A callback's url must contain a domain name, not an address (10.0.0.1).", TO_ALLOW],
    ["http://8.8.8.8/", PUBLIC, "A callback's url must contain a domain name, not an address (8.8.8.8).", TO_ALLOW],
    ["http://[::1]/", PUBLIC, "A callback's url must contain a domain name, not an address (::1).", TO_ALLOW],
    ["http://10.0.0.2/", atAnyPort, "10.0.0.2 isn't a public address.", "--allow-network 10.0.0.2"],
    ["http://intranet/", PUBLIC, "intranet isn't a public domain name.", undefined],
    ["http://example.com:8080/", PUBLIC, "A callback's url must use port 80 or 443.", undefined],
  ])("%s", (url, rule, message, hint) => {
    expect(errorOf(() => checkCallbackUrl(url, rule))).toMatchObject({ code: "address-refused", message, hint });
  });

  test("and names the URL that it is about", () => {
    const check = () => checkCallbackUrl("http://example.com:1/", PUBLIC, "The probe's url");
    expect(errorOf(check)).toMatchObject({ message: "The probe's url must use port 80 or 443." });
  });

  test("a network that can't be read is a wrong flag", () => {
    expect(errorOf(() => publicAddressRule(["all"]))).toMatchObject({ code: "usage" });
  });
});

describe("networks", () => {
  test("have the addresses in them, also those of IPv4 that a socket shows as IPv6", () => {
    const isProxy = inNetworks(["10.1.0.0/16", "fd12::/16"]);
    const inside = ["10.1.0.0", "10.1.255.255", "::ffff:10.1.2.3", "fd12::9"];
    expect([...inside, "10.2.0.0", "::ffff:10.2.0.0", "fd13::", "", "unknown"].filter(isProxy)).toEqual(inside);
    expect(["10.1.0.0", "fd12::9"].filter(inNetworks([]))).toEqual([]);
  });
});

describe("a service that others can reach", () => {
  test("sends to public addresses only, and to those of the networks that it is given", () => {
    const rule = addressRuleFor({ ...LOCAL, host: "0.0.0.0" }, ["10.1.0.0/16"]);
    const addresses = ["127.0.0.1", "10.1.0.1", "10.2.0.1", "1.1.1.1"];
    expect(addresses.filter((address) => isAddressAllowed(address, 443, rule))).toEqual(["10.1.0.1", "1.1.1.1"]);
  });
});

describe("a service on loopback", () => {
  test("has no rule for addresses", () => {
    for (const host of ["localhost", "127.0.0.1", "::1"]) expect(addressRuleFor({ ...LOCAL, host }, [])).toBe(ANY_ADDRESS);
  });

  test.each<[string, Partial<ServiceReach>, AddressRule["kind"]]>([
    ["its proxy's address", { trustedProxies: ["127.0.0.0/8", "::1"] }, "public"],
    ["a name that its proxy passes on", { allowHosts: ["whcb.example.com"] }, "public"],
    ["a name of the local network", { allowHosts: ["whcb.local"] }, "public"],
    ["another name of this machine", { allowHosts: ["127.0.0.1", "WHCB.Localhost"] }, "any"],
    ["its public URL", { publicUrl: "https://whcb.example.com" }, "public"],
    ["a URL with an address of the network", { publicUrl: "https://192.168.1.9:8443" }, "public"],
    ["a URL of this machine", { publicUrl: "http://[::1]:8787" }, "any"],
    ["a URL with a name of this machine", { publicUrl: "http://whcb.localhost:8787" }, "any"],
    ["that other nodes have the API", { hasApi: false }, "public"],
  ])("that knows %s has the rule %j: %s", (_, reach, kind) => {
    const rule = addressRuleFor({ ...LOCAL, ...reach }, ["10.1.0.0/16"]);
    expect(rule.kind).toBe(kind);
    const addresses = ["169.254.169.254", "127.0.0.1", "10.1.0.1"];
    expect(addresses.filter((address) => isAddressAllowed(address, 8080, rule))).toEqual(
      kind === "any" ? addresses : ["10.1.0.1"],
    );
  });

  test("allows any http or https URL", () => {
    for (const url of ["http://127.0.0.1:9000/", "http://[::1]/", "http://localhost:1/", "https://10.0.0.1/"]) {
      expect(refusalOf(url, ANY_ADDRESS)).toBeNull();
    }
    expect(refusalOf("ftp://example.com/", ANY_ADDRESS)).toBe("address-refused");
    expect(isAddressAllowed("127.0.0.1", 9000, ANY_ADDRESS)).toBe(true);
  });
});

function refusalOf(url: string, rule = PUBLIC): string | null {
  return errorOf(() => checkCallbackUrl(url, rule))?.code ?? null;
}

function errorOf(check: () => unknown): WhcbError | null {
  try {
    check();
    return null;
  } catch (error) {
    if (isWhcbError(error)) return error;
    throw error;
  }
}
