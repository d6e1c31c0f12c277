/** A sender may choose ids, and others look like them. Each command takes the call that is meant, or says that there is none. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { CliMachine } from "../support/cli/cli-service.js";
import type { CliResult } from "../support/cli/run-cli.js";
import { platformId, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { countingEndpoint } from "../support/replay/replay-desk.js";

interface ChosenCall {
  readonly id: string;
  readonly messageId?: string;
  /** The endpoint has accepted it. */
  readonly isDelivered?: boolean;
}

interface Scene {
  whcb(args: readonly string[], input?: string): Promise<CliResult>;
  successIds(): Promise<readonly string[]>;
  /** Returns the calls that were sent since the endpoint works again. */
  sent(): readonly string[];
}

const USER = { WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
const FROM = { name: "Ada", mri: "", mobile: "61491570100", email: "", voice: "" };
const RESPONSE = { channel: "SMS", acknowledged: "24/11/26 09:30", content: "Yes" };

const closing: (() => Promise<void>)[] = [];
let machine: CliMachine;

beforeEach(() => {
  machine = new CliMachine({ isServedHere: async () => true });
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await machine.leave();
});

async function openEndpoint(calls: readonly ChosenCall[]) {
  const delivered = new Set(calls.filter(({ isDelivered }) => isDelivered).map(({ id }) => id));
  let isRepaired = false;
  const sent: string[] = [];
  const endpoint = await countingEndpoint((id) => {
    if (isRepaired) sent.push(id);
    return { status: isRepaired || delivered.has(id) ? 200 : 503 };
  });
  closing.push(endpoint.close);
  return { url: endpoint.url, sent, repair: () => (isRepaired = true) };
}

async function onServe(calls: readonly ChosenCall[]): Promise<Scene> {
  const endpoint = await openEndpoint(calls);
  await machine.serve(["--no-endpoint-check"]);
  await machine.works(["callbacks", "create", "--name", "demo", "--url", endpoint.url, "--email", "ops@example.com"]);
  const lines = calls.map(({ id, messageId = "m" }) => JSON.stringify({ id, messageId, from: FROM, responseMessage: RESPONSE }));
  await machine.works(["trigger", "demo", "--file", "-"], { stdin: lines.join("\n") });
  await machine.settled("demo");
  endpoint.repair();
  return {
    whcb: (args, stdin = "") => machine.whcb(args, { stdin }),
    successIds: async () => [...(await machine.ids("demo", "--success"))].sort(),
    sent: () => [...endpoint.sent].sort(),
  };
}

async function onPlatform(calls: readonly ChosenCall[]): Promise<Scene> {
  const endpoint = await openEndpoint(calls);
  endpoint.repair();
  const listed = calls.map(({ id, messageId = "m", isDelivered = false }) => ({
    id,
    status: isDelivered ? ("SUCCESS" as const) : ("FAILED" as const),
    fields: {
      messageId,
      from: FROM,
      responseMessage: RESPONSE,
      callback: { attemptedDate: "24/11/26 09:31", statusCode: isDelivered ? "200" : "503" },
    },
  }));
  const callback = { id: platformId(closing.length), name: "demo", url: endpoint.url, key: "the-endpoint-s-key", calls: listed };
  const platform = await scriptedPlatform({ clock: systemClock, callbacks: [callback] }).listen();
  closing.push(platform.close);
  return {
    whcb: (args, stdin = "") => machine.whcb(args, { stdin, env: { WHCB_URL: platform.url, ...USER } }),
    successIds: async () =>
      listed
        .filter(({ status }) => status === "SUCCESS")
        .map(({ id }) => id)
        .sort(),
    sent: () => [...endpoint.sent].sort(),
  };
}

const KINDS = [
  ["whcb serve", onServe],
  ["the platform", onPlatform],
] as const;

const body = (messageId: string): string =>
  JSON.stringify({ messageid: messageId, from: FROM, responseMessage: RESPONSE, customParameters: {} });

function waysToGive(ids: readonly string[]) {
  const text = `${ids.join("\n")}\n`;
  const path = join(machine.world.paths.data, "..", "ids.txt");
  writeFileSync(path, text);
  return {
    arguments: { words: ids, input: "" },
    stdin: { words: ["-"], input: text },
    file: { words: ["--file", path], input: "" },
  } as const;
}

describe.each(KINDS)("on %s", (_, open) => {
  it.each([
    [
      ["order-1-11", "nOt2aB", "100001"],
      ["1000017", "not2AB", "order-11-1"],
    ],
    [
      ["1000017", "not2AB", "order-11-1"],
      ["100001", "nOt2aB", "order-1-11"],
    ],
  ])("reconcile with the received calls %j sends the failed calls %j", async (received, failed) => {
    const scene = await open([
      ...received.map((id) => ({ id, messageId: "a", isDelivered: true })),
      ...failed.map((id) => ({ id, messageId: "b" })),
    ]);
    const [ids, table] = [`${received.join("\n")}\n`, `callid,from\n${received.join(",\n")},\n`];
    const dryRun = await scene.whcb(["reconcile", "demo", "--seen", "-", "--ignore", "from", "--dry-run", "-o", "json"], table);
    expect(JSON.parse(dryRun.stdout)).toMatchObject({ failed: 3, seen: 0, ambiguous: [], unmatched: 0, replay: { calls: 3 } });
    const { code, stderr } = await scene.whcb(["reconcile", "demo", "--seen", "-", "--yes"], ids);
    expect({ code, stderr, sent: scene.sent() }).toMatchObject({ code: 0, sent: failed });
  });

  it.each([
    ["camp-1-12", "camp-11-2"],
    ["camp-11-2", "camp-1-12"],
  ])(
    "reconcile with a reply to message %s sends the failed reply to %s, of the same sender and content",
    async (received, failed) => {
      const scene = await open([
        { id: "received", messageId: received, isDelivered: true },
        { id: "failed", messageId: failed },
      ]);
      for (const list of [body(received), `${received}\n`]) {
        const { stdout } = await scene.whcb(["reconcile", "demo", "--seen", "-", "--dry-run", "-o", "ndjson"], list);
        expect(
          stdout
            .trim()
            .split("\n")
            .map((line) => JSON.parse(line)),
        ).toMatchObject([{ event: "planned", id: "failed" }]);
      }
      const { code } = await scene.whcb(["reconcile", "demo", "--seen", "-", "--yes"], body(received));
      expect({ code, sent: scene.sent() }).toEqual({ code: 0, sent: ["failed"] });
    },
  );

  it("reconcile takes a list of chosen ids: of calls, or of messages, which leave open what any of them means", async () => {
    const scene = await open([
      { id: "order-17", messageId: "m-1" },
      { id: "order-18", messageId: "m-2" },
      { id: "order-19", messageId: "m_3~x" },
      { id: "order-20", messageId: "m-4" },
    ]);
    const reconcile = (list: string) => scene.whcb(["reconcile", "demo", "--seen", "-", "--yes"], list);
    const { code, stderr } = await reconcile("order-17\n'm_3~x'\norder-2\n");
    expect(stderr).toContain("reading 3 ids\n");
    expect(stderr).toContain("warning: 1 line matching no call\n");
    expect(stderr).toContain("warning: 2 ambiguous calls, which your system may have: neither marked nor sent\n");
    expect({ code, sent: scene.sent() }).toEqual({ code: 8, sent: ["order-18", "order-20"] });
    expect(await scene.successIds()).toEqual(["order-18", "order-20"]);
    await reconcile("order-17\norder-19\norder-20\norder-2\n");
    expect(await scene.successIds()).toEqual(["order-17", "order-18", "order-19", "order-20"]);
  });

  it("reconcile takes no bare digit for a call's id, which may number a line or be a flag", async () => {
    const scene = await open([{ id: "1" }, { id: "2" }, { id: "1001" }, { id: "1002" }]);
    const reconcile = (lines: readonly string[], ...flags: readonly string[]) =>
      scene.whcb(["reconcile", "demo", "--seen", "-", "--yes", ...flags], `${lines.join("\n")}\n`);
    for (const lines of [
      ["1", "1001", "2", "1002"],
      ["1001", "1", "1002", "0"],
    ]) {
      const { code, stderr } = await reconcile(lines);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/line \d can't be read: [01] may be/)]);
    }
    expect([await scene.successIds(), scene.sent()]).toEqual([[], []]);
    const unnamed = await reconcile(["1", "1001"], "--ignore", "id");
    expect([unnamed.code, unnamed.stderr]).toEqual([
      2,
      expect.stringContaining("2 calls by an id that may number something else"),
    ]);
    expect([await scene.successIds(), scene.sent()]).toEqual([[], []]);
    expect((await reconcile(["callid", "1", "1001"])).code).toBe(0);
    expect(scene.sent()).toEqual(["1002", "2"]);
  });

  it("reconcile leaves open what an id means that is both a call's and a message's, its own too", async () => {
    const scene = await open([
      { id: "received", messageId: "order-17", isDelivered: true },
      { id: "order-17", messageId: "m-1" },
      { id: "order-18", messageId: "order-18" },
    ]);
    const { code } = await scene.whcb(["reconcile", "demo", "--seen", "-", "--yes"], "order-17\norder-18\n");
    expect({ code, sent: scene.sent(), success: await scene.successIds() }).toEqual({
      code: 8,
      sent: [],
      success: ["received"],
    });
  });

  it("an id that is no call's is not found, however it is given, and nothing is marked or sent", async () => {
    const generated = "0193F0C2A5B87C119D2E4F6A8B0C1D2E";
    const scene = await open([{ id: "not2AB" }, { id: "1000017" }, { id: "order-1-11" }, { id: generated }]);
    const ids = ["nOt2aB", "100001", "order-11-1", "order111", "order-1-1"];
    const whole = waysToGive(ids);
    for (const { words, input } of [whole.stdin, whole.file]) {
      for (const command of ["mark-success", "replay"]) {
        const { code, stderr } = await scene.whcb([command, "demo", ...words, "--yes"], input);
        expect({ command, words, code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining(ids.join(", ")) });
      }
    }
    for (const id of [...ids, "order-1-11x"]) {
      expect(await scene.whcb(["mark-success", "demo", id, "--yes"])).toMatchObject({
        code: 3,
        stderr: expect.stringContaining(id),
      });
    }
    // A beginning is completed where it is typed, and nowhere else.
    const { stdin, file, arguments: typed } = waysToGive([generated.slice(0, 16)]);
    for (const { words, input } of [stdin, file]) {
      for (const command of ["mark-success", "replay"]) {
        expect(await scene.whcb([command, "demo", ...words, "--yes"], input)).toMatchObject({ code: 3 });
      }
    }
    expect([await scene.successIds(), scene.sent()]).toEqual([[], []]);
    expect((await scene.whcb(["replay", "demo", ...typed.words, "--yes"])).code).toBe(0);
    expect([await scene.successIds(), scene.sent()]).toEqual([[generated], [generated]]);
  });

  it("61 ids in a file, two of which differ in case only, are 61 calls", async () => {
    const many = Array.from({ length: 59 }, (_, index) => `order-${index}`);
    const scene = await open([...many, "nOt2aB", "not2AB", "NOT2AB", "order-99"].map((id) => ({ id })));
    const { words } = waysToGive([...many, "nOt2aB", "not2AB"]).file;
    expect((await scene.whcb(["mark-success", "demo", ...words, "--yes"])).code).toBe(0);
    expect(await scene.successIds()).toEqual([...many, "nOt2aB", "not2AB"].sort());
  });

  it("61 ids in a file, one of which differs in case from a call, are 60 calls and one that is not found", async () => {
    const many = Array.from({ length: 60 }, (_, index) => `order-${index}`);
    const scene = await open([...many, "Order-60"].map((id) => ({ id })));
    const { words } = waysToGive([...many, "order-60"]).file;
    const { code, stdout, stderr } = await scene.whcb(["replay", "demo", ...words, "--yes"]);
    expect({ code, output: stderr + stdout }).toMatchObject({
      code: 8,
      output: expect.stringContaining("no such call: order-60"),
    });
    expect([await scene.successIds(), scene.sent()]).toEqual([[...many].sort(), [...many].sort()]);
    const marked = await scene.whcb(["mark-failed", "demo", ...words, "--yes"]);
    expect({ code: marked.code, output: marked.stderr + marked.stdout }).toMatchObject({
      code: 8,
      output: expect.stringContaining("order-60"),
    });
    expect(await scene.successIds()).toEqual([]);
  });

  it("a UUID is the same call with and without its dashes, in either case", async () => {
    const uuid = "550e8400-e29b-41d4-a716-446655440000";
    const digits = "550E8400E29B41D4A716446655440000";
    const scene = await open([
      { id: digits, messageId: uuid },
      { id: "other", messageId: `${digits.slice(0, 31)}1` },
    ]);
    for (const id of [uuid, uuid.toUpperCase(), digits.toLowerCase()]) {
      expect(JSON.parse((await scene.whcb(["calls", "get", "demo", id, "--json", "id"])).stdout)).toEqual({ id: digits });
      const { stdout } = await scene.whcb(["reconcile", "demo", "--seen", "-", "--dry-run", "-o", "json"], body(id));
      expect(JSON.parse(stdout)).toMatchObject({ seen: 1, unmatched: 0, replay: { calls: 1 } });
    }
    const dashedElsewhere = "550e8400e29b-41d4-a716-446655440000";
    expect((await scene.whcb(["mark-success", "demo", dashedElsewhere, "--yes"])).code).toBe(3);
    expect((await scene.whcb(["mark-success", "demo", uuid, "--yes"])).code).toBe(0);
    expect(await scene.successIds()).toEqual([digits]);
  });

  it("reconcile neither marks nor sends a call whose list has its number without the zeros", async () => {
    for (const list of ["callid\n9991\n10001\n", "callid,webhook-id\n9991,9991\n10001,10001\n"]) {
      const scene = await onPlatform([{ id: "09991" }, { id: "10001" }, { id: "10002" }]);
      const { code, stderr } = await scene.whcb(["reconcile", "demo", "--seen", "-", "--yes"], list);
      expect(stderr).toContain("lines nearly matching a failed call, but with another call id");
      expect({ code, sent: scene.sent(), success: await scene.successIds() }).toEqual({
        code: 8,
        sent: ["10002"],
        success: ["10001", "10002"],
      });
    }
  });
});

describe("of two calls whose ids are equal, but for the case or the dashes of a UUID", () => {
  const upper = "0A1B2C3D4E5F60718293A4B5C6D7E8F9";
  const dashed = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
  const lower = upper.toLowerCase();

  it.each([
    [upper, lower],
    [lower, upper],
    [upper, dashed],
    [dashed, upper],
  ])("reconcile marks %s, which its list names so, and sends %s", async (named, other) => {
    for (const list of [named, JSON.stringify({ webhookid: named, messageid: "m" })]) {
      const scene = await onPlatform([{ id: named }, { id: other }]);
      const { code, stdout } = await scene.whcb(["reconcile", "demo", "--seen", "-", "--yes", "-o", "json"], list);
      expect({ code, sent: scene.sent() }).toEqual({ code: 0, sent: [other] });
      expect(JSON.parse(stdout)).toMatchObject({ counts: { seen: 1, accepted: 1, marked: 2 } });
    }
  });

  it("reconcile leaves both open if its list has yet another spelling", async () => {
    for (const list of [dashed, JSON.stringify({ webhookid: dashed, messageid: "m" })]) {
      const scene = await onPlatform([{ id: upper }, { id: lower }, { id: "order-1" }]);
      const { code } = await scene.whcb(["reconcile", "demo", "--seen", "-", "--yes"], list);
      expect({ code, sent: scene.sent(), success: await scene.successIds() }).toEqual({
        code: 8,
        sent: ["order-1"],
        success: ["order-1"],
      });
    }
  });

  it.each([2, 61])("mark-success and replay take both if both are named, in a list of %s ids", async (listed) => {
    const ids = [upper, lower, ...Array.from({ length: listed - 2 }, (_, index) => `order-${index}`)];
    for (const command of ["mark-success", "replay"]) {
      const scene = await onPlatform([...ids.map((id) => ({ id })), { id: "order-99" }]);
      const { code } = await scene.whcb([command, "demo", "-", "--yes"], `${ids.join("\n")}\n`);
      expect({ command, code, success: await scene.successIds() }).toEqual({ command, code: 0, success: [...ids].sort() });
    }
  });

  it("nothing is marked if one of two named spellings is no call's, but may mean either of two", async () => {
    const scene = await onPlatform([{ id: upper }, { id: lower }]);
    const { code, stderr } = await scene.whcb(["mark-success", "demo", "-", "--yes"], `${upper}\n${dashed}\n`);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(`several calls have the id ${dashed}`) });
    expect(await scene.successIds()).toEqual([]);
  });

  it("a call that is named in two spellings is marked once", async () => {
    const scene = await onPlatform([{ id: upper }, { id: "order-1" }]);
    const { code, stdout } = await scene.whcb(["mark-success", "demo", "-", "--yes", "-o", "json"], `${upper}\n${dashed}\n`);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ counts: { planned: 1, marked: 1 } });
    expect(await scene.successIds()).toEqual([upper]);
  });
});

