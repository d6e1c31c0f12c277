/** The environment of a line names the service that it is for. A line that is printed is typed without it. */
import { copyFileSync, writeFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Background, CliMachine } from "../support/cli/cli-service.js";
import type { CliResult } from "../support/cli/run-cli.js";

/** `local` is the current profile. Each service has a callback `demo` with two failed calls. */
let machine: CliMachine;
let other: Background;
let copy: string;

beforeAll(async () => {
  machine = new CliMachine();
  const broken = await machine.listen(["--status", "503"]);
  await machine.serve(["--db", machine.path("a.db")]);
  other = await machine.serve(["--db", machine.path("b.db")]);
  await machine.rehearse("demo", broken.url, 2);
  await machine.works(["profiles", "use", "local-2"]);
  await machine.rehearse("demo", broken.url, 2);
  await machine.works(["profiles", "use", "local"]);
  copy = machine.path("copy.db");
  await machine.works(["db", "backup", copy, "--db", machine.path("b.db")]);
  copyFileSync(machine.path("b.db.key"), `${copy}.key`);
});

afterAll(() => machine.leave());

beforeEach(async () => {
  for (const service of [[], ["--profile", "local-2"], ["--service", copy]])
    await machine.whcb(["mark-failed", "demo", "--success", "--yes", ...service]);
});

const settled = async (...service: readonly string[]): Promise<number> =>
  (await machine.ids("demo", "--success", ...service)).length;

/** The settled calls of the current profile's service, of local-2's and of the copy. */
const allSettled = () => Promise.all([settled(), settled("--profile", "local-2"), settled("--service", copy)]);

const typed = ({ stderr }: CliResult): string => /to continue, type: whcb (.*)\n/.exec(stderr)?.[1] ?? "";

/** A mark's line says until when, and names the callback by its id. */
const timeless = (line: string): string => line.replace(/ --until \S+/, "").replace(/\b[0-9A-F]{16}\b/, "ID");

const nextCommands = ({ stderr }: CliResult): readonly string[] => {
  const { error } = JSON.parse(stderr.slice(stderr.indexOf('{"error"')));
  return error.next.map(({ command }: { command: string }) => command);
};

describe("a line to continue, typed in another terminal, is for the service that the environment named", () => {
  test("by its profile", async () => {
    const asked = await machine.whcb(["mark-success", "demo", "--failed"], { env: { WHCB_PROFILE: "local-2" } });
    expect(timeless(typed(asked))).toBe("mark-success ID --failed --profile local-2 --yes");
    await machine.works(typed(asked).split(" "));
    expect(await allSettled()).toEqual([0, 2, 0]);
  });

  test("by its URL", async () => {
    const asked = await machine.whcb(["mark-success", "demo", "--failed"], { env: { WHCB_URL: other.url } });
    expect(timeless(typed(asked))).toBe(`mark-success ID --failed --service ${other.url} --yes`);
    await machine.works(typed(asked).split(" "));
    expect(await allSettled()).toEqual([0, 2, 0]);
  });

  test("by its database file, from any folder", async () => {
    const env = { WHCB_URL: relative(process.cwd(), copy) };
    const asked = await machine.whcb(["mark-success", "demo", "--failed"], { env });
    expect(timeless(typed(asked))).toBe(`mark-success ID --failed --service ${copy} --yes`);
    await machine.works(typed(asked).split(" "));
    expect(await allSettled()).toEqual([0, 0, 2]);
  });

  test("of each command, and a flag that was typed isn't repeated", async () => {
    const list = machine.path("seen.txt");
    writeFileSync(list, `${(await machine.ids("demo", "--profile", "local-2"))[0]}\n`);
    const env = { WHCB_PROFILE: "local-2", WHCB_URL: other.url };
    const both = `--profile local-2 --service ${other.url} --yes`;
    const lines = [
      [["replay", "demo", "--failed"], "replay ID --failed"],
      [["reconcile", "demo", "--seen", list], `reconcile demo --seen ${list}`],
      [["callbacks", "delete", "demo"], "callbacks delete ID"],
    ] as const;
    for (const [argv, line] of lines) expect(timeless(typed(await machine.whcb(argv, { env })))).toBe(`${line} ${both}`);
    const named = await machine.whcb(["replay", "demo", "--failed", "--profile=local-2"], { env });
    expect(timeless(typed(named))).toBe(`replay ID --failed --profile=local-2 --service ${other.url} --yes`);
    const chosen = await machine.whcb(["replay", "--failed", "--service", copy, "--", "demo"], { env: { WHCB_URL: other.url } });
    expect(timeless(typed(chosen))).toBe(`replay --failed --service ${copy} --yes -- ID`);
  });

  test("has the id of the callback, which no other service has, also if that is the profile's default", async () => {
    await machine.works(["config", "set", "callback", "demo"]);
    for (const argv of [
      ["mark-success", "demo", "--failed"],
      ["mark-success", "--failed"],
      ["replay", "--failed"],
    ]) {
      const line = typed(await machine.whcb(argv));
      expect(timeless(line)).toBe(`${argv[0]} ID --failed --profile local --yes`);
      expect((await machine.whcb(line.replace("--profile local", "--profile local-2").split(" "))).code).toBe(3);
    }
    expect(timeless(typed(await machine.whcb(["--utc", "resend", "--failed"])))).toBe(
      "--utc resend ID --failed --profile local --yes",
    );
    const repeated = await machine.whcb(["mark-success", "demo", "--failed", "--grep", "demo"]);
    expect(repeated.stderr).toContain("nothing to mark");
    await machine.works(["config", "set", "callback", ""]);
    expect(await allSettled()).toEqual([0, 0, 0]);
  });

  test("in JSON, which programs run", async () => {
    const env = { WHCB_PROFILE: "local-2" };
    expect(nextCommands(await machine.whcb(["replay", "demo", "--failed", "-o", "json"], { env }))).toEqual([
      expect.stringMatching(/^whcb replay [0-9A-F]{16} --failed -o json --profile local-2 --yes$/),
    ]);
    await machine.works(["mark-success", "demo", "--failed", "--yes"], { env });
    expect(nextCommands(await machine.whcb(["undo", "--yes", "-o", "json"], { env }))).toEqual([
      expect.stringMatching(/^whcb undo \S+ --yes --profile local-2$/),
    ]);
  });
});

