/** No page of the console has a secret of a callback's URL, and its form neither loses them nor gives them away. */
import { createHmac } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import type { DeliveryResult } from "../../src/domain/attempt.js";
import { DEFAULT_RETRY_POLICY } from "../../src/domain/retry-policy.js";
import type { DeliveryRequest } from "../../src/wire/delivery-request.js";
import { ACCEPTED, aResponse } from "../support/builders.js";
import { hiddenFields, Visitor } from "../support/server/console-visitor.js";
import { pendingCalls, recordAttempts } from "../support/server/recorded-calls.js";
import { CALLBACK_SETTINGS, CREDENTIALS, closeService, openService, type Service } from "../support/server/server-fixture.js";

const ID = "0123456789ABCDEF";
const PATH = `/console/callbacks/${ID}`;
const EDIT = `${PATH}/edit`;
const SECRET = "planted0123456789XYZ";
/** An earlier version stored answers like this. */
const REPEATING: DeliveryResult = { kind: "answered", statusCode: 503, statusMessage: `no ${SECRET}`, body: `no ${SECRET}` };
const HIDDEN = "http://127.0.0.1:9000/hook?token=planted-token&a=1";
const SHOWN = "http://127.0.0.1:9000/hook?token=****&a=1";

let service: Service;
let visitor: Visitor;
let requests: DeliveryRequest[];

afterEach(() => closeService(service));

async function openWith(url: string): Promise<void> {
  requests = [];
  const checkEndpoint = async (request: DeliveryRequest) => {
    requests.push(request);
    return ACCEPTED;
  };
  service = await openService({ checkEndpoint });
  visitor = await new Visitor(service.app).signIn();
  await service.store.callbacks.create(ID, { ...CALLBACK_SETTINGS, url }, 0);
}

const stored = () => service.store.callbacks.find(ID);

function saveByAnother(url: string) {
  return service.store.callbacks.update(ID, { ...CALLBACK_SETTINGS, url }, Date.now(), DEFAULT_RETRY_POLICY);
}

/** Returns what a browser has in the form's fields. */
async function loadedFields(): Promise<Record<string, string>> {
  const { html } = await visitor.open(EDIT);
  return {
    ...hiddenFields(html, EDIT),
    ...{ name: "demo", url: valueIn(html, "url"), contentType: "json", "callbacks.reply": "on", "callbacks.undeliverable": "on" },
    ...{
      "auth.type": "httpheader",
      removeHTML: "disabled",
      signing: "disabled",
      retriesEnabled: "true",
      email: "ops@example.com",
    },
  };
}

function valueIn(html: string, name: string): string {
  return (new RegExp(`<input[^>]* name="${name}"[^>]* value="([^"]*)"`).exec(html)?.[1] ?? "").replaceAll("&amp;", "&");
}

describe.each([
  `http://127.0.0.1:9000/hook?token=${SECRET}`,
  `http://127.0.0.1:9000/hook?sid=${SECRET}`,
  `http://127.0.0.1:9000/hook/${SECRET}`,
  `http://ada:${SECRET}@127.0.0.1:9000/hook`,
])("of %s", (url) => {
  it("no page has the secret, and those that name the URL have it masked", async () => {
    await openWith(url);
    await service.store.calls.accept([{ callbackId: ID, calls: [{ id: "A", response: aResponse() }] }], 0);
    await recordAttempts(service.store, await pendingCalls(service.store, ID), () => ({ result: REPEATING, startedAt: 1 }));
    const naming = ["/console", "/console?q=demo", EDIT, `${PATH}/delete`, `${PATH}/confirm?action=replay&call=A`];
    for (const path of naming) {
      const { status, html } = await visitor.open(path);
      expect([path, status, html.includes("****"), html.includes(SECRET)]).toEqual([path, 200, true, false]);
    }
    const others = ["calls", "calls/A", "confirm?action=success&call=A", "outages", "replays"].map((page) => `${PATH}/${page}`);
    for (const path of [...others, `/console?q=${SECRET.slice(0, 5)}`]) {
      const { status, html } = await visitor.open(path);
      expect([path, status, html.includes(SECRET)]).toEqual([path, 200, false]);
    }
    const fields = await loadedFields();
    for (const more of [{ email: "no one" }, { step: "test" }, { url: `${fields.url}x` }]) {
      expect((await visitor.post(EDIT, { ...fields, ...more })).html).not.toContain(SECRET);
    }
    expect(await stored()).toMatchObject({ url });
  });

  it("the API's answers have the URL as it is", async () => {
    await openWith(url);
    const answer = await service.app.inject({ url: `/callbacks/${ID}`, headers: { ...CREDENTIALS, accept: "application/json" } });
    expect(answer.json().url).toBe(url);
  });
});

