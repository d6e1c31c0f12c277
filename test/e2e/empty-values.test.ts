/** A script's variable isn't set: nothing is marked, sent or chosen by what it leaves empty. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { BIN, eventually, Home, REPOSITORY } from "../support/process/whcb-process.js";

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.leave());

describe("five failed calls", () => {
  const ids = Array.from({ length: 5 }, (_, index) => callIdOf(index));
  let api: ServedApi;
  let env: Readonly<Record<string, string>>;

  beforeEach(async () => {
    const endpoint = await home.listen(["--status", "503"]);
    const service = await home.serve([], { env: USER_ENV });
    api = new ServedApi(service.url);
    env = { ...USER_ENV, WHCB_URL: service.url };
    await api.create({ name: "demo", url: endpoint.url, retriesEnabled: false });
    await api.hand("demo", ids);
    await eventually(
      () => api.count("demo", "FAILED"),
      (failed) => failed === 5,
    );
  });

  async function expectUntouched(): Promise<void> {
    const calls = await api.list("demo", "FAILED");
    expect(calls.map(({ id, attemptCount }) => [id, attemptCount]).toSorted()).toEqual(ids.map((id) => [id, 1]));
    expect((await home.whcb(["runs", "list", "-o", "json"], { env })).stdout).toBe("[]\n");
  }

  it("stay as they are when a shell's variable is unset", async () => {
    const line = `"${process.execPath}" "${BIN}" mark-success demo --from "$SENDER" --failed --yes`;
    const { code, stdout, stderr } = await home.spawn("bash", ["-c", line], env).ended;
    expect([code, stdout, stderr]).toEqual([2, "", "error: --from is empty\n"]);
    await expectUntouched();
  });

  it("stay as they are when an unset variable has no quotes, and a flag would be taken for its value", async () => {
    for (const [argv, error] of [
      ["mark-success demo --failed --yes --grep --dry-run", "--grep has no value: the flag --dry-run is behind it"],
      ["replay demo --failed --yes --to --limit=1", "--to has no value: the flag --limit is behind it"],
      ["db erase --sender 614 --yes --mail-dir --dry-run", "--mail-dir has no value: the flag --dry-run is behind it"],
      ["serve --auth-parameter --no-jitter", "--auth-parameter has no value: the flag --no-jitter is behind it"],
      ["calls list demo -o --failed", "-o has no value: the flag --failed is behind it"],
    ] as const)
      expect(await home.whcb(argv.split(" "), { env })).toMatchObject({
        code: 2,
        stdout: "",
        stderr: expect.stringContaining(`error: ${error}\n`),
      });
    expect((await home.whcb(["trigger", "demo", "-n", "0", "--content=--dry-run"], { env })).stderr).not.toContain("no value");
    await expectUntouched();
  });

  it("stay as they are, whatever is empty", async () => {
    const noPort = "must have a port after the colon of its host";
    const dots = "must have a host that neither begins nor ends with a dot, nor has two in a row";
    const file = home.path("ids.txt");
    writeFileSync(file, "\n# from a query that found nothing\n");
    for (const [argv, error] of [
      [["mark-success", "demo", "--failed", "--grep=", "--yes"], "--grep is empty"],
      [["mark-success", "demo", "-", "--yes"], "stdin has no call ids"],
      [["mark-success", "demo", "--file", file, "--yes"], `${file} has no call ids`],
      [["replay", "demo", "--failed", "--status-code", "503,", "--yes"], "an element of --status-code is empty"],
      [["replay", "demo", "", "--yes"], "argument 'call' is empty"],
      [["replay", "", "--failed", "--yes"], "argument 'callback' is empty"],
      [["replay", "demo", "--failed", "--via", "service", "--from", " ", "--yes"], "--from is empty"],
      [["replay", "--resume", ""], "--resume is empty"],
      [["mark-failed", "--undo", "", "--yes"], "--undo is empty"],
      [["reconcile", "demo", "--seen", "", "--yes"], "--seen is empty"],
      [["replay", "demo", "--failed", "--to", "http://127.0.0.1:/hook", "--mark", "--yes"], `--to ${noPort}`],
      [["replay", "demo", "--failed", "--to", "http://127.0.0.:9000/hook", "--mark", "--yes"], `--to ${dots}`],
      [["callbacks", "update", "demo", "--url", "http://127.0.0.1:/hook"], `--url ${noPort}`],
    ] as const) {
      const { code, stdout, stderr } = await home.whcb(argv, { env, input: "" });
      expect([argv, code, stdout, stderr]).toEqual([argv, 2, "", `error: ${error}\n`]);
    }
    const [id] = ids;
    const json = { "content-type": "application/json" };
    for (const [method, path, body] of [
      ["POST", "/callbacks/demo/replays?status=FAILED&from=", undefined],
      ["POST", "/callbacks/demo/replays?status=FAILED&form=61400000001", undefined],
      ["POST", `/callbacks/demo/replays?id=${id}&from=61400000001`, undefined],
      ["PUT", `/callbacks/demo/calls?id=${id}&id=`, { status: "SUCCESS" }],
      ["PUT", `/callbacks/demo/calls?id=${id}&from=`, { status: "SUCCESS" }],
      ["PUT", `/callbacks/demo/calls?id[]=`, { status: "SUCCESS" }],
      ["PUT", `/callbacks/demo/calls?id=${id}`, { status: "" }],
      ["PUT", "/callbacks/demo", { url: "http://127.0.0.1:/hook" }],
    ] as const) {
      const answer = await api.fetch(path, { method, ...(body && { headers: json, body: JSON.stringify(body) }) });
      expect([path, answer.status]).toEqual([path, 422]);
    }
    await expectUntouched();
  });
});

test("an empty variable of the environment counts as unset", async () => {
  const sources = readdirSync(join(REPOSITORY, "src"), { recursive: true, encoding: "utf8" }).filter((file) =>
    /\.tsx?$/.test(file),
  );
  const names = new Set(
    sources.flatMap((file) => readFileSync(join(REPOSITORY, "src", file), "utf8").match(/\bWHCB_[A-Z_]+/g) ?? []),
  );
  for (const folder of ["WHCB_CONFIG_DIR", "WHCB_DATA_DIR"]) names.delete(folder);
  expect(names.size).toBeGreaterThan(10);
  const empty = Object.fromEntries([...names].map((name) => [name, ""]));
  for (const argv of [
    ["config", "get", "-o", "json"],
    ["status"],
    ["login"],
    ["login", "http://127.0.0.1:9"],
    ["users", "add", "ada"],
  ]) {
    const unset = await home.whcb(argv);
    expect([argv, await home.whcb(argv, { env: empty })]).toEqual([argv, unset]);
  }
  const service = await home.serve([], { env: empty });
  expect(service.stdout + service.stderr).toContain("first run: created a user and an API key");
  await service.stop();
});
