/** Calls are named by ids which the service doesn't list, or which two callbacks have. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { scriptedPlatform } from "../support/platform/scripted-platform.js";
import { countingEndpoint } from "../support/replay/replay-desk.js";

const USER = { WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
const FIELDS = {
  messageId: "m",
  from: { name: "Ada", mri: "", mobile: "61491570100", email: "", voice: "" },
  responseMessage: { channel: "SMS", acknowledged: "24/11/26 09:30", content: "Yes" },
  callback: { attemptedDate: "24/11/26 09:31", statusCode: "503" },
};
const MANY = Array.from({ length: 60 }, (_, index) => `order-${index}`);

const closing: (() => Promise<void>)[] = [];
let machine: CliMachine;

beforeEach(() => {
  machine = new CliMachine();
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await machine.leave();
});

/** The callbacks `one` and `two` have these FAILED and SUCCESS calls. */
async function openPlatform(
  calls: Record<"one" | "two", { readonly failed: readonly string[]; readonly success?: readonly string[] }>,
) {
  const sent: string[] = [];
  const endpoint = await countingEndpoint((id) => {
    sent.push(id);
    return { status: 200 };
  });
  closing.push(endpoint.close);
  const callbacks = Object.entries(calls).map(([name, { failed, success = [] }], index) => ({
    id: `00112233445566A${index}`,
    name,
    url: endpoint.url,
    key: "the-endpoint-s-key",
    calls: [
      ...failed.map((id) => ({ id, status: "FAILED" as const, fields: FIELDS })),
      ...success.map((id) => ({ id, status: "SUCCESS" as const, fields: FIELDS })),
    ],
  }));
  const platform = scriptedPlatform({ clock: systemClock, callbacks });
  const listening = await platform.listen();
  closing.push(listening.close);
  return {
    sent,
    marks: () => platform.requests.flatMap(({ method, path }) => (method === "PUT" && path.includes("/calls") ? [path] : [])),
    whcb: (args: readonly string[], ids: readonly string[] = []) =>
      machine.whcb(args, { stdin: ids.map((id) => `${id}\n`).join(""), env: { WHCB_URL: listening.url, ...USER } }),
  };
}

it.each(["mark-success", "replay"])("%s asks the service for nothing about an id that it doesn't list", async (command) => {
  const at = await openPlatform({ one: { failed: ["ORDER-1"] }, two: { failed: [] } });
  const { code, stderr } = await at.whcb([command, "one", "order-1", "--yes"]);
  expect({ code, stderr, marks: at.marks(), sent: at.sent }).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("no such call: order-1"),
    marks: [],
    sent: [],
  });
});

it.each([
  ["mark-success", "a", { one: { failed: ["a"] }, two: { failed: ["a"] } }, ["a"]],
  ["mark-success", "a", { one: { failed: ["a"] }, two: { failed: [], success: ["a"] } }, ["a"]],
  ["mark-success", "order-7", { one: { failed: MANY }, two: { failed: [], success: ["order-7"] } }, MANY],
  ["replay", "a", { one: { failed: ["a"] }, two: { failed: [], success: ["a"] } }, ["a"]],
  [
    "replay",
    "5F00AA1100000001",
    { one: { failed: ["5F00AA1100000001"] }, two: { failed: ["5F00AA1100000001"] } },
    ["5F00AA1100000001"],
  ],
  ["replay", "order-7", { one: { failed: MANY }, two: { failed: [], success: ["order-7"] } }, MANY],
])("%s takes no call %s that two callbacks have", async (command, id, calls, ids) => {
  const at = await openPlatform(calls);
  const { code, stderr } = await at.whcb([command, "-", "--yes", "--all-callbacks"], ids);
  expect({ code, stderr, marks: at.marks(), sent: at.sent }).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(new RegExp(`one and two both have a call ${id}\\n.*name the callback before the ids`)),
    marks: [],
    sent: [],
  });
});

it.each(["mark-success", "replay"])("%s of listed ids with --yes means all callbacks only if it says so", async (command) => {
  const at = await openPlatform({ one: { failed: ["a"] }, two: { failed: ["b"] } });
  const { code, stderr } = await at.whcb([command, "-", "--yes"], ["a", "b"]);
  expect({ code, stderr, marks: at.marks(), sent: at.sent }).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/no callback is named, and there are 2: one, two\n.*--all-callbacks/),
    marks: [],
    sent: [],
  });
  const allowed = command === "replay" ? ["--dry-run", "--allow-network", "127.0.0.1"] : ["--yes", "--all-callbacks"];
  expect(await at.whcb([command, "-", ...allowed], ["a", "b"])).toMatchObject({ code: 0 });
});

it("an id that two callbacks have is the call of the one that is named", async () => {
  const at = await openPlatform({ one: { failed: ["a"] }, two: { failed: ["a"] } });
  const { code } = await at.whcb(["mark-success", "two", "a", "--yes"]);
  expect({ code, marks: at.marks() }).toEqual({ code: 0, marks: ["/callbacks/00112233445566A1/calls?id=a"] });
});

it("a short id that calls of other callbacks have, too, names none, and the call that it names is shown", async () => {
  await machine.serve(["--no-endpoint-check"]);
  const { url } = await machine.listen(["--status", "503"]);
  const ids = { one: "01A22B5B13AA7CBDAE381C58364C5442", two: "01A22B5B13BB75B6AE381C58364C5442" };
  for (const [name, id] of Object.entries(ids)) {
    const created = ["callbacks", "create", "--name", name, "--url", url, "--email", "ops@example.com"];
    await machine.works(created, { env: { WHCB_CALLBACK_KEY: "PLANTED-CALLBACK-KEY" } });
    const call = { id, messageId: "m", responseMessage: { content: "x" } };
    await machine.works(["trigger", name, "--file", "-"], { stdin: `${JSON.stringify(call)}\n` });
    await machine.settled(name);
  }
  expect(await machine.whcb(["mark-success", "two", "01A22B5B13", "--yes"])).toMatchObject({
    code: 2,
    stderr: `error: several calls begin with 01A22B5B13: ${ids.two}, ${ids.one}\nhint: 11 digits are enough\n`,
  });
  expect(await machine.ids("two", "--failed")).toEqual([ids.two]);
  expect(await machine.whcb(["mark-success", "two", "01A22B5B13B", "--yes"])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`01A22B5B13B is call ${ids.two}\n`),
  });
});
