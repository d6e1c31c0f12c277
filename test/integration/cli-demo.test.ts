/** The demo runs with everything real. */
import { mkdirSync, readdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Client, ListedCall } from "../../src/client/client.js";
import type { CallStatus } from "../../src/domain/call.js";
import { openHttpClient } from "../../src/main/open-http-client.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { eventually, Home } from "../support/process/whcb-process.js";

let machine: CliMachine;
let client: Client;

beforeEach(() => {
  machine = new CliMachine({
    async openClient(target) {
      if (target.kind !== "http") throw new Error("the demo's service is reached over HTTP");
      client = await openHttpClient(target, {});
      return client;
    },
  });
});

afterEach(() => machine.leave());

async function callsOf(callback: string, status: CallStatus): Promise<readonly ListedCall[]> {
  const calls: ListedCall[] = [];
  for await (const page of client.listCalls(callback, { filter: { status } })) calls.push(...page.calls);
  return calls;
}

describe("demo", () => {
  test("runs the whole story and checks every count", async () => {
    const { code, stdout, stderr } = await machine.whcb(["demo"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "every count is right\n" });
    expect(stdout.match(/^ok .*$/gm)?.map((line) => line.replace(/ {2,}/g, " "))).toEqual([
      "ok accepted by the service 250",
      "ok failed while it was down 200",
      "ok e-mails about the outage 1",
      "ok replayed and accepted 200",
      "ok marked 200",
      "ok received by the endpoint 250",
      "ok received twice 0",
      "ok SUCCESS in the list 250",
      "ok left FAILED 0",
    ]);
  });
});

describe("a Ctrl-C before the demo's end", () => {
  test("ends it, and leaves no file behind", async () => {
    const home = new Home();
    mkdirSync(home.path("tmp"));
    const demo = home.start(["demo", "--keep"], { env: { TMPDIR: home.path("tmp") } });
    await demo.says(/hours pass/);
    expect(readdirSync(home.path("tmp"))).toHaveLength(1);
    const { code, stderr } = await demo.stop("SIGINT");
    expect([code, stderr]).toEqual([130, "every count is right\nerror: interrupted\n"]);
    expect(readdirSync(home.path("tmp"))).toEqual([]);
    await home.leave();
  });
});

describe("demo --keep", () => {
  test("leaves a service with past hours, until Ctrl-C: an outage that retries ended, and one to replay", async () => {
    // Enter repairs the endpoint, and c asks for another code.
    const demo = await machine.start(["demo", "--keep"], { canAsk: true, stdin: [Buffer.from("\nc\n")] });
    const callbacks = await client.listCallbacks();
    expect(new Map(callbacks.map(({ name, retriesEnabled }) => [name, retriesEnabled]))).toEqual(
      new Map([
        ["demo", false],
        ["Delivery reports", true],
        ["Replies CRM", false],
      ]),
    );
    const idOf = (name: string) => callbacks.find((callback) => callback.name === name)?.id ?? "";
    const replies = idOf("Replies CRM");
    const [past, ...otherPast] = (await client.listOutages(idOf("Delivery reports"))) ?? [];
    const [current, ...otherCurrent] = (await client.listOutages(replies)) ?? [];
    expect([otherPast, otherCurrent]).toEqual([[], []]);
    const minutes = (from = 0, to = 0) => Math.round((to - from) / 60_000);
    expect(minutes(past?.startedAt, past?.endedAt ?? 0)).toBeGreaterThanOrEqual(90);
    expect(minutes(current?.startedAt, Date.now())).toBeGreaterThanOrEqual(45);
    expect([current?.endedAt, current?.notifiedBy]).toEqual([null, "file"]);
    expect(await callsOf(idOf("Delivery reports"), "FAILED")).toEqual([]);
    const failed = await callsOf(replies, "FAILED");
    expect([...new Set(failed.map(({ statusCode }) => statusCode))].sort()).toEqual([500, 503]);
    expect(failed).toHaveLength(current?.failedCalls ?? 0);

    await eventually(
      async () => demo.io.err(),
      (said) => said.includes("accepts again"),
    );
    expect(demo.io.err()).toContain("c and Enter print another code: after signing out, or for another browser\n");
    await client.requestReplays(
      replies,
      failed.slice(0, 3).map(({ id }) => id),
    );
    await eventually(
      () => callsOf(replies, "FAILED"),
      ({ length }) => length === failed.length - 3,
    );
    const { code, stdout } = await demo.stop();
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^Listening on http:\/\/127\.0\.0\.1:\d+\/console(?:\ncode {2}\w{4}-\w{4}-\w{4}){2}$/m),
    ]);
    await expect(fetch(demo.url)).rejects.toThrow("fetch failed");
  });
});
