/** A list that isn't of what was received, or may be cut off, settles and sends nothing. */
import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";

const IDS = ["order-17", "order-18", "order-191"];

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
    responseMessage: { acknowledged: "28/11/26 10:00", content: id },
  }));
  await machine.works(["trigger", "demo", "--file", "-"], { stdin: calls.map((call) => `${JSON.stringify(call)}\n`).join("") });
  await machine.settled("demo");
  await broken.stop();
  const endpoint = await machine.listen(["--port", new URL(broken.url).port]);
  received = () => endpoint.io.out().match(/ POST /g)?.length ?? 0;
});

afterEach(() => machine.leave());

const NOTHING_DONE = "hint: give only the ids of the calls that are meant; nothing was done\n";
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

/** Each may be of a line that wasn't received, whatever a column is called, and in whatever language it says so. */
const COLUMNS: readonly (readonly [string, unknown])[] = [
  ["http_response", 503],
  ["persisted", false],
  ["level", "err"],
  ["response", "503 Service Unavailable"],
  ["errmsg", "invalid mobile"],
  ["timed_out", true],
  ["reason", "Not Found"],
  ["reason", "Too Many Requests"],
  ["reason", "ECONNRESET"],
  ["reason", "connection reset by peer"],
  ["response", 301],
  ["resp_code", "503.0"],
  ["completed_at", null],
  ["handled_at", ""],
  ["acked_at", null],
  ["crm_id", null],
  ["pending", true],
  ["is_pending", 1],
  ["queued", "yes"],
  ["needs_retry", true],
  ["to_be_delivered", true],
  ["not_received", false],
  ["stage", "pending"],
  ["queue", "replies-dlq"],
  ["msg", "could not store reply"],
  ["level", 50],
  ["severity", 3],
  ["Ergebnis", "abgelehnt"],
  ["esito", "KO"],
  ["zugestellt", "nein"],
  ["résultat", "échec"],
  ["error", { name: "TimeoutError" }],
  ["response_message", "503 Service Unavailable"],
  ["responseMessage", { code: 503, text: "rejected" }],
  ["location", "s3://hooks/failed/1.json"],
  ["custom_parameters", true],
  ["status", { code: 200, name: "rejected" }],
  ["result", { content: "rejected" }],
  ["status", {}],
  ["res", { phase: "queued" }],
  ["payload", '{"stage":"pending"}'],
];

const REFUSALS = new Set<unknown>([
  503,
  "503.0",
  "503 Service Unavailable",
  "err",
  "invalid mobile",
  "could not store reply",
  "s3://hooks/failed/1.json",
]);

test("a list with a column that isn't compared, unless it is named or says that the line was received", async () => {
  for (const [name, value] of COLUMNS) {
    const line = JSON.stringify({ "webhook-id": "order-17", status: 200, [name]: value });
    expect(await stops(`${line}\n`)).toMatch(
      /^error: (?:the list has columns that aren't compared: |.* on line 1 may say that )/,
    );
    if (typeof value === "object" || String(value).startsWith("{")) continue;
    const row = `webhook_id,${name}\norder-17,${value}\n`;
    expect(await stops(row)).toContain(" on line 2");
    const seen = REFUSALS.has(value) ? "0, 1 ambiguous" : "1, 0 ambiguous";
    expect(await reconcile(row, "--dry-run", "--ignore", name)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`your system has ${seen}, 2 to send`),
    });
  }
  const received = "webhook_id,http_status,received_at\norder-17,200,2026-11-29 18:05:00\n";
  expect(await reconcile(received, "--dry-run")).toMatchObject({ code: 0, stderr: expect.not.stringContaining("compared:") });
});

test("a line that mentions a refusal in a column that --ignore names leaves its call open, also with --yes", async () => {
  const list = '{"webhook-id":"order-17","log":{"msg":"stored"}}\n{"webhook-id":"order-18","log":{"msg":"rejected: 503"}}\n';
  const { code, stderr } = await reconcile(list, "--yes", "--ignore", "log");
  expect({ code, failed: await failed(), received: received() }).toEqual({ code: 8, failed: ["order-18"], received: 1 });
  expect(stderr).toContain(
    "warning: lines mentioning a refusal in a column that --ignore names (log.msg): leave it out if it says nothing of the line\n",
  );
});

test("a line that says so leaves its call open though another line has it, too", async () => {
  const lines = ['{"webhook-id":"order-17","status":"received"}', '{"webhook-id":"order-17","status":"failed"}'];
  for (const list of [lines, lines.toReversed()]) {
    const given = [...list, '{"webhook-id":"order-18","status":"received"}'];
    const { code } = await reconcile(`${given.join("\n")}\n`, "--yes", "--ignore", "status");
    expect([code, await failed()]).toEqual([8, ["order-17"]]);
  }
});

test("a list with a line that lacks what says of the others that they were received", async () => {
  const list = '{"callId":"order-17","receivedAt":"2026-11-29T10:00:00Z"}\n{"callId":"order-18"}\n';
  expect(await stops(list)).toBe(
    "error: receivedat=(missing) on line 2 may say that the line wasn't received\n" +
      "hint: give only the lines that were received; --ignore NAME if a column means something else; nothing was done\n",
  );
  expect(await reconcile(list, "--dry-run", "--ignore", "receivedAt")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("your system has 2, 0 ambiguous, 1 to send"),
  });
});