it("whcb serve accepts a UUID once, with or without its dashes and in either case, and answers with its digits", async () => {
  const scene = await onServe([]);
  const forms = ["550e8400-e29b-41d4-a716-446655440000", "550E8400E29B41D4A716446655440000", "550e8400E29B41d4a716446655440000"];
  const lines = [...forms, "order-1", "ORDER-1"].map((id) => JSON.stringify({ id })).join("\n");
  await scene.whcb(["trigger", "demo", "--file", "-"], lines);
  await machine.settled("demo");
  expect([...(await machine.ids("demo"))].sort()).toEqual([forms[1], "ORDER-1", "order-1"]);
});

it("reconcile says of calls that its list has, but that still wait, that they will be sent", async () => {
  const scene = await onServe([{ id: "order-1" }]);
  await machine.works(["callbacks", "pause", "demo"]);
  const waiting = JSON.stringify({ id: "order-2", messageId: "m", from: FROM, responseMessage: RESPONSE });
  await machine.works(["trigger", "demo", "--file", "-"], { stdin: waiting });
  const reconcile = () => scene.whcb(["reconcile", "demo", "--seen", "-", "--yes"], "order-1\norder-2\n");
  const warning =
    "warning: 1 call that your system has, but that will be sent, as no attempt has ended: `whcb mark-success` with the ids prevents that\n";
  expect(await reconcile()).toMatchObject({ code: 0, stderr: expect.stringContaining(warning) });
  expect(await scene.successIds()).toEqual(["order-1"]);
  expect(await reconcile()).toMatchObject({ code: 0, stderr: expect.stringContaining(`${warning}nothing to reconcile: `) });
  await machine.works(["mark-success", "demo", "order-2", "--yes"]);
  expect((await reconcile()).stderr).not.toContain(warning);
});
