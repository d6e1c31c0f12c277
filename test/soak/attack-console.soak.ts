/** What a user of the console or the API could hold in the service's memory: `npm run soak:attack`. ATTACK_BIN attacks another version's bin/whcb.js. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type ClientRequest, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConsoleSession } from "../support/attack/console-session.js";
import { createDatabase } from "../support/postgres/databases.js";
import { HEADERS, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { Home, type Running } from "../support/process/whcb-process.js";

const { ATTACK_BIN: bin } = process.env;
const PEAK_MIB = 300;

let home: Home;
let server: Running & { url: string };
let api: ServedApi;
let session: ConsoleSession;
let demo: string;

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

function openApi(path: string): ClientRequest {
  return request(server.url + path, { agent: false, headers: HEADERS });
}

/** Their clients leave after half a minute. */
async function leaveUnread(count: number, open: () => ClientRequest): Promise<void> {
  const requests = Array.from({ length: count }, open);
  // An answer without a listener would be read.
  for (const one of requests) one.on("response", () => undefined).on("error", () => undefined);
  for (const one of requests) one.end();
  await delay(30_000);
  for (const one of requests) one.destroy();
}

describe.each(["sqlite", "postgres"] as const)("on %s", (kind) => {
  let databases = 0;

  beforeEach(async () => {
    home = new Home();
    const database =
      kind === "sqlite"
        ? { WHCB_DB: home.path("x.db") }
        : {
            WHCB_DB: (await createDatabase(`attack-${databases++}`)).url,
            WHCB_SECRET_KEY: Buffer.alloc(32, 7).toString("base64"),
          };
    const running = home.start(["serve", "--port", "0", "--no-dispatch", "--no-endpoint-check"], {
      env: { ...USER_ENV, ...database, NODE_OPTIONS: "--max-old-space-size=256" },
      ...(bin && { bin }),
    });
    const [, url = ""] = await running.says(/Listening on (http:\/\/\S+)/);
    server = Object.assign(running, { url });
    api = new ServedApi(server.url);
    demo = await api.create({ name: "demo", url: "http://127.0.0.1:9/" });
    session = await ConsoleSession.signIn(api);
  });

  afterEach(() => home.leave());

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

  it("200 pages of the audit's longest entries, and 500 of the console's, that nobody reads", async () => {
    for (let change = 0; change < 600; change++) {
      const url = `http://127.0.0.1:9/${String.fromCodePoint(0x4e00 + change).repeat(2_020)}#x`;
      const init = { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ url }) };
      expect((await api.fetch(`/callbacks/${demo}`, init)).status).toBe(204);
    }
    await leaveUnread(200, () => openApi("/audit?limit=100"));
    await leaveUnread(500, () => session.open("/console/audit"));
    await expectSurvived("pages of the audit", {});
  });

  it("150 searches that find calls of 61 KB", async () => {
    const content = "中".repeat(20_500);
    const calls = Array.from({ length: 120 }, (_, call) => ({ id: `A1B2C3-${call}`, responseMessage: { content } }));
    await submit(calls.map((call) => `${JSON.stringify(call)}\n`).join(""), "application/x-ndjson");
    await leaveUnread(150, () => session.open("/console/search?q=A1B2C3"));
    await expectSurvived("searches", {});
  });

  it("400 requests for groups that are one call each", async () => {
    for (let part = 0; part < 12; part++) {
      const calls = Array.from({ length: 1_000 }, (_, call) => ({
        from: { email: `${part}-${call}@`.padEnd(256, "中") },
        messageId: `${part}-${call}`.padEnd(64, "m"),
        responseMessage: { channel: `${part}-${call}`.padEnd(64, "c") },
      }));
      await submit(calls.map((call) => `${JSON.stringify(call)}\n`).join(""), "application/x-ndjson");
    }
    await leaveUnread(400, () => openApi(`/callbacks/${demo}/calls?status=PENDING&groupBy=from,messageId,channel`));
    await expectSurvived("groups", {});
  });

  it("exports that are cut off at once, after which others run", async () => {
    await submit(JSON.stringify({ responseMessage: { content: "x" } }));
    const path = `/console/callbacks/${demo}/calls/export?format=csv&status=PENDING`;
    for (let tries = 0; tries < 60; tries++) {
      const cut = session.open(path).on("error", () => undefined);
      cut.end();
      await delay((tries * 7) % 60);
      cut.destroy();
    }
    await delay(1_000);
    expect(await session.statusOf(path)).toBe(200);
    await expectSurvived("exports cut off", {});
  });
});
