/** Replays, marks and reconciliation run as commands, against a real service and a real endpoint. */
import { once } from "node:events";
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { run } from "../../src/cli/run.js";
import { readSettings } from "../../src/cli/settings/settings-file.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { captureIo } from "../support/cli/cli-streams.js";
import { cliDeps, storeSettings } from "../support/cli/run-cli.js";
import { startRawServer } from "../support/delivery/raw-server.js";
import { countingEndpoint } from "../support/replay/replay-desk.js";

let machine: CliMachine;
const closing: (() => Promise<void>)[] = [];

beforeEach(() => {
  machine = new CliMachine();
});

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await machine.leave();
});

/** The calls have failed at an endpoint that is repaired now. */
async function anOutage(
  calls: number,
  repaired: readonly string[] = [],
): Promise<{ readonly url: string; readonly received: () => number }> {
  await machine.serve();
  const broken = await machine.listen(["--status", "503"]);
  await machine.rehearse("demo", broken.url, calls);
  await broken.stop();
  const endpoint = await machine.listen(["--port", new URL(broken.url).port, ...repaired]);
  return { url: broken.url, received: () => endpoint.io.out().match(/ POST /g)?.length ?? 0 };
}

describe("a mark prints how to undo it:", () => {
  const undoIn = (stdout: string) => /\n\nundo(?:, if your receiver has the calls)?: whcb (.*)\n$/.exec(stdout)?.[1] ?? "";

  /** A pipe of two commands, as a shell would run it. */
  async function typed(line: string): Promise<string> {
    const [first = "", second] = line.split(" | whcb ");
    const stdout = await machine.works(first.split(" "));
    return second === undefined ? stdout : machine.works(second.split(" "), { stdin: stdout });
  }

  test("mark-success, its undo, and the undo of that", async () => {
    await anOutage(3);
    const [kept = "", ...ids] = await machine.ids("demo", "--failed");
    const marked = await machine.works(["mark-success", "demo", ...ids, "--yes"]);
    expect(undoIn(marked)).toMatch(/^undo \S+$/);
    const undone = await machine.works([...undoIn(marked).split(" "), "--yes"]);
    expect(await machine.ids("demo", "--failed")).toEqual([kept, ...ids]);
    expect(undone).toContain("undo, if your receiver has the calls: whcb runs show ");
    expect(undoIn(undone)).toMatch(/^runs show \S+ -o ids \| whcb mark-success [0-9A-F]{16} - --yes --service \S+$/);
    await typed(undoIn(undone));
    expect(await machine.ids("demo", "--failed")).toEqual([kept]);
  });

  test("mark-failed of the calls of two callbacks", async () => {
    await anOutage(2);
    await machine.rehearse("other", (await machine.listen()).url, 2);
    const failed = await machine.works(["mark-failed", "--success", "--all-callbacks", "--yes"]);
    expect(await machine.ids("other", "--failed")).toHaveLength(2);
    await typed(undoIn(failed));
    expect([await machine.ids("other", "--failed"), await machine.ids("demo", "--failed")]).toEqual([
      [],
      [expect.anything(), expect.anything()],
    ]);
    const json = JSON.parse(await machine.works(["mark-failed", "other", "--success", "--yes", "-o", "json"]));
    expect(json.undo).toMatch(/^whcb runs show \S+ -o ids \| whcb mark-success [0-9A-F]{16} - --yes --service \S+$/);
  });

  test("mark-failed, which marks no calls of a new callback with the same name and ids", async () => {
    const { url } = await anOutage(1, ["--status", "503"]);
    const response = JSON.stringify({ id: "job-1", messageId: "m", responseMessage: { content: "x" } });
    const submit = async () => {
      await machine.works(["trigger", "demo", "--file", "-"], { stdin: `${response}\n` });
      await machine.settled("demo");
    };
    await submit();
    await machine.works(["mark-success", "demo", "--failed", "--yes"]);
    const failed = await machine.works(["mark-failed", "demo", "--success", "--yes"]);
    await machine.works(["callbacks", "delete", "demo", "--yes"]);
    await machine.rehearse("demo", url, 1);
    await submit();
    await expect(typed(undoIn(failed))).rejects.toThrow();
    expect(await machine.ids("demo", "--success")).toEqual([]);
  });

  test("mark-failed, that was stopped, for the calls that it had marked", async () => {
    await anOutage(2);
    await machine.works(["mark-success", "demo", "--failed", "--yes"]);
    const { runId } = JSON.parse(await machine.works(["mark-failed", "demo", "--success", "--yes", "-o", "json"]));
    const path = join(machine.world.paths.data, "runs", `${runId}.ndjson`);
    const [, marked = "", left = ""] = /"step":"marked","calls":\["(.*?)","(.*?)"\]/.exec(readFileSync(path, "utf8")) ?? [];
    writeFileSync(
      path,
      readFileSync(path, "utf8").replace(`"marked","calls":["${marked}","${left}"]`, `"marked","calls":["${marked}"]`),
    );
    expect(await machine.works(["runs", "show", runId, "-o", "ids"])).toBe(`${marked}\n`);
  });
});

