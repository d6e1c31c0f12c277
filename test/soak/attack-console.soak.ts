/** What a user of the console could hold in the service's memory: `npm run soak:attack`. ATTACK_BIN attacks another version's bin/whcb.js. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ConsoleSession } from "../support/attack/console-session.js";
import { ServedApi, USER_ENV } from "../support/process/served-api.js";
import { Home, type Running } from "../support/process/whcb-process.js";

const { ATTACK_BIN: bin } = process.env;
const PEAK_MIB = 300;

let home: Home;
let server: Running & { url: string };
let api: ServedApi;
let session: ConsoleSession;
let demo: string;

beforeEach(async () => {
  home = new Home();
  server = await home.serve(["--no-dispatch", "--no-endpoint-check"], {
    env: { ...USER_ENV, NODE_OPTIONS: "--max-old-space-size=256" },
    ...(bin && { bin }),
  });
  api = new ServedApi(server.url);
  demo = await api.create({ name: "demo", url: "http://127.0.0.1:9/" });
  session = await ConsoleSession.signIn(api);
});

afterEach(() => home.leave());

/** Returns NaN once it has died. */
function peakMiB({ child }: Running): number {
  if (child.exitCode !== null || child.signalCode !== null) return Number.NaN;
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024);
}

async function submit(body: string, type = "application/json"): Promise<void> {
  const answer = await api.fetch(`/callbacks/${demo}/calls`, { method: "POST", headers: { "content-type": type }, body });
  await answer.text();
  expect(answer.status).toBe(202);
}

/** Prints the figures of the attack, after which the service must be there. */
async function expectSurvived(attack: string, figures: object): Promise<void> {
  const peak = peakMiB(server);
  process.stdout.write(`${attack}: ${JSON.stringify({ ...figures, peakMiB: peak })}\n`);
  expect(peak).toBeLessThan(PEAK_MIB);
  expect(await session.statusOf("/console")).toBe(200);
}

function countEach(statuses: readonly (number | null)[]): object {
  return Object.fromEntries(
    [...new Set(statuses)].map((status) => [String(status), statuses.filter((other) => other === status).length]),
  );
}

it("exports of calls of 9.9 MB that nobody reads", async () => {
  const content = "\u007f".repeat(9_900_000);
  for (let call = 0; call < 3; call++) await submit(JSON.stringify({ responseMessage: { content } }));
  const sessions = await Promise.all(Array.from({ length: 8 }, () => ConsoleSession.signIn(api)));
  const path = `/console/callbacks/${demo}/calls/export?format=ndjson&status=PENDING`;
  const exports = [...sessions, ...sessions].map((one) =>
    one
      .open(path)
      .end()
      .on("error", () => undefined),
  );
  await Promise.race([Promise.all(exports.map((one) => once(one, "response"))), delay(30_000)]);
  await delay(5_000);
  for (const one of exports) one.destroy();
  await expectSurvived("unread exports", {});
});

it("40 confirmations at once of a mark of 300 000 calls", async () => {
  const lines = `${JSON.stringify({ responseMessage: { content: "x" } })}\n`.repeat(20_000);
  for (let part = 0; part < 15; part++) await submit(lines, "application/x-ndjson");
  const path = `/console/callbacks/${demo}/confirm?action=success&all=on&status=PENDING`;
  const answers = await Promise.all(Array.from({ length: 40 }, () => session.statusOf(path)));
  await expectSurvived("confirmations", countEach(answers));
});