test("a list with ids that a program has rounded", async () => {
  const ids = Array.from({ length: 6 }, (_, index) => `20261201071500${index}0`);
  for (const list of [`callid\n${ids.join("\n")}\n`, `${ids.join("\n")}\n`])
    expect(await stops(list)).toMatch(
      /^error: line [12] can't be read: its (?:call)?id is 2026120107150000: a spreadsheet keeps 15 digits, and writes zeros for others\nhint: /,
    );
  expect(await stops('{"webhook_id":20261201071500104}\n')).toBe(
    "error: line 1 can't be read: its webhookid is the number 20261201071500104, which programs round\nhint: export it as text; nothing was done\n",
  );
});

test("a table with a row whose compared columns are empty, as one that a join hasn't found", async () => {
  const list = "callid,messageid,content\norder-17,m-order-17,order-17\norder-18,NULL,NULL\n";
  expect(await stops(list)).toBe(
    "error: messageid=(empty) on line 3, content=(empty) on line 3 may say that the line wasn't received\n" +
      "hint: give only the lines that were received; --ignore NAME if a column means something else; nothing was done\n",
  );
  expect(await reconcile(list, "--dry-run", "--ignore", "messageid,content")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("your system has 2, 0 ambiguous, 1 to send"),
  });
});

test("a list with a value of a compared name that takes no part in the comparison", async () => {
  const list = `callid,mobile,who,content\norder-17,61491570100,,order-17\norder-18,61491570100,REJECTED,order-18\n`;
  expect(await stops(list, "--map", "name=who")).toContain(
    "error: who=REJECTED on line 3 may say that the line wasn't received\nhint: give only the lines that were received; ",
  );
  const log = '{"callid":"order-17","from":{"queue":"replies"},"content":"order-17"}\n';
  expect(await stops(log)).toContain("error: the list has columns that aren't compared: from=[[queue,replies]] on line 1\n");
  for (const [given, ...flags] of [
    [list, "--map", "name=who", "--ignore", "who"],
    [log, "--ignore", "from"],
  ] as const)
    expect(await reconcile(given, "--dry-run", ...flags)).toMatchObject({ code: 0 });
});

describe("calls that match by message id, sender, content and time", () => {
  const bodyOf = (id: string) =>
    `${JSON.stringify({ messageid: `m-${id}`, ...{ from: { mobile: "61491570100" }, responseMessage: { acknowledged: "28/11/26 10:00", content: id } } })}\n`;
  const list = `${bodyOf("order-17")}{"webhook-id":"order-191"}\n${bodyOf("order-191")}`;
  const problem =
    "error: --yes marks only what the list names by the call's id; it has 1 call by message id, sender, content and time\n";
  const asked = (stdin: string) => machine.whcb(["reconcile", "demo", "--seen", machine.path("list")], { stdin, canAsk: true });

  beforeEach(() => writeFileSync(machine.path("list"), list));

  test("are neither marked nor sent with --yes, nor where nobody can be asked", async () => {
    expect(await stops(list)).toContain(problem);
    expect(await stops(list, "-o", "json")).toContain(problem.trim().slice("error: ".length));
    expect(await stops(bodyOf("order-17") + bodyOf("order-18"), "--ambiguous", "send")).toContain("; it has 2 calls by ");
    const piped = await machine.whcb(["reconcile", "demo", "--seen", "-"], { stdin: [Buffer.from(list)], canAsk: true });
    expect(await reconcile(list)).toEqual({ code: 2, stdout: "", stderr: expect.stringContaining(problem) });
    expect(piped).toMatchObject({ code: 2, stdout: "" });
    expect([await failed(), received()]).toEqual([IDS, 0]);
  });

  test("or by an id that a sender chose in a list of more than ids, too, unless it is the header's or the sender agrees", async () => {
    const from = { mobile: "61491570100" };
    const payload = { from, responseMessage: { channel: "SMS", content: "order-18" } };
    const flags = ["--ignore", "payload"];
    const line = (call: object) => `${JSON.stringify({ ...call, messageId: "m-order-17", payload })}\n`;
    for (const [given, ...ignored] of [
      [line({ callId: "order-17" }), ...flags],
      ["callid,received_at\norder-17,2026-11-30\n"],
      ["callid,content\norder-17,order-17\n"],
    ] as const)
      expect(await stops(given, ...ignored)).toContain(
        "error: --yes marks only what the list names by the call's id; it has 1 call by an id that may number something else\n",
      );
    for (const [given, ...ignored] of [
      [line({ "webhook-id": "order-17" }), ...flags],
      [line({ callId: "order-17", from }), ...flags],
      ["callid,messageid\norder-17,m-order-17\n"],
    ] as const)
      expect(await reconcile(given, "--yes", ...ignored, "--dry-run", "-o", "ids")).toMatchObject({
        code: 0,
        stdout: "order-17\n",
      });
  });

  test("are marked by name, in the callback that was named and its service, typed or not", async () => {
    await machine.works(["callbacks", "update", "demo", "--name", "crm"]);
    for (const profile of [["--profile", "local"], []]) {
      const { stderr } = await machine.whcb(["reconcile", "crm", "--seen", "-", "--yes", ...profile], { stdin: list });
      expect(stderr).toContain("`whcb mark-success crm --file FILE --yes --profile local`");
    }
  });

  test("are marked after a question, which says so", async () => {
    const question = "it has 1 by the call's id, 1 call by message id, sender, content and time\n";
    const { stderr } = await asked("n\n");
    expect(stderr).toContain(question);
    expect(stderr).toMatch(
      /^warning: 1 call that the system of another callback may have, too, .* is the list of\s+what http:\/\/127\.0\.0\.1:\d+\/hook received\?$/m,
    );
    expect([await failed(), received()]).toEqual([IDS, 0]);
    expect(await asked("y\n")).toMatchObject({ code: 0, stderr: expect.stringContaining(question) });
    expect([await failed(), received()]).toEqual([[], 1]);
  });

  test("are left open while the list may mean a reply that said the same at another time, and arrived", async () => {
    const reply = (hour: string) => ({
      ...{ messageId: "m-order-19", from: { mobile: "61491570100" } },
      responseMessage: { acknowledged: `24/11/26 ${hour}:30`, content: "yes" },
    });
    const replies = [
      { id: "order-19", ...reply("08") },
      { id: "order-20", ...reply("09") },
    ].map((call) => JSON.stringify(call));
    await machine.works(["trigger", "demo", "--file", "-"], { stdin: replies.map((call) => `${call}\n`).join("") });
    await machine.settled("demo");
    await machine.works(["mark-failed", "demo", "order-20", "--yes"]);
    const { code, stdout, stderr } = await reconcile(`${JSON.stringify(reply("09"))}\n`, "--dry-run");
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("your system has 0, 1 ambiguous, 3 to send") });
    expect(stderr).toContain(
      "warning: 1 line that may be of another reply to the message, which no line identifies: the sender's with the same content, or a delivered one that is much like it\n",
    );
  });

  test("are listed by a dry run, and marked by name", async () => {
    const { stdout } = await reconcile(list, "--dry-run", "-o", "json");
    expect(JSON.parse(stdout)).toMatchObject({ seen: 2, seenById: 1 });
    const { stdout: ids } = await reconcile(list, "--dry-run", "-o", "ids");
    expect(ids.split("\n").sort()).toEqual(["", "order-17", "order-191"]);
    expect(await stops(list, "-o", "ids")).toBe("error: -o ids needs --dry-run: it lists the calls that your system has\n");
    await machine.works(["mark-success", "demo", "-", "--yes"], { stdin: ids });
    expect(await reconcile(list, "--yes")).toMatchObject({ code: 0 });
    expect([await failed(), received()]).toEqual([[], 1]);
  });
});

