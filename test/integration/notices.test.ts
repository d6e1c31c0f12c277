/** From a failing endpoint to the notice as received: real store and HTTP, virtual time. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { publicAddressRule } from "../../src/delivery/address-rule.js";
import type { Deliverer } from "../../src/delivery/deliverer.js";
import { createDeliverer } from "../../src/delivery/undici-deliverer.js";
import { createNoticeSender } from "../../src/dispatcher/outbox/notice-sender.js";
import type { NoticeTarget } from "../../src/notifier/notice-target.js";
import { createWebhookNotices, type NoticeFormat, readSigningKeys } from "../../src/notifier/webhook-notices.js";
import { systemClock } from "../../src/platform/clock.js";
import type { Logger } from "../../src/platform/logger.js";
import { timeOrderedId } from "../../src/platform/random.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { down, HOUR, MINUTE, NO_JITTER, Simulation, up } from "../support/dispatcher/simulation.js";
import {
  isSigned,
  NOTIFY_SECRET,
  type NoticeReceiver,
  startNoticeReceiver,
  titleOf,
} from "../support/notices/notice-receiver.js";

let sim: Simulation;
let receiver: NoticeReceiver;
let deliverer: Deliverer;
let logged: string[];

const logger: Logger = { info: keep, warn: keep, error: keep };

function keep(...parts: unknown[]): void {
  logged.push(JSON.stringify(parts));
}

beforeEach(() => {
  logged = [];
  deliverer = createDeliverer({ clock: systemClock, timers: systemTimers });
});

afterEach(async () => {
  await deliverer.close();
  await receiver.close();
  await sim.store.close();
});

const outageUrl = (callbackId: string, outageId: string | null) => `https://whcb.example/${callbackId}/${outageId}`;

function noticesTo(url: string, format: NoticeFormat = "json", secret = NOTIFY_SECRET): NoticeTarget {
  const signingKeys = readSigningKeys(secret);
  return createWebhookNotices({
    url,
    format,
    signingKeys,
    outageUrl,
    sign: (text) => text,
    now: () => sim.clock.now(),
    deliver: (request) => deliverer.deliver(request),
  });
}

/** An outage of three calls, which a repaired endpoint ends. */
async function anOutage(url: string, target = noticesTo(url)) {
  const { destination } = target;
  sim = await Simulation.open({ notices: { began: [destination], ended: [destination] } });
  sim.endpoint = down;
  const callback = await sim.callback({ name: "demo" });
  await sim.accept(callback, 3);
  await sim.settle();
  sim.endpoint = up;
  await sim.runFor(HOUR);
  return createNoticeSender({ store: sim.store, target, clock: sim.clock, logger });
}

async function runFor(sender: ReturnType<typeof createNoticeSender>, ms: number): Promise<void> {
  const end = sim.clock.now() + ms;
  for (let next = await sender.tick(); next !== null && next <= end; next = await sender.tick()) sim.clock.set(next);
}

