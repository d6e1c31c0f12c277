/** One person's data is erased: from the database's bytes, the e-mails and what is listed. Ids, counts and everyone else's data stay. */
import { once } from "node:events";
import { cpSync, existsSync, readdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readSettings } from "../../src/cli/settings/settings-file.js";
import { type Background, CliMachine } from "../support/cli/cli-service.js";
import { eventually, Home } from "../support/process/whcb-process.js";

/** Without country code: it is in every form. */
const DIGITS = "491570156";
const FORMS = ["+61491570156", "61491570156", "0491 570 156", "61 491-570-156"];
const CONTENT = "Zürich-secret";
const OTHER = "61491570157";
/** In all fewer than ten fail, so that there are no probes. */
const OTHERS = 4;

let machine: CliMachine;
/** For the command itself, as a process of its own. */
let home: Home;
/** Answers 500 with what it was sent. */
let echo: Server;

beforeEach(async () => {
  machine = new CliMachine();
  home = new Home();
  echo = createServer((request, response) => {
    response.statusCode = request.method === "GET" ? 200 : 500;
    request.pipe(response);
  }).listen(0, "127.0.0.1");
  await once(echo, "listening");
});
afterEach(async () => {
  await machine.leave();
  await home.leave();
  echo.closeAllConnections();
  echo.close();
});

const works = (...args: readonly string[]) => machine.works(args);
const idsOf = async (...args: readonly string[]) => [...(await machine.ids("demo", ...args))].sort();

/** The files that contain a text, as it is or in quoted-printable. */
function filesWith(text: string): readonly string[] {
  const quoted = [...Buffer.from(text)].map((byte) =>
    byte < 128 ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase()}`,
  );
  return readdirSync(machine.world.paths.data, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(machine.world.paths.data, name)).isFile())
    .filter((name) => [text, quoted.join("")].some((form) => readFileSync(join(machine.world.paths.data, name)).includes(form)));
}

/** A response as JSON, which names the sender and the content in several members. */
const response = (from: object, content: string) =>
  JSON.stringify({
    from: { name: "Ada", ...from, note: content },
    responseMessage: { channel: "SMS", content },
    customParameters: { who: content },
  });

async function aCallback(): Promise<Background> {
  const service = await machine.serve(["--db", machine.path("x.db"), "--no-jitter"]);
  const address = echo.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const url = `http://127.0.0.1:${port}/hook`;
  await works("callbacks", "create", "--name", "demo", "--url", url, "--email", "ops@example.com", "--retries", "on");
  return service;
}

/** The service keeps the filter of the replay. */
async function replayBySender(url: string, sender: string): Promise<void> {
  const { serve } = await readSettings(machine.world.paths.config);
  const authorization = `Basic ${Buffer.from(`${serve?.username}:${serve?.password}`).toString("base64")}`;
  const headers = { authorization, "x-api-key": serve?.apiKey ?? "", accept: "application/json" };
  const { id } = JSON.parse(await works("callbacks", "get", "demo", "-o", "json"));
  const answer = await fetch(`${url}/callbacks/${id}/replays?status=FAILED&from=${sender}`, { method: "POST", headers });
  expect(answer.status).toBe(202);
}

/** The database is served until the e-mail about the outage is a file. */
async function anEmail(): Promise<void> {
  await eventually(
    async () => (existsSync(machine.path("mail")) ? readdirSync(machine.path("mail")) : []),
    (names) => names.some((name) => name.startsWith("outage")),
  );
}

async function anOutage(): Promise<Background> {
  const service = await aCallback();
  const ofSender = FORMS.map((mobile) => response({ mobile }, CONTENT));
  ofSender.push(response({ email: "Ada@Example.com", voice: FORMS[1] }, CONTENT));
  const ofOther = Array.from({ length: OTHERS }, () => response({ mobile: OTHER }, "hello"));
  for (const lines of [ofSender, ofOther]) {
    const failed = (await idsOf("--failed")).length;
    expect((await machine.whcb(["trigger", "demo", "--file", "-"], { stdin: lines.join("\n") })).code).toBe(0);
    await eventually(
      () => idsOf("--failed"),
      (ids) => ids.length === failed + lines.length,
    );
  }
  await anEmail();
  return service;
}

