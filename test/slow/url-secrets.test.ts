/** Secrets in the URLs of callbacks are in no output, no log and no file but the database. Each kind has a callback of its own. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openStore } from "../../src/store/open-store.js";
import { someSettings } from "../support/builders.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { apiOf, callIdOf } from "../support/process/served-api.js";
import { ENTER, Terminal } from "../support/process/terminal.js";
import { eventually, Home, type Outcome, type Running, type RunOptions } from "../support/process/whcb-process.js";

const SECRET_KEY = Buffer.alloc(32).toString("base64");
const KINDS = {
  token: { secret: "planted-token", at: (origin: string) => `${origin}/hook?token=planted-token` },
  sid: { secret: "planted-sid", at: (origin: string) => `${origin}/hook?a=1&sid=planted-sid` },
  path: { secret: "PLANTEDpath123456789", at: (origin: string) => `${origin}/hook/PLANTEDpath123456789` },
  // This service no longer accepts it, but another one may have it.
  user: { secret: "planted-password", at: (origin: string) => `${origin.replace("//", "//ada:planted-password@")}/hook` },
};
const NAMES = Object.keys(KINDS) as (keyof typeof KINDS)[];
const idOf = (name: keyof typeof KINDS) => `00112233445566A${NAMES.indexOf(name)}`;
const SECRETS = Object.values(KINDS).map(({ secret }) => secret);
const TO = "http://127.0.0.1:9/there?token=planted-elsewhere";

const home = new Home();
/** The commands of which only the text matters run in this process, on the same files. */
const machine = new CliMachine({}, home.paths);
let service: Running & { url: string };
let failing: Running & { url: string };

const found = (text: string) => [...SECRETS, "planted-elsewhere"].filter((secret) => text.includes(secret));
const urlOf = (name: keyof typeof KINDS, origin = failing.url) => KINDS[name].at(origin);

async function whcb(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return withoutSecret(await home.whcb(argv, options));
}

function withoutSecret(outcome: Outcome): Outcome {
  expect(found(outcome.stdout + outcome.stderr)).toEqual([]);
  return outcome;
}

function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => `${folder}/${name}`)
    .filter((path) => statSync(path).isFile() && !/x\.db(?:-wal|-shm)?$/.test(path));
}

let handed = 0;

async function fail(name: string): Promise<void> {
  const api = apiOf(home);
  const before = await api.count(name, "FAILED");
  const ids = Array.from({ length: 3 }, () => callIdOf(handed++));
  expect((await api.hand(name, ids)).status).toBe(202);
  await eventually(
    () => api.count(name, "FAILED"),
    (failed) => failed === before + ids.length,
  );
}

const runsFolder = () => home.path("data", "runs");
/** Reads those of the latest run. */
const journalPath = () => {
  const names = readdirSync(runsFolder()).filter((file) => file.endsWith(".ndjson"));
  return `${runsFolder()}/${names.sort().at(-1)}`;
};
const journal = () => readFileSync(journalPath(), "utf8");

function rewriteJournal(from: RegExp, to: string): void {
  expect(journal()).toMatch(from);
  writeFileSync(journalPath(), journal().replace(from, to));
}

/** Returns the words that a shell makes of a line. */
function pasted(line: string, env: Readonly<Record<string, string>>): readonly string[] {
  const [, rest = ""] = /^\S+ (.*)$/s.exec(line) ?? [];
  return spawnSync("bash", ["-c", `printf '%s\\0' ${rest}`], { env, encoding: "utf8" })
    .stdout.split("\0")
    .slice(0, -1);
}

beforeAll(async () => {
  failing = await home.listen(["--status", "503"]);
  const secretKey = Buffer.from(SECRET_KEY, "base64");
  const store = await openStore({ url: home.path("x.db"), clock: systemClock, secretKey });
  for (const name of NAMES) await store.callbacks.create(idOf(name), someSettings({ name, url: urlOf(name) }), Date.now());
  await store.close();
  service = await home.serve(["--log-level", "info"], { env: { WHCB_SECRET_KEY: SECRET_KEY } });
  for (const name of NAMES) await fail(name);
});

afterAll(() => home.leave());

