import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMailSender } from "../../../../src/dispatcher/outbox/mail-sender.js";
import { WhcbError } from "../../../../src/domain/errors.js";
import type { NoticeChannel } from "../../../../src/domain/outage.js";
import { createEmlNotifier } from "../../../../src/notifier/eml-notifier.js";
import type { Notifier } from "../../../../src/notifier/notifier.js";
import { silentLogger } from "../../../../src/platform/logger.js";
import { down, HOUR, MINUTE, Simulation } from "../../../support/dispatcher/simulation.js";

let sim: Simulation;
let directory: string;

beforeEach(async () => {
  sim = await Simulation.open();
  directory = await mkdtemp(join(tmpdir(), "whcb-mail-"));
});

afterEach(async () => {
  await sim.store.close();
  await rm(directory, { recursive: true });
});

function senderOf(notifier: Notifier): ReturnType<typeof createMailSender> {
  return createMailSender({ store: sim.store, notifier, clock: sim.clock, logger: silentLogger });
}

/** A notifier that notes when it was asked, and fails the first `failures` times. */
function failing(failures: number): Notifier & { readonly askedAt: number[] } {
  const askedAt: number[] = [];
  return {
    channel: "smtp",
    askedAt,
    async send() {
      askedAt.push(sim.clock.now());
      if (askedAt.length <= failures) throw new Error("no route to the mail server");
      return "250 OK";
    },
    async close() {},
  };
}

async function anOutage(): Promise<void> {
  sim.endpoint = down;
  await sim.accept(await sim.callback({ email: "night@example.com", retriesEnabled: false }));
  await sim.settle();
}

async function runFor(sender: ReturnType<typeof createMailSender>, ms: number): Promise<void> {
  const end = sim.clock.now() + ms;
  for (let next = await sender.tick(); next !== null && next <= end; next = await sender.tick()) sim.clock.set(next);
}

describe("a mail sender", () => {
  it("sends one e-mail for an outage, and records when", async () => {
    await anOutage();
    const sender = senderOf(createEmlNotifier({ directory }));
    await sender.tick();
    await sender.tick();
    const files = await readdir(directory);
    expect(files).toHaveLength(1);
    expect(await readFile(join(directory, files[0] ?? ""), "utf8")).toContain("To: night@example.com");
    const { items } = await sim.store.outages.list({ limit: 10, offset: 0 });
    expect(items).toMatchObject([{ notifiedAt: sim.clock.now(), notifiedBy: "file" }]);
  });

  it("sends what wasn't sent yet to the callback's new address, and says that the outage has ended by then", async () => {
    sim.endpoint = down;
    const callback = await sim.callback({ email: "night@example.com", retriesEnabled: false });
    const ids = await sim.accept(callback);
    await sim.settle();
    const sender = senderOf({ ...failing(1), send: async () => Promise.reject(new Error("550 no such user")) });
    await sender.tick();
    await sim.update(callback, { email: "day@example.com" });
    await sim.mark(callback, ids, "SUCCESS");
    await sim.settle();
    sim.clock.advance(HOUR);
    await senderOf(createEmlNotifier({ directory })).tick();
    const [file = ""] = await readdir(directory);
    const text = await readFile(join(directory, file), "utf8");
    expect(text).toContain("To: day@example.com");
    expect(text).toContain("was failing, and its outage has ended");
  });

  it("sends nothing that it claimed too long ago: another node may claim it now", async () => {
    await anOutage();
    const notifier = failing(0);
    let claims = 0;
    const mails = {
      ...sim.store.mails,
      async claim(...claim: Parameters<typeof sim.store.mails.claim>) {
        claims += 1;
        if (claims === 1) sim.clock.advance(30_001);
        return sim.store.mails.claim(...claim);
      },
    };
    const sender = createMailSender({ store: { ...sim.store, mails }, notifier, clock: sim.clock, logger: silentLogger });
    await sender.tick();
    expect(notifier.askedAt).toEqual([]);
    await sender.tick();
    expect(notifier.askedAt).toEqual([sim.clock.now()]);
  });

  it("doesn't repeat a sent e-mail because the store couldn't note it", async () => {
    await anOutage();
    const notifier = failing(0);
    let isFull = true;
    const mails = {
      ...sim.store.mails,
      async recordSent(outageId: string, at: number, by: NoticeChannel) {
        if (isFull) throw new WhcbError("unavailable", "The database's disk is full");
        await sim.store.mails.recordSent(outageId, at, by);
      },
    };
    const sender = createMailSender({ store: { ...sim.store, mails }, notifier, clock: sim.clock, logger: silentLogger });
    const sentAt = sim.clock.now();
    await expect(sender.tick()).rejects.toMatchObject({ code: "unavailable" });
    sim.clock.set(sentAt + MINUTE);
    isFull = false;
    await sender.tick();
    expect(notifier.askedAt).toEqual([sentAt]);
    const { items } = await sim.store.outages.list({ limit: 1, offset: 0 });
    expect(items).toMatchObject([{ notifiedAt: sentAt, notifiedBy: "smtp" }]);
  });

  it("tries again after 10 s, 20 s, 40 s … at most 5 minutes later, until the mail server takes it", async () => {
    await anOutage();
    const notifier = failing(8);
    await runFor(senderOf(notifier), HOUR);
    const waits = notifier.askedAt.slice(1).map((at, index) => (at - (notifier.askedAt[index] ?? 0)) / 1_000);
    expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300, 300]);
    expect(await sim.store.mails.nextTryAt()).toBeNull();
  });

  it("isn't kept waiting by a clock that was set back", async () => {
    await anOutage();
    sim.clock.jump(-HOUR);
    const notifier = failing(1);
    const sender = senderOf(notifier);
    await runFor(sender, MINUTE);
    sim.clock.jump(-HOUR);
    await runFor(sender, MINUTE);
    expect(notifier.askedAt).toHaveLength(2);
    expect(await sim.store.mails.nextTryAt()).toBeNull();
  });
});
