/** `calls list --group-by` runs in this process. */
import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";

let machine: CliMachine;

beforeAll(async () => {
  machine = new CliMachine();
  await machine.serve();
  const endpoint = await machine.listen(["--status", "503"]);
  await machine.rehearse("demo", endpoint.url, 45);
  await endpoint.stop();
});

afterAll(() => machine.leave());

const list = (...argv: readonly string[]) => machine.whcb(["calls", "list", ...argv]);

describe("calls list --group-by", () => {
  test("shows groups on a terminal, and their sum", async () => {
    const argv = ["calls", "list", "demo", "--failed", "--group-by", "status-code,reason", "--no-color"];
    const { code, stdout, stderr } = await machine.whcb(argv, { columns: 120 });
    expect([code, stderr]).toEqual([0, "45 calls of demo in 1 group\n"]);
    expect(stdout).toMatch(
      /^CODE {2}REASON +CALLS {2}FIRST ATTEMPT +LAST ATTEMPT +ONE OF THEM\n 503 {2}Service Unavailable +45 .*[0-9A-F]{32}\n$/,
    );
  });

  test("counts what the endpoint answered, which --answer finds", async () => {
    const { stdout } = await list("demo", "--group-by", "status-code,answer", "--json", "statusCode,answer,count");
    expect(JSON.parse(stdout)).toEqual([{ statusCode: 503, answer: "rehearsed failure\n", count: 45 }]);
    const ids = (await list("demo", "--answer", "Rehearsed", "-o", "ids")).stdout.trim().split("\n");
    expect(ids.length).toBe(45);
    expect((await list("demo", "--answer", "no such", "-o", "json")).stdout).toBe("[]\n");
    const [call] = JSON.parse((await list("demo", "--limit", "1", "-o", "json")).stdout);
    expect(call.answer).toBe("rehearsed failure\n");
    const table = await machine.whcb(["calls", "list", "demo", "--no-color"], { columns: 80 });
    expect(table.stdout).toMatch(/^LAST ATTEMPT +STATUS +CODE +REASON +ANSWER/);
    expect(table.stderr).toContain("columns that don't fit the terminal: ");
  });

  test.each([["mark-success"], ["replay"]])("%s says what was answered to the calls that --answer chose", async (command) => {
    const by = (...filter: readonly string[]) => machine.whcb([command, "demo", "--failed", ...filter, "--dry-run"]);
    expect((await by("--answer", "REHEARSED")).stdout).toContain("(503: 45)\n  45 answered with rehearsed failure\n");
    expect((await by("--status-code", "503")).stdout).not.toContain("answered with");
  });

  test.each([["mark-success"], ["replay"]])("%s shows where in a long answer --answer found its text", async (command) => {
    const name = `long-${command}`;
    const server = createServer(({ method, headers }, answer) => {
      answer.statusCode = method === "GET" ? 200 : 422;
      const result = headers["webhook-id"] === `${name}-1` ? "already imported" : "not already imported";
      answer.end(JSON.stringify({ trace: "t".repeat(700), result }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const url = `http://127.0.0.1:${port}/hook`;
    await machine.works(["callbacks", "create", "--name", name, "--url", url, "--email", "ops@example.com"]);
    const calls = [1, 2, 3]
      .map((number) => `${name}-${number}`)
      .map((id) => JSON.stringify({ id, messageId: "m", responseMessage: { content: id } }));
    await machine.works(["trigger", name, "--file", "-"], { stdin: calls.join("\n") });
    await machine.settled(name);
    server.close();
    const { stdout } = await machine.whcb([command, name, "--failed", "--answer", "already imported", "--dry-run"]);
    expect(stdout.match(/\d answered with .*/g)).toEqual([
      expect.stringMatching(/^2 answered with …t{50,}","result":"not already imported"\}$/),
      expect.stringMatching(/^1 answered with …t{50,}","result":"already imported"\}$/),
    ]);
    const grouped = await list(name, "--group-by", "answer", "--json", "answer,count");
    expect(JSON.parse(grouped.stdout)).toEqual([{ answer: expect.stringMatching(/^\{"trace":"t{246}…$/), count: 3 }]);
  });

  test("writes json, ndjson, csv and tab-separated lines", async () => {
    const { stdout } = await list("demo", "--group-by", "hour,channel", "-o", "json");
    const [group, ...rest] = JSON.parse(stdout);
    expect(rest).toEqual([]);
    expect(group).toEqual({
      callbackId: expect.stringMatching(/^[0-9A-F]{16}$/),
      callback: "demo",
      hour: expect.stringMatching(/:00:00\.000Z$/),
      channel: "SMS",
      count: 45,
      firstAttemptedDate: expect.stringMatching(/Z$/),
      lastAttemptedDate: expect.stringMatching(/Z$/),
      exampleId: expect.stringMatching(/^[0-9A-F]{32}$/),
    });
    expect(JSON.parse((await list("demo", "--group-by", "hour,channel", "-o", "ndjson")).stdout)).toEqual(group);
    const picked = await list("demo", "--group-by", "channel", "--json", "count,channel");
    expect(JSON.parse(picked.stdout)).toEqual([{ count: 45, channel: "SMS" }]);
    const csv = await list("demo", "--group-by", "channel", "--columns", "channel,count", "-o", "csv");
    expect([csv.stdout, csv.stderr]).toEqual(["channel,count\nSMS,45\n", ""]);
    expect((await list("demo", "--group-by", "status-code", "--columns", "code,count")).stdout).toBe("503\t45\n");
  });

  test("says which groups it left out, and that nothing matches", async () => {
    const { stdout, stderr } = await list("demo", "--group-by", "from", "--limit", "3", "-o", "ndjson");
    expect(stdout.trim().split("\n").length).toBe(3);
    expect(stderr).toMatch(/^\d+ of 45 calls of demo, in 3 of \d+ groups; --all shows all\n$/);
    expect(await list("demo", "--group-by", "from", "--grep", "nowhere", "-o", "json")).toEqual({
      code: 0,
      stdout: "[]\n",
      stderr: "no calls of demo match\n",
    });
  });

  test.each([
    [["--group-by", "from", "-o", "ids"], "--group-by can't be used with -o ids"],
    [["--group-by", "from", "--oldest-first"], "--group-by can't be used with --oldest-first"],
    [["--group-by", "from", "--json", "content"], '--json: no field "content" of these groups'],
    [["--json", "count"], "--json: count is a field of groups: add --group-by"],
    [["--group-by", "sender"], '--group-by: no key "sender"'],
    [["--group-by", "from", "--columns", "content"], '--columns: no column "content"'],
  ])("%j is a usage error", async (flags, message) => {
    const { code, stdout, stderr } = await list("demo", ...flags);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message.replaceAll('"', flags.includes("--json") ? '\\"' : '"'));
  });
});
