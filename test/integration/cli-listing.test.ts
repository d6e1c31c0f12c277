/** What is listed depends on the format, and on where it goes. */
import { once } from "node:events";
import { createServer } from "node:http";
import { Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../src/cli/run.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { captureIo } from "../support/cli/cli-streams.js";
import { cliDeps } from "../support/cli/run-cli.js";

let machine: CliMachine;
let endpointUrl: string;

beforeAll(async () => {
  machine = new CliMachine();
  await machine.serve();
  const endpoint = await machine.listen(["--status", "503"]);
  endpointUrl = endpoint.url;
  await machine.rehearse("demo", endpoint.url, 45);
  await endpoint.stop();
});

afterAll(() => machine.leave());

test("calls list says that it was cut where the service couldn't count the calls for a page", async () => {
  const calls = ["A", "B"].map((digit) => ({ id: digit.repeat(32), status: "FAILED" }));
  const server = createServer(({ url = "" }, answer) => {
    const list = { status: "1 to 2 of 900+", calls };
    const callback = { id: "9837E6D82347EB5D", name: "far", url: endpointUrl };
    answer.setHeader("content-type", "application/json").end(JSON.stringify(url.includes("/calls") ? list : callback));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  const env = { WHCB_URL: url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  const { stdout, stderr } = await machine.whcb(["calls", "list", "far", "-o", "ids", "--limit", "2"], { env });
  server.close();
  expect([stdout.trim().split("\n").length, stderr]).toEqual([2, "the first 2 calls of far; --all shows all\n"]);
});

describe("calls list in a pipe", () => {
  test.each([["ids"], ["ndjson"], ["csv"], ["json"], ["table"]])("lists all calls: -o %s", async (format) => {
    const { code, stdout, stderr } = await machine.whcb(["calls", "list", "demo", "--failed", "-o", format]);
    expect([code, (stdout.match(/[0-9A-F]{32}/g) ?? []).length >= 45, stderr]).toEqual([0, true, ""]);
  });

  test("keeps to --limit, and says that it was cut", async () => {
    const { stdout, stderr } = await machine.whcb(["calls", "list", "demo", "--failed", "-o", "ids", "--limit", "5"]);
    expect([stdout.trim().split("\n").length, stderr]).toEqual([5, "5 of 45 calls of demo; --all shows all\n"]);
  });

  test("gives the next command every call", async () => {
    const endpoint = await machine.listen(["--port", new URL(endpointUrl).port]);
    const ids = await machine.works(["calls", "list", "demo", "--failed", "-o", "ids"]);
    const { code, stdout } = await machine.whcb(["replay", "demo", "-", "--yes"], { stdin: ids });
    await endpoint.stop();
    expect([code, /\n {2}accepted +45\n/.test(stdout)]).toEqual([0, true]);
  });
});

test("a dry run of marks prints one line per call with -o ndjson", async () => {
  const [callback] = JSON.parse(await machine.works(["callbacks", "list", "-o", "json"]));
  const ids = (await machine.works(["calls", "list", "demo", "--success", "-o", "ids"])).trim().split("\n");
  const lines = (await machine.works(["mark-failed", "demo", "--success", "--dry-run", "-o", "ndjson"])).trim().split("\n");
  expect(lines.map((line) => JSON.parse(line)).sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id))).toEqual(
    ids.map((id) => ({ event: "planned", callbackId: callback.id, id, status: "FAILED" })),
  );
});

test("an output that can't be written doesn't stop a replay, and the exit code says so at the end", async () => {
  const down = await machine.listen(["--status", "503"]);
  await machine.rehearse("full", down.url, 20);
  await down.stop();
  const endpoint = await machine.listen(["--port", new URL(down.url).port]);
  const io = captureIo();
  const stdout = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" })),
  }).on("error", () => {});
  const code = await run(["replay", "full", "--failed", "--yes", "-o", "ndjson"], cliDeps(machine.world, { ...io, stdout }));
  await endpoint.stop();
  expect([code, await machine.works(["calls", "list", "full", "--failed", "-o", "ids"])]).toEqual([5, ""]);
  expect(io.err()).toMatch(/\n {2}accepted +20\n[\s\S]*"the output can't be written: ENOSPC/);
});

test("calls list on a terminal shows 20, and says how many there are", async () => {
  const { stdout, stderr } = await machine.whcb(["calls", "list", "demo"], { columns: 120 });
  expect([stdout.trim().split("\n").length, stderr]).toEqual([21, "20 of 45 calls of demo; --all shows all\n"]);
});