test("a list with a line that lacks a compared field which the others have", async () => {
  const list = '{"callId":"order-17","text":"order-17"}\n{"callId":"order-18"}\n';
  expect(await stops(list, "--map", "content=text")).toContain(
    "error: text=(empty) on line 2 may say that the line wasn't received\n",
  );
  const flags = ["--dry-run", "--map", "content=text", "--ignore", "text"];
  expect(await reconcile(list, ...flags)).toMatchObject({ code: 0 });
});

test("the error names every such column of the list, but proposes no flag that a user could paste", async () => {
  const lines = [
    { "webhook-id": "order-17", level: 30, req: { id: "r1", method: "POST" }, res: { statusCode: 200, etag: "x" } },
    {
      "webhook-id": "order-18",
      level: 30,
      req: { id: "r2", method: "POST" },
      res: { statusCode: 503, etag: "x" },
      Note: "\u001bx",
    },
  ];
  const list = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  expect(await stops(list)).toBe(
    "error: the list has columns that aren't compared: level=30 on line 1, req.method=POST on line 1, res.etag=x on line 1; " +
      "columns that aren't compared differ between lines: req.id=r1 on line 1, r2 on line 2, note=␛x on line 2, (missing) on others; " +
      "res.statuscode=503 on line 2 may say that the line wasn't received\n" +
      "hint: give only the lines that were received; " +
      "--ignore NAME for each column that isn't compared, if none of its values means that its line wasn't received; " +
      "for what a call has too: --map content=NAME (names: messageid, callid, webhookid, from, mobile, email, mri, voice, name, acknowledged, undeliverable, content); nothing was done\n",
  );
  expect(await stops(list, "--ignore", "level,req,res.etag,note")).toBe(
    "error: res.statuscode=503 on line 2 may say that the line wasn't received\n" +
      "hint: give only the lines that were received; --ignore NAME if a column means something else; nothing was done\n",
  );
  expect(await stops(list, "--ignore", "level,req,gone")).toBe(
    "error: --ignore: the list has no gone\nhint: it has webhookid, level, req, res, note\n",
  );
  const { code } = await reconcile(list, "--yes", "--ignore", "Level", "--ignore", "req,res,note");
  expect([code, received(), await failed()]).toEqual([8, 1, ["order-18"]]);
});

