import { render } from "preact-render-to-string";
import { describe, expect, it } from "vitest";
import type { ServiceReplay } from "../../../../src/domain/callback.js";
import { OneReplay } from "../../../../src/server/console/pages/replay-pages.js";

const STOPPED_AT = Date.UTC(2030, 0, 1, 9, 31);

const aReplay = (over: Partial<ServiceReplay>): ServiceReplay => ({
  id: "00112233445566AA",
  requestedAt: Date.UTC(2030, 0, 1, 9, 30),
  total: 100,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  left: 100,
  cancelledAt: null,
  requestedBy: null,
  selection: null,
  confirmed: null,
  inEarlier: 0,
  collecting: null,
  ...over,
});

const htmlOf = (over: Partial<ServiceReplay>) =>
  render(<OneReplay callbackId="FFEEDDCCBBAA0011" formToken="t" replay={aReplay(over)} />);
const textOf = (over: Partial<ServiceReplay>) =>
  htmlOf(over)
    .replace(/<[^>]+>/g, " ")
    .replace(/\s+/g, " ");

describe("a replay that runs", () => {
  it("can be stopped, until it was", () => {
    expect(textOf({})).toContain("Stop Reload");
    expect(textOf({ cancelled: 1, left: 99 })).toContain("Stop Reload");
    const stopped = { succeeded: 40, cancelled: 20, left: 40, cancelledAt: STOPPED_AT };
    expect(textOf(stopped)).not.toContain("Stop Reload");
    expect(textOf(stopped)).toContain("Reload What is being sent right now is finished.");
  });
});

describe("a replay that was stopped", () => {
  it("doesn't count what it left out as done, and says where that is", () => {
    const stopped = { succeeded: 79, failed: 1, cancelled: 20, left: 0, cancelledAt: STOPPED_AT };
    expect(textOf(stopped)).toContain("80 of 100 calls done");
    expect(htmlOf(stopped)).toMatch(/<progress max="100" value="80"/);
    expect(textOf(stopped)).toContain("What Stop left out is among the failed calls .");
    expect(textOf({ ...stopped, cancelledAt: null })).not.toContain("What Stop left out");
  });
});
