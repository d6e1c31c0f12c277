import { describe, expect, test } from "vitest";
import { type CommandSpec, isGroup } from "../../../../src/cli/args/command-spec.js";
import { flagName } from "../../../../src/cli/args/flag.js";
import { SECTIONS } from "../../../../src/cli/commands/all.js";
import { REPLAY } from "../../../../src/cli/commands/replay/command.js";
import { systemClock } from "../../../../src/platform/clock.js";
import { newCliWorld, runCli } from "../../../support/cli/run-cli.js";

const world = newCliWorld();

async function everyCommand(): Promise<{ readonly path: readonly string[]; readonly spec: CommandSpec }[]> {
  const entries = await Promise.all(SECTIONS.flatMap((section) => section.entries).map((entry) => entry.load()));
  return entries.flatMap((spec) =>
    isGroup(spec) ? spec.commands.map((one) => ({ path: [spec.name, one.name], spec: one })) : [{ path: [spec.name], spec }],
  );
}

describe("an invalid command line", () => {
  test.each([
    [["cals", "list"], "error: unknown command 'cals'\nhint: did you mean calls?\n"],
    [["help", "cals"], "error: unknown command 'cals'\nhint: did you mean calls?\n"],
    [["help", "calls", "lst"], "error: unknown command 'lst'\nhint: did you mean list? there are: list, get, follow\n"],
    [["frobnicate", "--help"], "error: unknown command 'frobnicate'\nhint: see `whcb --help`\n"],
    [["calls", "lst"], "error: unknown command 'lst'\nhint: did you mean list? there are: list, get, follow\n"],
    [["calls", "list", "demo", "--faild"], "error: unknown option '--faild'\nhint: did you mean --failed?\n"],
    [["calls", "list", "demo", "--failed=false"], "error: --failed takes no value\nhint: type --failed alone, or leave it out\n"],
    [["calls", "list", "demo", "--plain="], "error: --plain takes no value\nhint: type --plain alone, or leave it out\n"],
    [
      ["mark-success", "demo", "c-2", "—dry-run", "--yes"],
      "error: —dry-run begins with a long dash\nhint: did you mean --dry-run?\n",
    ],
    [
      ["replay", "demo", "–to=http://127.0.0.1:1/?key=planted", "--"],
      "error: –to begins with a long dash\nhint: did you mean --to?\n",
    ],
    [["calls", "list", "−failed"], "error: −failed begins with a long dash\nhint: did you mean --failed?\n"],
    [["replay", "demo", "－－failed"], "error: －－failed begins with a long dash\nhint: did you mean --failed?\n"],
    [["replay", "demo", "—"], "error: — begins with a long dash\nhint: see `whcb replay --help`\n"],
    [["calls", "get"], "error: missing required argument 'call'\nhint: see `whcb calls get --help`\n"],
    [
      ["calls", "list", "demo", "--since", "24/11/26"],
      'error: --since: "24/11/26" must be a time, such as "2h" for two hours ago, "05:00", "yesterday 05:00" or "2026-11-24 13:00"\n',
    ],
    [
      ["calls", "list", "demo", "--status-code", "5x"],
      'error: --status-code: "5x" must be a status code: "500", "5xx", or "none" for no answer\n',
    ],
    [["calls", "list", "demo", "--limit", "0"], 'error: --limit: "0" must be a whole number, 1 or more\n'],
    [["calls", "list", "demo", "-o", "yaml"], 'error: --output: "yaml" must be one of table, json, ndjson, csv, ids\n'],
    [["status", "-o", "csv"], 'error: --output: "csv" must be one of table, json\n'],
    [["serve", "--retry-window", "0s"], 'error: --retry-window: "0s" must be longer than zero\n'],
    [["replay", "demo", "--failed", "--rate", "fast"], 'error: --rate: "fast" must be a rate, such as "20/s" or "600/m"\n'],
    [["db", "erase"], "error: db erase needs --sender: a mobile number or an e-mail address\n"],
    [["db", "copy"], "error: db copy needs --from: the SQLite file to copy\n"],
    [
      ["replay", "--resume", "--dry-run"],
      "error: option '--resume [run]' cannot be used with option '--dry-run'\nhint: see `whcb replay --help`\n",
    ],
    [
      ["replay", "demo", "--cancel", "20261126-010203-0427F3A", "--since", "2h"],
      "error: option '--cancel <replay>' cannot be used with option '--since <when>'\nhint: see `whcb replay --help`\n",
    ],
    [["replay", "demo", "--failed", "--resend-unknown"], "error: --resend-unknown needs --resume\n"],
    [
      ["mark-failed", "--undo", "20261126-010203-0427F3A", "--from", "61491570100"],
      "error: option '--undo <run>' cannot be used with option '--from <sender>'\nhint: see `whcb mark-failed --help`\n",
    ],
    [
      ["replay", "--resume", "--limit", "5"],
      "error: option '--resume [run]' cannot be used with option '--limit <n>'\nhint: see `whcb replay --help`\n",
    ],
    [
      ["calls", "list", "--all", "--limit", "5"],
      "error: option '--all' cannot be used with option '-n, --limit <n>'\nhint: see `whcb calls list --help`\n",
    ],
    [
      ["trigger", "demo", "--file", "x", "-n", "5"],
      "error: option '--file <file>' cannot be used with option '-n, --count <n>'\nhint: see `whcb trigger --help`\n",
    ],
    [
      ["listen", "--hang", "--status", "503"],
      "error: option '--hang' cannot be used with option '--status <code>'\nhint: see `whcb listen --help`\n",
    ],
    [["replay", "demo", "--failed", "--via", "service", "--rate", "5/s"], "error: --rate needs --via direct\n"],
    [["replay", "demo", "--failed", "--detach"], "error: --detach needs --via service or --resume\n"],
    [
      ["serve", "--no-dispatch", "--max-in-flight", "5"],
      "error: option '--no-dispatch' cannot be used with option '--max-in-flight <n>'\nhint: see `whcb serve --help`\n",
    ],
    [
      ["serve", "--plan", "startup", "--no-api"],
      "error: option '--no-api' cannot be used with option '--plan <plan>'\nhint: see `whcb serve --help`\n",
    ],
    [
      ["serve", "--no-api", "--no-endpoint-check"],
      "error: option '--no-api' cannot be used with option '--no-endpoint-check'\nhint: see `whcb serve --help`\n",
    ],
    [
      ["serve", "--allow-network", "10.0.0.0/8"],
      "error: --allow-network would be ignored: on loopback a callback may be in any network\nhint: --host turns the public rules on\n",
    ],
    [
      ["serve", "--host", "0.0.0.0", "--allow-host", "proxy.example"],
      "error: --allow-host would be ignored: at 0.0.0.0 any name in the Host header is answered\nhint: leave it out\n",
    ],
    [
      ["serve", "--notify-format", "slack"],
      "error: --notify-format would be ignored: there are no notices\nhint: --notify or WHCB_NOTIFY says where they go\n",
    ],
    [["listen", "--flaky", "2"], 'error: --flaky: "2" must be a number from 0 to 1\n'],
  ])("%j exits 2 and says what is wrong", async (argv, stderr) => {
    expect(await runCli(world, argv)).toEqual({ code: 2, stdout: "", stderr });
  });

  test.each([
    [["--", "c-2", "—dry-run"], "error: no service is set\n"],
    [["c-2", "--reason", "— late"], "error: call ids and a filter can't be combined\n"],
  ])("%j has no such flag", async (words, stderr) => {
    expect((await runCli(world, ["mark-success", "demo", ...words])).stderr).toContain(stderr);
  });

  test("beside --resume or --cancel is any flag that these would ignore", () => {
    const obeyed = (name: string) => {
      const ignored = new Set(REPLAY.flags[name]?.conflicts?.map(({ syntax }) => syntax));
      return Object.values(REPLAY.flags).flatMap(({ syntax }) => (ignored.has(syntax) ? [] : [/--[\w-]+/.exec(syntax)?.[0]]));
    };
    expect([obeyed("resume"), obeyed("cancel")]).toEqual([
      [
        "--concurrency",
        "--rate",
        "--no-canary",
        "--max-failures",
        "--serial-by",
        "--content-type",
        "--allow-network",
        "--egress-proxy",
        "--to",
        "--detach",
        "--wait",
        "--resume",
        "--resend-unknown",
        "--cancel",
        "--yes",
        "--output",
      ],
      ["--cancel", "--yes", "--output"],
    ]);
  });

  test("is one with a flag that would be ignored without another one", async () => {
    for (const { path, spec } of await everyCommand()) {
      const operands = (spec.operands ?? []).flatMap(([syntax]) => (syntax.startsWith("<") ? ["x"] : []));
      for (const flag of Object.values(spec.flags)) {
        const named = /^with (--[\w-]+)/.exec(flag.summary)?.[1];
        const needs = flag.needs ?? [];
        if (named !== undefined) expect(needs.map((need) => flagName(need.flag.syntax))).toContain(named);
        if (needs.length === 0) continue;
        const unmet = needs.flatMap((need) =>
          need.value === need.flag.defaultText && need.value !== undefined
            ? [flagName(need.flag.syntax), need.flag.choices?.find((choice) => choice !== need.value) ?? ""]
            : [],
        );
        const given = [flagName(flag.syntax), ...(/[<[]/.test(flag.syntax) ? [flag.choices?.[0] ?? "1"] : [])];
        expect(await runCli(world, [...path, ...operands, ...given, ...unmet])).toEqual({
          code: 2,
          stdout: "",
          stderr: expect.stringMatching(`^error: ${flagName(flag.syntax)} needs --`),
        });
      }
    }
  });

  test.each([[["-o", "json"]], [["-ojson"]], [["--output=ndjson"]], [["--output", "json"]]])(
    "is reported in JSON with a JSON output: %j",
    async (words) => {
      const { code, stderr } = await runCli(world, ["calls", "list", "demo", ...words, "--faild"]);
      expect([code, JSON.parse(stderr)]).toEqual([
        2,
        { error: { code: "usage", message: "unknown option '--faild'", hint: "did you mean --failed?", next: [] } },
      ]);
    },
  );

  test.each(["json", "ndjson", "ids"])("--columns is rejected with -o %s", async (format) => {
    const { code, stderr } = await runCli(newCliWorld(), ["runs", "list", "--columns", "id", "-o", format]);
    expect(code).toBe(2);
    expect(stderr).toContain(`--columns can't be used with -o ${format}`);
  });

  test.each([
    ["--password=hunter2-secret"],
    ["--api-key=hunter2-secret"],
    ["--token=hunter2-secret"],
    ["--paswrd=hunter2-secret"],
  ])("never repeats what may be a secret: %s", async (flag) => {
    const { code, stdout, stderr } = await runCli(world, ["calls", "list", "demo", flag]);
    expect(code).toBe(2);
    expect(stdout + stderr).not.toContain("hunter2");
  });

  test.each(["--password", "--api-key", "--token"])("%s is rejected, with where secrets come from", async (flag) => {
    expect(await runCli(world, ["calls", "list", "demo", flag, "x"])).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: there is no flag ${flag}: a secret in a command line could be read by other users
hint: use \`whcb login\`, or the environment: WHCB_USERNAME, WHCB_PASSWORD, WHCB_API_KEY, WHCB_CALLBACK_KEY, WHCB_SIGNING_SECRET
`,
    });
  });

  test.each([
    [["serve", "--db", "postgres://whcb:hunter2@db/whcb"], "WHCB_DB"],
    [["serve", "--smtp", "smtp://whcb:hunter2@mail:587"], "WHCB_SMTP"],
  ])("a password in a URL flag is rejected: %j", async (argv, variable) => {
    const { code, stderr } = await runCli(newCliWorld(), argv);
    expect(code).toBe(2);
    expect(stderr).toContain(`give the URL as ${variable} instead`);
    expect(stderr).not.toContain("hunter2");
  });

  test.each([
    "file://u:hunter2@db/x.db",
    "host=db dbname=whcb password=hunter2",
    "Server=db;Pwd=hunter2;",
    "whcb/hunter2@db/whcb",
  ])("another program's connection string is rejected and never shown: %s", async (WHCB_DB) => {
    const { code, stderr } = await runCli(newCliWorld(), ["users", "list"], { env: { WHCB_DB } });
    expect(code).toBe(2);
    expect(stderr).toContain("WHCB_DB looks like a URL or connection string with a password");
    expect(stderr).not.toContain("hunter2");
  });

  test.each([
    [["serve", "--db", "mysql://db/whcb"], {}, "--db"],
    [["serve"], { WHCB_DB: "mysql://whcb:hunter2@db/whcb" }, "WHCB_DB"],
    [["serve"], { WHCB_DB: "file:postgres://whcb:hunter2@db/whcb" }, "WHCB_DB"],
  ])("a database server's URL is rejected and never shown: %j %j", async (argv, env, source) => {
    expect(await runCli(newCliWorld(), argv, { env })).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: ${source} is a URL, and not of PostgreSQL\nhint: give a file's path, such as --db whcb.db, or a URL that begins with postgres://\n`,
    });
  });

  test.each([
    [["serve"], { WHCB_DB: "x.db\r" }, "WHCB_DB"],
    [["users", "list"], { WHCB_DB: "postgres://db/whcb\r" }, "WHCB_DB"],
    [["db", "erase", "--sender", "a@example.com", "--db", "x.db ", "--yes"], {}, "--db"],
    [["db", "check", "--db", " x.db"], {}, "--db"],
    [["db", "check", "--db", "x.db\u00a0/"], {}, "--db"],
    [["db", "check"], { WHCB_URL: "./x.db\r" }, "WHCB_URL"],
    [["callbacks", "list"], { WHCB_URL: "file:x.db " }, "WHCB_URL"],
    [["callbacks", "list", "--service", "./x\ufeff"], {}, "--service"],
    [["db", "backup", "y.db\r"], {}, "the file"],
    [["db", "copy", "--from", "x.db\n"], { WHCB_DB: "postgres://db/whcb" }, "--from"],
  ])("a database that SQLite's driver would take for another one is rejected: %j %j", async (argv, env, source) => {
    expect(await runCli(newCliWorld(), argv, { env })).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: ${source} begins or ends with white space\nhint: write it without; a file with CRLF line ends leaves a carriage return at the end of each line\n`,
    });
  });

  test.each([
    [["replay", "demo"], "no calls were selected"],
    [["replay", "demo", "--since", "2h"], "a filter needs --failed"],
    [["mark-success", "demo"], "no calls were selected"],
    [["mark-success"], "no calls were selected"],
    [["mark-success", "demo", "A".repeat(32), "--failed"], "call ids and a filter can't be combined"],
    [["replay", "demo", "--failed", "--mark"], "--mark needs --to"],
  ])("a bulk write never means all by default: %j", async (argv, message) => {
    const { code, stdout, stderr } = await runCli(newCliWorld(), argv);
    expect({ code, stdout, first: stderr.split("\n")[0] }).toEqual({ code: 2, stdout: "", first: `error: ${message}` });
  });
});

describe("a time that is still to come", () => {
  const at = newCliWorld({ clock: { ...systemClock, now: () => Date.UTC(2026, 10, 30, 1) } });
  const ends = (...argv: readonly string[]) => runCli(at, [...argv, "--utc"]);

  test.each([
    [["mark-success", "demo", "--failed", "--until", "2026-12-30 02:00", "--yes"], "--until", "2026-12-30 02:00:00Z"],
    [["mark-success", "demo", "--failed", "--until", "today 01:05:01", "--yes"], "--until", "2026-11-30 01:05:01Z"],
    [["mark-failed", "demo", "--success", "--until", "2026-12-01", "--dry-run"], "--until", "2026-12-01 00:00:00Z"],
    [["replay", "demo", "--failed", "--since", "2026-12-30", "--yes"], "--since", "2026-12-30 00:00:00Z"],
  ])("is no limit of a bulk write: %j", async (argv, flag, time) => {
    expect(await ends(...argv)).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: ${flag} is still to come: ${time}\nhint: if no limit is meant, leave it out\n`,
    });
  });

  test.each([
    ["mark-success", "demo", "--failed", "--until", "now"],
    ["mark-success", "demo", "--failed", "--until", "today 01:05"],
    ["calls", "list", "demo", "--failed", "--until", "2026-12-30"],
  ])("is one if it is now, by another machine's clock, or limits what is read: %j", async (...argv) => {
    expect(await ends(...argv)).toMatchObject({ code: 4, stderr: expect.stringContaining("no service is set") });
  });
});