describe("a list of ids with a heading", () => {
  const HINT = /\nhint: give only what was received; if it is an id: --ignore (?:id|callid|webhookid); nothing was done\n$/;
  const listsWith = (heading: string) =>
    [
      [`order-17\n\n${heading}\norder-18\n`],
      [`callid,content\norder-17,\n${heading},\norder-18,\n`, "--ignore", "content"],
      [`callid,content\norder-17,order-17\n${heading},x\norder-18,order-18\n`],
    ] as const;
  const REFUSALS = ["503", "503:", "5xx:", "rejected(2):", "failed:", "Denied", "failed_2", "never"];

  /** The calls are SUCCESS. */
  async function send(...calls: readonly { readonly id: string; readonly messageId: string }[]): Promise<void> {
    const lines = calls.map((call) => `${JSON.stringify({ ...call, responseMessage: { content: "x" } })}\n`);
    await machine.works(["trigger", "demo", "--file", "-"], { stdin: lines.join("") });
    await machine.settled("demo");
  }

  test("stops, unless it is an id", async () => {
    for (const heading of ["todo:", "lost:", "undefined", "lost"])
      for (const [list, ...flags] of listsWith(heading)) {
        const stderr = await stops(list, ...flags);
        expect(stderr).toMatch(/error: line [34] can't be read: no call or message has the id .*, so it may be a heading\n/);
        expect(stderr).toMatch(HINT);
      }
    const json = (...ids: readonly string[]) => ids.map((callid) => `${JSON.stringify({ callid })}\n`).join("");
    for (const heading of ["not-in-crm2", "dlq2", "20261130", "dead202611300001", "2026113013044501"])
      for (const list of [
        `order-17\n${heading}\norder-18\n`,
        `callid\norder-17\n${heading}\norder-18\n`,
        `webhook_id,received_at\norder-17,2026-11-30\n${heading},2026-11-30\norder-18,2026-11-30\n`,
        json("order-17", heading, "order-18"),
      ]) {
        const stderr = await stops(list);
        expect(stderr).toContain(`no call or message has the id ${heading}, so it may be a heading\n`);
        expect(stderr).toMatch(HINT);
      }
    // These are spelled like the id of a message, which bare ids may be, but not beside those of calls only.
    for (const list of ["order-17\nm-order-20\n", "callid\norder-17\nm-order-20\n"])
      expect(await stops(list)).toContain("no call or message has the id m-order-20, so it may be a heading\n");
    expect(await reconcile("m-order-17\nm-order-20\n", "--dry-run")).toMatchObject({ code: 0 });
    for (const comment of ["# rejected", "# the end"])
      expect(await stops(`order-17\n${comment}\norder-18\n`)).toContain("error: line 2 can't be read: ");
    for (const comment of ["# rejected", "# 503", "# not in our database", "# nicht angekommen", "# received"])
      expect(await stops(`\n${comment}\norder-17\n`)).toContain("error: line 2 can't be read: ");
  });

  test("that says that something wasn't received stops, though a sender has chosen it as an id", async () => {
    await send(...REFUSALS.map((messageId, index) => ({ id: `chosen-${index}`, messageId })), { id: "failed-2", messageId: "1" });
    const before = received();
    for (const heading of [...REFUSALS, "failed-2"])
      for (const [list, ...flags] of listsWith(heading)) {
        const { code, stderr } = await reconcile(list, "--yes", ...flags);
        expect({ list, code, failed: await failed(), received: received() }).toEqual({
          ...{ list, code: 2, failed: IDS, received: before },
        });
        expect(stderr).toContain(`can't be read: ${heading} may be a heading of what wasn't received\n`);
        expect(stderr).toMatch(HINT);
      }
  });

  test("is read if a call or a message has that id, or the flag says that it is one", async () => {
    await send({ id: "undefined", messageId: "lost:" }, { id: "denied", messageId: "1" });
    for (const [list, ...flags] of [["order-17\nundefined\nlost:\n"], ["order-17\ngone:\ndenied\n", "--ignore", "id"]] as const) {
      const { code, stderr } = await reconcile(list, "--dry-run", ...flags);
      expect({ list, code, stderr }).toMatchObject({ code: 0 });
    }
  });
});

test("whcb's own list with the ids of other columns", async () => {
  expect(await stops("id,callid\n,order-17\n")).toContain("id=(empty) on line 2 may say that the line wasn't received");
  expect(await reconcile("id,callid\n503,order-17\n", "--dry-run")).toMatchObject({ code: 0 });
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

test("a line with a call's id, but another content, which may be cut off", async () => {
  const { code, stderr } = await reconcile("webhook-id,content\norder-17,order-1\norder-191,order-191\n", "--yes");
  expect({ code, failed: await failed(), received: received() }).toEqual({ code: 8, failed: ["order-17"], received: 1 });
  expect(stderr).toContain("warning: lines nearly matching a failed call, but with another content: it may be cut off");
});

test("a line with the id of a call that was never sent", async () => {
  const broken = await machine.listen(["--status", "503"]);
  await machine.rehearse("held", broken.url, 10, ["--retries", "on"]);
  await machine.works(["trigger", "held", "-n", "5"]);
  await machine.settled("held");
  await broken.stop();
  const [unsent = ""] = await machine.ids("held", "--status-code", "none");
  const [sent = ""] = await machine.ids("held", "--status-code", "503");
  const flags = ["--seen", "-", "--yes", "--dry-run", "-o", "json"];
  const { code, stdout, stderr } = await machine.whcb(["reconcile", "held", ...flags], { stdin: `${unsent}\n${sent}\n` });
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, seen: 1, ambiguous: [{ id: unsent }] });
  expect(stderr).toContain(`${NEVER_SENT}\n`);
});

test("a line of a call whose only attempt found no connection, however it names the call", async () => {
  const gone = await machine.listen();
  await machine.works(["callbacks", "create", "--name", "gone", "--url", `${gone.url}/hook`, "--email", "ops@example.com"]);
  await gone.stop();
  const reply = { messageId: "m9", from: { mobile: "61400000021" }, responseMessage: { channel: "SMS", content: "Yes" } };
  await machine.works(["trigger", "gone", "--file", "-"], { stdin: `${JSON.stringify({ id: "yes-1", ...reply })}\n` });
  await machine.settled("gone");
  const seenBy = async (list: string) => {
    const { stdout, stderr } = await machine.whcb(["reconcile", "gone", "--seen", "-", "--dry-run", "-o", "json"], {
      stdin: list,
    });
    const { seen, ambiguous } = JSON.parse(stdout);
    return { seen, ambiguous: ambiguous.length, stderr: stderr.split("\n").filter((line) => line.includes("no outcome yet")) };
  };
  const isOpen = { seen: 0, ambiguous: 1, stderr: [NEVER_SENT] };
  for (const list of ["yes-1\n", "webhook-id,content\nyes-1,Yes\n", "messageid,mobile,content\nm9,61400000021,Yes\n"])
    expect(await seenBy(list), list).toEqual(isOpen);
  const rejecting = await machine.listen(["--status", "503"]);
  await machine.whcb(["replay", "gone", "--failed", "--to", `${rejecting.url}/hook`, "--yes"]);
  expect(await seenBy("yes-1\n")).toEqual(isOpen);
  const other = await machine.listen();
  await machine.works(["replay", "gone", "--failed", "--to", `${other.url}/hook`, "--yes"]);
  expect(await seenBy("yes-1\n")).toEqual({ seen: 1, ambiguous: 0, stderr: [] });
  await machine.listen(["--port", new URL(gone.url).port, "--status", "503"]);
  await machine.whcb(["replay", "gone", "--failed", "--yes"]);
  expect(await seenBy("yes-1\n")).toEqual({ seen: 1, ambiguous: 0, stderr: [] });
});

test("but a log of requests with their headers and bodies is one of what was received", async () => {
  const lines = ["order-17", "order-18"].map((id) => ({
    headers: { "webhook-id": id },
    body: { messageid: `m-${id}`, from: { mobile: "61491570100" }, responseMessage: { content: id } },
  }));
  const list = lines.map((each) => `${JSON.stringify(each)}\n`).join("");
  expect(await reconcile(list, "--yes")).toMatchObject({ code: 0 });
  expect([await failed(), received()]).toEqual([[], 1]);
});

const NEVER_SENT =
  "warning: 1 line matching a call that has no outcome yet, or whose one attempt found no connection: your system has it from the service only if an attempt is in flight, or was cut off; if it has it from an import, or a replay that was killed: `whcb mark-success` with its id";

test("whcb's own list of failed calls, unless the id is known to be the receiver's", async () => {
  const list = await machine.works(["calls", "list", "demo", "--failed", "-o", "ndjson", "--json", "id,messageId,from,content"]);
  expect(await stops(list)).toMatch(
    /error: the list has the id of a failed call, order-\d+: is it a list of whcb's\?\nhint: if your system stored the webhook-id: --map callid=id; if id means something else: --ignore id; nothing was done\n$/,
  );
  const ids = await machine.works(["calls", "list", "demo", "--failed", "-o", "ndjson", "--json", "id"]);
  expect(await stops(ids)).toMatch(
    /error: line 1 can't be read: it has neither a call id nor a message id, only id\nhint: `whcb calls list` writes such lists; if your system stored the webhook-id there: --map callid=id; nothing was done\n$/,
  );
  expect(await reconcile(ids, "--dry-run", "--map", "callid=id")).toMatchObject({ code: 0 });
  for (const flags of [
    ["--map", "callid=id"],
    ["--ignore", "id"],
  ])
    expect(await reconcile(list, "--dry-run", ...flags)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`your system has ${flags[0] === "--map" ? "3, 0" : "0, 3"} ambiguous, 0 to send`),
    });
});

