import { describe, expect, it } from "vitest";
import {
  type CallbackSettings,
  callbackNameProblem,
  callbackUrlProblem,
  describeHolder,
  describePause,
  hasSameSettings,
  isCollecting,
  isEmailAddress,
  isOtherOrigin,
  isRepaired,
  LONGEST_PAUSE_MS,
  nameOrder,
  REPLACED_SECRET_MS,
  replayState,
  runningPause,
  type ServiceReplay,
  secretsAfter,
  serviceLease,
} from "../../../src/domain/callback.js";
import { someSettings } from "../../support/builders.js";

const NOW = 1_000;
const [A] = secretsAfter("enabled", [], "A", NOW);
if (A === undefined) throw new Error("There is no secret");

describe("signing secrets", () => {
  it("are none while signing is disabled", () => {
    expect(secretsAfter("disabled", [A], "B", NOW)).toEqual([]);
  });

  it("stay when a signed callback is saved again", () => {
    expect(A).toEqual({ secret: "A", until: null });
    expect(secretsAfter("enabled", [A], "B", NOW)).toEqual([A]);
    expect(secretsAfter("enabled", [A], undefined, NOW)).toEqual([A]);
  });

  it("can't be without a new one where there is none, or it is to be replaced", () => {
    expect(() => secretsAfter("enabled", [], undefined, NOW)).toThrow("Signing needs a secret");
    expect(() => secretsAfter("new", [A], undefined, NOW)).toThrow("Signing needs a secret");
  });

  it("sign for a day after they were replaced, not longer, and at most two of them", () => {
    const end = NOW + REPLACED_SECRET_MS;
    expect(REPLACED_SECRET_MS).toBe(86_400_000);
    const replaced = secretsAfter("new", [A], "B", NOW);
    expect(replaced).toEqual([
      { secret: "B", until: null },
      { secret: "A", until: end },
    ]);
    const twice = secretsAfter("new", replaced, "C", end - 1);
    expect(twice.map(({ secret }) => secret)).toEqual(["C", "B", "A"]);
    expect(secretsAfter("new", twice, "D", end - 1).map(({ secret }) => secret)).toEqual(["D", "C", "B"]);
    expect(secretsAfter("new", replaced, "C", end).map(({ secret }) => secret)).toEqual(["C", "B"]);
  });
});

describe("a pause", () => {
  const pause = { at: 5, until: 10, by: "ada" };

  it("runs until its end, or until the callback is resumed", () => {
    expect([9, 10].map((now) => runningPause({ pause }, now))).toEqual([pause, null]);
    const endless = { ...pause, until: null };
    expect(runningPause({ pause: endless }, 99)).toBe(endless);
    expect(runningPause({ pause: null }, 9)).toBeNull();
    expect(LONGEST_PAUSE_MS / 86_400_000).toBe(365);
  });

  it("says who made it and until when", () => {
    const instant = (at: number) => `at ${at}`;
    expect(describePause(pause, instant)).toBe("paused by ada until at 10");
    expect(describePause({ by: null, until: null }, instant)).toBe("paused until it is resumed");
  });
});

describe("a callback's name", () => {
  it.each([
    "demo",
    "a b",
    "a.",
    "...",
    "00112233445566A",
    "00112233445566AAB",
    "x00112233445566AA",
    "00112233445566AAx",
    "ä\u0301",
  ])("may be %j", (name) => expect(callbackNameProblem(name)).toBeNull());

  it.each([
    ["a\nb", "must not contain control characters"],
    ["a\u202eb", "must not contain control characters"],
    ["\ud800", "must not contain control characters"],
    [" a", "must not begin or end with a space"],
    ["a ", "must not begin or end with a space"],
    ["00112233445566aA", "must not be 16 hex digits, as callbacks' ids are"],
    [".", "must not be . or .."],
    ["..", "must not be . or .."],
  ])("%j %s", (name, problem) => expect(callbackNameProblem(name)).toBe(problem));

  it("is ordered as people do: by letters whatever their case and accents, and by the size of numbers", () => {
    const names = ["b", "Äa", "a 10", "A 9", "a 009", "a 100", "a2b3", "a2b03c", "a2b20", "ae", "a 0", "a 00"];
    const sorted = [...names].sort((one, other) => (nameOrder(one) < nameOrder(other) ? -1 : 1));
    expect(sorted).toEqual(["a 0", "a 00", "A 9", "a 009", "a 10", "a 100", "a2b3", "a2b03c", "a2b20", "Äa", "ae", "b"]);
    expect(nameOrder("A 009")).toBe(nameOrder("a 9"));
    expect(nameOrder("Ǻ")).toBe("a");
    expect(nameOrder("100")).not.toBe(nameOrder("10"));
  });
});

