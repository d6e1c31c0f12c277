import { describe, expect, test } from "vitest";
import { readNoticeUrls } from "../../../../src/cli/settings/notice-urls.js";

const SLACK = "https://hooks.slack.com/services/T000/B000/XXXX";

describe("the URLs of notices", () => {
  test("come from --notify, else from WHCB_NOTIFY, each once", () => {
    expect(readNoticeUrls(["https://a.example.com/whcb", "http://127.0.0.1:9000"], SLACK)).toEqual([
      "https://a.example.com/whcb",
      "http://127.0.0.1:9000/",
    ]);
    expect(readNoticeUrls(undefined, ` ${SLACK}\n https://ada:hunter2@b.example.com/ ${SLACK}`)).toEqual([
      SLACK,
      "https://ada:hunter2@b.example.com/",
    ]);
    expect([readNoticeUrls(undefined), readNoticeUrls(undefined, " ")]).toEqual([[], []]);
  });

  test.each([
    "https://ada:hunter2@alerts.example.com/",
    "https://hunter2@alerts.example.com/",
    SLACK,
    "https://HOOKS.slack.com/workflows/hunter2",
    "https://alerts.example.com/?token=hunter2",
    "https://alerts.example.com/?api_key=hunter2",
    "https://discord.example.com/api/webhooks/112233445566778899/hunter2-AbCdEfGhIjKlMnOpQrSt0123",
    "https://office.example.com/webhookb2/6b7c9d10-aaaa-4bbb-8ccc-0123456789ab/IncomingWebhook",
    "https://alerts.example.com/hook?x=0123456789abcdef0123456789abcdef",
  ])("%s isn't taken as a flag, and isn't repeated", (url) => {
    const error = expect.objectContaining({ code: "usage", hint: expect.stringContaining("WHCB_NOTIFY") });
    expect(() => readNoticeUrls([url])).toThrow(error);
    expect(() => readNoticeUrls([url])).not.toThrow(/hunter2|0123456789ab/);
    expect(readNoticeUrls(undefined, url)).toEqual([new URL(url).href]);
  });

  test.each(["https://alerts.example.com/outages/production", "http://10.0.0.5:9000/hook?team=platform&room=42"])(
    "%s holds no secret",
    (url) => {
      expect(readNoticeUrls([url])).toEqual([url]);
    },
  );

  test.each([
    "alerts.example.com",
    "ftp://hunter2@alerts.example.com",
    "hunter2",
    "https://",
    "https:///hunter2",
    "http://hunter2:",
  ])("%j is no URL", (text) => {
    for (const read of [() => readNoticeUrls([text]), () => readNoticeUrls(undefined, text)]) {
      expect(read).toThrow(expect.objectContaining({ code: "usage" }));
      expect(read).not.toThrow(/hunter2/);
    }
  });
});