test("lines for failed calls and none for delivered ones are warned of, if there is one, and need a look", async () => {
  const ids = IDS.map((id) => `${id}\n`).join("");
  const table = `callid\n${ids}`;
  const own = await machine.works(["calls", "list", "demo", "--failed", "-o", "csv", "--columns", "id,from,content"]);
  const flags = new Map([[own, ["--map", "callid=id"]]]);
  const warns = async (list: string) => {
    const { code, stderr } = await reconcile(list, "--dry-run", ...(flags.get(list) ?? []));
    expect({ list, code }).toEqual({ list, code: 0 });
    return stderr.includes("warning: no line is of a call that was delivered at once, as in a list of failed calls: ");
  };
  const some = "order-17\norder-18\n";
  const lists = [ids, table, own, some, "order-17\n", `${ids}order-2\n`];
  expect(await Promise.all(lists.map(warns))).toEqual(lists.map(() => false));
  const call = { id: "order-19", messageId: "m", from: { mobile: "61491570100" }, responseMessage: { content: "x" } };
  await machine.works(["trigger", "demo", "--file", "-"], { stdin: `${JSON.stringify(call)}\n` });
  await machine.settled("demo");
  expect(await Promise.all(lists.map(warns))).toEqual(lists.map(() => true));
  const log = IDS.map((id) => `{"webhook-id":"${id}","rc":1}\n`).join("");
  for (const [list, calls, ...flags] of [
    [log, 3, "--ignore", "rc"],
    [ids, 3],
    [some, 2],
  ] as const) {
    const { code, stderr } = await reconcile(list, "--yes", ...flags);
    expect([code, await failed()]).toEqual([2, IDS]);
    expect(stderr).toContain(
      `error: --yes doesn't mark ${calls} calls by a list without a line of a call that was delivered at once: a list of failed calls looks like this\nhint: answer the question in a terminal: `,
    );
  }
  const delivered = '{"webhook-id":"order-19","rc":0}\n';
  expect(await reconcile(log + delivered, "--yes", "--dry-run", "--ignore", "rc")).toMatchObject({ code: 0 });
  const others = [`${ids}order-19\n`, "order-17\norder-19\n"];
  const all = await machine.works(["calls", "list", "demo", "-o", "csv", "--columns", "id,from,content"]);
  flags.set(all, ["--map", "callid=id"]);
  expect(await Promise.all([...others, all].map(warns))).toEqual([false, false, false]);
  // Some of a list of failed calls have arrived since: by themselves, or as somebody said so.
  await machine.works(["mark-success", "demo", "order-17", "--yes"]);
  expect(await warns(ids)).toBe(true);
});