describe("replay", () => {
  test("sends nothing on a dry run", async () => {
    const { received, url } = await anOutage(3);
    const dry = await machine.whcb(["replay", "demo", "--failed", "--dry-run", "--utc"]);
    expect(dry).toMatchObject({ code: 0, stderr: "dry run: nothing was sent\n" });
    expect(dry.stdout).toMatch(new RegExp(`^3 failed calls of demo -> ${url}/hook, last attempts from .*Z \\(503: 3\\)\n$`));
    const plan = JSON.parse(await machine.works(["replay", "demo", "--failed", "--dry-run", "-o", "json"]));
    expect(plan).toMatchObject({
      dryRun: true,
      calls: 3,
      callbacks: [{ name: "demo", calls: 3, statusCodes: [{ statusCode: 503, calls: 3 }] }],
    });
    const curl = await machine.works(["replay", "demo", "--failed", "--dry-run", "--print-curl"]);
    expect(
      curl
        .trimEnd()
        .split("\n")
        .filter((line) => line.startsWith("curl ")).length,
    ).toBe(3);
    expect(curl).not.toContain("PLANTED");
    expect(received()).toBe(0);
  });

  test("asks on a terminal and does nothing unless the answer is yes", async () => {
    const { received } = await anOutage(3);
    const no = await machine.whcb(["replay", "demo", "--failed"], { canAsk: true, stdin: "\n" });
    expect(no).toMatchObject({
      code: 0,
      stdout: "",
      stderr: expect.stringMatching(/Send 3 calls again\? \[y\/N\][\s\S]*nothing was done\n$/),
    });
    expect(received()).toBe(0);
    const yes = await machine.whcb(["replay", "demo", "--failed"], { canAsk: true, stdin: "yes\n" });
    expect(yes).toMatchObject({ code: 0, stdout: expect.stringMatching(/^3 calls replayed in /) });
    expect(received()).toBe(3);
    expect(await machine.ids("demo", "--failed")).toEqual([]);
  });

  test("exits 2 without a terminal and prints the command to type", async () => {
    await anOutage(1);
    const { code, stderr } = await machine.whcb(["replay", "demo", "--failed", "--grep", "I can't"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "nothing to replay: no failed call matches\n" });
    const asked = await machine.whcb(["replay", "demo", "--failed", "--grep", "I can"]);
    expect(asked).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(
        /\nhint: to continue, type: whcb replay [0-9A-F]{16} --failed --grep 'I can' --profile local --yes\n/,
      ),
    });
  });

  test("says in JSON, too, what it would do and the command to type", async () => {
    await anOutage(3);
    const { code, stdout, stderr } = await machine.whcb(["replay", "demo", "--failed", "-o", "json"]);
    const { error } = JSON.parse(stderr);
    const [{ id }] = JSON.parse(await machine.works(["callbacks", "list", "-o", "json"]));
    const command = `whcb replay ${id} --failed -o json --profile local --yes`;
    expect([code, stdout, error]).toEqual([
      2,
      "",
      {
        code: "usage",
        message: expect.stringMatching(
          /^confirmation needed: add --yes; 3 failed calls of demo -> [\s\S]*\nSend 3 calls again\?$/,
        ),
        hint: `to continue, type: ${command}`,
        next: [{ command, when: "to continue" }],
      },
    ]);
  });

  test.each([
    [["replay", "demo", "-"], "Send 1 call again?"],
    [["mark-success", "demo", "-"], "Mark 1 call SUCCESS"],
    [["reconcile", "demo", "--seen=-"], "Mark 1 call"],
  ])("with ids on stdin no question can be asked, even on a terminal: %j", async (argv, question) => {
    await anOutage(1);
    const [id] = await machine.ids("demo", "--failed");
    const { code, stderr } = await machine.whcb(argv, { canAsk: true, env: { NO_COLOR: "1" }, stdin: [Buffer.from(`${id}\n`)] });
    const line = stderr.replace(/\b[0-9A-F]{16}\b/, "demo");
    expect([code, line]).toEqual([
      2,
      expect.stringContaining(`type after the pipe: whcb ${argv.join(" ")} --profile local --yes\n`),
    ]);
    expect(stderr).toContain(question);
  });

  test("prints one line per step with ndjson, and one object at the end with json", async () => {
    await anOutage(3);
    const lines = (await machine.works(["replay", "demo", "--failed", "--yes", "-o", "ndjson"]))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ event }) => event === "accepted")).toHaveLength(3);
    expect(lines.filter(({ event, status }) => event === "marked" && status === "SUCCESS")).toHaveLength(3);
    const ids = await machine.ids("demo", "--success");
    await machine.works(["mark-failed", "demo", ...ids, "--yes"]);
    const end = JSON.parse(await machine.works(["replay", "demo", "--failed", "--yes", "-o", "json"]));
    expect(end).toMatchObject({
      kind: "replay",
      counts: { planned: 3, accepted: 3, marked: 3 },
      resumable: false,
      next: null,
      error: null,
    });
  });

  test("adds its attempts to the history of the calls, with where they were sent from", async () => {
    await anOutage(3, ["--status", "500"]);
    await machine.whcb(["replay", "demo", "--failed", "--yes", "--no-canary", "--concurrency", "1"]);
    const [id = ""] = await machine.ids("demo", "--failed");
    const { attempts, statusCode } = JSON.parse(await machine.works(["calls", "get", "demo", id, "-o", "json"]));
    expect(statusCode).toBe(500);
    expect(attempts).toMatchObject([
      { number: 1, cause: "first", statusCode: 503, sentFrom: null },
      { number: 2, cause: "replay", statusCode: 500, sentFrom: expect.stringMatching(/@/) },
    ]);
  });

  test("prints one line per call on a dry run with -o ndjson", async () => {
    await anOutage(3);
    const lines = (await machine.works(["replay", "demo", "--failed", "--dry-run", "-o", "ndjson"])).trim().split("\n");
    const ids = (await machine.ids("demo", "--failed")).toReversed();
    expect(lines.map((line) => JSON.parse(line))).toMatchObject(ids.map((id) => ({ event: "planned", id })));
  });

  test("stops after a failed canary, exits 8, and says how to continue", async () => {
    const { received } = await anOutage(5, ["--status", "503"]);
    const { code, stdout, stderr } = await machine.whcb(["replay", "demo", "--failed", "--yes"]);
    expect(code).toBe(8);
    expect(received()).toBe(1);
    expect(stdout).toMatch(/^0 of 5 calls replayed in .*\n\nnext, once the endpoint accepts calls: whcb replay --resume \S+\n$/s);
    expect(stderr).toMatch(/error: .*nothing else was sent.*\nhint: repair the endpoint, then run the command above/);
    expect(await machine.ids("demo", "--failed")).toHaveLength(5);
  });

  test("against another service than the profile's: the command to type next names it, and the run isn't resumed elsewhere", async () => {
    const other = machine.path("other.db");
    const served = await machine.serve(["--db", other]);
    const broken = await machine.listen(["--status", "503"]);
    await machine.rehearse("demo", broken.url, 5);
    await served.stop();
    await machine.serve();
    await machine.works(["profiles", "use", "local-2"]);
    const { code, stdout } = await machine.whcb(["replay", "demo", "--failed", "--yes", "--service", other]);
    const [, runId = "", flags] = /\n\nnext, .*: whcb replay --resume (\S+)(.*)\n$/.exec(stdout) ?? [];
    expect([code, flags]).toEqual([8, ` --service ${other}`]);
    const status = await machine.works(["status", "demo", "--service", other]);
    expect(status).toContain(`whcb replay demo --failed --service ${other}\n`);
    await broken.stop();
    const endpoint = await machine.listen(["--port", new URL(broken.url).port]);
    expect(await machine.whcb(["replay", "--resume", runId])).toEqual({
      code: 4,
      stdout: "",
      stderr: expect.stringMatching(/was made with \S+other\.db \(profile \S+other\.db\)\nhint: add `--service \S+other\.db`\n$/),
    });
    expect(await machine.works(["replay", "--resume", runId, "--service", other])).toMatch(/^5 calls replayed in /);
    expect(endpoint.io.out().match(/ POST /g)?.length).toBe(5);
  });

  test("mentions an interrupted run, which --resume finishes", async () => {
    await anOutage(5, ["--status", "503"]);
    await machine.whcb(["replay", "demo", "--failed", "--yes"]);
    expect(await machine.works(["replay", "demo", "--failed", "--dry-run"])).not.toBe("");
    const note = (await machine.whcb(["replay", "demo", "--failed", "--dry-run"])).stderr;
    const [, runId = ""] = /^note: the run of .* is unfinished; `whcb replay --resume (\S+)` finishes it\n/.exec(note) ?? [];
    await machine.works(["callbacks", "update", "demo", "--url", `${(await machine.listen()).url}/hook`]);
    // The URL is another one than was confirmed.
    expect(await machine.whcb(["replay", "--resume"])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^The URL has changed since the run began\.\ndemo: http[\s\S]*\nerror: confirmation needed: add --yes\n/,
      ),
    });
    const typed = await machine.whcb(["replay", "--no-canary", "--resume", "--rate", "9/s"]);
    expect(typed.stderr).toContain(
      `\nhint: to continue, type: whcb replay --no-canary --resume ${runId} --rate 9/s --profile local --yes\n`,
    );
    // The canary is sent again.
    const resumed = await machine.whcb(["replay", "--resume", runId, "--yes"]);
    expect(resumed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^5 calls replayed in /) });
    expect(await machine.ids("demo", "--failed")).toHaveLength(0);
    expect(await machine.whcb(["runs", "list", "-o", "ids"])).toMatchObject({ code: 0 });
  });

  test("--resume needs the run beside --yes: a script's variable may not be set, and another run may be the latest", async () => {
    await anOutage(5, ["--status", "503"]);
    await machine.whcb(["replay", "demo", "--failed", "--yes"]);
    const runId = (await machine.works(["runs", "list", "-o", "ids"])).split("\n")[0] ?? "";
    expect(await machine.whcb(["replay", "--resume", "--yes", "--resend-unknown", "--rate", "9/s"])).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: --yes needs the run to resume\nhint: of the latest one, of demo: \`whcb replay --resume ${runId} --yes --resend-unknown --rate 9/s\`\n`,
    });
    expect(await machine.whcb(["replay", "-y", "--resume"])).toMatchObject({ code: 2 });
    await machine.works(["runs", "discard", runId]);
    expect(await machine.whcb(["replay", "--resume", "--yes"])).toMatchObject({ code: 0, stderr: "no unfinished run\n" });
  });

  test("--resume takes flags that say how to send, and rejects those that the run would ignore", async () => {
    await anOutage(5, ["--status", "503"]);
    await machine.whcb(["replay", "demo", "--failed", "--yes"]);
    const pace = ["--rate", "100/s", "--concurrency", "2", "--max-failures", "2", "--no-canary", "--serial-by", "from"];
    expect(await machine.whcb(["replay", "--resume", ...pace])).toMatchObject({
      code: 8,
      stderr: expect.stringContaining("error: 2 failures in a row (--max-failures 2)"),
    });
    for (const flags of [["--limit", "1"], ["--since", "1h"], ["--failed"], ["demo"], ["--via", "direct"]])
      expect((await machine.whcb(["replay", ...flags, "--resume"])).code).toBe(2);
    expect((await machine.whcb(["replay", "--resume", "--detach"])).stderr).toMatch(
      /^error: run \S+ isn't sent by the service, so --detach would be ignored\n$/,
    );
    await machine.works(["mark-success", "demo", "--failed", "--yes"]);
    const runId = (await machine.works(["runs", "list", "-o", "ids"])).split("\n")[0] ?? "";
    expect(await machine.whcb(["replay", "--resume", runId, "--no-canary"])).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: run ${runId} only marks calls, so --no-canary would be ignored\n`,
    });
  });

  test("doesn't mention an unfinished run whose calls were settled since", async () => {
    await anOutage(5, ["--status", "503"]);
    await machine.whcb(["replay", "demo", "--failed", "--yes"]);
    await machine.works(["mark-success", "demo", "--failed", "--yes"]);
    const { stderr } = await machine.whcb(["replay", "demo", "--failed", "--dry-run"]);
    expect(stderr).toBe("nothing to replay: no failed call matches\n");
  });

  test("discards an unfinished run: it isn't mentioned or resumed again, and its journal stays", async () => {
    await anOutage(5, ["--status", "503"]);
    await machine.whcb(["replay", "demo", "--failed", "--yes"]);
    const runId = (await machine.works(["runs", "list", "-o", "ids"])).trim();
    const discarded = { code: 0, stdout: "", stderr: `run ${runId} is discarded; its calls stay as they are\n` };
    expect(await machine.whcb(["runs", "discard", runId.slice(-6)])).toEqual(discarded);
    expect((await machine.whcb(["replay", "demo", "--failed", "--dry-run"])).stderr).toBe("dry run: nothing was sent\n");
    expect(await machine.whcb(["replay", "--resume"])).toMatchObject({ code: 0, stderr: "no unfinished run\n" });
    expect(await machine.whcb(["replay", "--resume", runId])).toMatchObject({
      code: 2,
      stderr: `error: run ${runId} was discarded\n`,
    });
    expect(JSON.parse(await machine.works(["runs", "show", "-o", "json"]))).toMatchObject({ runId, state: "discarded" });
  });

  test("belongs to its profile: another profile neither mentions nor resumes it", async () => {
    await anOutage(2, ["--status", "503"]);
    await machine.whcb(["replay", "demo", "--failed", "--yes"]);
    await storeSettings(machine.world, (before) => {
      const profiles = new Map(
        [...before.profiles].flatMap(([name, profile]) => [[name, profile] as const, ["other", profile] as const]),
      );
      return { ...before, profiles };
    });
    expect(await machine.whcb(["replay", "--resume", "--profile", "other"])).toEqual({
      code: 0,
      stdout: "",
      stderr: "no unfinished run\n",
    });
    const { stderr } = await machine.whcb(["replay", "demo", "--failed", "--dry-run", "--profile", "other"]);
    expect(stderr).toBe("dry run: nothing was sent\n");
  });

  test("--resume says so if no run is unfinished", async () => {
    await anOutage(1);
    expect(await machine.whcb(["replay", "--resume"])).toEqual({ code: 0, stdout: "", stderr: "no unfinished run\n" });
    expect((await machine.whcb(["replay", "--resume", "nope"])).code).toBe(3);
  });

  test("sends the calls that exist, and exits 8 for an id that doesn't", async () => {
    const { received } = await anOutage(2);
    const [id = ""] = await machine.ids("demo", "--failed");
    const absent = "0".repeat(32);
    const { code, stdout, stderr } = await machine.whcb(["replay", "demo", id, absent, "--yes"]);
    expect([code, received()]).toEqual([8, 1]);
    expect(stdout).toMatch(/^1 call replayed in /);
    expect(stderr).toContain(`error: no such call: ${absent}\n`);
    expect(await machine.whcb(["replay", "demo", absent, "--yes"])).toMatchObject({
      code: 3,
      stderr: `nothing to replay: no failed call matches\nerror: no such call: ${absent}\n`,
    });
  });

  test("replays all callbacks with --all-callbacks", async () => {
    const { url } = await anOutage(2);
    const broken = await machine.listen(["--status", "503"]);
    await machine.rehearse("crm", broken.url, 3);
    await machine.works(["callbacks", "update", "crm", "--url", `${url}/crm`]);
    expect(await machine.works(["replay", "--failed", "--all-callbacks", "--yes"])).toMatch(/^5 calls replayed in /);
    expect([await machine.ids("demo", "--failed"), await machine.ids("crm", "--failed")]).toEqual([[], []]);
  });

  test("marks nothing with --to", async () => {
    const { received } = await anOutage(2);
    const elsewhere = await machine.listen();
    await machine.works(["replay", "demo", "--failed", "--yes", "--to", `${elsewhere.url}/try`]);
    expect([received(), elsewhere.io.out().match(/ POST /g)?.length]).toEqual([0, 2]);
    expect(await machine.ids("demo", "--failed")).toHaveLength(2);
  });

  test("says in each format where --to sends, and doesn't list what was accepted there for a mark", async () => {
    await anOutage(2);
    const { url } = await machine.listen();
    const sentTo = `${url}/try?token=****`;
    const replay = ["replay", "demo", "--failed", "--to", `${url}/try?token=planted-elsewhere`];
    const json = async (argv: readonly string[]) => JSON.parse(await machine.works([...argv, "-o", "json"]));
    expect(await json([...replay, "--dry-run"])).toMatchObject({ dryRun: true, sentTo });
    expect(await json(["replay", "demo", "--failed", "--dry-run"])).toMatchObject({ sentTo: null });
    const { runId, ...summary } = await json([...replay, "--yes"]);
    expect(summary).toMatchObject({ counts: { accepted: 2, marked: 0 }, sentTo });
    expect(await machine.works(["runs", "show", runId])).toContain(`Sent to    ${sentTo}\n`);
    expect(await json(["runs", "show", runId])).toMatchObject({ runId, sentTo });
    expect(await json(["runs", "list"])).toMatchObject([{ runId, sentTo }]);
    expect(await machine.works(["runs", "list"])).toContain(`\t${sentTo}\n`);
    const accepted = (run: string) => machine.whcb(["runs", "show", run, "-o", "ids", "--outcome", "accepted"]);
    expect(await accepted(runId)).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: the calls of run ${runId} were accepted by ${sentTo}, not by their callback's endpoint\nhint: if you mean them all the same, take their ids from -o ndjson\n`,
    });
    const marking = await json([...replay, "--mark", "--yes"]);
    expect((await accepted(marking.runId)).stdout.match(/\n/g)).toHaveLength(2);
    await machine.works(["mark-failed", "demo", "--success", "--yes"]);
    expect(await json(["runs", "list"])).toMatchObject([{ sentTo: null }, { sentTo }, { sentTo }]);
    expect(await machine.works(["runs", "list"], { columns: 80 })).toMatch(/SENT TO.*\n.*\n.* http:/);
  });

  test("takes no --to with the callback's own URL: nothing would be marked, and the next replay would send all again", async () => {
    const { url, received } = await anOutage(2);
    const own = `${url.replace("http:", "HTTP:")}/./hook`;
    const error = "error: --to is the URL of callback demo itself\n";
    for (const flags of [["--yes"], ["--mark", "--with-auth", "--yes"], ["--dry-run"]])
      expect(await machine.whcb(["replay", "demo", "--failed", "--to", own, ...flags])).toEqual({
        code: 2,
        stdout: "",
        stderr: `${error}hint: leave out --to: then what is accepted there is marked\n`,
      });
    const broken = await machine.listen(["--status", "503"]);
    await machine.rehearse("crm", broken.url, 1);
    expect(await machine.whcb(["replay", "--failed", "--all-callbacks", "--to", own, "--yes"])).toEqual({
      code: 2,
      stdout: "",
      stderr: `${error}hint: replay the calls of demo first, without --to: then what is accepted there is marked\n`,
    });
    expect(received()).toBe(0);
    expect(await machine.works(["replay", "crm", "--failed", "--to", own, "--yes"])).toMatch(/^1 call replayed to \S+ in /);
  });

  test("stops at Ctrl-C and exits 130 with the resume command; a second Ctrl-C stops at once", async () => {
    await anOutage(6);
    const io = captureIo();
    const exits: (number | null)[] = [];
    const endpoint = await countingEndpoint((_, number) => {
      for (let presses = 0; number === 2 && presses < 2; presses++) {
        io.interrupt();
        exits.push(io.exitedWith());
      }
      return { status: 200 };
    });
    closing.push(endpoint.close);
    await machine.works(["callbacks", "update", "demo", "--url", endpoint.url]);
    const argv = ["replay", "demo", "--failed", "--yes", "--concurrency", "1"];
    expect(await run(argv, cliDeps(machine.world, io))).toBe(130);
    expect([exits, endpoint.received.length]).toEqual([[null, 130], 2]);
    expect(io.err()).toContain(
      "stopping: requests in flight finish (1m at most) and are marked (10s more, then they are left for --resume); press Ctrl-C again to stop at once\n",
    );
    expect(io.out()).toMatch(/next: whcb replay --resume \S+\n$/);
    expect(await machine.whcb(["replay", "--resume"])).toMatchObject({ code: 0 });
    expect(endpoint.received.length).toBe(6);
    expect(await machine.ids("demo", "--failed")).toEqual([]);
  });
});

