/** What a replay sends is what the list returned (docs/contract.md, The POST that a callback receives). */
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";
import { delivered, ODD_RESPONSES, XML_BEGIN } from "../support/platform/odd-responses.js";
import { RecordingEndpoint } from "../support/platform/recording-endpoint.js";
import { platformCalls, platformId, type ScriptedPlatform, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { VirtualClock } from "../support/time/virtual-clock.js";

let machine: CliMachine;
let endpoint: RecordingEndpoint;

beforeEach(async () => {
  machine = new CliMachine({ isServedHere: async () => true });
  endpoint = await RecordingEndpoint.open();
});

afterEach(async () => {
  await machine.leave();
  endpoint.close();
});

describe("on the platform", () => {
  let platform: ScriptedPlatform;
  let listening: Awaited<ReturnType<ScriptedPlatform["listen"]>>;

  async function open(calls: readonly object[], contentType = "json", removeHTML = "disabled"): Promise<void> {
    const [plain] = platformCalls(1);
    const listed = calls.map((call, index) => {
      const { callback } = plain?.fields ?? {};
      return { id: platformId(index), status: "FAILED" as const, fields: { callback, ...call } };
    });
    const settings = { auth: { type: "httpheader", key: "k" }, contentType, removeHTML, retriesEnabled: "false", email: "a@b.c" };
    const callback = { id: "528F17736481BA9A", name: "crm", url: endpoint.url, key: null, settings, calls: listed };
    platform = scriptedPlatform({ clock: new VirtualClock(), callbacks: [callback] });
    listening = await platform.listen();
  }

  afterEach(() => listening.close());

  const whcb = (...argv: readonly string[]) =>
    machine.whcb(argv, { env: { WHCB_URL: listening.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" } });

  function markedIds(): readonly string[] {
    const marks = platform.requests.filter(({ method, path }) => method === "PUT" && path.includes("/calls"));
    return marks.flatMap(({ path }) => new URL(path, "http://h").searchParams.getAll("id")).sort();
  }

  test.each(Object.entries(ODD_RESPONSES))("a replay sends %s as they came", async (_, call) => {
    await open([call]);
    expect(await whcb("replay", "crm", "--failed", "--yes")).toMatchObject({ code: 0 });
    expect(endpoint.bodies.map((body) => JSON.parse(body))).toEqual([delivered(call)]);
  });

  test.each([
    [
      "empty members, as in the platform's guide",
      "<messageid>M1</messageid><messagelocation>https://api.whispir.com/messages/M1</messagelocation><from><voice></voice><mri></mri><name>Ada</name><mobile>61400000001</mobile><email></email></from><responseMessage><acknowledged>24/11/26 09:30</acknowledged><channel>sms</channel><content></content></responseMessage><customParameters></customParameters>",
    ],
    [
      "an unknown channel, null and unknown members",
      "<messageid></messageid><from><name></name><mobile>61400000001</mobile><phone>61400000001</phone><tags>a</tags><tags><b></b></tags><link>x</link></from><responseMessage><channel>N/A</channel><undeliverable></undeliverable><acknowledged></acknowledged><content>5 &amp; 6</content><intent><name>yes</name></intent></responseMessage><customParameters><entry><key>order</key><value>12</value></entry></customParameters>",
    ],
    [
      "other types",
      "<messageid>7</messageid><messagelocation></messagelocation><from></from><responseMessage><channel></channel><content>&lt;b&gt;one&lt;/b&gt;</content><content>two</content></responseMessage><customParameters></customParameters>",
    ],
    [
      "hostile names",
      "<from><__proto__><name>x</name></__proto__><constructor>y</constructor><entry><key>a b</key><value>1</value></entry><entry><key>&lt;x&gt;</key><value>z</value></entry></from><responseMessage><toString>t</toString><content>Yes</content></responseMessage><customParameters><entry><key>__proto__</key><value>p</value></entry><entry><key>entry</key><value>e</value></entry></customParameters>",
    ],
  ])("in XML, %s; removeHTML applies to a content that is text", async (name, xml) => {
    await open([ODD_RESPONSES[name] ?? {}], "xml", "enabled");
    expect(await whcb("replay", "crm", "--failed", "--yes")).toMatchObject({ code: 0 });
    expect(endpoint.bodies).toEqual([`${XML_BEGIN}${xml}</ns2:deliveryResponse>`]);
  });

  test("a number that JavaScript doesn't have keeps its digits, as text", async () => {
    await open([{ responseMessage: { content: "CONTENT" }, customParameters: { order: "CONTENT" } }]);
    const service = createServer((request, response) => {
      const { method, url: path = "" } = request;
      const marked = { method: "PUT", path, headers: { accept: "json" }, body: '{"status":"SUCCESS"}' } as const;
      const { status, headers, body } = platform.answer(method === "GET" ? { ...marked, method, body: null } : marked);
      response.writeHead(status, headers).end(body.replaceAll('"CONTENT"', "12345678901234567890"));
    });
    await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
    const env = {
      WHCB_URL: `http://127.0.0.1:${(service.address() as AddressInfo).port}`,
      WHCB_USERNAME: "u",
      WHCB_PASSWORD: "p",
      WHCB_API_KEY: "k",
    };
    await machine.works(["replay", "crm", "--failed", "--yes"], { env });
    service.closeAllConnections();
    service.close();
    const digits = "12345678901234567890";
    expect(endpoint.bodies.map((body) => JSON.parse(body))).toEqual([
      { responseMessage: { content: digits }, customParameters: { order: digits } },
    ]);
  });

  test("a call without a usable id is shown and counted; the others are sent and marked", async () => {
    const content = (text: string) => ({ responseMessage: { channel: "sms", content: text } });
    const unusable = [
      { ...content("nameless"), id: undefined },
      { ...content("empty"), id: "" },
      { ...content("several"), id: "a,b" },
      { ...content("spaced"), id: "order-1 " },
    ];
    await open([content("first"), ...unusable, content("last")]);
    const listed = await whcb("calls", "list", "crm", "--failed", "--columns", "content,id");
    expect(listed).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("4 without a usable id: can be neither sent nor marked"),
    });
    expect(listed.stdout.match(/first|nameless|empty|several|spaced|last/g)?.sort()).toEqual(
      ["first", "nameless", "empty", "several", "spaced", "last"].sort(),
    );
    const ids = await whcb("calls", "list", "crm", "--failed", "-o", "ids");
    expect(ids.stdout).toBe(`${platformId(0)}\n${platformId(5)}\n`);
    expect((await whcb("calls", "list", "crm", "--failed", "--group-by", "channel", "-o", "json")).stdout).toContain(
      '"count": 6',
    );
    const checked = await whcb("check", "--max-failed", "0");
    expect(checked).toMatchObject({ code: 8, stdout: expect.stringContaining("6 failed calls of crm") });
    const replayed = await whcb("replay", "crm", "--failed", "--yes");
    expect(replayed).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("warning: 4 calls listed without a usable id: neither sent nor marked"),
    });
    expect(endpoint.bodies.map((body) => JSON.parse(body).responseMessage.content)).toEqual(["last", "first"]);
    expect(markedIds()).toEqual([platformId(0), platformId(5)].sort());
    const marked = await whcb("mark-success", "crm", "--failed", "--yes");
    expect(marked).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(
        "4 calls listed without a usable id: neither sent nor marked\nnothing to mark: no call matches",
      ),
    });
  });

  test("a call that is listed without its response is counted, and neither sent nor marked", async () => {
    const bare = [
      {},
      { messageLocation: "https://api.whispir.com/messages/M1" },
      { messageId: "", from: {}, responseMessage: null },
    ];
    await open([...bare, { from: { mobile: "61400000001" } }, { messageId: "M2" }]);
    const warning = "warning: 3 calls listed without their response: neither sent nor marked\n";
    const shown = await whcb("replay", "crm", "--failed", "--dry-run", "-o", "json");
    expect(shown).toMatchObject({ code: 0, stderr: warning });
    expect(JSON.parse(shown.stdout)).toMatchObject({ calls: 2, withoutId: 0, withoutResponse: 3 });
    expect(await whcb("replay", "crm", "--failed", "--yes")).toMatchObject({ code: 0, stderr: expect.stringContaining(warning) });
    expect(endpoint.bodies.map((body) => JSON.parse(body))).toEqual([{ messageid: "M2" }, { from: { mobile: "61400000001" } }]);
    expect(markedIds()).toEqual([platformId(3), platformId(4)].sort());
    const nothing = { code: 0, stderr: `${warning}nothing to replay: no failed call matches\n` };
    expect(await whcb("replay", "crm", "--failed", "--yes")).toMatchObject(nothing);
    const named = await whcb("replay", "crm", platformId(0), "--yes");
    expect(named.stderr).toContain("warning: 1 call listed without its response: neither sent nor marked\n");
    const seen = join(machine.world.paths.config, "..", "seen.txt");
    await writeFile(seen, `${platformId(0)}\n${platformId(3)}\n`);
    const reconciled = await whcb("reconcile", "crm", "--seen", seen, "--yes");
    expect(reconciled).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("balance: 3 failed = 1 seen + 0 accepted + 0 rejected + 0 unknown + 2 not sent"),
      stderr: expect.stringContaining("warning: 2 calls listed without their response: neither sent nor marked\n"),
    });
    expect(endpoint.bodies).toHaveLength(2);
  });

  test("a line that may be of a call without an id marks no other one", async () => {
    const call = { messageId: "A".repeat(32), from: { mobile: "61400000001" }, responseMessage: { content: "Yes" } };
    await open([call, { ...call, id: undefined }]);
    const seen = join(machine.world.paths.config, "..", "seen.ndjson");
    await writeFile(seen, JSON.stringify(call));
    const { code, stderr } = await whcb("reconcile", "crm", "--seen", seen, "--yes");
    expect({ code, stderr }).toMatchObject({ code: 8, stderr: expect.stringContaining("1 ambiguous call") });
    expect(stderr).toContain("warning: 1 call listed without a usable id");
    expect(endpoint.bodies).toEqual([]);
    expect(markedIds()).toEqual([]);
  });

  async function writeProfile(): Promise<void> {
    const config = { profiles: { test: { url: listening.url, username: "u", password: "p", apiKey: "k" } }, current: "test" };
    await mkdir(machine.world.paths.config, { recursive: true });
    await writeFile(join(machine.world.paths.config, "config.json"), JSON.stringify(config), { mode: 0o600 });
  }

  test("a resumed replay asks if the names have changed since it began, and sends with the new ones", async () => {
    await open([{ messageId: "A" }, { messageId: "B" }]);
    await writeProfile();
    await machine.works(["config", "set", "bodyNames", "messageId-location"]);
    endpoint.status = 503;
    const stopped = await machine.whcb(["replay", "crm", "--failed", "--yes"]);
    expect(stopped.code).toBe(8);
    await machine.works(["config", "set", "bodyNames", "messageid-location"]);
    endpoint.status = 200;
    expect(await machine.whcb(["replay", "--resume"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        "The body names are messageid-location now, and were messageId-location when the run began.\n",
      ),
    });
    const [, run = ""] = /--resume (\S+)/.exec(stopped.stdout) ?? [];
    await machine.works(["replay", "--resume", run, "--yes"]);
    expect(endpoint.bodies).toEqual(['{"messageId":"B"}', '{"messageid":"B"}', '{"messageid":"A"}']);
  });

  test.each([
    ["messageid-messagelocation", "messageid", "messagelocation"],
    ["messageid-location", "messageid", "location"],
    ["messageId-location", "messageId", "location"],
  ])("the profile's bodyNames %s are those of replay, its curl commands and reconcile", async (names, id, location) => {
    const responseMessage = { acknowledged: "24/11/26 09:30", content: "Yes" };
    const reply = { from: { mobile: "61400000001" }, responseMessage };
    const call = { messageId: "A".repeat(32), messageLocation: "https://h/A", ...reply };
    const odd = { ...call, messageId: "B".repeat(32), messageLocation: "" };
    await open([call, odd]);
    await writeProfile();
    await machine.works(["config", "set", "bodyNames", names]);
    expect(await machine.works(["config", "get", "bodyNames", "-o", "json"])).toContain(`"${names}"`);
    const curl = await machine.works(["replay", "crm", "--failed", "--dry-run", "--print-curl"]);
    expect(curl).toContain(`{"${id}":"${call.messageId}","${location}":"https://h/A",`);
    endpoint.status = 503;
    const failed = await machine.whcb(["replay", "crm", "--failed", "--yes", "--no-canary"]);
    expect(failed.code).toBe(8);
    endpoint.status = 200;
    await writeFile(machine.path("seen"), endpoint.bodies[0] ?? "");
    await machine.works(["reconcile", "crm", "--seen", machine.path("seen")], { canAsk: true, stdin: "y\n" });
    const expected = [odd, call].map(({ messageId, messageLocation }) => {
      return { [id]: messageId, [location]: messageLocation, ...reply };
    });
    expect(endpoint.bodies.map((body) => JSON.parse(body))).toEqual([...expected, expected[1]]);
  });
});

test("serve and config take only the three sets, in their case", async () => {
  const rejected = "must be one of messageid-messagelocation, messageid-location, messageId-location";
  for (const names of ["messageID-location", "location"]) {
    expect(await machine.whcb(["serve", "--body-names", names])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(rejected),
    });
  }
  expect(await machine.whcb(["serve", "--body-names", ""])).toMatchObject({ code: 2, stderr: "error: --body-names is empty\n" });
  await machine.serve();
  expect(await machine.whcb(["config", "set", "bodyNames", "MESSAGEID-LOCATION"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`bodyNames: "MESSAGEID-LOCATION" ${rejected}`),
  });
});
