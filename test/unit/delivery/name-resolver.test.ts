import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { createNameResolver, type FoundAddresses, parseHosts, systemNameSource } from "../../../src/delivery/name-resolver.js";
import { systemErrorCode } from "../../../src/domain/errors.js";
import { ManualTimers } from "../../support/time/manual-timers.js";

function aResolver(answer: (name: string, count: number) => Promise<FoundAddresses>) {
  const time = new ManualTimers();
  const asked: string[] = [];
  const names = createNameResolver({
    clock: time,
    timers: time,
    source: (name) => {
      asked.push(name);
      return answer(name, asked.length);
    },
  });
  return { time, asked, names };
}

function noSuchName(): Promise<never> {
  return Promise.reject(Object.assign(new Error("queryA ENOTFOUND"), { code: "ENOTFOUND" }));
}

test("a lookup that timed out while the process was stopped is made again, one that failed otherwise isn't", async () => {
  let stoppedMs = 0;
  const outcomes = [
    fails("ETIMEOUT"),
    async () => ({ addresses: ["10.0.0.1"], ttlMs: 5_000 }),
    fails("ENOTFOUND"),
    fails("ETIMEOUT"),
  ];
  const names = createNameResolver({
    clock: new ManualTimers(),
    timers: { stoppedMs: () => stoppedMs, runningMs: () => 0, after: () => () => {} },
    async source(name) {
      if (name !== "running.example") stoppedMs += 6_000;
      return (outcomes.shift() ?? fails("none is left"))();
    },
  });
  expect(await names.resolve("stopped.example")).toEqual(["10.0.0.1"]);
  await expect(names.resolve("gone.example")).rejects.toMatchObject({ message: "there is no host named gone.example" });
  await expect(names.resolve("running.example")).rejects.toMatchObject({ message: expect.stringContaining("(ETIMEOUT)") });
});

test.each(["host.example", "no-such-host.invalid"])(
  "a lack of file descriptors isn't taken for a missing name: %s",
  async (name) => {
    const time = new ManualTimers();
    const readings = [async () => "127.0.0.1 other.example", fails("EMFILE"), async () => "127.0.0.1 host.example"];
    if (name === "host.example") readings.shift();
    const names = createNameResolver({
      clock: time,
      timers: time,
      source: systemNameSource({ clock: time, timers: time }, () => (readings.shift() ?? fails("none is left"))()),
    });
    await expect(names.resolve(name)).rejects.toMatchObject({ code: "unavailable", message: "out of file descriptors (EMFILE)" });
    time.advance(5_000);
    if (name === "host.example") expect(await names.resolve(name)).toEqual(["127.0.0.1"]);
  },
);

test("a name that no DNS server could be asked for isn't the endpoint's failure", async () => {
  const time = new ManualTimers();
  const outcomeOf = async (four: string, six: string, system: string) => {
    const openQueries = () => ({ resolve4: fails(four), resolve6: fails(six), cancel() {} });
    const source = systemNameSource({ clock: time, timers: time }, async () => "", openQueries, fails(system));
    return createNameResolver({ clock: time, timers: time, source })
      .resolve("a.example")
      .catch(({ message }) => message);
  };
  expect(await outcomeOf("ECONNREFUSED", "ECONNREFUSED", "EAI_AGAIN")).toBe("no DNS server can be reached (ECONNREFUSED)");
  // One server is silent.
  expect(await outcomeOf("ECONNREFUSED", "ETIMEOUT", "EAI_AGAIN")).toBe("the DNS lookup of a.example failed (ETIMEOUT)");
  // The system doesn't need those servers.
  expect(await outcomeOf("ECONNREFUSED", "ECONNREFUSED", "ENOTFOUND")).toBe("there is no host named a.example");
});

describe("search domains", () => {
  /** The names that the system was asked for, then the address. `dns`: the code of the DNS answer; null: it has an address. */
  async function ask(name: string, dns: string | null, usesSearchDomains?: boolean) {
    const time = new ManualTimers();
    const asked: string[] = [];
    const noAddress = fails("ENODATA");
    const openQueries = () => ({
      resolve4: dns === null ? async () => [{ address: "192.0.2.1", ttl: 5 }] : fails(dns),
      resolve6: dns === null ? noAddress : fails(dns),
      cancel() {},
    });
    const askSystem = async (meant: string) => {
      asked.push(meant);
      return { addresses: ["192.0.2.2"], ttlMs: 0 };
    };
    const options = { clock: time, timers: time, ...(usesSearchDomains === undefined ? {} : { usesSearchDomains }) };
    const found = await systemNameSource(options, async () => "", openQueries, askSystem)(name);
    return [asked, ...found.addresses];
  }

  test.each(["ENOTFOUND", "ENODATA", "ESERVFAIL", "EREFUSED", "ECONNREFUSED"])(
    "never complete a name with a dot: the system gets it with a final one if DNS answers %s",
    async (dns) => {
      expect(await ask("hooks.example", dns, true)).toEqual([["hooks.example."], "192.0.2.2"]);
      expect(await ask("printer.local", dns, true)).toEqual([["printer.local."], "192.0.2.2"]);
      expect(await ask("hooks.", dns, true)).toEqual([["hooks."], "192.0.2.2"]);
    },
  );

  test("complete a name without a dot, even if DNS has a top-level domain of that name", async () => {
    expect(await ask("hooks", "ENOTFOUND", true)).toEqual([["hooks"], "192.0.2.2"]);
    expect(await ask("ai", null, true)).toEqual([["ai"], "192.0.2.2"]);
    expect(await ask("hooks.ai", null, true)).toEqual([[], "192.0.2.1"]);
  });

  test("complete no name unless asked for, as under the public rules", async () => {
    expect(await ask("hooks", "ENOTFOUND")).toEqual([["hooks."], "192.0.2.2"]);
    expect(await ask("hooks", null)).toEqual([[], "192.0.2.1"]);
  });
});