it("a search finds nothing of a path or query, which would find a secret letter by letter", async () => {
  await openWith(HIDDEN);
  const isFound = async (text: string) =>
    (await visitor.open(`/console/search?q=${encodeURIComponent(text)}`)).html.includes(`/console/callbacks/${ID}`);
  expect([await isFound("127.0.0.1:9000"), await isFound("DEM")]).toEqual([true, true]);
  expect([await isFound("token=p"), await isFound("planted"), await isFound("/hook")]).toEqual([false, false, false]);
});

describe("the form", () => {
  it("keeps the stored URL if it isn't changed, and tests that one", async () => {
    await openWith(HIDDEN);
    const fields = await loadedFields();
    expect(fields.url).toBe(SHOWN);
    expect((await visitor.post(EDIT, fields)).text).toContain("Saved.");
    expect(service.work).toEqual([]);
    const tested = await visitor.post(EDIT, { ...fields, step: "test" });
    expect(tested.text).toContain(`Request GET ${SHOWN.replace("&", "&amp;")}`);
    expect(requests.map(({ url }) => url)).toEqual([HIDDEN]);
    await visitor.post(EDIT, { ...fields, email: "new@example.com" });
    expect(await stored()).toMatchObject({ url: HIDDEN, email: "new@example.com" });
  });

  it.each([
    ["part of it is changed", "http://127.0.0.1:9000/other?token=****&a=1"],
    ["it would be sent elsewhere", "http://127.0.0.1:9001/hook?token=****&a=1"],
  ])("rejects what is masked where %s", async (_, url) => {
    await openWith(HIDDEN);
    const fields = await loadedFields();
    for (const step of ["save", "test"]) {
      const page = await visitor.post(EDIT, { ...fields, url, "auth.key": "a-typed-key", step });
      expect([page.status, page.html]).toEqual([
        422,
        expect.stringContaining("Must not contain ****, which stands for a secret"),
      ]);
    }
    expect([requests, (await stored())?.url]).toEqual([[], HIDDEN]);
  });

  it("takes another URL, if all of it is typed", async () => {
    await openWith(HIDDEN);
    const url = "http://127.0.0.1:9000/hook?token=another&a=1";
    await visitor.post(EDIT, { ...(await loadedFields()), url, "auth.key": "a-typed-key" });
    expect(await stored()).toMatchObject({ url });
  });

  it("says that another changed a secret meanwhile, and keeps that one unless a URL is typed", async () => {
    await openWith(HIDDEN);
    const fields = await loadedFields();
    const theirs = HIDDEN.replace("planted-token", "their-token");
    await saveByAnother(theirs);
    const page = await visitor.post(EDIT, { ...fields, email: "mine@example.com" });
    expect([page.status, page.text]).toEqual([409, expect.stringContaining("Destination URL: perhaps another secret")]);
    expect(page.html).not.toMatch(/(?:planted|their)-token/);
    const again = { ...fields, ...hiddenFields(page.html, EDIT), url: valueIn(page.html, "url"), email: "mine@example.com" };
    await visitor.post(EDIT, again);
    expect(await stored()).toMatchObject({ url: theirs, email: "mine@example.com" });
  });

  it("doesn't overwrite silently a secret that another changed meanwhile", async () => {
    await openWith(HIDDEN);
    const fields = await loadedFields();
    const theirs = HIDDEN.replace("planted-token", "their-token");
    await saveByAnother(theirs);
    const page = await visitor.post(EDIT, { ...fields, url: "http://127.0.0.1:9000/mine" });
    expect([page.status, page.text]).toEqual([
      409,
      expect.stringContaining(`Was changed to “${SHOWN.replace("&", "&amp;")}” meanwhile.`),
    ]);
    expect(await stored()).toMatchObject({ url: theirs });
  });

  it("has no mark by which who has the session's token could try out secrets", async () => {
    await openWith(HIDDEN);
    const { targetMark } = await loadedFields();
    const [token = ""] = visitor.cookies.values();
    const computed = [HIDDEN, CALLBACK_SETTINGS.auth.key].map((text) =>
      createHmac("sha256", token).update(`mark ${text}`).digest("base64url"),
    );
    expect(computed.map((mark) => mark === targetMark)).toEqual([false, false]);
    expect(await loadedFields()).toMatchObject({ targetMark });
  });
});
