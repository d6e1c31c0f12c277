/** Files as programs export them are given to the command, and the balance adds up. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";

const EXPORTS = join(import.meta.dirname, "../fixtures/exports");
const file = (name: string): string => join(EXPORTS, name);

let machine: CliMachine;

/** The files have the first four of these six failed calls. */
beforeEach(async () => {
  machine = new CliMachine();
  await machine.serve();
  const endpoint = await machine.listen(["--status", "503"]);
  const created = ["callbacks", "create", "--name", "demo", "--url", `${endpoint.url}/hook`, "--email", "ops@example.com"];
  await machine.works(created, { env: { WHCB_CALLBACK_KEY: "PLANTED-CALLBACK-KEY" } });
  const calls = JSON.parse(readFileSync(file("calls.json"), "utf8")).map((call: object) => JSON.stringify(call));
  writeFileSync(machine.path("calls.ndjson"), calls.join("\n"));
  await machine.works(["trigger", "demo", "--file", machine.path("calls.ndjson")]);
  await machine.settled("demo");
  await endpoint.stop();
  await machine.listen(["--port", new URL(endpoint.url).port]);
  await machine.works(["config", "set", "country", "AU"]);
});

afterEach(() => machine.leave());

const reconcile = (...argv: readonly string[]) => machine.whcb(["reconcile", "demo", "--seen", ...argv]);

test("a list is read in its encoding, also in pieces, and with its own names", async () => {
  const bytes = readFileSync(file("excel-en-au-unicode-text.txt"));
  const pieces = Array.from({ length: bytes.length }, (_, index) => bytes.subarray(index, index + 1));
  const piped = await machine.whcb(["reconcile", "demo", "--seen", "-", "--dry-run", "-o", "json"], { stdin: pieces });
  expect([piped.code, JSON.parse(piped.stdout)]).toMatchObject([0, { failed: 6, seen: 4, ambiguous: [], replay: { calls: 2 } }]);

  const renamed = "messageid=MSG_REF,mobile=msisdn,content=Reply Text,acknowledged=replied_on";
  const mapped = await reconcile(file("salesforce-data-loader.csv"), "--map", renamed, "--dry-run", "-o", "json");
  expect(JSON.parse(mapped.stdout)).toMatchObject({ failed: 6, seen: 4, ambiguous: [], replay: { calls: 2 } });

  const argv = ["reconcile", "demo", "--seen", file("excel-de.csv")];
  const { code, stdout, stderr } = await machine.whcb(argv, { canAsk: true, stdin: "y\n" });
  expect(code).toBe(0);
  expect(stderr).toContain("reading 4 CSV rows in Windows-1252\n");
  expect(stdout).toContain(
    "balance: 6 failed = 4 seen + 2 accepted + 0 rejected + 0 unknown + 0 not sent + 0 ambiguous + 0 settled meanwhile\n",
  );
});

test("nothing is done with a list that may mean two things, and the error says what to do", async () => {
  const list = machine.path("list.csv");
  const failing = async (text: string, ...flags: readonly string[]) => {
    writeFileSync(list, text);
    const { code, stderr } = await reconcile(list, "--yes", ...flags);
    expect([code, await machine.ids("demo", "--failed")]).toEqual([2, expect.objectContaining({ length: 6 })]);
    return stderr;
  };
  const dated = "messageid,acknowledged\nM,05/11/2026 09:30\n";
  expect(await failing(dated)).toBe(
    'error: line 2 can\'t be read: "05/11/2026 09:30" may have the day or the month first\nhint: --date-order dmy or mdy says which comes first; nothing was done\n',
  );
  const known = "messageid, callid, webhookid, from, mobile, email, mri, voice, name, acknowledged, undeliverable, content";
  expect(await failing("MsgRef;msisdn\nM;1\n")).toBe(
    `error: line 1 can't be read: none of its columns is messageid or callid: MsgRef, msisdn\nhint: --seen takes NDJSON or XML bodies, CSV or TSV with a header, or one id per line; known names are ${known}; --map messageid=NAME says what the list calls it; nothing was done\n`,
  );
  expect(await failing("MsgRef;msisdn\nM;1\n", "--map", "messageid=msg-ref,mobile=phone")).toBe(
    "error: --map: the list has no phone\nhint: it has MsgRef, msisdn\n",
  );
  expect(await failing('messageid,mobile,content\nM-1,61491570156,"no\nM-1,61491570157,yes\nM-1,61491570158,ok"\n')).toBe(
    "error: line 2 can't be read: a quoted value takes in line 3, which looks like a row\nhint: a quote inside a value must be doubled, and the value quoted; if the line is the value's, export NDJSON instead; nothing was done\n",
  );
  for (const [map, error] of [
    ["msisdn=mobile", `--map: "msisdn=mobile" must be NAME=COLUMN, with NAME one of ${known}`],
    ["mobile", `--map: "mobile" must be NAME=COLUMN, with NAME one of ${known}`],
    ["mobile=a,mobile=b", "--map names mobile=b twice"],
    ["mobile=a,voice=A", "--map names voice=A twice"],
    [
      "acknowledged=Received At",
      "--map: receivedat says when your system got it, and acknowledged when the sender replied\nhint: leave it out; if it is the sender's time, rename the column",
    ],
  ] as const)
    expect(await failing(dated, "--map", map)).toBe(`error: ${error}\n`);

  const [, , , fourth, fifth] = JSON.parse(readFileSync(file("calls.json"), "utf8"));
  const header = "messageid,mobile,acknowledged,content";
  for (const [order, { id, messageId, responseMessage }] of [
    ["mdy", fourth],
    ["dmy", fifth],
  ] as const) {
    writeFileSync(list, `${header}\n${messageId},61491570159,11/5/2026 9:30,${responseMessage.content}\n`);
    const { stdout } = await reconcile(list, "--date-order", order, "--dry-run", "-o", "ndjson");
    expect(JSON.parse(stdout.split("\n")[0] ?? "")).toMatchObject({ event: "seen", id });
  }
});