describe("no output has a secret, and each shows what is masked: whcb", () => {
  const create = ["callbacks", "create", "--email", "ops@example.com"];

  const commands: readonly (readonly [argv: readonly string[], shown?: string])[] = [
    [["status"], "/hook?token=****"],
    [["status", "-o", "json"], "/hook?a=1&sid=****"],
    [["status", "path", "--json", "url"], "/hook/****"],
    [["callbacks", "list"], "http://****@"],
    [["callbacks", "list", "-o", "json"], "/hook?token=****"],
    [["callbacks", "list", "-o", "ndjson"], "/hook?token=****"],
    [["callbacks", "list", "-o", "csv"], "/hook?token=****"],
    [["callbacks", "list", "--columns", "url"], "/hook/****"],
    [["callbacks", "get", "token"], "/hook?token=**** (--show-key shows it)\n"],
    [["callbacks", "get", "user", "-o", "json"], "http://****@"],
    [["callbacks", "update", "sid", "--email", "b@example.com"], "/hook?a=1&sid=****"],
    [["callbacks", "update", "path", "--url", "http://127.0.0.1:9/PLANTEDpath123456789"], "warning: GET http://127.0.0.1:9/****"],
    [[...create, "--name", "more", "--url", "http://127.0.0.1:9/?token=planted-token"]],
    [["calls", "list", "-o", "json"]],
    [["calls", "list", "--group-by", "reason"]],
    [["check", "--max-failed", "0"]],
    [["replay", "--failed", "--dry-run"], "-> http://127.0.0.1:9/****"],
    [["replay", "--failed", "--dry-run", "-o", "json"], "/hook?token=****"],
    [["replay", "--failed", "--dry-run", "-o", "ndjson"]],
    [["replay", "--failed", "--dry-run", "--print-curl"], ` --url "$WHCB_CALLBACK_URL_`],
    [
      ["replay", "--failed", "--to", TO, "--dry-run", "--print-curl"],
      ` --url "$WHCB_CALLBACK_URL_127_0_0_1_9_there_token_07bffae9"`,
    ],
    [
      ["replay", "token", "--failed", "--to", TO, "--dry-run", "--print-curl"],
      "set WHCB_CALLBACK_URL_127_0_0_1_9_there_token_07bffae9 to the URL of --to\n",
    ],
    [["replay", "--failed"], "-> http://****@"],
    [
      ["replay", "token", "--failed", "--to", TO],
      `set WHCB_CALLBACK_URL_127_0_0_1_9_there_token_07bffae9 to that URL, then type: whcb replay ${idOf("token")} --failed --to "$WHCB_CALLBACK_URL_127_0_0_1_9_there_token_07bffae9" `,
    ],
    [
      ["replay", "token", "--failed", `--to=${TO}`],
      `whcb replay ${idOf("token")} --failed --to="$WHCB_CALLBACK_URL_127_0_0_1_9_there_token_07bffae9" `,
    ],
    [["replay", "token", "--failed", "--to", TO, "--dry-run"], "-> http://127.0.0.1:9/there?token=****"],
    [["replay", "token", "--failed", "--to", TO, "--yes"], `--to "$WHCB_CALLBACK_URL_127_0_0_1_9_there_token_07bffae9"`],
    [["replay", "--failed", "--all-callbacks", "--yes", "-o", "ndjson"]],
    [["replay", "--resume"]],
    [["replay", "sid", "--failed", "--via", "service"], "/hook?a=1&sid=****, by the service"],
    [["replay", "sid", "--failed", "--via", "service", "--yes"]],
    [["reconcile", "path", "--seen", "/dev/null", "--allow-empty", "--dry-run"], "/****"],
    [["reconcile", "path", "--seen", "/dev/null", "--allow-empty", "--yes", "-o", "json"]],
    [["mark-success", "user", "--failed", "--yes"]],
    [["runs", "list", "-o", "json"], "/hook?token=****"],
    [["runs", "show", "-o", "json"], "http://****@"],
    [["runs", "show"], "http://****@"],
    [["profiles", "list", "-o", "json"]],
    [["config", "get"]],
    [["db", "check", "--db", home.path("x.db")]],
    [["__complete", "callbacks", "get", ""]],
  ];

  it.each(commands.map(([argv, shown = ""]) => [argv.join(" "), argv, shown] as const))("%s", async (_, argv, shown) => {
    const { stdout, stderr } = withoutSecret(await machine.whcb([...argv, ...(argv[0] === "__complete" ? [] : ["--verbose"])]));
    expect(stdout + stderr).toContain(shown);
  });

  it.each(NAMES)("calls get, of the callback %s", async (name) => {
    const { stdout: ids } = await whcb(["calls", "list", name, "-o", "ids"]);
    const [id = ""] = ids.split("\n");
    expect((await whcb(["calls", "get", name, id])).stdout).toContain("****");
    await whcb(["calls", "get", name, id, "-o", "json"]);
  });

  it("callbacks delete, in its question", async () => {
    const terminal = Terminal.whcb(home, ["callbacks", "delete", "user"]);
    await terminal.shows(/Delete callback user \(http:\/\/\*{4}@/);
    terminal.type("n\r");
    await terminal.closed();
    expect(found(terminal.written)).toEqual([]);
  });

  it("watch and calls follow", async () => {
    const commands = [
      [["watch"], /token: /, /token: failed 503/],
      [["calls", "follow"], /following all callbacks/, /token/],
    ] as const;
    for (const [argv, ready, shown] of commands) {
      const running = home.start(argv);
      await running.says(ready);
      await home.whcb(["trigger", "token", "-n", "1"]);
      await running.says(shown);
      const { stdout, stderr } = await running.stop("SIGINT");
      expect(found(stdout + stderr)).toEqual([]);
    }
  });

  it("triage, from the list of callbacks to a copied call", async () => {
    const terminal = Terminal.whcb(home, ["triage"], { columns: 120, rows: 30 });
    await terminal.shows(/token {2}http:\S+\/hook\?token=\*{4}/);
    await terminal.shows(/user {2}http:\/\/\*{4}@/);
    terminal.type("/token\r");
    await terminal.shows(/> token/);
    terminal.type(ENTER);
    await terminal.shows(/> +\d+ {2}503/);
    terminal.type("c");
    await terminal.shows("copied, if the terminal allows it");
    const copied = terminal.written.split("\u001b]52;c;")[1]?.split("\u0007")[0] ?? "";
    expect(Buffer.from(copied, "base64").toString()).toMatch(/ --url "\$WHCB_CALLBACK_URL_[\dA-F]+" /);
    terminal.type(`${ENTER}q`);
    await terminal.closed();
    expect(found(terminal.written + Buffer.from(copied, "base64"))).toEqual([]);
  });
});

it("no log, e-mail, journal or other file has one", async () => {
  await eventually(
    async () => readdirSync(home.path("mail")).filter((name) => name.endsWith(".eml")),
    (mails) => mails.length === NAMES.length,
  );
  const files = filesOf(home.folder);
  expect(files.filter((path) => found(readFileSync(path, "utf8")).length > 0)).toEqual([]);
  expect(files.filter((path) => path.endsWith(".ndjson")).length).toBeGreaterThan(3);
  for (const { stdout, stderr } of [service, failing]) expect(found(stdout + stderr)).toEqual([]);
  expect(failing.stdout).toMatch(/POST \/hook\/\*{4} [\s\S]*POST \/hook\?token=••••/);
  expect(service.stderr).toContain('"path":"/callbacks/token"');
});

it("--show-key shows them where a command shows a callback", async () => {
  for (const name of ["token", "sid", "user"] as const) {
    const { stdout } = await home.whcb(["callbacks", "get", name, "--show-key"]);
    expect(stdout).toContain(` ${urlOf(name)}\n`);
  }
  const json = await home.whcb(["callbacks", "list", "--show-key", "-o", "json"]);
  expect(JSON.parse(json.stdout)).toMatchObject(
    ["path", "sid", "token", "user"].map((name) => ({ name, auth: { key: "a-secret-callback-key" } })),
  );
  expect(found(json.stdout)).toEqual(SECRETS);
  expect(found((await home.whcb(["callbacks", "list", "--show-key", "--columns", "url"])).stdout)).toEqual(SECRETS);
});

it("a copied curl command sends the request once the callback's variable has the URL, and not with another's", async () => {
  const working = await home.listen();
  const { stdout: line, stderr } = await whcb(["replay", "token", "--failed", "--limit", "1", "--dry-run", "--print-curl"]);
  const id = / --url "\$WHCB_CALLBACK_URL_([\dA-F]+)" /.exec(line)?.[1] ?? "";
  expect(stderr).toContain(
    `set WHCB_CALLBACK_URL_${id} to the URL of token, which \`whcb callbacks get token --show-key\` shows\n`,
  );
  const url = urlOf("token", working.url);
  expect(pasted(line, { WHCB_CALLBACK_URL: url, WHCB_CALLBACK_KEY: "k" }).join(" ")).not.toContain(working.url);
  expect(pasted(line, { [`WHCB_CALLBACK_URL_${id}`]: url, [`WHCB_CALLBACK_KEY_${id}`]: "k" })).toContain(url);
});

describe("a run", () => {
  let name = "";
  let runs = 0;

  beforeEach(async () => {
    name = `run-${++runs}`;
    rmSync(runsFolder(), { recursive: true, force: true });
    const created = ["--name", name, "--url", urlOf("token"), "--email", "ops@example.com"];
    await whcb(["callbacks", "create", ...created]);
    await fail(name);
  });

  const update = (url: string) => home.whcb(["callbacks", "update", name, "--url", url]);

  async function interrupted(...flags: readonly string[]): Promise<string> {
    const { code, stdout } = await whcb(["replay", name, "--failed", "--yes", ...flags]);
    expect([code, found(journal())]).toEqual([8, []]);
    return /--resume (\S+)/.exec(stdout)?.[1] ?? "";
  }

  it("is resumed at its callback's URL without a question, and with one if only the secret is another", async () => {
    await interrupted();
    expect((await whcb(["replay", "--resume"])).stderr).not.toContain("URL");
    await update(`${failing.url}/hook?token=another-planted-token`);
    const asked = await whcb(["replay", "--resume"]);
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringMatching(/^The URL may have changed since the run began\.\n/)]);
    expect(asked.stderr).toMatch(/\nrun-1: \S+\/hook\?token=\*{4}, before perhaps with another secret\n/);
    await update(`${failing.url}/other?token=planted-token`);
    expect((await whcb(["replay", "--resume"])).stderr).toMatch(
      /^The URL has changed since the run began\.\nrun-1: \S+\/other\?token=\*{4}, before: \S+\/hook\?token=\*{4}\n/,
    );
  });

  it("asks where its key is gone, as it can't know", async () => {
    const run = await interrupted();
    const key = home.path("data", "runs.key");
    expect(statSync(key).mode & 0o077).toBe(0);
    rmSync(key);
    expect(await whcb(["replay", "--resume"])).toMatchObject({ code: 2, stderr: expect.stringContaining("may have changed") });
    expect((await whcb(["replay", "--resume", run, "--yes"])).code).toBe(8);
  });

  it("that was sent elsewhere is resumed there once --to names the whole URL again", async () => {
    const broken = await home.listen(["--status", "503"]);
    const to = `${broken.url}/there?token=planted-elsewhere`;
    await interrupted("--to", to, "--mark");
    const without = await whcb(["replay", "--resume"]);
    expect([without.code, without.stderr]).toEqual([4, expect.stringContaining("hint: add --to with the whole URL.")]);
    const [, command = ""] = /^next: (.*)$/m.exec(without.stdout) ?? [];
    const [, variable = ""] =
      /^whcb replay --resume \S+ --to "\$(WHCB_CALLBACK_URL_127_0_0_1_\d+_there_token_[\da-f]{8})"$/.exec(command) ?? [];
    const other = await whcb(["replay", "--resume", "--to", `${broken.url}/there?token=another-planted-elsewhere`]);
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining("before perhaps with another secret")]);
    await broken.stop();
    const repaired = await home.listen(["--port", new URL(broken.url).port]);
    const resumed = await whcb([...pasted(command, { [variable]: to }), "--yes"]);
    expect(resumed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^3 calls replayed to \S+\/there\?token=\*{4} in /) });
    expect(repaired.stdout).toMatch(/ POST \/there\?token=•••• /);
    // An unset variable selects nothing.
    expect(await whcb(pasted(command, {}))).toMatchObject({ code: 2, stderr: "error: --to is empty\n" });
  });

  it("of an earlier version, whose journal has the URLs as they are, is resumed without a question, and shown without secrets", async () => {
    await interrupted();
    rewriteJournal(/"url":"[^"]*","urlHash":"[^"]*"/, `"url":"${urlOf("token")}"`);
    const resumed = await whcb(["replay", "--resume"]);
    expect([resumed.code, resumed.stderr]).toEqual([8, expect.not.stringContaining("The URL")]);
    expect((await whcb(["runs", "show"])).stdout).toContain("/hook?token=****");
    await whcb(["runs", "list", "-o", "json"]);
    const run = await interrupted("--to", TO);
    rewriteJournal(/"to":"[^"]*"/, `"to":"${TO}"`);
    rewriteJournal(/,"toHash":"[^"]*"/, "");
    const elsewhere = await whcb(["replay", "--resume", run, "--yes"]);
    expect([elsewhere.code, elsewhere.stderr]).toEqual([8, expect.not.stringContaining("The URL")]);
    expect(elsewhere.stdout).toMatch(/\nnext, once the endpoint accepts calls: whcb replay --resume \S+\n$/);
  });

  it("that was sent to its callback takes no --to", async () => {
    await interrupted();
    const resumed = await whcb(["replay", "--resume", "--to", TO]);
    expect(resumed).toMatchObject({ code: 2, stderr: expect.stringContaining("wasn't made with --to") });
  });
});

it("a masked URL isn't stored by mistake", async () => {
  const update = ["callbacks", "update", "token", "--url", `${failing.url}/hook?token=****`];
  expect(await whcb(update)).toMatchObject({ code: 2, stderr: expect.stringContaining("****, which stands for a secret") });
});
