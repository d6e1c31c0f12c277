/** A list that isn't of what was received, or may be cut off, settles and sends nothing. */
import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";

const IDS = ["order-17", "order-171", "order-18"];

let machine: CliMachine;
let received: () => number;

beforeEach(async () => {
  machine = new CliMachine();
  await machine.serve();
  const broken = await machine.listen(["--status", "503"]);
  await machine.works(["callbacks", "create", "--name", "demo", "--url", `${broken.url}/hook`, "--email", "ops@example.com"]);
  const calls = IDS.map((id) => ({
    id,
    messageId: `m-${id}`,
    from: { mobile: "61491570100" },
    responseMessage: { content: id },
  }));
  await machine.works(["trigger", "demo", "--file", "-"], { stdin: calls.map((call) => `${JSON.stringify(call)}\n`).join("") });
  await machine.settled("demo");
  await broken.stop();
  const endpoint = await machine.listen(["--port", new URL(broken.url).port]);
  received = () => endpoint.io.out().match(/ POST /g)?.length ?? 0;
});

afterEach(() => machine.leave());

const failed = async (): Promise<readonly string[]> => [...(await machine.ids("demo", "--failed"))].sort();
const reconcile = (list: string, ...flags: readonly string[]) =>
  machine.whcb(["reconcile", "demo", "--seen", "-", ...flags], { stdin: list });

async function stops(list: string, ...flags: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await reconcile(list, "--yes", ...flags);
  expect({ list, code, stdout, failed: await failed(), received: received() }).toEqual({
    ...{ list, code: 2, stdout: "", failed: IDS, received: 0 },
  });
  return stderr;
}

test("a list that may be of rejected calls, unless its columns mean something else", async () => {
  for (const list of [
    "webhook_id,http_response\norder-17,503\n",
    '{"webhook-id":"order-17","persisted":false}\n',
    '{"webhook-id":"order-17","level":"err","msg":"callback rejected"}\n',
    '{"webhook-id":"order-17","response":"503 Service Unavailable"}\n',
    "webhook_id,errcode,errmsg\norder-17,40001,invalid mobile\n",
    '{"messageid":"m-order-17","mobile":"61491570100","content":"order-17","return_code":500,"timed_out":true}\n',
    "order-17\n\nfailed:\n\norder-18\n",
  ])
    expect(await stops(list)).toContain("which isn't known to mean received\nhint: give only the lines that were received");
  const harmless = '{"webhook-id":"order-17","is_test":false,"queue":{"dropped":3}}\n';
  expect(await stops(harmless, "--ignore", "is_test")).toContain("--ignore queue.dropped; nothing was done");
  expect(await stops(harmless, "--ignore", "is-test,queue,gone")).toBe(
    "error: --ignore: the list has no gone\nhint: it has webhookid, istest, queue\n",
  );
  const { code, stderr } = await reconcile(harmless, "--yes", "--ignore", "Is Test", "--ignore", "queue.dropped");
  expect([code, received()]).toEqual([0, 2]);
  expect(stderr).toContain("warning: not compared: queue (");
});

test("a list that matches no call, unless that is allowed", async () => {
  const hint = "is it of another callback, or did the command before the pipe fail? --allow-empty replays every failed call";
  for (const list of ["undefined\n", "None\n", "EOF\n", '{"messageid":"X1","from":{"mobile":"61491570101"},"content":"q"}\n']) {
    expect(await stops(list)).toContain(`error: the list of --seen matches no call of demo: nothing was done\nhint: ${hint}\n`);
    expect(await reconcile(list, "--dry-run")).toMatchObject({ code: 2, stdout: "" });
  }
  const { code, stderr } = await reconcile("undefined\n", "--yes", "--allow-empty");
  expect([code, received()]).toEqual([0, 3]);
  expect(stderr).toContain("warning: 1 line matching no call\n");
});

test("whcb's own list of failed calls, unless the id is known to be the receiver's", async () => {
  const list = await machine.works(["calls", "list", "demo", "--failed", "-o", "ndjson", "--json", "id,messageId,from,content"]);
  expect(await stops(list)).toMatch(
    /error: the list has the id of a failed call, order-\d+: is it a list of whcb's\?\nhint: if your system stored the webhook-id: --map callid=id; if id means something else: --ignore id; nothing was done\n$/,
  );
  for (const flags of [
    ["--map", "callid=id"],
    ["--ignore", "id"],
  ])
    expect(await reconcile(list, "--dry-run", ...flags)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("your system has 3, 0 ambiguous, 0 to send"),
    });
});

describe("a list of ids that ends without a line break", () => {
  const cut = "order-18\norder-17";
  const problem = "has no line break: if it is cut off, order-17 is the beginning of another id\n";

  test("settles and sends nothing with --yes, and is warned of without", async () => {
    const file = machine.path("ids");
    writeFileSync(file, cut);
    for (const [args, source] of [
      [["mark-success", "demo", "-"], "stdin"],
      [["mark-success", "demo", "--file", file], file],
      [["replay", "demo", "--file", file], file],
      [["reconcile", "demo", "--seen", "-"], "--seen"],
    ] as const) {
      const { code, stderr } = await machine.whcb([...args, "--yes"], { stdin: cut });
      expect({ args, code, stderr }).toEqual({
        ...{ args, code: 2 },
        stderr: expect.stringContaining(
          `error: the last line of ${source} ${problem}hint: if the list is whole, end it with a line break; nothing was done\n`,
        ),
      });
      const dryRun = await machine.whcb([...args, "--dry-run"], { stdin: cut });
      expect(dryRun).toMatchObject({
        code: 0,
        stderr: expect.stringContaining(`warning: the last line of ${source} ${problem}`),
      });
    }
    expect([await failed(), received()]).toEqual([IDS, 0]);
    expect(await stops(`callid\n${cut}`)).toContain(problem);
  });

  test("is whole if it has one id, or the last one was generated, or is a comment", async () => {
    for (const list of ["order-17", `order-17\n${"0A1B".repeat(8)}`, "order-17\n# the end", "callid,note\norder-17,x"]) {
      const { code, stderr } = await reconcile(list, "--dry-run");
      expect({ list, code, stderr }).toEqual({ list, code: 0, stderr: expect.not.stringContaining("has no line break") });
    }
  });
});
