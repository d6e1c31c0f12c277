import { expect, it } from "vitest";
import {
  DEFAULT_SEND_LIMITS,
  DEFAULT_SERVICE_SETTINGS,
  PLANS,
  RETAIN_OUTAGES_MS,
  RETAIN_RUNS_MS,
} from "../../../src/domain/service-settings.js";

const DAY = 86_400_000;

it("calls, outages and e-mails are kept as long as docs/dispatcher.md says", () => {
  expect(DEFAULT_SERVICE_SETTINGS).toEqual({
    intervalMs: 300_000,
    windowMs: DAY,
    retainSuccessMs: 30 * DAY,
    retainFailedMs: 365 * DAY,
    retainMailMs: 365 * DAY,
  });
  expect([RETAIN_OUTAGES_MS, RETAIN_RUNS_MS]).toEqual([365 * DAY, 365 * DAY]);
});

it("a process sends 512 requests and 64 MiB of bodies at once", () => {
  expect(DEFAULT_SEND_LIMITS).toEqual({ inFlightInAll: 512, bodyBytes: 67_108_864 });
});

it("the platform's plans allow 5, 10 or 30 requests a second", () => {
  expect(PLANS).toEqual({
    startup: { perSecond: 5, perDay: 10_000 },
    business: { perSecond: 10, perDay: 20_000 },
    enterprise: { perSecond: 30, perDay: 50_000 },
  });
});