describe("a line to continue names what was meant when it was printed", () => {
  test("the profile that was the current one", async () => {
    const mark = typed(await machine.whcb(["mark-success", "--failed"]));
    const replay = typed(await machine.whcb(["replay", "--failed"]));
    const remove = typed(await machine.whcb(["callbacks", "delete", "demo"]));
    expect([mark, replay, remove].map(timeless)).toEqual([
      "mark-success --failed --profile local --yes",
      "replay --failed --profile local --yes",
      "callbacks delete ID --profile local --yes",
    ]);
    await machine.works(["profiles", "use", "local-2"]);
    await machine.works(mark.split(" "));
    await machine.works(["profiles", "use", "local"]);
    expect(await allSettled()).toEqual([2, 0, 0]);
    expect((await machine.whcb(replay.split(" "), { env: { WHCB_URL: other.url } })).code).toBe(2);
  });

  test("files and folders, from any folder", async () => {
    const list = machine.path("failed.txt");
    writeFileSync(list, `${(await machine.ids("demo", "--service", copy))[0]}\n`);
    const [listFrom, copyFrom] = [relative(process.cwd(), list), relative(process.cwd(), copy)];
    const sender = ["--sender", "+61491570101"];
    const lines = [
      [["mark-success", "demo", "--file", listFrom, `--service=${copyFrom}`], `mark-success ID --file ${list} --service ${copy}`],
      [["reconcile", "demo", "--seen", listFrom, "--service", copy], `reconcile demo --seen ${list} --service ${copy}`],
      [
        ["db", "erase", ...sender, "--db", copyFrom, "--mail-dir", "mails"],
        `db erase ${sender.join(" ")} --db ${copy} --mail-dir ${resolve("mails")}`,
      ],
    ] as const;
    for (const [argv, line] of lines) expect(timeless(typed(await machine.whcb(argv)))).toBe(`${line} --yes`);
  });

  test("the database of the current profile", async () => {
    const line = typed(await machine.whcb(["users", "remove", "local"]));
    expect(line).toBe(`users remove local --db ${machine.path("a.db")} --yes`);
  });
});

