import { render } from "preact-render-to-string";
import { describe, expect, it } from "vitest";
import {
  fieldsOf,
  findConflict,
  NEW_FIELDS,
  readFields,
  readLoaded,
  readSettings,
  writeLoaded,
} from "../../../../src/server/console/callback-fields.js";
import { CallbackForm, type CallbackFormView, testView } from "../../../../src/server/console/pages/callback-form.js";
import { parseCallback } from "../../../../src/wire/json/parse-callback.js";
import { someSettings } from "../../../support/builders.js";

const SETTINGS = [
  someSettings(),
  someSettings({ contentType: "xml", removeHtml: true, retriesEnabled: true, events: { reply: false, undeliverable: true } }),
  someSettings({ auth: { type: "queryparam", key: "" }, events: { reply: true, undeliverable: false } }),
];

/** A browser sends the form like this. */
function sent(fields: Readonly<Record<string, string>>): URLSearchParams {
  const { "callbacks.reply": reply, "callbacks.undeliverable": undeliverable, ...others } = fields;
  const form = new URLSearchParams(others);
  if (reply === "enabled") form.set("callbacks.reply", "on");
  if (undeliverable === "enabled") form.set("callbacks.undeliverable", "on");
  return form;
}

describe("the fields of a callback", () => {
  it("give the same settings again if nothing is changed", () => {
    for (const settings of SETTINGS) {
      const fields = readFields(sent(fieldsOf(settings)));
      expect(fields).toEqual(fieldsOf(settings));
      expect(readSettings(fields, "", settings, parseCallback)).toEqual({ kind: "valid", settings });
    }
  });

  it("are trimmed, and the API says what is wrong with them", () => {
    const fields = readFields(sent({ ...NEW_FIELDS, name: " demo ", url: " https://example.com/ ", email: "no one" }));
    expect([fields.name, fields.url]).toEqual(["demo", "https://example.com/"]);
    expect(readSettings(fields, "ü", null, parseCallback)).toEqual({
      kind: "invalid",
      problems: new Map([
        ["auth.key", "must be printable ASCII, because it is sent in a header"],
        ["email", "must be one e-mail address"],
      ]),
    });
  });

  it("are told from what another saved since, field by field", () => {
    const form = (over = {}) => ({ fields: { ...NEW_FIELDS, ...over }, targetMark: "t" });
    expect(findConflict(form(), { ...NEW_FIELDS, name: "mine" }, form())).toBeNull();
    const stored = form({ name: "theirs", email: "same", contentType: "xml" });
    expect(findConflict(form(), { ...NEW_FIELDS, name: "mine", email: "same" }, { ...stored, targetMark: "other" })).toEqual({
      changes: [
        { label: "Callback name", values: { before: "", after: "theirs" } },
        { label: "Expected content type", values: { before: "JSON", after: "XML" } },
        { label: "Notification e-mail", values: { before: "", after: "same" } },
        { label: "Auth parameter", values: "another key" },
      ],
      merged: { ...NEW_FIELDS, name: "mine", email: "same", contentType: "xml" },
      problems: new Map([["name", "was changed to “theirs” meanwhile"]]),
    });
  });

  it("don't tell which secret another has changed, if it may be one in the URL, or if the URL is another one", () => {
    const form = (url: string, targetMark: string) => ({ fields: { ...NEW_FIELDS, url }, targetMark });
    const masked = "http://localhost/?token=****";
    const secret = { label: "Destination URL", values: "perhaps another secret" };
    const key = { label: "Auth parameter", values: "perhaps another key" };
    expect(findConflict(form(masked, "a"), { ...NEW_FIELDS, url: masked }, form(masked, "b"))?.changes).toEqual([secret, key]);
    const [before, after] = ["http://localhost/1", "http://localhost/2"];
    const url = { label: "Destination URL", values: { before, after } };
    expect(findConflict(form(before, "a"), { ...NEW_FIELDS, url: before }, form(after, "b"))?.changes).toEqual([url, key]);
  });

  it("as they were loaded are carried by the form", () => {
    const loaded = { fields: fieldsOf(someSettings({ name: `a&b="c"` })), targetMark: "t" };
    expect(readLoaded(new URLSearchParams({ loaded: writeLoaded(loaded), targetMark: "t" }))).toEqual(loaded);
  });
});

const aView = (over: Partial<CallbackFormView> = {}): CallbackFormView => ({
  action: "/console/callbacks/new",
  formToken: "token",
  fields: NEW_FIELDS,
  problems: new Map(),
  isKeyLost: false,
  stored: null,
  changes: [],
  test: null,
  canTest: true,
  policy: { intervalMs: 60_000, windowMs: 3_600_000, jitter: true },
  authParameter: "auth",
  bodyNames: "messageid-messagelocation",
  ...over,
});

describe("the form", () => {
  const html = render(<CallbackForm {...aView()} />);
  const text = html.replace(/<[^>]+>/g, " ").replace(/\s+/g, " ");

  it("has the fields of the screen in its order", () => {
    const labels = [
      ...html.matchAll(/<(?:label for[^>]*|legend|label class="choice"><input type="checkbox"[^>]*><span)>([^<]*)/g),
    ];
    expect(labels.map(([, label]) => label)).toEqual([
      "Callback name",
      "Destination URL",
      "Expected content type",
      "Invoke",
      "Auth type",
      "Auth parameter",
      "Rich content responses",
      "Retries",
      "Notification e-mail",
      "Signed deliveries",
    ]);
  });

  it("says what retries do, by the service's own policy, and how the key is sent", () => {
    expect(text).toContain("is sent again about every 1 minute for 1 hour from its first failure");
    expect(text).toContain("Query string (?auth=…)");
  });

  it("shows the body that is posted, for either content type", () => {
    expect(html).toMatch(/sample-json.*&quot;messageid&quot;: &quot;4FBB|sample-json.*"messageid": "4FBB/s);
    expect(html).toMatch(/sample-xml.*\n {2}&lt;messageid>4FBB/s);
  });

  it("lists what is wrong in the order of the fields", () => {
    const problems = new Map(["email", "auth.key", "name"].map((name) => [name, "is wrong"]));
    const wrong = render(<CallbackForm {...aView({ problems })} />);
    expect([...wrong.matchAll(/href="#field-([^"]*)"/g)].map(([, name]) => name)).toEqual(["name", "auth.key", "email"]);
  });
});

describe("what a test showed", () => {
  it("never contains the key, wherever the endpoint repeats it", () => {
    const url = "http://127.0.0.1:9000/s3cret/hook";
    const target = someSettings({ url, auth: { type: "httpheader", key: "s3cret" } });
    const echo = { kind: "answered", statusCode: 200, statusMessage: "OK s3cret", body: "s3cret" } as const;
    const views = [
      testView({ result: echo, durationMs: 1_234 }, target),
      testView({ result: { kind: "unreachable", reason: "protocol", detail: "s3cret" }, durationMs: 1 }, target),
    ];
    expect(JSON.stringify(views)).not.toContain("s3cret");
    expect(views[0]).toMatchObject({ isAccepted: true, body: "****", facts: expect.arrayContaining([["Duration", "1s"]]) });
  });

  it("doesn't say accepted of any other answer than 200", () => {
    const noContent = { kind: "answered", statusCode: 204, statusMessage: "No Content", body: "" } as const;
    const { isAccepted, title } = testView({ result: noContent, durationMs: 1 }, someSettings());
    expect([isAccepted, title]).toEqual([false, "The endpoint answered 204: only 200 counts as delivered."]);
  });
});