describe("a URL or name that a service could misread is rejected before anything is sent, and not repeated", () => {
  const CREATE = ["callbacks", "create", "--email", "ops@example.com"];
  test.each([
    [[...CREATE, "--name", "demo", "--url", "http://example.com\\@127.0.0.1/"], "--url must not contain a backslash"],
    [[...CREATE, "--name", "demo", "--url", "http://u:geheim@example.com/"], "--url must not contain a user or password"],
    [[...CREATE, "--name", "demo", "--url", "http://example.com/\u001b"], "--url must be an http or https URL"],
    [[...CREATE, "--name", "demo\u202egpj.exe", "--url", "http://example.com/"], "must not contain control characters"],
    [["callbacks", "update", "demo", "--name", "6C93A1B2C4D5E6F7"], "must not be 16 hex digits"],
    [["callbacks", "update", "demo", "--url", "http://example.com\\@127.0.0.1/"], "--url must not contain a backslash"],
    [["callbacks", "update", "demo", "--url", "http://example.com/?token=****"], "--url must not contain ****"],
    [["replay", "--failed", "--to", "http://u:geheim@example.com/"], "--to must not contain a user or password"],
    [["replay", "--failed", "--to", "http://example.com\\@127.0.0.1/"], "--to must not contain a backslash"],
    [["replay", "--failed", "--to", "http:///geheim/hook"], "--to must have a host before its path"],
    [["replay", "--failed", "--to", "http://geheim:/hook"], "--to must have a port after the colon of its host"],
    [
      ["callbacks", "update", "demo", "--url", "http://127.26.1.:9000/geheim"],
      "--url must have a host that neither begins nor ends",
    ],
    [[...CREATE, "--name", "demo", "--url", "http://127.0.0.1:9000/#/geheim"], "--url must not contain a #"],
  ])("%j", async (argv, message) => {
    const { code, stdout, stderr } = await runCli(newCliWorld(), argv);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/geheim/);
  });
});