describe("marks", () => {
  test("take ids as arguments, from stdin and from a file, with or without a callback", async () => {
    await anOutage(5);
    const [a = "", b = "", c = "", d = "", e = ""] = await machine.ids("demo", "--failed");
    await machine.works(["mark-success", "demo", a, "--yes"]);
    await machine.works(["mark-success", b, "--yes"]);
    await machine.works(["mark-success", "demo", "-", "--yes"], { stdin: `${c}\n\n` });
    writeFileSync(machine.path("ids.txt"), `${d}\r\n`);
    await machine.works(["mark-success", "--file", machine.path("ids.txt"), "--yes"]);
    expect(await machine.ids("demo", "--failed")).toEqual([e]);
    expect(await machine.works(["mark-success", "demo", "--failed", "--yes"])).toMatch(/^1 call marked SUCCESS in /);
    await machine.works(["mark-failed", "demo", "--success", "--yes"]);
    expect(await machine.ids("demo", "--failed")).toHaveLength(5);
  });

  test("exit 3 if no id exists, and 8 if only some do", async () => {
    await anOutage(1);
    const [id = ""] = await machine.ids("demo", "--failed");
    const missing = "F".repeat(32);
    const alone = await machine.whcb(["mark-success", "demo", missing, "--yes"]);
    expect(alone.code).toBe(3);
    expect(alone.stderr + alone.stdout).toContain(missing);
    const among = await machine.whcb(["mark-success", "demo", id, missing, "--yes"]);
    expect(among.code).toBe(8);
    expect(await machine.ids("demo", "--failed")).toEqual([]);
  });

  test("do nothing if no call matches", async () => {
    await anOutage(1);
    expect(await machine.whcb(["mark-success", "demo", "--failed", "--from", "nobody", "--yes"])).toMatchObject({
      code: 0,
      stderr: "nothing to mark: no call matches\n",
    });
    expect(await machine.whcb(["mark-success", "demo", "-", "--yes"], { stdin: "" })).toMatchObject({
      code: 2,
      stderr: "error: stdin has no call ids\n",
    });
    expect(await machine.whcb(["mark-success", "demo", "-", "--yes"], { stdin: "not an id\n" })).toMatchObject({ code: 2 });
    expect(await machine.ids("demo", "--failed")).toHaveLength(1);
  });
});