it("is gone from the files and the lists, and nothing of it is sent any more", async () => {
  const service = await anOutage();
  const before = await idsOf();
  const [mail = ""] = readdirSync(machine.path("mail"));
  utimesSync(machine.path(`mail/${mail}`), 1_000_000, 1_000_000);
  const erase = ["db", "erase", "--sender", "+61 491 570 156", "--db", machine.path("x.db")];
  expect(await home.whcb([...erase, "--yes"])).toMatchObject({
    code: 4,
    stderr: expect.stringContaining("already served by another process"),
  });
  await service.stop();
  expect([filesWith(DIGITS), filesWith(CONTENT)].map((files) => [...files].sort())).toEqual([
    [`mail/${mail}`, "x.db"],
    [`mail/${mail}`, "x.db"],
  ]);
  const tried = await home.whcb(["db", "erase", "--sender", "ada@example.COM", "--db", machine.path("x.db"), "--dry-run"]);
  expect(tried).toEqual({
    code: 0,
    stdout: "",
    stderr: `1 call from Ada@Example.com\nwould erase 1 call, 1 attempt, 0 e-mails and 0 mail files in ${machine.path("x.db")} (1 failed call -> SUCCESS)\n`,
  });
  const elsewhere = await home.whcb([...erase, "--dry-run", "--mail-dir", machine.path("none")]);
  expect(elsewhere.stderr).toContain("found 0 of 1 file to which e-mails were written: --mail-dir names the folder\n");
  const asked = await home.whcb(erase);
  expect(asked).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/ \(5 failed calls -> SUCCESS\)\? 5 of these calls are still to be sent, and won't be\./),
  });
  expect(filesWith(DIGITS)).toHaveLength(2);

  const { stdout, stderr } = await home.whcb([...erase, "--yes", "-o", "json"]);
  expect(JSON.parse(stdout)).toEqual({
    calls: 5,
    failed: 5,
    waiting: 5,
    attempts: 5,
    mails: 1,
    sentMails: 0,
    filedMails: 1,
    mailFiles: 1,
  });
  expect(stderr.split("\n").sort()).toEqual(
    ["", ...FORMS.map((form) => `${form === FORMS[1] ? "2 calls" : "1 call"} from ${form}`)].sort(),
  );
  expect([filesWith(DIGITS), filesWith("491 570 156"), filesWith(CONTENT), filesWith("Ada@Example.com")]).toEqual([
    [],
    [],
    [],
    [],
  ]);
  // Everyone else's data, and the outage's other facts, are as they were.
  expect(filesWith(OTHER)).toEqual(["x.db"]);
  const text = readFileSync(machine.path(`mail/${mail}`), "utf8");
  expect(text).toContain("From:      (erased)\r\n");
  expect(text).toContain("whcb replay demo --failed\r\n");
  expect(statSync(machine.path(`mail/${mail}`)).mtimeMs).toBe(1_000_000_000);

  await machine.serve(["--db", machine.path("x.db")]);
  expect(await idsOf()).toEqual(before);
  const erased = await idsOf("--success");
  expect(erased).toHaveLength(5);
  const call = JSON.parse(await works("calls", "get", "demo", erased[0] ?? "", "-o", "json"));
  expect(call).toMatchObject({
    status: "SUCCESS",
    settledBy: "user",
    why: ["Its sender's data was erased; nothing more is sent."],
  });
  expect(await machine.whcb(["mark-failed", "demo", erased[0] ?? "", "--yes"])).not.toMatchObject({ code: 0 });
  expect(await idsOf("--failed")).toHaveLength(OTHERS);
});

it("erases the .eml files before the database is rewritten, and those of another folder in a later run", async () => {
  const service = await aCallback();
  const line = response({ mobile: FORMS[0], email: "ada@example.com" }, CONTENT);
  expect((await machine.whcb(["trigger", "demo", "--file", "-"], { stdin: line })).code).toBe(0);
  await anEmail();
  await service.stop();
  const [mail = ""] = readdirSync(machine.path("mail"));
  cpSync(machine.path("mail"), machine.path("mail2"), { recursive: true });
  expect([...filesWith(CONTENT)].sort()).toEqual([`mail/${mail}`, `mail2/${mail}`, "x.db"]);
  const erase = ["db", "erase", "--sender", "ada@example.com", "--db", machine.path("x.db"), "--yes", "-o", "json"];
  const reader = new Database(machine.path("x.db"), { readonly: true });
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM calls").get();
  expect(await home.whcb(erase)).toMatchObject({ code: 5 });
  expect(filesWith(CONTENT)).not.toContain(`mail/${mail}`);
  reader.close();
  const nothing = { calls: 0, failed: 0, waiting: 0, attempts: 0, mails: 0, sentMails: 0, filedMails: 0, mailFiles: 0 };
  expect(JSON.parse((await home.whcb(erase)).stdout)).toEqual(nothing);
  const other = [...erase, "--mail-dir", machine.path("mail2")];
  expect(JSON.parse((await home.whcb([...other, "--dry-run"])).stdout)).toEqual({ ...nothing, mailFiles: 1 });
  expect(filesWith(CONTENT)).toEqual([`mail2/${mail}`]);
  expect(JSON.parse((await home.whcb(other)).stdout)).toEqual({ ...nothing, mailFiles: 1 });
  expect([filesWith(CONTENT), filesWith(DIGITS)]).toEqual([[], []]);
  expect(readFileSync(machine.path(`mail2/${mail}`), "utf8")).toContain("From:      (erased)\r\n");
  expect(JSON.parse((await home.whcb(other)).stdout)).toEqual(nothing);
});

it("erases what is left of a call that was removed: e-mail, filters and free pages, by any address", async () => {
  const service = await aCallback();
  await works("callbacks", "update", "demo", "--retries", "off");
  const line = response({ mobile: FORMS[1], email: "ada@example.com" }, CONTENT);
  expect((await machine.whcb(["trigger", "demo", "--file", "-"], { stdin: line })).code).toBe(0);
  await anEmail();
  await replayBySender(service.url, FORMS[1] ?? "");
  await service.stop();
  // Retention removes them so.
  const database = new Database(machine.path("x.db"));
  const filters = () => database.prepare("SELECT selection AS text FROM replays UNION ALL SELECT details FROM audit").all();
  expect(JSON.stringify(filters()).split(DIGITS)).toHaveLength(3);
  database.exec("DELETE FROM attempts; DELETE FROM calls");
  database.close();
  expect([filesWith(DIGITS), filesWith(CONTENT)].map((files) => files.length)).toEqual([2, 2]);
  const erased = await home.whcb(["db", "erase", "--sender", "ada@example.com", "--db", machine.path("x.db"), "--yes"]);
  expect(erased).toEqual({
    code: 0,
    stdout: "",
    stderr: `e-mails about calls that have been removed are found only by an address that they name: run this for each of the sender's\nerased 0 calls, 0 attempts, 1 e-mail and 1 mail file in ${machine.path("x.db")}\n`,
  });
  expect([filesWith(DIGITS), filesWith(CONTENT), filesWith("ada@example.com")]).toEqual([[], [], []]);
});