function fails(code: string): () => Promise<never> {
  return () => Promise.reject(Object.assign(new Error(code), { code }));
}

class Query {
  succeed: (records: { address: string; ttl: number }[]) => void = () => {};
  fail: (code: string) => void = () => {};
  readonly answer = new Promise<{ address: string; ttl: number }[]>((resolve, reject) => {
    this.succeed = resolve;
    this.fail = (code) => reject(Object.assign(new Error(code), { code }));
  });
}

/** A lookup whose two queries the test answers. */
function aLookup() {
  const time = new ManualTimers();
  const [four, six] = [new Query(), new Query()];
  const openQueries = () => ({
    resolve4: () => four.answer,
    resolve6: () => six.answer,
    cancel() {
      for (const query of [four, six]) query.fail("ECANCELLED");
    },
  });
  const source = systemNameSource({ clock: time, timers: time }, async () => "", openQueries);
  let outcome: FoundAddresses | string = "waiting";
  source("host.invalid").then(
    (found) => (outcome = found),
    (error) => (outcome = systemErrorCode(error)),
  );
  return {
    four,
    six,
    time,
    async outcomeAfter(ms: number) {
      await nextTurn();
      time.advance(ms);
      await nextTurn();
      return outcome;
    },
  };
}

describe("of the two address families", () => {
  test("one whose lookup failed is looked up again after a second; one that doesn't exist isn't", async () => {
    for (const [code, ttlMs] of [
      ["ESERVFAIL", 1_000],
      ["ENODATA", 60_000],
    ] as const) {
      const { four, six, outcomeAfter } = aLookup();
      six.succeed([{ address: "2001:db8::1", ttl: 60 }]);
      four.fail(code);
      expect(await outcomeAfter(0)).toEqual({ addresses: ["2001:db8::1"], ttlMs });
    }
  });

  test("IPv6 is waited for 200 ms more once IPv4 has answered", async () => {
    const { four, outcomeAfter } = aLookup();
    expect(await outcomeAfter(1_000)).toBe("waiting");
    four.succeed([{ address: "10.0.0.1", ttl: 5 }]);
    expect(await outcomeAfter(199)).toBe("waiting");
    expect(await outcomeAfter(1)).toEqual({ addresses: ["10.0.0.1"], ttlMs: 5_000 });
  });

  test("IPv4 is waited for 2.5 s more once IPv6 has answered", async () => {
    const { six, outcomeAfter } = aLookup();
    six.succeed([{ address: "fd00::1", ttl: 5 }]);
    expect(await outcomeAfter(2_499)).toBe("waiting");
    expect(await outcomeAfter(1)).toEqual({ addresses: ["fd00::1"], ttlMs: 1_000 });
  });

  test("both are used if the second answers in time, IPv4 first, and no timer stays", async () => {
    const { four, six, time, outcomeAfter } = aLookup();
    six.succeed([{ address: "fd00::1", ttl: 7 }]);
    await outcomeAfter(2_499);
    four.succeed([{ address: "10.0.0.1", ttl: 5 }]);
    expect(await outcomeAfter(0)).toEqual({ addresses: ["10.0.0.1", "fd00::1"], ttlMs: 5_000 });
    expect(time.count).toBe(0);
  });

  test.each([
    ["no record", (four: Query) => four.fail("ENODATA")],
    ["only a CNAME", (four: Query) => four.succeed([])],
  ])("the second is waited for if the first has %s", async (_, answer) => {
    const { four, six, outcomeAfter } = aLookup();
    answer(four);
    expect(await outcomeAfter(4_000)).toBe("waiting");
    six.succeed([{ address: "fd00::1", ttl: 5 }]);
    expect(await outcomeAfter(0)).toEqual({ addresses: ["fd00::1"], ttlMs: 5_000 });
  });

  test("both must be silent for a timeout", async () => {
    const { four, six, outcomeAfter } = aLookup();
    six.fail("ETIMEOUT");
    expect(await outcomeAfter(4_000)).toBe("waiting");
    four.fail("ETIMEOUT");
    expect(await outcomeAfter(0)).toBe("ETIMEOUT");
  });
});