describe("reconcile", () => {
  test("marks the calls that were seen, sends the rest, and prints a balance that adds up", async () => {
    const { received } = await anOutage(4);
    const failed = JSON.parse(await machine.works(["calls", "list", "demo", "--failed", "--all", "-o", "json"]));
    const lines = [failed[0].messageId, failed[1].messageId.toLowerCase(), "DEADBEEF1"].map((messageid, index) =>
      JSON.stringify({ messageid, from: failed[index].from, content: failed[index].content, acknowledged: failed[index].date }),
    );
    const seen = `${lines.join("\n")}\n`;
    const listed = await machine.works(["reconcile", "demo", "--seen", "-", "--dry-run", "-o", "ndjson"], { stdin: seen });
    const events = listed
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).event);
    expect(events.sort()).toEqual(["planned", "planned", "seen", "seen"]);
    const dry = JSON.parse(await machine.works(["reconcile", "demo", "--seen", "-", "--dry-run", "-o", "json"], { stdin: seen }));
    expect(dry).toMatchObject({
      format: "ndjson",
      lines: 3,
      failed: 4,
      seen: 2,
      ambiguous: [],
      unmatched: 1,
      replay: { calls: 2 },
    });
    expect(received()).toBe(0);
    writeFileSync(machine.path("seen"), seen);
    const asked = { canAsk: true, stdin: "y\n" };
    const { code, stdout, stderr } = await machine.whcb(["reconcile", "demo", "--seen", machine.path("seen")], asked);
    expect([code, received()]).toEqual([0, 2]);
    expect(stderr).toContain(
      "reading 3 NDJSON bodies\ncomparing with all 4 calls of demo: at least 2 requests\nwarning: 1 line matching no call\n",
    );
    expect(stdout).toContain(
      "balance: 4 failed = 2 seen + 2 accepted + 0 rejected + 0 unknown + 0 not sent + 0 ambiguous + 0 settled meanwhile\n",
    );
    expect(await machine.ids("demo", "--failed")).toEqual([]);
  });

  test("neither marks nor sends ambiguous calls unless a flag says so", async () => {
    const { received } = await anOutage(3);
    const [call] = JSON.parse(await machine.works(["calls", "list", "demo", "--failed", "--all", "-o", "json"]));
    const body = JSON.stringify({ messageid: call.messageId, from: { mobile: call.from.mobile }, content: "not what was said" });
    const reconcile = (...flags: readonly string[]) =>
      machine.whcb(["reconcile", "demo", "--seen", "-", "--yes", ...flags], { stdin: body });
    const undecided = await reconcile("-o", "json");
    expect([undecided.code, received()]).toEqual([8, 2]);
    expect(JSON.parse(undecided.stdout)).toMatchObject({
      ambiguous: [{ id: call.id }],
      warnings: [
        expect.stringContaining("1 ambiguous call, which your system may have: neither marked nor sent"),
        expect.stringContaining("another content"),
      ],
      balance: { failed: 3, seen: 0, accepted: 2, ambiguous: 1, missing: 0 },
    });
    expect(undecided.stderr).toContain(call.id);
    expect(await machine.ids("demo", "--failed")).toEqual([call.id]);
    expect([(await reconcile("--ambiguous", "skip")).code, received()]).toEqual([0, 2]);
    expect([(await reconcile()).code, received()]).toEqual([8, 2]);
    expect([(await reconcile("--ambiguous", "send")).code, received()]).toEqual([0, 3]);
  });

  test("does nothing with an empty list, unless that is allowed, or with a line that it can't read", async () => {
    const { received } = await anOutage(2);
    const empty = await machine.whcb(["reconcile", "demo", "--seen", "-", "--yes"], { stdin: "\n" });
    expect([empty.code, received()]).toEqual([2, 0]);
    const broken = await machine.whcb(["reconcile", "demo", "--seen", "-", "--yes"], { stdin: "0a1b\nERROR: no such table\n" });
    expect([broken.code, received()]).toEqual([2, 0]);
    expect(broken.stderr).toContain("line 2 can't be read: it isn't an id");
    const allowed = await machine.whcb(["reconcile", "demo", "--seen", "-", "--yes", "--allow-empty"], { stdin: "" });
    expect([allowed.code, received()]).toEqual([0, 2]);
  });

  test("exits 2 if its file can't be read", async () => {
    await anOutage(1);
    expect((await machine.whcb(["reconcile", "demo"])).code).toBe(2);
    expect(await machine.whcb(["reconcile", "demo", "--seen", "/nowhere/x", "--yes"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("/nowhere/x can't be read"),
    });
  });
});

