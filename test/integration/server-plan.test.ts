import { afterEach, expect, it } from "vitest";
import { PLANS, type PlanName } from "../../src/domain/service-settings.js";
import { type Clock, systemClock } from "../../src/platform/clock.js";
import {
  CREDENTIALS,
  closeService,
  openService,
  CALLBACK_SETTINGS as SETTINGS,
  type Service,
} from "../support/server/server-fixture.js";

let service: Service;
afterEach(() => closeService(service));

it.each(["startup", "business", "enterprise"] as const)(
  "answers over the %s plan's limit per second as the platform does",
  async (plan) => {
    const { perSecond } = PLANS[plan];
    let now = Date.UTC(2026, 0, 1, 12);
    await open(plan, { ...systemClock, now: () => now });
    for (let count = 0; count < perSecond; count++) expect((await get()).statusCode).toBe(200);
    const over = await get();
    expect([
      over.statusCode,
      over.headers["x-error-code"],
      over.headers["x-error-detail"],
      over.headers["retry-after"],
      over.json(),
    ]).toEqual([
      403,
      "ERR_403_DEVELOPER_OVER_QPS",
      "Account Over Queries Per Second Limit",
      "1",
      {
        errorSummary: "The plan's limit is reached",
        errorText: "Forbidden",
        errorDetail: "Account Over Queries Per Second Limit",
      },
    ]);
    now += 1000;
    expect((await get()).statusCode).toBe(200);
  },
);

it("returns pages of at most 20 under a plan", async () => {
  await open("enterprise", systemClock);
  for (let index = 0; index < 21; index++) {
    await service.store.callbacks.create(
      index.toString(16).toUpperCase().padStart(16, "0"),
      { ...SETTINGS, name: `n${index}` },
      0,
    );
  }
  expect((await get("/callbacks?limit=100")).json().status).toBe("1 to 20 of 21");
});

async function open(plan: PlanName, clock: Clock): Promise<void> {
  service = await openService({ plan, clock });
}

function get(url = "/callbacks") {
  return service.app.inject({ url, headers: { ...CREDENTIALS, accept: "application/json" } });
}