describe("a name", () => {
  test("needed by several at once is looked up once, and cached for its TTL", async () => {
    const { time, asked, names } = aResolver(async (_name, count) => ({ addresses: [`10.0.0.${count}`], ttlMs: 5_000 }));
    expect(await Promise.all([names.resolve("a.example"), names.resolve("a.example")])).toEqual([["10.0.0.1"], ["10.0.0.1"]]);
    time.advance(4_999);
    expect(await names.resolve("a.example")).toEqual(["10.0.0.1"]);
    time.advance(1);
    expect(await names.resolve("a.example")).toEqual(["10.0.0.2"]);
    expect(asked).toEqual(["a.example", "a.example"]);
  });

  test("is cached for at least a second and at most a minute", async () => {
    const { time, asked, names } = aResolver(async (name) => ({
      addresses: ["10.0.0.1"],
      ttlMs: name === "short" ? 0 : 86_400_000,
    }));
    await Promise.all([names.resolve("short"), names.resolve("long")]);
    time.advance(999);
    await Promise.all([names.resolve("short"), names.resolve("long")]);
    expect(asked).toEqual(["short", "long"]);
    time.advance(59_001);
    await Promise.all([names.resolve("short"), names.resolve("long")]);
    expect(asked).toEqual(["short", "long", "short", "long"]);
  });

  test("that doesn't exist is looked up again after two seconds", async () => {
    const { time, asked, names } = aResolver(noSuchName);
    await expect(names.resolve("gone.example")).rejects.toMatchObject({
      reason: "dns",
      message: "there is no host named gone.example",
    });
    time.advance(1_999);
    await expect(names.resolve("gone.example")).rejects.toMatchObject({ reason: "dns" });
    expect(asked).toHaveLength(1);
    time.advance(1);
    await expect(names.resolve("gone.example")).rejects.toMatchObject({ reason: "dns" });
    expect(asked).toHaveLength(2);
  });

  test("with thousands of addresses has its first 16", async () => {
    const addresses = Array.from({ length: 4_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    const { names } = aResolver(async () => ({ addresses, ttlMs: 0 }));
    expect(await names.resolve("many.example")).toEqual(addresses.slice(0, 16));
  });

  test("without an address is a dns error", async () => {
    const { names } = aResolver(async () => ({ addresses: [], ttlMs: 0 }));
    await expect(names.resolve("empty.example")).rejects.toMatchObject({
      reason: "dns",
      message: "empty.example has no address",
    });
  });

  test("that is slow doesn't delay others", async () => {
    const { names } = aResolver((name) =>
      name === "slow.example" ? new Promise(() => undefined) : Promise.resolve({ addresses: ["10.0.0.1"], ttlMs: 0 }),
    );
    for (let waiting = 0; waiting < 100; waiting++) void names.resolve("slow.example");
    expect(await names.resolve("quick.example")).toEqual(["10.0.0.1"]);
  });

  test("is dropped from the cache when two thousand newer ones are in it", async () => {
    const { asked, names } = aResolver(async () => ({ addresses: ["10.0.0.1"], ttlMs: 60_000 }));
    for (let number = 0; number < 2_001; number++) await names.resolve(`n${number}`);
    await names.resolve("n1");
    await names.resolve("n0");
    expect(asked.slice(2_001)).toEqual(["n0"]);
  });
});

describe("localhost", () => {
  const time = new ManualTimers();
  const asked: string[] = [];
  const ask = async (): Promise<never> => {
    asked.push("a DNS server");
    throw new Error("it must not be asked");
  };
  const resolve = async (name: string, hosts: string) => {
    const source = systemNameSource(
      { clock: time, timers: time },
      async () => hosts,
      () => ({ resolve4: ask, resolve6: ask, cancel() {} }),
      ask,
    );
    return (await source(name)).addresses;
  };

  test("has the addresses that the hosts file gives it, as another program may listen at the other one", async () => {
    expect(await resolve("localhost", "127.0.0.1 localhost")).toEqual(["127.0.0.1"]);
    expect(await resolve("LocalHost.", "::1 localhost")).toEqual(["::1"]);
    expect(await resolve("localhost", "127.0.0.1 localhost\n::1 localhost")).toEqual(["127.0.0.1", "::1"]);
    expect(await resolve("hooks.localhost", "127.0.0.1 localhost\n127.0.0.1 hooks.localhost")).toEqual(["127.0.0.1"]);
    expect(asked).toEqual([]);
  });

  test("has both addresses of this machine if the hosts file doesn't name it, whatever DNS says", async () => {
    expect(await resolve("localhost", "")).toEqual(["127.0.0.1", "::1"]);
    expect(await resolve("hooks.localhost", "127.0.0.1 localhost")).toEqual(["127.0.0.1", "::1"]);
    expect(asked).toEqual([]);
  });
});

test("parses a hosts file as in hosts(5)", () => {
  const text =
    "# comment\n127.0.0.1\tlocalhost Orders.Example # mine\n::1 localhost\r\n\nno-address x\n127.0.0.1 localhost\n10.0.0.1\n";
  expect([...parseHosts(text)]).toEqual([
    ["localhost", ["127.0.0.1", "::1"]],
    ["orders.example", ["127.0.0.1"]],
  ]);
});