describe("runs", () => {
  test("are listed, and shown by a prefix of their id", async () => {
    await anOutage(2);
    await machine.works(["replay", "demo", "--failed", "--yes"]);
    const [recorded] = JSON.parse(await machine.works(["runs", "list", "-o", "json"]));
    expect(recorded).toMatchObject({
      kind: "replay",
      state: "finished",
      profile: "local",
      counts: { planned: 2, accepted: 2, marked: 2 },
    });
    const shown = JSON.parse(await machine.works(["runs", "show", recorded.runId.slice(0, -1), "-o", "json"]));
    expect(shown.calls.map(({ state, marked }: { state: string; marked: boolean }) => [state, marked])).toEqual([
      ["accepted", true],
      ["accepted", true],
    ]);
    const listed = await machine.works(["runs", "list", "--columns", "kind,state,callbacks,planned,accepted,marked"]);
    expect(listed.trim().split(/\s+/)).toEqual(["replay", "finished", "demo", "2", "2", "2"]);
    const page = await machine.works(["runs", "show", recorded.runId]);
    expect(page).toMatch(/^ *Run +\S+\n *Kind +replay\n *State +finished\n/);
    for (const { id } of shown.calls) expect(page).toMatch(new RegExp(`accepted +yes +200 .*${id}`));
    const lines = (await machine.works(["runs", "show", recorded.runId, "-o", "ndjson"])).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(shown.calls);
    expect((await machine.whcb(["runs", "show", "nope"])).code).toBe(3);
  });
});