test("a list of ids in several columns, as comm writes what only one of two lists has, or both", async () => {
  const file = machine.path("ids");
  const line = "can't be read: its id is indented, as comm writes the lines of one of two lists\n";
  const stopsAt = async (list: string, number: number): Promise<void> => {
    writeFileSync(file, list);
    expect(await stops(list)).toContain(`error: line ${number} ${line}hint: give one list of ids, without tabs: `);
    for (const [args, source] of [
      [["mark-success", "demo", "-"], "stdin"],
      [["mark-success", "demo", "--file", file], file],
      [["replay", "demo", "-"], "stdin"],
    ] as const) {
      const { code, stderr } = await machine.whcb([...args, "--yes"], { stdin: list });
      expect({ args, code, stderr }).toEqual({
        args,
        code: 2,
        stderr: expect.stringContaining(`${source}: line ${number} ${line}`),
      });
    }
    expect([await failed(), received()]).toEqual([IDS, 0]);
  };
  await stopsAt("order-17\n\torder-191\n\t\torder-18\n", 2);
  await stopsAt("\n\n\torder-17\r\n\torder-18\r\n", 3);
  await stopsAt("order-17\norder-191\n  order-18\n", 3);
  for (const list of ["\uFEFF order-17\n\n order-18 \t\n", "order-17  \norder-18\n"]) {
    expect(await machine.whcb(["mark-success", "demo", "-", "--dry-run"], { stdin: list })).toMatchObject({ code: 0 });
    expect(await reconcile(list, "--dry-run")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("your system has 2, 0 ambiguous, 1 to send"),
    });
  }
});

