/** Two nodes on one PostgreSQL database send the notices of the same outages to a real receiver. */
import { expect, it } from "vitest";
import { createDeliverer } from "../../src/delivery/undici-deliverer.js";
import { createNoticeSender } from "../../src/dispatcher/outbox/notice-sender.js";
import { createWebhookNotices } from "../../src/notifier/webhook-notices.js";
import { systemClock } from "../../src/platform/clock.js";
import { silentLogger } from "../../src/platform/logger.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import type { Store } from "../../src/store/open-store.js";
import { aCallback, aGroup } from "../contract/store-support.js";
import { startNoticeReceiver } from "../support/notices/notice-receiver.js";
import { createDatabase } from "../support/postgres/databases.js";

const OUTAGES = 10;

it("sends each notice from one of two nodes, an outage's beginning before its end", async () => {
  const database = await createDatabase("notices");
  const receiver = await startNoticeReceiver();
  const deliverer = createDeliverer({ clock: systemClock, timers: systemTimers });
  const target = createWebhookNotices({
    ...{ url: receiver.url, format: "json", signingKeys: [], now: systemClock.now },
    ...{ outageUrl: () => null, sign: (text) => text },
    deliver: (request) => deliverer.deliver(request),
  });
  const stores: readonly [Store, Store] = [await database.openStore(), await database.openStore()];
  const { destination } = target;
  const at = systemClock.now();
  for (let index = 0; index < OUTAGES; index += 1) {
    const { id: callbackId } = await aCallback(stores[0]);
    const outage = { id: `O${index}`, callbackId, startedAt: at, failedCalls: 1, quietSince: null, endedAt: at };
    const mail = { outageId: outage.id, callbackId, to: "a@b", subject: "s", text: "t", createdAt: at };
    const notices = { began: [destination], ended: [destination], at };
    await stores[0].outcomes.commit(aGroup({ closedOutages: [outage], mails: [mail], notices }));
  }
  const sendAll = async (store: Store) => {
    const sender = createNoticeSender({ store, target, clock: systemClock, logger: silentLogger });
    while ((await sender.tick()) !== null);
  };
  await Promise.all(stores.map(sendAll));
  const ids = receiver.received.map(({ headers }) => String(headers["webhook-id"]));
  const expected = Array.from({ length: OUTAGES }, (_, index) => [`O${index}-began`, `O${index}-ended`]).flat();
  expect(ids.toSorted()).toEqual(expected.toSorted());
  for (let index = 0; index < OUTAGES; index += 1) {
    expect(ids.indexOf(`O${index}-began`)).toBeLessThan(ids.indexOf(`O${index}-ended`));
  }
  await deliverer.close();
  await receiver.close();
});