describe("a gateway that drops the service's own headers", () => {
  /** Of what whcb adds, its answers keep only what every service has. */
  async function openGateway(target: string): Promise<{ readonly url: string; close(): Promise<void> }> {
    const gateway = createServer((incoming, outgoing) => {
      const { method = "GET", url, headers } = incoming;
      const forwarded = request(target + url, { method, headers }, (answer) => {
        const kept = Object.entries(answer.headers).filter(([name]) => !name.startsWith("x-"));
        outgoing.writeHead(answer.statusCode ?? 0, Object.fromEntries(kept));
        answer.pipe(outgoing);
      });
      incoming.pipe(forwarded);
    });
    await once(gateway.listen(0, "127.0.0.1"), "listening");
    const { port } = gateway.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}`, close: async () => void gateway.close() };
  }

  test("is warned of before a run marks what has arrived; marks of what was listed don't need them", async () => {
    const WARNING = "warning: the service's header X-Service-Time is missing, as a gateway may drop it: ";
    const { url } = await machine.serve();
    await machine.rehearse("demo", (await machine.listen(["--status", "503"])).url, 1);
    const gateway = await openGateway(url);
    closing.push(gateway.close);
    const { profiles } = await readSettings(machine.world.paths.config);
    const { username = "", password = "", apiKey = "" } = profiles.get("local") ?? {};
    const env = { WHCB_URL: gateway.url, WHCB_USERNAME: username, WHCB_PASSWORD: password, WHCB_API_KEY: apiKey };
    writeFileSync(machine.path("seen"), "other-1\n");
    const writes = [
      ["replay", "demo", "--failed", "--allow-network", "127.0.0.1"],
      ["reconcile", "demo", "--seen", machine.path("seen"), "--allow-empty", "--allow-network", "127.0.0.1"],
    ];
    for (const argv of writes) {
      const asked = { canAsk: true, columns: 200, stdin: "n\n" };
      const through = await machine.whcb(argv, { ...asked, env });
      const direct = await machine.whcb(argv, asked);
      expect([argv, through.stderr, direct.stderr]).toEqual([
        argv,
        expect.stringContaining(WARNING),
        expect.not.stringContaining(WARNING),
      ]);
      expect(direct.stderr).toContain("nothing was done");
    }
    expect(await machine.whcb(["mark-success", "demo", "--failed", "--yes"], { env })).toMatchObject({
      code: 0,
      stderr: expect.not.stringContaining(WARNING),
    });
  });
});

describe("a database file", () => {
  test("can be listed, replayed and marked without a server", async () => {
    await machine.leave();
    machine = new CliMachine();
    const served = await machine.serve(["--db", machine.path("x.db")]);
    const broken = await machine.listen(["--status", "503"]);
    await machine.rehearse("demo", broken.url, 3);
    await broken.stop();
    await served.stop();
    await machine.listen(["--port", new URL(broken.url).port]);
    const env = { WHCB_URL: machine.path("x.db") };
    const ids = (await machine.works(["calls", "list", "demo", "--failed", "-o", "ids"], { env })).trimEnd().split("\n");
    await machine.works(["mark-success", "demo", ids[0] ?? "", "--yes"], { env });
    expect(await machine.works(["replay", "demo", "--failed", "--yes"], { env })).toMatch(/^2 calls replayed in /);
    expect(await machine.works(["calls", "list", "demo", "--failed", "-o", "json"], { env })).toBe("[]\n");
  });

  test.each(["check", "status"])(
    "that is empty, or was copied without its write-ahead log, is an error of %s",
    async (command) => {
      const [source, copy, empty] = ["x.db", "copy.db", "empty.db"].map((name) => machine.path(name)) as [string, string, string];
      await machine.serve(["--db", source]);
      copyFileSync(source, copy);
      writeFileSync(empty, "");
      for (const file of [copy, empty]) {
        const before = readFileSync(file);
        expect(await machine.whcb([command], { env: { WHCB_URL: file } })).toEqual({
          code: 4,
          stdout: "",
          stderr: `error: ${file} has no data of whcb\nhint: check the path. \`whcb db backup\` copies a database that is in use.\n`,
        });
        expect([readFileSync(file).equals(before), existsSync(`${file}.key`)]).toEqual([true, false]);
      }
    },
  );
});

describe("replay --limit", () => {
  test("sends the oldest only, and asks with their number", async () => {
    await machine.serve();
    const broken = await machine.listen(["--status", "503"]);
    await machine.rehearse("demo", broken.url, 10);
    const oldest = (await machine.ids("demo", "--failed")).toSorted();
    await machine.works(["trigger", "demo", "-n", "2"]);
    await machine.settled("demo");
    await broken.stop();
    const endpoint = await machine.listen(["--port", new URL(broken.url).port]);
    expect(await machine.works(["replay", "demo", "--failed", "--limit", "10", "--dry-run"])).toMatch(
      /^10 failed calls.*\(503: 10\)\n$/,
    );
    await machine.works(["replay", "demo", "--failed", "--limit", "10", "--yes"]);
    expect([endpoint.io.out().match(/ POST /g)?.length, (await machine.ids("demo", "--success")).toSorted()]).toEqual([
      10,
      oldest,
    ]);
  });
});