describe("a list of ids to mark", () => {
  const mark = (list: string) => machine.whcb(["mark-success", "demo", "-", "--yes"], { stdin: list });

  test.each([
    ["a word", "rejected:", "no call has the id rejected:, so it may be a heading"],
    ["a code", "503", "no call has the id 503, so it may be a heading"],
    ["a date", "rejected-2026-11-29", "no call has the id rejected-2026-11-29, so it may be a heading"],
    ["a comment", "# not in our database", "its comment may be a heading of other calls"],
  ])("may have %s as a heading of what wasn't received", async (_, heading, problem) => {
    const list = `order-17\n${heading}\norder-18\n`;
    const file = machine.path("ids");
    writeFileSync(file, list);
    for (const [args, source] of [
      [["-"], "stdin"],
      [["--file", file], file],
    ] as const) {
      const { code, stderr } = await machine.whcb(["mark-success", "demo", ...args, "--yes"], { stdin: list });
      expect({ code, stderr, failed: await failed() }).toEqual({
        ...{ code: 2, failed: IDS },
        stderr: `error: ${source}: line 2 can't be read: ${problem}\n${NOTHING_DONE}`,
      });
    }
  });

  const CHOSEN = ["rejected", "503", "rejected-2026-11-29", "failed-7", "failed-8"];

  async function sendFailed(ids: readonly string[]): Promise<void> {
    const calls = ids.map((id) => ({ id, messageId: `m-${id}`, responseMessage: { content: "x" } }));
    await machine.works(["trigger", "demo", "--file", "-"], { stdin: calls.map((call) => `${JSON.stringify(call)}\n`).join("") });
    await machine.settled("demo");
    await machine.works(["mark-failed", "demo", "--success", "--yes"]);
  }

  test("stops at a heading that is the id of a call, which a sender has chosen", async () => {
    await sendFailed(CHOSEN);
    for (const heading of ["rejected", "503", "rejected-2026-11-29", "failed-7"]) {
      const { code, stderr } = await mark(`order-17\n${heading}\norder-18\n${heading}\n`);
      expect({ heading, code, stderr }).toEqual({
        ...{ heading, code: 2 },
        stderr:
          `error: stdin: line 2 can't be read: the id ${heading} may be a heading\n` +
          "hint: if it isn't, name the call on its own; nothing was done\n",
      });
    }
    expect((await failed()).toSorted()).toEqual([...IDS, ...CHOSEN].sort());
    expect(await machine.whcb(["mark-success", "demo", "order-17", "rejected", "order-18", "--yes"])).toMatchObject({ code: 2 });
    for (const alone of ["rejected", "503"]) await machine.works(["mark-success", "demo", alone, "--yes"]);
    expect(await mark("rejected-2026-11-29\n")).toMatchObject({ code: 0 });
    expect((await failed()).toSorted()).toEqual([...IDS, "failed-7", "failed-8"].sort());
  });

  test.each([
    ["order-17", "rejected:", "order-18"],
    ["order-17", "#", "rejected", "by", "the", "CRM", "order-18"],
    ["order-17", "received", "order-18", "rejected"],
  ])("stops at words among typed ids that no call has, as xargs types a list: %s %s %s", async (...words) => {
    const { code, stderr } = await machine.whcb(["mark-success", "demo", ...words, "--yes"]);
    expect({ code, stderr, failed: await failed() }).toEqual({
      ...{ code: 2, failed: IDS },
      stderr: `error: no call has the id ${words[1]}, so it may be a heading\n${NOTHING_DONE}`,
    });
  });

  test("stops at what no call has and isn't spelled like the ids of calls", async () => {
    const generated = [1, 2].map((end) => `01A22B38C54A78C9AAF79753FF81229${end}`);
    const random = ["01JDQ3V8M2X5R7T9W1Y4Z6A8BC", "01JDQ3V8N7K2P4S6U8V0X1Z3AB"];
    await sendFailed([...generated, ...random]);
    for (const heading of ["pending-2", "dlq2", "not-in-crm2", "2026-11-30", "3d2"]) {
      const problem = `error: stdin: line 2 can't be read: no call has the id ${heading}, so it may be a heading\n`;
      for (const [first, last] of [["order-17", "order-18"], generated, random])
        expect(await mark(`${first}\n${heading}\n${last}\n`)).toMatchObject({ code: 2, stderr: `${problem}${NOTHING_DONE}` });
    }
    for (const hex of ["20261130", "dead01"])
      expect(await mark(`order-17\n${hex}\norder-18\n`)).toMatchObject({
        ...{ code: 2, stderr: expect.stringContaining(`no call has the id ${hex}, so it may be a heading`) },
      });
    for (const beginning of ["01A22B38", "2026113013044501"]) {
      const { code, stderr } = await mark(`${generated[0]}\n${beginning}\n${generated[1]}\n`);
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr:
          `error: stdin: line 2 can't be read: no call has the id ${beginning}, so it may be a heading\n` +
          `hint: in a file and on stdin, ids are whole: only an argument may be the beginning of one; ${NOTHING_DONE.slice("hint: ".length)}`,
      });
    }
    for (const asLong of ["crm-lacks-these-2026-11-29", "THESE-AREN-T-IN-2026-11-29", "missingatcrm29november2026"])
      expect(await mark(`${random[0]}\n${asLong}\n${random[1]}\n`)).toMatchObject({
        ...{ code: 2, stderr: expect.stringContaining(`no call has the id ${asLong}, so it may be a heading`) },
      });
  });

  test.each([
    ["order-17", "order-19"],
    ["order-17", "01A22B38-C54A-78C9-AAF7-9753FF812299"],
    ["01JDQ3V8M2X5R7T9W1Y4Z6A8BC", "01JDQ4A0B3C6D9E2F5G8H1J4K7", "01JDQ3V8N7K2P4S6U8V0X1Z3AB"],
    ["AF48A9EC3F02E43C", "AF4877EC3F02E43D", "0F48A9EC3FA2E43E"],
  ])("marks %s, though a call beside it was removed: %s", async (id, removed, ...others) => {
    if (!IDS.includes(id)) await sendFailed([id, ...others]);
    const { code, stderr } = await mark([id, removed, ...others, ""].join("\n"));
    expect({ code, stderr }).toEqual({ code: 8, stderr: expect.stringContaining(`no such call: ${removed}\n`) });
    expect(await failed()).not.toContain(id);
  });

  test("stops at a heading that is as long as ids that differ in their numbers only", async () => {
    const alike = ["crm-2026-11-30-000011", "crm-2026-11-30-000013"];
    await sendFailed(alike);
    for (const heading of ["not-in-crm-2026-11-30", "lacking-in-crm-301126"]) {
      const list = [alike[0], heading, alike[1], ""].join("\n");
      const problem = `line 2 can't be read: no call has the id ${heading}, so it may be a heading\n`;
      expect(await mark(list)).toMatchObject({ code: 2, stderr: expect.stringContaining(`error: stdin: ${problem}`) });
      expect(await mark(`${alike[0]}\n${heading}\n`)).toMatchObject({ code: 2 });
      expect(await reconcile(list, "--yes")).toMatchObject({
        ...{ code: 2, stderr: expect.stringContaining(`no call or message has the id ${heading}, so it may be a heading\n`) },
      });
    }
    expect(await failed()).toEqual(expect.arrayContaining(alike));
  });

  test("marks the others of an id that no call has, and calls whose ids look like headings beside each other", async () => {
    await sendFailed(CHOSEN);
    const { code, stderr } = await mark("order-17\norder-19\nfailed-7\nfailed-8\n");
    expect({ code, stderr, failed: (await failed()).toSorted() }).toEqual({
      ...{ code: 8, failed: ["503", "order-18", "order-191", "rejected", "rejected-2026-11-29"] },
      stderr: expect.stringContaining("no such call: order-19\n"),
    });
    expect(await mark("rejected:\n")).toMatchObject({ code: 3, stderr: expect.stringContaining("no such call: rejected:\n") });
  });
});

