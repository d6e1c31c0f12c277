import { describe, expect, test } from "vitest";
import { newCliWorld, runCli } from "../../../support/cli/run-cli.js";

const world = newCliWorld();
const RUN_FIELDS = "runId, kind, state, who, profile, service, startedAt, lastAt, callbacks, sentTo, counts";

describe("--json", () => {
  test.each([
    [["runs", "list", "--json"]],
    [["runs", "ls", "--json", "--no-color"]],
    [["--utc", "runs", "prune", "--yes", "--json"]],
  ])("without a value lists the fields and does nothing else: %j", async (argv) => {
    expect(await runCli(world, argv)).toEqual({ code: 0, stdout: `${RUN_FIELDS.replaceAll(", ", "\n")}\n`, stderr: "" });
  });

  test("without a value needs no other argument either", async () => {
    const { code, stdout } = await runCli(world, ["calls", "get", "--json"]);
    expect([code, stdout.split("\n")]).toEqual([0, expect.arrayContaining(["id", "why", "attempts"])]);
  });

  test.each([
    [["runs", "list", "--json", "kin"], '--json: no field "kin"', `did you mean kind? there are: ${RUN_FIELDS}`],
    [["runs", "list", "--json", "runId,,kind"], '--json: no field ""', `there are: ${RUN_FIELDS}`],
    [["runs", "list", "--json", "kind", "-o", "csv"], "--json can't be used with -o csv", "it is for json and ndjson"],
    [
      ["runs", "show", "--json", "kind", "-o", "ndjson"],
      "--json names fields of the run, and -o ndjson prints its calls",
      "use one of them",
    ],
    [["runs", "list", "--json", "--frobnicate"], "unknown option '--frobnicate'", "see `whcb runs list --help`"],
  ])("%j exits 2 and says why in JSON", async (argv, message, hint) => {
    const { code, stdout, stderr } = await runCli(world, argv);
    expect({ code, stdout, error: JSON.parse(stderr).error }).toMatchObject({
      code: 2,
      stdout: "",
      error: { code: "usage", message, hint },
    });
  });

  test("picks fields in the order given, ignoring case", async () => {
    const config = await runCli(world, ["config", "get", "--json", "URL,profile"]);
    expect(Object.keys(JSON.parse(config.stdout))).toEqual(["url", "profile"]);
  });
});
