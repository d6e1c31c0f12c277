import { describe, expect, it } from "vitest";
import type { OutageEnd, OutageReport } from "../../../src/domain/outage.js";
import { composeRecoveryMail, createRecoveryMails } from "../../../src/notifier/recovery-mail.js";

const NOW = Date.UTC(2030, 0, 1);
const MINUTE = 60_000;

const anEnd = (how: OutageEnd["how"], calls: Partial<OutageEnd["calls"]> = {}): OutageEnd => ({
  endedAt: NOW + 90 * MINUTE,
  how,
  calls: { delivered: 190, marked: 0, stillFailed: 10, isComplete: true, ...calls },
});

const aReport = (end: OutageEnd | null, name = "demo"): OutageReport => ({
  event: end === null ? "began" : "ended",
  outageId: "O1",
  callback: { id: "6C932B7D8295BDAF", name, email: "ops@example.com" },
  startedAt: NOW,
  failedCalls: 200,
  end,
  asOf: NOW + 91 * MINUTE,
});

const composed = (end: OutageEnd, name?: string) => composeRecoveryMail(aReport(end, name), end, null);

describe("the e-mail at the end of an outage", () => {
  it("says when it began and ended, and what became of its calls", () => {
    expect(composed(anEnd("recovered"))).toEqual({
      subject: "[whcb] demo has recovered (1h 30m)",
      text: `The outage of callback "demo" has ended.
Its endpoint has accepted a response, and no new one has failed since.

Began:     2030-01-01 00:00:00 UTC
Ended:     2030-01-01 01:30:00 UTC, after 1h 30m
Callback:  demo (id 6C932B7D8295BDAF)
Failed:    200 calls
Delivered: 190 of them
Marked:    0 of them by hand
Left:      10 of them FAILED as of 2030-01-01 01:31:00 UTC

List what still fails, and replay it:

  whcb calls list demo --failed
  whcb replay demo --failed
`,
    });
  });

  it("says when the endpoint accepted a response, which is before the end", () => {
    const { subject, text } = composed({ ...anEnd("recovered"), acceptingSince: NOW + 20_000 });
    expect([subject, text]).toEqual([
      "[whcb] demo has recovered (20s)",
      expect.stringContaining("Accepted:  2030-01-01 00:00:20 UTC, after 20s\nEnded:     2030-01-01 01:30:00 UTC\n"),
    ]);
  });

  it("names no command if nothing is left", () => {
    expect(composed(anEnd("recovered", { delivered: 200, stillFailed: 0 })).text).not.toContain("whcb replay");
  });

  it.each([
    ["marked", "demo has no failed calls left: marked by hand", "the endpoint may still be failing"],
    ["unrecovered", "demo has not recovered: the outage is closed", "the next failure opens another one"],
  ] as const)("doesn't call an endpoint recovered that isn't: %s", (how, subject, sentence) => {
    const mail = composed(anEnd(how));
    expect([mail.subject, mail.text]).toEqual([expect.stringContaining(subject), expect.stringContaining(sentence)]);
    expect(mail.text).not.toContain("has accepted responses");
  });

  it("says so if not all calls were counted", () => {
    expect(composed(anEnd("recovered", { isComplete: false })).text).toContain("Delivered: at least 190 of them");
  });

  it("keeps a name in its line", () => {
    const { subject, text } = composed(anEnd("recovered"), "a\r\nBcc: x@example.com");
    expect([subject, text].join()).not.toMatch(/[\r\n]Bcc/);
  });

  it("goes to the callback's address, with an id of its own, and only at the end", async () => {
    const sent: unknown[] = [];
    const target = createRecoveryMails(
      { channel: "smtp", send: async (mail) => String(sent.push(mail)), close: async () => {} },
      (callbackId, outageId) => `https://whcb.example/${callbackId}/${outageId}`,
    );
    await target.send(aReport(null));
    await target.send(aReport(anEnd("recovered")));
    expect(sent).toEqual([
      expect.objectContaining({
        ...{ outageId: "O1-ended", to: "ops@example.com", callbackId: "6C932B7D8295BDAF" },
        text: expect.stringContaining("\nConsole:   https://whcb.example/6C932B7D8295BDAF/O1\n"),
      }),
    ]);
    expect(target.events).toEqual(["ended"]);
  });
});