describe("a callback's URL", () => {
  it.each([
    "http://a",
    "HTTPS://Example.COM/hook?a=1",
    "https://example.com/a@b:/c..d",
    "https://example.com?a=http://b:/",
    "http://example.com:80/hook",
    "https://example.com:443",
    "http://example.com:080/hook",
    "http://127.26.1.5:9000/hook",
    "http://0.0.0.0:9000/hook",
    "http://127.0.0.1.example.com/hook",
    "http://[::1]/hook",
    "http://[0:0::0001]:9000/hook",
    "http://[::FFFF:127.0.0.1]:9000/hook",
    "https://bücher.example:8443/ä",
    "https://B\u00dcCHER.example",
    "https://b\u00fccher\u3002example/",
    "https://xn--bcher-kva.example",
    "http://a_b-c.internal:9000",
  ])("may be %j", (url) => {
    expect(callbackUrlProblem(url)).toBeNull();
  });

  const dots = "must have a host that neither begins nor ends with a dot, nor has two in a row";
  const ipv4 = "must have an IPv4 address of four numbers without leading zeros";

  it.each([
    ["ftp://a", "must be an http or https URL"],
    ["xhttp://a", "must be an http or https URL"],
    ["https:/a", "must be an http or https URL"],
    ["https://a b", "must be an http or https URL"],
    ["https://a/\tb", "must be an http or https URL"],
    ["https://a/\u0001", "must be an http or https URL"],
    ["https://a:b", "must be an http or https URL"],
    ["https://", "must have a host before its path"],
    ["http://:9000/hook", "must have a host before its path"],
    ["http:a", "must be an http or https URL"],
    ["http://\t/a/b", "must be an http or https URL"],
    ["https:\\\\a\\b", "must be an http or https URL"],
    ["http:///a/b", "must have a host before its path"],
    ["https:////a/b", "must have a host before its path"],
    ["http://\\a/b", "must have a host before its path"],
    ["http://.example.com/a", dots],
    ["http://crm./hook", dots],
    ["http://crm.:9000/hook", dots],
    ["http://crm..example.com/hook", dots],
    ["http://127.26.1.:9000/hook", dots],
    ["http://127.26..5:9000/hook", dots],
    ["http://b\u00fccher\u3002/hook", dots],
    ["http://127.26.5:9000/hook", ipv4],
    ["http://127.26.000.010:9000/hook", ipv4],
    ["http://9000/hook", ipv4],
    ["http://0x7f1a0105/hook", ipv4],
    ["http://127.0.0.%31:9000/hook", ipv4],
    ["http://\uff11\uff12\uff17.0.0.1/hook", ipv4],
    ["http://ex%61mple.com/hook", "must have a host without % and white space"],
    ["http://b\u00fccher%2eexample/hook", "must have a host without % and white space"],
    ["http://127.26.1.5:/hook", "must have a port after the colon of its host"],
    ["http://[::1]:/hook", "must have a port after the colon of its host"],
    ["https://example.com:?a", "must have a port after the colon of its host"],
    ["http://http://127.0.0.1:9000/hook", "must have a port after the colon of its host"],
    ["http://127.26.1.5:0/hook", "must not have port 0"],
    ["http://127.26.1.5:000/hook", "must not have port 0"],
    ["http://127.0.0.1:9000/#/hook", "must not contain a #, as what follows it isn't sent"],
    ["http://127.0.0.1:9000/hook#", "must not contain a #, as what follows it isn't sent"],
    ["https://a\\b", "must not contain a backslash or an invisible character"],
    ["https://a/\u200b", "must not contain a backslash or an invisible character"],
    ["https://a/****", "must not contain ****, which stands for a secret that isn't shown"],
    ["https://me@host", "must not contain a user or password: use auth"],
    ["https://:pass@host", "must not contain a user or password: use auth"],
  ])("%j %s", (url, problem) => expect(callbackUrlProblem(url)).toBe(problem));

  it("has another origin with another scheme, host or port", () => {
    const isOther = (url: string) => isOtherOrigin(url, "https://a.example/x");
    expect(["http://a.example/x", "https://b.example/x", "https://a.example:8443/x"].map(isOther)).toEqual([true, true, true]);
    expect(["https://a.example:443/y?z", "HTTPS://A.example", "not a URL"].map(isOther)).toEqual([false, false, false]);
    expect(isOtherOrigin("https://a.example", "not a URL")).toBe(true);
  });
});