describe("--reason", () => {
  test("takes the calls that failed in one way of a status code, and nothing else", async () => {
    await machine.serve();
    const endpoint = await countingEndpoint((_, number) => ({
      status: 503,
      message: number % 3 === 0 ? "Out of Order" : "Try Later",
    }));
    closing.push(endpoint.close);
    await machine.rehearse("demo", endpoint.url, 9);
    expect(await machine.ids("demo", "--failed", "--status-code", "503", "--reason", "Try Later")).toHaveLength(6);
    await machine.works(["mark-success", "demo", "--failed", "--reason", "Out of Order", "--yes"]);
    expect([
      await machine.ids("demo", "--failed"),
      await machine.ids("demo", "--failed", "--reason", "no-message"),
    ]).toMatchObject([{ length: 6 }, { length: 0 }]);
  });

  test("no-message takes the calls whose answer had none, as --group-by shows them", async () => {
    await machine.serve();
    let posts = 0;
    const endpoint = await startRawServer((socket) => {
      const isPost = endpoint.lastRequest().startsWith("POST");
      if (isPost) posts += 1;
      socket.write(`HTTP/1.1 ${isPost ? `599 ${posts % 3 === 0 ? "" : "Try Later"}` : "200 OK"}\r\ncontent-length: 0\r\n\r\n`);
    });
    closing.push(endpoint.close);
    await machine.rehearse("demo", `http://127.0.0.1:${endpoint.port}`, 9);
    const groups = await machine.works(["calls", "list", "demo", "--failed", "--group-by", "reason", "--json", "reason,count"]);
    expect(JSON.parse(groups)).toEqual([
      { reason: "Try Later", count: 6 },
      { reason: "no-message", count: 3 },
    ]);
    await machine.works(["mark-success", "demo", "--failed", "--reason", "no-message", "--yes"]);
    expect([await machine.ids("demo", "--failed", "--reason", "Try Later"), await machine.ids("demo", "--failed")]).toMatchObject(
      [{ length: 6 }, { length: 6 }],
    );
  });
});

test("mark-failed leaves out calls that wait for their first attempt, and doesn't call them missing", async () => {
  await anOutage(1);
  const [failed = ""] = await machine.ids("demo");
  await machine.works(["mark-success", "demo", failed, "--yes"]);
  await machine.works(["callbacks", "pause", "demo"]);
  await machine.works(["trigger", "demo"]);
  const [waiting = ""] = await machine.ids("demo", "--pending");
  const left = "1 call left out: waiting for its first attempt to end\n";
  const error = "error: 1 call can't be marked FAILED yet\n";
  expect(await machine.whcb(["mark-failed", "demo", waiting, "--yes"])).toEqual({
    code: 8,
    stdout: "",
    stderr: `nothing to mark\n${left}${error}`,
  });
  const both = await machine.whcb(["mark-failed", "demo", waiting, failed, "--yes"]);
  expect([both.code, both.stderr.includes(left), both.stderr.endsWith(error)]).toEqual([8, true, true]);
  expect(await machine.ids("demo", "--failed")).toEqual([failed]);
  expect(await machine.whcb(["mark-failed", "demo", waiting, "F".repeat(32), "--yes"])).toMatchObject({ code: 8 });
});

test("replay of ids leaves out calls that wait for their first attempt, and doesn't end as if all were SUCCESS", async () => {
  await anOutage(2);
  const [failed = "", settled = ""] = await machine.ids("demo");
  await machine.works(["mark-success", "demo", settled, "--yes"]);
  await machine.works(["callbacks", "pause", "demo"]);
  await machine.works(["trigger", "demo"]);
  const [waiting = ""] = await machine.ids("demo", "--pending");
  const left = "1 call left out: waiting for its first attempt to end\n";
  const error = "error: 1 call can't be replayed yet\n";
  expect(await machine.whcb(["replay", "demo", waiting, "--yes"])).toEqual({
    code: 8,
    stdout: "",
    stderr: `nothing to replay: no failed call matches\n${left}${error}`,
  });
  const both = await machine.whcb(["replay", "demo", waiting, failed, "--yes"]);
  expect([both.code, both.stderr.includes(left), both.stderr.endsWith(error)]).toEqual([8, true, true]);
  expect(await machine.ids("demo", "--failed")).toEqual([]);
  expect(await machine.whcb(["replay", "demo", waiting, "F".repeat(32), "--yes"])).toMatchObject({ code: 8 });
  expect(await machine.whcb(["replay", "demo", settled, "--yes"])).toMatchObject({ code: 0 });
  expect(await machine.whcb(["replay", "demo", "--failed", "--yes"])).toMatchObject({ code: 0 });
});

describe("mark-failed --undo", () => {
  const runIdIn = (json: string): string => JSON.parse(json).runId;

  test("marks exactly what a run of mark-success has marked", async () => {
    await anOutage(9);
    const ids = await machine.ids("demo", "--failed");
    await machine.works(["mark-success", "demo", ...ids.slice(0, 2), "--yes"]);
    const marked = await machine.whcb(["mark-success", "demo", ...ids.slice(2, 5), "F".repeat(32), "--yes", "-o", "json"]);
    await machine.works(["mark-success", "demo", ...ids.slice(5, 6), "--yes"]);
    expect(await machine.works(["mark-failed", "--undo", runIdIn(marked.stdout), "--dry-run"])).toMatch(
      /^3 calls of demo -> FAILED, last attempts from .+\nthey aren't retried: `whcb replay demo --failed` sends all that failed\n$/,
    );
    await machine.works(["mark-failed", "--undo", runIdIn(marked.stdout), "--yes"]);
    expect((await machine.ids("demo", "--success")).toSorted()).toEqual([...ids.slice(0, 2), ...ids.slice(5, 6)].toSorted());
  });

  test("leaves what was delivered, before or after the mark", async () => {
    await anOutage(4);
    const [before = "", after = "", marked = "", other = ""] = await machine.ids("demo", "--failed");
    const send = (id: string) => machine.works(["replay", "demo", id, "--yes"]);
    await send(before);
    const run = runIdIn(await machine.works(["mark-success", "demo", before, after, marked, "--yes", "-o", "json"]));
    await machine.works(["mark-failed", "demo", after, "--yes"]);
    await send(after);
    await machine.works(["mark-failed", "demo", marked, "--yes"]);
    expect(await machine.whcb(["mark-failed", "--undo", run, "--yes"])).toEqual({
      code: 0,
      stdout: "",
      stderr: "nothing to undo\n1 call left out: already FAILED\n1 call left out: the endpoint has accepted it\n",
    });
    await machine.works(["mark-success", "demo", marked, "--yes"]);
    expect(await machine.works(["mark-failed", "--undo", run, "--yes"])).toBe("");
    expect(await machine.ids("demo", "--failed")).toEqual([other]);
    expect(await machine.whcb(["mark-success", "demo", before, "--yes"])).toEqual({
      code: 0,
      stdout: "",
      stderr: "nothing to mark\n1 call left out: already SUCCESS\n",
    });
  });

  test("takes neither another kind of run nor calls of its own", async () => {
    await anOutage(1);
    const replayed = runIdIn(await machine.works(["replay", "demo", "--failed", "--yes", "-o", "json"]));
    expect(await machine.whcb(["mark-failed", "--undo", replayed, "--yes"])).toMatchObject({
      code: 2,
      stderr: `error: run ${replayed} is a replay: only what mark-success, or a reconcile's list, has marked can be undone\nhint: \`whcb runs show ${replayed}\` lists its calls\n`,
    });
    expect(await machine.whcb(["mark-failed", "demo", "--success", "--undo", replayed, "--yes"])).toMatchObject({ code: 2 });
    expect(await machine.whcb(["mark-failed", "--undo", "NONE", "--yes"])).toMatchObject({ code: 3 });
  });
});