describe("a notice by HTTP", () => {
  it("is signed, has the same id and body in every try and a new timestamp, and is sent until it is taken", async () => {
    receiver = await startNoticeReceiver((number) => (number <= 2 ? 503 : 204));
    const url = `${receiver.url}/hook?token=hunter2-hunter2`;
    await runFor(await anOutage(url), MINUTE);
    const { received } = receiver;
    expect(received.map(titleOf)).toEqual(["outage.began demo", "outage.began demo", "outage.began demo", "outage.ended demo"]);
    expect(received.every((notice) => isSigned(notice))).toBe(true);
    const [first, second, third] = received;
    const { id } = (await sim.store.outages.list({ limit: 1, offset: 0 })).items[0] ?? {};
    expect(received.map(({ headers }) => headers["webhook-id"])).toEqual([...Array(3).fill(`${id}-began`), `${id}-ended`]);
    expect([second?.body, third?.body]).toEqual([first?.body, first?.body]);
    expect(Number(second?.headers["webhook-timestamp"]) - Number(first?.headers["webhook-timestamp"])).toBe(10);
    expect(logged.join()).toContain("HTTP 503");
    expect(logged.join()).not.toContain("hunter2");
  });

  it("contains what is known of the outage, and nothing of a message", async () => {
    receiver = await startNoticeReceiver();
    await (await anOutage(receiver.url)).tick();
    const [outage] = (await sim.store.outages.list({ limit: 1, offset: 0 })).items;
    const toIso = (at: number | null | undefined) => new Date(at ?? 0).toISOString();
    const asOf = toIso(sim.clock.now());
    const common = {
      ...{ outageId: outage?.id, callbackId: outage?.callbackId, callbackName: "demo" },
      ...{ callbackUrl: "http://127.0.0.1:9000/hook", statusCode: 503 },
      ...{ startedAt: toIso(outage?.startedAt), failedCalls: 3 },
      consoleUrl: outageUrl(outage?.callbackId ?? "", outage?.id ?? ""),
    };
    expect(receiver.received.map(({ body }) => JSON.parse(body))).toEqual([
      { type: "outage.began", timestamp: common.startedAt, data: { ...common, asOf } },
      {
        type: "outage.ended",
        timestamp: toIso(outage?.endedAt),
        data: {
          ...common,
          endedAt: toIso(outage?.endedAt),
          durationMs: (outage?.endedAt ?? 0) - (outage?.startedAt ?? 0),
          ...{ end: "recovered", deliveredCalls: 3, markedCalls: 0, stillFailedCalls: 0, isComplete: true, asOf },
        },
      },
    ]);
  });

  it("says how many calls aren't retried any more, the oldest, and what to type", async () => {
    receiver = await startNoticeReceiver();
    const targets = [noticesTo(receiver.url), noticesTo(`${receiver.url}/slack`, "slack")];
    sim = await Simulation.open({ policy: { ...NO_JITTER, windowMs: HOUR } });
    sim.endpoint = down;
    const callback = await sim.callback({ name: "the <demo>" });
    const startedAt = sim.clock.now();
    const [oldest] = await sim.accept(callback, 3);
    await sim.runFor(HOUR + 10 * MINUTE);
    const [now, { random }] = [sim.clock.now(), sim];
    const destinations = targets.map(({ destination }) => destination);
    await sim.store.expiries.queueNotices({ destinations, now, newId: () => timeOrderedId(now, random) });
    for (const target of targets) await createNoticeSender({ store: sim.store, target, clock: sim.clock, logger }).tick();
    const [notice, text] = receiver.received;
    expect(JSON.parse(notice?.body ?? "")).toEqual({
      type: "calls.expired",
      timestamp: new Date(now).toISOString(),
      data: {
        ...{ callbackId: callback.id, callbackName: "the <demo>", expiredCalls: 3 },
        ...{ oldestCallId: oldest, oldestFailedAt: new Date(startedAt).toISOString(), asOf: new Date(now).toISOString() },
        commands: [`whcb calls list ${callback.id} --failed`, `whcb replay ${callback.id} --failed`],
        consoleUrl: outageUrl(callback.id, null),
      },
    });
    expect(notice?.headers["webhook-id"]).toMatch(/^[0-9A-F]{32}-expired$/);
    expect(JSON.parse(text?.body ?? "").text).toBe(
      `Callback "the &lt;demo&gt;" (${callback.id}): 3 failed calls aren't retried any more, as the time for that is over ` +
        "(first failure at 2030-01-01 00:00:00 UTC). Once the endpoint accepts calls, they can be replayed:\n" +
        `whcb calls list ${callback.id} --failed\nwhcb replay ${callback.id} --failed\n${outageUrl(callback.id, null)}`,
    );
  });

  it("has a login as a header, not in the URL, and no signature without a secret", async () => {
    receiver = await startNoticeReceiver();
    const url = receiver.url.replace("//", "//ada:p%40ss@");
    await (await anOutage(url, noticesTo(url, "json", ""))).tick();
    const [first] = receiver.received;
    const authorization = `Basic ${Buffer.from("ada:p@ss").toString("base64")}`;
    expect(first).toMatchObject({ path: "/", headers: { authorization, "webhook-id": expect.any(String) } });
    expect(first?.headers).not.toHaveProperty("webhook-signature");
  });

  it("has the login as it was written if that isn't percent-encoded", async () => {
    receiver = await startNoticeReceiver();
    await (await anOutage(receiver.url, noticesTo(receiver.url.replace("//", "//ada:100%@"), "json", ""))).tick();
    const authorization = `Basic ${Buffer.from("ada:100%").toString("base64")}`;
    expect(receiver.received[0]?.headers).toMatchObject({ authorization });
  });

  it("is signed with every secret, while one replaces another", async () => {
    receiver = await startNoticeReceiver();
    const older = `whsec_${Buffer.alloc(24, 7).toString("base64")}`;
    await (await anOutage(receiver.url, noticesTo(receiver.url, "json", `${NOTIFY_SECRET} ${older}`))).tick();
    expect(receiver.received.map((notice) => [isSigned(notice), isSigned(notice, older)])).toEqual([
      [true, true],
      [true, true],
    ]);
  });

  it("is a text for Slack, in which a name mentions nobody", async () => {
    receiver = await startNoticeReceiver(() => 200);
    const sender = await anOutage(receiver.url, noticesTo(receiver.url, "slack"));
    const callback = await sim.callback({ name: "<!channel> & co" });
    sim.endpoint = down;
    await sim.accept(callback);
    await sim.settle();
    await sender.tick();
    await sim.remove(callback);
    await sender.tick();
    const texts = receiver.received.map(({ body }) => JSON.parse(body).text);
    expect(texts).toEqual([
      expect.stringMatching(
        /^Callback "demo" \(\w{16}\) is failing since 2030-01-01 00:00:00 UTC: HTTP 503, 3 calls so far\.\nhttp:\/\/\S+\nhttps:\/\/whcb\.example\/\w+\/\w+$/,
      ),
      expect.stringMatching(
        /^Callback "demo" \(\w{16}\) has recovered\. The outage .*: 3 calls failed, 3 delivered since, 0 still failed\.\nhttps:.*$/,
      ),
      expect.stringContaining('"&lt;!channel&gt; &amp; co"'),
      expect.stringMatching(/^Callback "&lt;!channel.* was deleted\. The outage began at .* and lasted .*: 1 call failed\.$/),
    ]);
  });

  it("isn't sent to an address that the public rules don't allow", async () => {
    receiver = await startNoticeReceiver();
    await deliverer.close();
    deliverer = createDeliverer({
      clock: systemClock,
      timers: systemTimers,
      addressRule: publicAddressRule([], { isWebOnly: false }),
    });
    await (await anOutage(receiver.url)).tick();
    expect(receiver.received).toEqual([]);
    expect(logged.join()).toContain("address-refused");
  });
});

describe("WHCB_NOTIFY_SECRET", () => {
  it.each(["secret", "whsec_", "whsec_c2hvcnQ=", `whsec_${"A".repeat(100)}`, "whsec_not base64"])(
    "can't be %j",
    async (secret) => {
      expect(() => readSigningKeys(secret)).toThrow(expect.objectContaining({ code: "config" }));
    },
  );
});