describe("what is to be typed next", () => {
  const env = { WHCB_PROFILE: "local-2" };

  test("after status names the profile of the environment", async () => {
    const { stdout } = await machine.whcb(["status", "--no-color"], { env, columns: 100 });
    expect(stdout).toContain(
      "  next: whcb calls list demo --failed --profile local-2\n        whcb replay demo --failed --profile local-2\n",
    );
  });

  test("after status names a typed database file from any folder", async () => {
    const typedFile = ["--service", relative(process.cwd(), copy)];
    const { stdout } = await machine.whcb(["status", "--no-color", ...typedFile], { columns: 100 });
    expect(stdout).toContain(`--failed --service ${copy}\n`);
  });

  test("after a mark, too", async () => {
    const stdout = await machine.works(["mark-success", "demo", "--failed", "--yes"], { env });
    expect(stdout).toMatch(/undo: whcb undo \S+ --profile local-2\n/);
  });

  test.each([
    [["calls", "get", "demo", "0123456789abcdef0123456789abcdef"], "`whcb calls list demo --all --profile local-2`"],
    [
      ["callbacks", "create", "--name", "demo", "--url", "http://127.0.0.1:1/", "--email", "o@example.com"],
      "`whcb callbacks update demo --profile local-2`",
    ],
  ])("after an error of %j is for the same service", async (line, hint) => {
    expect((await machine.whcb(line, { env })).stderr).toMatch(new RegExp(hint));
  });

  test("where there is no callback yet", async () => {
    await machine.serve(["--db", machine.path("empty.db")]);
    const { stderr } = await machine.whcb(["callbacks", "get", "demo"], { env: { WHCB_PROFILE: "local-3" } });
    expect(stderr).toContain("create one with `whcb callbacks create --profile local-3`");
  });
});

describe("with one profile, what is asked and what --yes does names another service than the profile's", () => {
  let one: CliMachine;
  let served: Background;
  let rehearsal: string;

  beforeAll(async () => {
    one = new CliMachine();
    const broken = await one.listen(["--status", "503"]);
    served = await one.serve(["--db", one.path("a.db")]);
    await one.rehearse("demo", broken.url, 2);
    rehearsal = one.path("rehearsal.db");
    await one.works(["db", "backup", rehearsal]);
    copyFileSync(one.path("a.db.key"), `${rehearsal}.key`);
  });

  afterAll(() => one.leave());

  const LINES = [
    ["replay", "demo", "--failed"],
    ["mark-success", "demo", "--failed"],
    ["callbacks", "delete", "demo"],
  ];

  test.each(LINES)("%s %s %s, asked in a terminal", async (...line) => {
    const answered = { canAsk: true, stdin: "n\n" };
    const named = await one.whcb(line, { env: { WHCB_URL: rehearsal }, ...answered });
    expect(named.stderr.split("\n")[0]).toBe(`service: ${rehearsal}`);
    const ofProfile = await one.whcb(line, answered);
    expect(ofProfile.stderr).not.toContain("service: ");
    const sameUrl = await one.whcb(line, { env: { WHCB_URL: `${served.url}/` }, ...answered });
    expect(sameUrl.stderr).not.toContain("service: ");
  });

  test.each([["status"], ["check", "--max-failed", "9"]])("%s", async (...line) => {
    expect((await one.whcb(line, { env: { WHCB_URL: rehearsal } })).stderr).toBe(`service: ${rehearsal}\n`);
    expect((await one.whcb(line)).stderr).toBe("");
  });

  test.each(LINES)("%s %s %s --yes", async (...line) => {
    const { stderr } = await one.whcb([...line, "--yes"], { env: { WHCB_URL: rehearsal } });
    expect(stderr.split("\n")[0]).toBe(`service: ${rehearsal}`);
  });
});

test.each([
  ["trigger", "demo"],
  ["callbacks", "update", "demo", "--retries", "on"],
  ["callbacks", "resume", "demo"],
  ["status", "demo"],
  ["check", "demo", "--max-failed", "99"],
])("with several profiles, what sends or reports without a question names its service: %s %s", async (...line) => {
  const ofCurrent = await machine.whcb(line);
  expect(ofCurrent).toMatchObject({ code: 0, stderr: expect.stringMatching(/^service: http:\S+ \(profile local\)\n/) });
  const ofOther = await machine.whcb([...line, "--profile", "local-2"]);
  expect(ofOther).toMatchObject({ code: 0, stderr: expect.stringMatching(`^service: ${other.url} \\(profile local-2\\)\n`) });
});

test("a WHCB_URL with a password is shown nowhere", async () => {
  const env = { WHCB_URL: "http://user:PLANTED@127.0.0.1:1" };
  expect((await machine.whcb(["profiles", "remove", "local-2"], { env })).stderr).toContain(
    "type: whcb profiles remove local-2 --yes\n",
  );
});