describe("undo without a run", () => {
  const runIds = async () => (await machine.works(["runs", "list", "-o", "ids"])).trimEnd().split("\n");
  const answered = async (stdin: string) => {
    const result = await machine.whcb(["undo"], { canAsk: true, env: { NO_COLOR: "1" }, stdin });
    return { ...result, stderr: result.stderr.replaceAll("\n  ", " ") };
  };

  test("asks about the latest run of marks that wasn't undone, which it names", async () => {
    await anOutage(3);
    const ids = await machine.ids("demo", "--failed");
    await machine.works(["mark-success", "demo", ids[0] ?? "", "--yes"]);
    await machine.works(["mark-success", "demo", ids[1] ?? "", "--yes"]);
    const [second = "", first = ""] = await runIds();
    await machine.works(["replay", "demo", "--failed", "--yes"]);
    expect(await answered("n\n")).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(
        new RegExp(
          `^the latest run to undo is ${second}: the mark-success of .*, 1 call marked\n1 call of demo -> FAILED, last attempts from `,
        ),
      ),
    });
    expect(await machine.ids("demo", "--failed")).toEqual([]);
    expect((await answered("y\n")).code).toBe(0);
    expect(await machine.ids("demo", "--failed")).toEqual([ids[1]]);
    expect((await answered("y\n")).stderr).toContain(`the latest run to undo is ${first}: `);
    expect(await machine.ids("demo", "--failed")).toEqual([ids[0], ids[1]]);
    expect(await machine.whcb(["undo"])).toEqual({
      code: 0,
      stdout: "",
      stderr: "no run to undo: none of this service has marked calls that can be taken back\n",
    });
  });

  test("names the run in what a script is to type, and doesn't take a --yes for it", async () => {
    await anOutage(1);
    await machine.works(["mark-success", "demo", "--failed", "--yes"]);
    const [run] = await runIds();
    const { code, stderr } = await machine.whcb(["undo"]);
    expect([code, stderr.split("\n").at(-2)]).toEqual([2, `hint: to continue, type: whcb undo ${run} --profile local --yes`]);
    expect(await machine.whcb(["undo", "--yes"])).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: --yes needs the run to undo\nhint: of the latest one: \`whcb undo ${run} --yes\`\n`,
    });
    expect(await machine.works(["undo", "--dry-run"])).toMatch(/^1 call of demo -> FAILED, last attempts from /m);
    expect(await machine.ids("demo", "--failed")).toEqual([]);
    await machine.works(["undo", run ?? "", "--yes"]);
    expect(await machine.ids("demo", "--failed")).toHaveLength(1);
  });

  test("says that nothing of a run is left, and asks about the one before", async () => {
    await anOutage(2);
    const [first = "", second = ""] = await machine.ids("demo", "--failed");
    await machine.works(["mark-success", "demo", first, "--yes"]);
    await machine.works(["mark-success", "demo", second, "--yes"]);
    const [latest, before] = await runIds();
    await machine.works(["mark-failed", "demo", second, "--yes"]);
    // It may have been made in the console, which keeps no journal.
    rmSync(join(machine.world.paths.data, "runs", `${(await runIds())[0]}.ndjson`));
    const { code, stderr } = await answered("y\n");
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(new RegExp(`${latest}[^]*nothing to undo[^]*${before}[^]*Mark 1 call FAILED`)),
    ]);
    expect(await machine.ids("demo", "--failed")).toHaveLength(2);
  });

  test("asks about the one before if the callback of a run was deleted", async () => {
    const { url } = await anOutage(1);
    await machine.rehearse("gone", url, 1);
    await machine.works(["mark-success", "demo", "--failed", "--yes"]);
    const [demo] = await runIds();
    await machine.works(["mark-failed", "gone", "--success", "--yes"]);
    await machine.works(["mark-success", "gone", "--failed", "--yes"]);
    await machine.works(["callbacks", "delete", "gone", "--yes"]);
    expect((await answered("y\n")).stderr).toContain(`the latest run to undo is ${demo}: `);
    expect(await machine.ids("demo", "--failed")).toHaveLength(1);
  });

  test("stops at a journal that can't be read: it may be of the latest marks", async () => {
    await anOutage(2);
    const [first = "", second = ""] = await machine.ids("demo", "--failed");
    await machine.works(["mark-success", "demo", first, "--yes"]);
    await machine.works(["mark-success", "demo", second, "--yes"]);
    writeFileSync(join(machine.world.paths.data, "runs", `${(await runIds())[0]}.ndjson`), "");
    const { code, stderr } = await answered("y\n");
    expect([code, stderr]).toEqual([2, expect.stringContaining("move it away to go on without it")]);
    expect(await machine.ids("demo", "--failed")).toEqual([]);
  });

  test("takes back what the list of a reconcile had, then asks about the run before", async () => {
    await anOutage(2);
    const [right = "", wrong = ""] = await machine.ids("demo", "--failed");
    await machine.works(["mark-success", "demo", right, "--yes"]);
    await machine.works(["reconcile", "demo", "--seen", "-", "--yes"], { stdin: `${wrong}\n` });
    const [run] = await runIds();
    expect(await machine.whcb(["undo", "--yes"])).toMatchObject({
      code: 2,
      stderr: `error: --yes needs the run to undo\nhint: of the latest one: \`whcb undo ${run} --yes\`\n`,
    });
    expect((await answered("y\n")).stderr).toMatch(`the latest run to undo is ${run}: the reconcile of `);
    expect(await machine.ids("demo", "--failed")).toEqual([wrong]);
    expect((await answered("n\n")).stderr).toContain(": the mark-success of ");
  });

  test("goes past no mark-failed: it has another command", async () => {
    await anOutage(2);
    const [first = "", second = ""] = await machine.ids("demo", "--failed");
    await machine.works(["mark-success", "demo", first, second, "--yes"]);
    await machine.works(["mark-failed", "demo", second, "--yes"]);
    const [run] = await runIds();
    const { code, stderr } = await answered("y\n");
    expect([code, stderr.split("\n").slice(1)]).toEqual([
      2,
      [
        `error: run ${run} is a mark-failed: only what mark-success, or a reconcile's list, has marked can be undone`,
        expect.stringMatching(
          `^hint: if your receiver has the calls, .whcb runs show ${run} -o ids \\| whcb mark-success [0-9A-F]{16} - --yes --service \\S+\\d. marks them SUCCESS again$`,
        ),
        "",
      ],
    ]);
    expect((await machine.whcb(["undo", "--yes"])).stderr).toContain(`error: run ${run} is a mark-failed: `);
    expect(await machine.ids("demo", "--failed")).toEqual([second]);
  });
});