it("an e-mail address is one address and nothing else", () => {
  expect(["a@b", "ops+1@example.com", "ä@ö"].every(isEmailAddress)).toBe(true);
  const wrong = [
    "",
    "a",
    "@b",
    "a@",
    "a@b@c",
    "a b@c",
    "a@b c",
    "a@b,c@d",
    "<a@b>",
    "a@b;",
    "Ada <a@b>",
    "a@b\n",
    "\u0001a@b",
    'a"@b',
  ];
  for (const text of wrong) expect([text, isEmailAddress(text)]).toEqual([text, false]);
});

describe("a change of a callback", () => {
  const before = someSettings();
  const repairs: readonly Partial<CallbackSettings>[] = [
    { url: "http://127.0.0.1:9000/other" },
    { auth: { ...before.auth, type: "queryparam" } },
    { auth: { ...before.auth, key: "another-key" } },
    { contentType: "xml" },
    { signing: "enabled" },
  ];
  const others: readonly Partial<CallbackSettings>[] = [
    { name: "other" },
    { removeHtml: true },
    { retriesEnabled: true },
    { email: "a@example.com" },
    { events: { reply: false, undeliverable: true } },
    { events: { reply: true, undeliverable: false } },
  ];

  it("is worth a try at once if its requests change", () => {
    expect(repairs.map((over) => isRepaired(before, { ...before, ...over }))).toEqual(repairs.map(() => true));
    expect(others.map((over) => isRepaired(before, { ...before, ...over }))).toEqual(others.map(() => false));
  });

  it("is one if any setting differs", () => {
    expect(hasSameSettings(before, someSettings())).toBe(true);
    for (const over of [...repairs, ...others])
      expect([over, hasSameSettings(before, { ...before, ...over })]).toEqual([over, false]);
  });
});

describe("a replay by the service", () => {
  const replay: ServiceReplay = {
    id: "R",
    requestedAt: 0,
    cancelledAt: null,
    requestedBy: null,
    selection: null,
    confirmed: null,
    inEarlier: 0,
    collecting: null,
    total: 5,
    succeeded: 2,
    failed: 0,
    cancelled: 0,
    left: 3,
  };
  const collecting = { step: "add", counted: 5 } as const;

  it("runs while calls are left or added", () => {
    expect(replayState(replay)).toBe("running");
    expect(replayState({ ...replay, left: 0 })).toBe("finished");
    expect(replayState({ ...replay, left: 0, collecting })).toBe("running");
  });

  it("is cancelled unless all its calls had been attempted", () => {
    const cancelled = { ...replay, cancelledAt: 9 };
    expect(replayState(cancelled)).toBe("cancelled");
    expect(replayState({ ...cancelled, left: 0 })).toBe("finished");
    expect(replayState({ ...cancelled, left: 0, cancelled: 1 })).toBe("cancelled");
    expect(replayState({ ...cancelled, left: 0, collecting })).toBe("cancelled");
    // A mark withdrew a call, and nobody cancelled the replay.
    expect(replayState({ ...replay, left: 0, cancelled: 1 })).toBe("finished");
  });

  it("gets no more calls once it is cancelled", () => {
    expect([replay, { ...replay, collecting }, { ...replay, collecting, cancelledAt: 9 }].map(isCollecting)).toEqual([
      false,
      true,
      false,
    ]);
  });

  it("holds its callback as a run does", () => {
    const lease = serviceLease(replay);
    expect(lease).toEqual({ run: "", holder: "the service", done: 2, total: 5, replay: "R" });
    expect(describeHolder(lease)).toBe("The service is replaying 5 calls itself: replay R");
    expect(describeHolder({ run: "20261129-1", holder: "ada@host", done: 0, total: 0 })).toBe(
      "Run 20261129-1 of ada@host is working on its calls",
    );
  });
});
