/** From a failing endpoint to the mail as received: real store, real mail server, virtual time. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { createMailSender } from "../../src/dispatcher/outbox/mail-sender.js";
import type { Notifier } from "../../src/notifier/notifier.js";
import { createRecoveryMails } from "../../src/notifier/recovery-mail.js";
import { createSmtpNotifier } from "../../src/notifier/smtp-notifier.js";
import { silentLogger } from "../../src/platform/logger.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { REFUSED_503 } from "../support/builders.js";
import { DAY, down, HOUR, Simulation, up } from "../support/dispatcher/simulation.js";
import { type MailServer, startMailServer } from "../support/mail/mail-server.js";

let sim: Simulation;
let server: MailServer;
let notifier: Notifier;
let sender: ReturnType<typeof createMailSender>;

beforeEach(async () => {
  sim = await Simulation.open();
  server = await startMailServer();
  notifier = createSmtpNotifier({ url: `smtp://127.0.0.1:${server.port}`, timers: systemTimers, timeoutMs: 5_000 });
  sender = createMailSender({ store: sim.store, notifier, clock: sim.clock, logger: silentLogger });
  sim.endpoint = down;
});

afterEach(async () => {
  await notifier.close();
  await server.close();
  await sim.store.close();
});

const subjects = () => server.mails.map(({ raw }) => /^Subject: (.*)$/m.exec(raw)?.[1]?.trim());

it("sends one mail per outage, however many calls fail and however long it lasts", async () => {
  const callback = await sim.callback();
  for (let hour = 0; hour < 23; hour += 1) {
    await sim.accept(callback, 20);
    await sim.runFor(HOUR);
    await sender.tick();
  }
  expect(subjects()).toEqual(["[whcb] demo is failing: HTTP 503 Service Unavailable"]);
});

it("says that one of many was rejected, and answers itself once the outage has ended", async () => {
  const callback = await sim.callback();
  sim.endpoint = up;
  await sim.accept(callback, 1_799);
  await sim.settle();
  sim.endpoint = () => ({ result: { ...REFUSED_503, statusCode: 422, statusMessage: "Unprocessable Entity" } });
  await sim.accept(callback);
  await sim.settle();
  await sender.tick();
  expect(subjects()).toEqual(["[whcb] demo rejected 1 of 1800: HTTP 422 Unprocessable Entity"]);
  expect(server.mails[0]?.raw).toContain('Callback "demo": its endpoint rejected 1 of 1800 attempts since\r\n');
  const [outage] = (await sim.store.outages.list({ limit: 1, offset: 0 })).items;
  expect((await sim.store.mails.find(outage?.id ?? ""))?.subject).toBe(subjects()[0]);
  const now = sim.clock.now();
  const calls = { delivered: 1, marked: 0, stillFailed: 0, isComplete: true };
  await createRecoveryMails(notifier, () => null).send({
    ...{ event: "ended", outageId: outage?.id ?? "", callback, startedAt: now, failedCalls: 1, asOf: now },
    end: { endedAt: now, how: "recovered", calls },
  });
  const [began = "", ended = ""] = server.mails.map(({ raw }) => raw);
  const id = /^Message-ID: (.*)$/im.exec(began)?.[1];
  expect([/^In-Reply-To: (.*)$/im.exec(ended)?.[1], /^References: (.*)$/im.exec(ended)?.[1]]).toEqual([id, id]);
});

it("sends ten mails when ten callbacks fail at the same time", async () => {
  for (let index = 0; index < 10; index += 1) await sim.accept(await sim.callback({ name: `c${index}` }), 30);
  await sim.runFor(HOUR);
  await sender.tick();
  expect(subjects().sort()).toEqual(
    Array.from({ length: 10 }, (_, index) => `[whcb] c${index} is failing: HTTP 503 Service Unavailable`),
  );
});

it("names the URL and key of the failed attempt, also if the callback has others by then", async () => {
  const authOf = (key: string) => ({ type: "httpheader", key }) as const;
  const callback = await sim.callback({ url: "http://old.example/hook", auth: authOf("planted-key-1111") });
  sim.endpoint = () => ({ result: REFUSED_503, afterMs: 3_000 });
  await sim.accept(callback);
  await sim.runFor(1_000);
  await sim.update(callback, { name: "renamed", url: "http://new.example/hook", auth: authOf("planted-key-2222") });
  await sim.runFor(3_000);
  await sender.tick();
  expect(server.mails[0]?.raw.match(/^(Endpoint|Auth|Callback): .*(?=\r)/gm)).toEqual([
    "Endpoint:  http://old.example/hook",
    "Auth:      httpheader, key ****1111",
    `Callback:  renamed (id ${callback.id})`,
  ]);
});

it("waits while the mail server is down, and sends the mail once when it is back", async () => {
  const { port } = server;
  await server.close();
  const callback = await sim.callback();
  await sim.accept(callback);
  await sim.runFor(HOUR);
  const start = sim.clock.now();
  for (let next = await sender.tick(); next !== null && next < start + HOUR; next = await sender.tick()) sim.clock.set(next);
  expect((await sim.store.outages.list({ limit: 1, offset: 0 })).items[0]?.notifiedAt).toBeNull();
  server = await startMailServer({}, port);
  sim.clock.set(start + 2 * HOUR);
  expect(await sender.tick()).toBeNull();
  sim.clock.set(start + DAY);
  await sender.tick();
  expect(server.mails).toHaveLength(1);
  expect((await sim.store.outages.list({ limit: 1, offset: 0 })).items[0]?.notifiedAt).toBe(start + 2 * HOUR);
});