describe.each(["replay", "mark-failed"])("a list of ids for %s", (command) => {
  beforeEach(async () => {
    if (command === "mark-failed") await machine.works(["mark-success", "demo", "--failed", "--yes"]);
  });

  async function stopsAt(args: readonly string[], stdin: string, problem: string): Promise<void> {
    const before = await failed();
    const { code, stdout, stderr } = await machine.whcb([command, "demo", ...args], { stdin });
    expect({ code, stdout, stderr, failed: await failed(), received: received() }).toEqual({
      ...{ code: 2, stdout: "", failed: before, received: 0 },
      stderr: `error: ${problem}\n${NOTHING_DONE}`,
    });
  }

  test.each(["already-received:", "# arrived late", "received", "done-2"])(
    "may have a heading of other calls: %s",
    async (heading) => {
      const reason = heading.startsWith("#")
        ? "its comment may be a heading of other calls"
        : `no call has the id ${heading}, so it may be a heading`;
      const list = `order-17\n\n${heading}\norder-18\n`;
      const file = machine.path("ids");
      writeFileSync(file, list);
      await stopsAt(["-", "--yes"], list, `stdin: line 3 can't be read: ${reason}`);
      await stopsAt(["--file", file, "--yes"], "", `${file}: line 3 can't be read: ${reason}`);
      await stopsAt(["-", "--dry-run"], list, `stdin: line 3 can't be read: ${reason}`);
      const [first = "", ...others] = heading.split(" ");
      const typed = ["order-17", first, ...others, "order-18", "--yes"];
      await stopsAt(typed, "", `no call has the id ${first}, so it may be a heading`);
    },
  );

  test("may have ids that no call has, if they are spelled like the others", async () => {
    const { code, stderr } = await machine.whcb([command, "demo", "-", "--yes"], { stdin: "order-17\norder-19\n" });
    expect({ code, stderr }).toEqual({ code: 8, stderr: expect.stringContaining("no such call: order-19\n") });
    expect(await failed()).toEqual(command === "replay" ? ["order-18", "order-191"] : ["order-17"]);
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

  test("may be a table, whether its last column is compared, says what was received, or is ignored", async () => {
    const result = "callid,result\norder-17,received\norder-18,received";
    expect(await stops(result)).toContain("received is the beginning of another value");
    expect(await stops(result.replaceAll("\n", "\r"))).toContain("received is the beginning of another value");
    const note = "callid,note\norder-17,x\norder-18,re";
    expect(await stops(note, "--ignore", "note")).toContain("re is the beginning of another value");
    const rows = (last: string) => `mobile;content;messageid\n61491570100;order-17;m-order-17\n61491570100;order-18;${last}`;
    const tables = [rows("m-order-1"), rows("m-order-1").replaceAll(";", "\t"), "callid,content\norder-17,order-17\norder-18,"];
    for (const table of tables) {
      expect(await stops(table, "--ignore", "content")).toMatch(
        /^error: the last line of --seen has no line break: if it is cut off, (?:m-order-1|\(empty\)) is the beginning of another value\n/,
      );
      expect(await reconcile(table, "--dry-run", "--allow-empty", "--ignore", "content")).toMatchObject({
        code: 0,
        stderr: expect.stringContaining("warning: the last line of --seen has no line break: "),
      });
    }
    for (const whole of [rows("m-order-18\n"), rows("0A1B".repeat(8)), '{"callid":"order-17"}\n{"callid":"order-18"}'])
      expect((await reconcile(whole, "--dry-run")).stderr).not.toContain("has no line break");
    expect(await stops('{"callid":"order-17"}\n{"callid":"order-18"')).toContain("line 2 can't be read: it isn't a JSON object");
  });

  test("is whole if it has one id, or the last one was generated", async () => {
    for (const list of ["order-17", `order-17\n${"0A1B".repeat(8)}`]) {
      const { code, stderr } = await reconcile(list, "--dry-run");
      expect({ list, code, stderr }).toEqual({ list, code: 0, stderr: expect.not.stringContaining("has no line break") });
    }
  });
});

test("a list without an end is one that can't be kept in memory", async () => {
  expect(await machine.whcb(["mark-success", "demo", "--file", "/dev/zero", "--yes"])).toEqual({
    ...{ code: 2, stdout: "" },
    stderr: "error: /dev/zero has more than 256MiB\n",
  });
  expect((await machine.whcb(["reconcile", "demo", "--seen", "nowhere", "--yes"])).stderr).toBe(
    "error: nowhere can't be read: there is no such file\n",
  );
});
