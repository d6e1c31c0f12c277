import { afterEach, describe, expect, it } from "vitest";
import type { DeliveryResult } from "../../src/domain/attempt.js";
import { WhcbError } from "../../src/domain/errors.js";
import { DEFAULT_RETRY_POLICY } from "../../src/domain/retry-policy.js";
import type { ServerDeps } from "../../src/server/server-deps.js";
import type { DeliveryRequest } from "../../src/wire/delivery-request.js";
import { ACCEPTED, aResponse, REFUSED_503 } from "../support/builders.js";
import { hiddenFields, Visitor } from "../support/server/console-visitor.js";
import { CALLBACK_SETTINGS, closeService, openService, type Service } from "../support/server/server-fixture.js";

let service: Service;

afterEach(() => closeService(service));

async function addCallback(name: string, over: Partial<typeof CALLBACK_SETTINGS> = {}) {
  const id = Buffer.from(name.padEnd(8).slice(0, 8)).toString("hex").toUpperCase();
  return service.store.callbacks.create(id, { ...CALLBACK_SETTINGS, name, ...over }, Date.now());
}

async function accept(callbackId: string, count: number): Promise<void> {
  const calls = Array.from({ length: count }, (_, index) => ({ id: `${callbackId}-${index}`, response: aResponse() }));
  await service.store.calls.accept([{ callbackId, calls }], Date.now());
}

/** Returns the names in the order of the rows. */
const namesIn = (html: string) => [...html.matchAll(/calls">([^<]*)<\/a><span class="below/g)].map(([, name]) => name);

describe("the list", () => {
  it("shows each callback's numbers, sorts by them, and pages in that order", async () => {
    service = await openService();
    const [few, none, many] = [await addCallback("few"), await addCallback("none"), await addCallback("many")];
    await accept(few.id, 1);
    await accept(many.id, 2);
    const visitor = await new Visitor(service.app).signIn();
    expect(namesIn((await visitor.open("/console")).html)).toEqual(["many", "few", "none"]);
    expect(namesIn((await visitor.open("/console?sortFields=name")).html)).toEqual(["few", "many", "none"]);
    const byWaiting = await visitor.open("/console?sortFields=waiting");
    expect(namesIn(byWaiting.html)).toEqual(["many", "few", "none"]);
    expect(byWaiting.html).toContain(`/console/callbacks/${many.id}/calls?status=PENDING`);
    expect(byWaiting.html).not.toContain(`/console/callbacks/${none.id}/calls?status=`);
  });

  it("leads through all of them and back, fifty a page, with the same text", async () => {
    service = await openService();
    for (let index = 100; index < 221; index++) await addCallback(`${index} crm`);
    await addCallback("other");
    const visitor = await new Visitor(service.app).signIn();
    const first = await visitor.open("/console?q=CRM");
    const follow = async (html: string, rel: "next" | "prev") => {
      const [, href = ""] = new RegExp(`href="([^"]*)" rel="${rel}"`).exec(html) ?? [];
      return visitor.open(href.replaceAll("&amp;", "&"));
    };
    const second = await follow(first.html, "next");
    const third = await follow(second.html, "next");
    expect(third.text).toContain("101 – 121 of 121");
    expect([first, second, third].flatMap(({ html }) => namesIn(html))).toHaveLength(121);
    expect(namesIn((await follow(third.html, "prev")).html)).toEqual(namesIn(second.html));
  });

  it("escapes the text that it looked for", async () => {
    service = await openService();
    await addCallback("demo");
    const page = await (await new Visitor(service.app).signIn()).open(`/console?q=${encodeURIComponent('"><script>x')}`);
    expect(page.text).toContain("No callback found");
    expect(page.html).not.toContain("<script>x");
  });
});

describe("the switch of retries", () => {
  const CONFIRM = "/retries?switch=off&to=%2Fconsole%3Fstate%3Dup";
  const open = async () => {
    service = await openService();
    const callback = await addCallback("demo");
    const path = `/console/callbacks/${callback.id}`;
    return { callback, path, visitor: await new Visitor(service.app).signIn() };
  };
  const isOn = async (id: string) => (await service.store.callbacks.find(id))?.retriesEnabled;

  it("asks first, says what it does, and comes back to the list", async () => {
    const { callback, path, visitor } = await open();
    const { html } = await visitor.open("/console?state=up");
    expect(html).toContain(`href="${path}/retries?switch=off&amp;to=%2Fconsole%3Fstate%3Dup"`);
    const asked = await visitor.open(path + CONFIRM);
    expect(asked.text).toContain("Retries that were due are cancelled.");
    expect(await isOn(callback.id)).toBe(true);
    const done = await visitor.post(`${path}/retries`, hiddenFields(asked.html, `${path}/retries`));
    expect([done.url, done.text]).toEqual([
      "/console?state=up",
      expect.stringContaining("Retries of demo are off. Retries that were due are cancelled."),
    ]);
    expect(await isOn(callback.id)).toBe(false);
    expect(service.work).toContainEqual({ callbackId: callback.id, kind: "changed" });
    const on = await visitor.send(`${path}/retries?switch=on`, `${path}/retries`);
    expect([on.url, on.text]).toEqual(["/console", expect.stringContaining("within the last 24 hours are sent again now")]);
    expect(await isOn(callback.id)).toBe(true);
  });

  it("says that another user has switched it already", async () => {
    const { callback, path, visitor } = await open();
    const { html } = await visitor.open(path + CONFIRM);
    await service.store.callbacks.update(callback.id, { ...callback, retriesEnabled: false }, Date.now(), DEFAULT_RETRY_POLICY);
    const late = await visitor.post(`${path}/retries`, hiddenFields(html, `${path}/retries`));
    expect(late.text).toContain("Retries of demo were already off: nothing was changed.");
    expect((await visitor.open(path + CONFIRM)).text).toContain("Retries of demo are off already.");
  });

  it("asks again if another user has changed where the calls are sent", async () => {
    const { callback, path, visitor } = await open();
    const { html } = await visitor.open(path + CONFIRM);
    const url = "http://127.0.0.1:9001/elsewhere";
    await service.store.callbacks.update(callback.id, { ...callback, url }, Date.now(), DEFAULT_RETRY_POLICY);
    const again = await visitor.post(`${path}/retries`, hiddenFields(html, `${path}/retries`));
    expect([again.status, again.text]).toEqual([409, expect.stringContaining("Nothing was switched: check it again")]);
    expect(again.text).toContain(url);
    expect(await isOn(callback.id)).toBe(true);
    await visitor.post(`${path}/retries`, hiddenFields(again.html, `${path}/retries`));
    expect(await service.store.callbacks.find(callback.id)).toMatchObject({ url, retriesEnabled: false });
  });

  it("leads nowhere but into the console, and takes on and off only", async () => {
    const { path, visitor } = await open();
    const { html } = await visitor.open(`${path}/retries?switch=off&to=https%3A%2F%2Fevil.example`);
    expect(html).not.toContain("evil.example");
    expect((await visitor.open(`${path}/retries?switch=maybe`)).status).toBe(422);
    expect((await visitor.open("/console?state=maybe")).status).toBe(422);
  });
});

const KEY = "a-typed-secret-key";
const NEW = "/console/callbacks/new";

const VALID = {
  name: "crm",
  url: "http://127.0.0.1:9000/crm",
  contentType: "xml",
  "callbacks.reply": "on",
  "auth.type": "bearertoken",
  "auth.key": KEY,
  removeHTML: "enabled",
  signing: "disabled",
  retriesEnabled: "true",
  email: "crm@example.com",
};

const STORED = {
  name: "crm",
  url: "http://127.0.0.1:9000/crm",
  contentType: "xml",
  events: { reply: true, undeliverable: false },
  auth: { type: "bearertoken", key: KEY },
  removeHtml: true,
  retriesEnabled: true,
  email: "crm@example.com",
};

/** The edit form of CALLBACK_SETTINGS sends this if nothing is changed. */
const UNCHANGED = {
  name: CALLBACK_SETTINGS.name,
  url: CALLBACK_SETTINGS.url,
  contentType: "json",
  "callbacks.reply": "on",
  "callbacks.undeliverable": "on",
  "auth.type": "httpheader",
  "auth.key": "",
  removeHTML: "disabled",
  signing: "disabled",
  retriesEnabled: "true",
  email: CALLBACK_SETTINGS.email,
};

/** Answers the registration's check. */
function endpoint(result: DeliveryResult) {
  const requests: DeliveryRequest[] = [];
  const checkEndpoint = async (request: DeliveryRequest) => {
    requests.push(request);
    return result;
  };
  return { requests, checkEndpoint };
}

const valueIn = (html: string, name: string) => new RegExp(`<input[^>]* name="${name}"[^>]* value="([^"]*)"`).exec(html)?.[1];

/** Returns the text that describes a field. */
function errorAt(html: string, name: string): string | undefined {
  const [, attributes = ""] = new RegExp(`<(?:input|select)([^>]* name="${name}"[^>]*)>`).exec(html) ?? [];
  if (!attributes.includes('aria-invalid="true"') || !attributes.includes(`field-${name}-error`)) return undefined;
  return new RegExp(`id="field-${name}-error">([^<]*)<`).exec(html)?.[1];
}

describe("a new callback", () => {
  it("is created with what was chosen, once its endpoint has answered the check", async () => {
    const { requests, checkEndpoint } = endpoint(ACCEPTED);
    service = await openService({ checkEndpoint });
    const visitor = await new Visitor(service.app).signIn();
    const page = await visitor.send(NEW, NEW, VALID);
    const { id, ...stored } = (await service.store.callbacks.find("crm")) ?? { id: "" };
    expect(stored).toMatchObject(STORED);
    expect([page.url, page.text]).toEqual([`/console/callbacks/${id}/edit`, expect.stringContaining("Created")]);
    expect(requests.map(({ method, url, headers }) => [method, url, headers.authorization])).toEqual([
      ["GET", VALID.url, `Bearer ${KEY}`],
    ]);
    expect(page.html).not.toContain(KEY);
  });

  it("shows each mistake at its field, first of all as a list, and keeps what was typed, but not the key", async () => {
    service = await openService();
    const visitor = await new Visitor(service.app).signIn();
    const typed = { ...VALID, name: `x"<b>`.padEnd(60, "x"), url: "example.com/<i>", email: "no one" };
    const page = await visitor.send(NEW, NEW, typed);
    expect(page.status).toBe(422);
    expect(["name", "url", "email", "auth.key"].map((name) => errorAt(page.html, name))).toEqual([
      "Must be at most 50 characters.",
      "Must be an http or https URL.",
      "Must be one e-mail address.",
      undefined,
    ]);
    expect(page.html).toMatch(/role="alert" tabindex="-1" autofocus/);
    expect([...page.html.matchAll(/href="#field-([^"]*)"/g)].map(([, name]) => name)).toEqual(["name", "url", "email"]);
    expect(valueIn(page.html, "name")).toBe(`x&quot;&lt;b>${"x".repeat(55)}`);
    expect(valueIn(page.html, "url")).toBe("example.com/&lt;i>");
    expect(page.html).toMatch(/value="xml" checked/);
    expect(page.text).toContain("Type it again: a page never contains a key.");
    expect(page.html).not.toContain(KEY);
  });

  it("needs a key, unless it sends none", async () => {
    service = await openService();
    const visitor = await new Visitor(service.app).signIn();
    const keyless = { ...VALID, "auth.key": "" };
    expect(errorAt((await visitor.send(NEW, NEW, keyless)).html, "auth.key")).toBe("Is required, unless the auth type is None.");
    const contradictory = await visitor.send(NEW, NEW, { ...VALID, "auth.type": "none" });
    expect(errorAt(contradictory.html, "auth.key")).toMatch(/^Isn't sent with the auth type None/);
    await visitor.send(NEW, NEW, { ...keyless, "auth.type": "none" });
    expect((await service.store.callbacks.find("crm"))?.auth).toEqual({ type: "httpheader", key: "" });
  });

  it("isn't created if its endpoint fails the check, its URL isn't allowed or its name is taken", async () => {
    let isAllowed = true;
    const checkCallbackUrl = () => {
      if (!isAllowed) throw new WhcbError("address-refused", "127.0.0.1 isn't a public address.");
    };
    service = await openService({ ...endpoint(REFUSED_503), checkCallbackUrl });
    await addCallback("crm");
    const visitor = await new Visitor(service.app).signIn();
    expect(errorAt((await visitor.send(NEW, NEW, VALID)).html, "name")).toBe("A callback named crm already exists.");
    const other = { ...VALID, name: "other" };
    expect(errorAt((await visitor.send(NEW, NEW, other)).html, "url")).toBe(
      "Must answer a GET with exactly 200; it answered: 503 Service Unavailable.",
    );
    isAllowed = false;
    expect(errorAt((await visitor.send(NEW, NEW, other)).html, "url")).toBe("127.0.0.1 isn't a public address.");
    expect(await service.store.callbacks.find("other")).toBeNull();
  });

  it("sent twice is created once, and both times says so", async () => {
    let answer = (_: DeliveryResult): void => undefined;
    const check = new Promise<DeliveryResult>((resolve) => {
      answer = resolve;
    });
    service = await openService({ checkEndpoint: () => check });
    const visitor = await new Visitor(service.app).signIn();
    const { html } = await visitor.open(NEW);
    const fields = { token: valueIn(html, "token") ?? "", ...VALID };
    const both = [visitor.post(NEW, fields), visitor.post(NEW, fields)];
    answer(ACCEPTED);
    const pages = [...(await Promise.all(both)), await visitor.post(NEW, fields)];
    const { items } = await service.store.callbacks.list({ limit: 10, offset: 0, sort: [] });
    expect(items.map(({ name }) => name)).toEqual(["crm"]);
    expect(pages.map(({ status, url }) => [status, url])).toEqual(
      Array.from({ length: 3 }, () => [200, `/console/callbacks/${items[0]?.id}/edit`]),
    );
    const changed = await visitor.post(NEW, { ...fields, email: "another@example.com" });
    expect([changed.status, errorAt(changed.html, "name")]).toEqual([422, "A callback named crm already exists."]);
  });
});

describe("signing", () => {
  it("shows a secret once, after it was created, switched on or replaced", async () => {
    service = await openService();
    const visitor = await new Visitor(service.app).signIn();
    const secretOf = async (name: string) => (await service.store.callbacks.find(name))?.signingSecrets[0]?.secret ?? "none";
    const created = await visitor.send(NEW, NEW, { ...VALID, signing: "enabled" });
    expect(created.html).toContain(`<pre id="secret">${await secretOf("crm")}</pre>`);
    const { id } = await addCallback("demo");
    const edit = `/console/callbacks/${id}/edit`;
    expect((await visitor.open(edit)).text).not.toContain("Signed, with a new secret");
    const switchedOn = await visitor.send(edit, edit, { ...UNCHANGED, signing: "enabled" });
    const secondly = await visitor.send(edit, edit, { ...UNCHANGED, signing: "enabled" });
    expect(secondly.text).toContain("only the first answer had the signing secret. If you don't have it, save with a new one.");
    const first = await secretOf("demo");
    expect([switchedOn.status, switchedOn.text]).toEqual([200, expect.stringContaining(`it isn't shown again. If you lose it`)]);
    expect(switchedOn.html).toContain(first);
    const again = await visitor.open(edit);
    expect(again.html).not.toContain(first.slice("whsec_".length));
    expect(again.text).toContain("Signed, with a new secret");
    await visitor.send(edit, edit, { ...UNCHANGED, signing: "enabled", email: "other@example.com" });
    expect(await secretOf("demo")).toBe(first);
    const replaced = await visitor.send(edit, edit, { ...UNCHANGED, signing: "new" });
    expect([await secretOf("demo"), replaced.text]).toEqual([
      expect.not.stringContaining(first),
      expect.stringContaining("For 24 hours deliveries are signed with the secret before too."),
    ]);
    expect(replaced.html).toContain(await secretOf("demo"));
    expect((await visitor.send(edit, edit, UNCHANGED)).text).toContain("Saved.");
    expect(await secretOf("demo")).toBe("none");
  });
});

describe("a test of the endpoint", () => {
  it("shows what came back, without the key, and saves nothing", async () => {
    const body = `<b>${KEY}</b> 1 2`;
    const { requests, checkEndpoint } = endpoint({ kind: "answered", statusCode: 418, statusMessage: "Teapot", body });
    service = await openService({ checkEndpoint });
    const visitor = await new Visitor(service.app).signIn();
    const page = await visitor.send(NEW, NEW, { ...VALID, name: "", email: "", step: "test" });
    expect(page.status).toBe(200);
    expect(page.text).toMatch(/The endpoint answered 418: only 200 counts as delivered. Nothing was saved./);
    expect(page.text).toMatch(/Request GET http:\/\/127.0.0.1:9000\/crm Answer 418 Teapot Duration \d+ms/);
    expect(page.html).toContain("&lt;b>****&lt;/b> 1 2");
    expect(page.html).not.toContain(KEY);
    expect(page.text).toContain("Type the key again");
    expect(valueIn(page.html, "url")).toBe(VALID.url);
    expect(requests.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${KEY}`]);
    expect((await service.store.callbacks.list({ limit: 1, offset: 0, sort: [] })).total).toBe(0);
  });

  it("of a stored callback sends its key, and says why no answer came", async () => {
    const { requests, checkEndpoint } = endpoint({ kind: "unreachable", reason: "refused", detail: "ECONNREFUSED" });
    service = await openService({ checkEndpoint });
    const { id } = await addCallback("demo");
    const edit = `/console/callbacks/${id}/edit`;
    const page = await (await new Visitor(service.app).signIn()).send(edit, edit, { ...UNCHANGED, step: "test" });
    expect(page.text).toContain("The endpoint gave no answer. Nothing was saved.");
    expect(page.text).toContain("Answer refused: ECONNREFUSED");
    expect(requests.map(({ headers }) => headers["x-whispir-callback-key"])).toEqual([CALLBACK_SETTINGS.auth.key]);
    expect(page.html).not.toContain(CALLBACK_SETTINGS.auth.key);
  });

  it("isn't offered by a service that doesn't check, and none is sent to a URL that isn't allowed", async () => {
    service = await openService();
    expect((await (await new Visitor(service.app).signIn()).open(NEW)).text).not.toContain("Send a test");
    await closeService(service);
    const { requests, checkEndpoint } = endpoint(ACCEPTED);
    const checkCallbackUrl = () => {
      throw new WhcbError("address-refused", "127.0.0.1 isn't a public address.");
    };
    service = await openService({ checkEndpoint, checkCallbackUrl });
    const page = await (await new Visitor(service.app).signIn()).send(NEW, NEW, { ...VALID, step: "test" });
    expect([errorAt(page.html, "url"), requests]).toEqual(["127.0.0.1 isn't a public address.", []]);
  });
});

describe("editing", () => {
  async function openEdit(over: Partial<typeof CALLBACK_SETTINGS> = {}, overrides: Partial<ServerDeps> = {}) {
    service = await openService(overrides);
    const callback = await addCallback("demo", over);
    const visitor = await new Visitor(service.app).signIn();
    const path = `/console/callbacks/${callback.id}/edit`;
    const { html } = await visitor.open(path);
    const hidden = hiddenFields(html, path);
    return {
      callback,
      visitor,
      path,
      html,
      save: (fields: Readonly<Record<string, string>> = {}) => visitor.post(path, { ...hidden, ...UNCHANGED, ...fields }),
      stored: () => service.store.callbacks.find(callback.id),
      saveByAnother: (change: Partial<typeof CALLBACK_SETTINGS>) =>
        service.store.callbacks.update(callback.id, { ...callback, ...change }, Date.now(), DEFAULT_RETRY_POLICY),
    };
  }

  it("shows the settings with the key masked, and escapes them", async () => {
    const { html } = await openEdit({
      url: "http://127.0.0.1:9000/?q=<script>",
      auth: { type: "bearertoken", key: "a-secret-of-19-1234" },
    });
    expect(html).toContain("••••1234");
    expect(html).not.toContain("a-secret");
    expect(html).not.toContain("?q=<script>");
    expect(html).toMatch(/<option value="bearertoken" selected/);
    expect(html).toMatch(/name="retriesEnabled" value="true" checked/);
  });

  it("switches retries on, keeps the key, and tells the dispatcher", async () => {
    const { callback, html, save, stored } = await openEdit({ retriesEnabled: false });
    const warning = "When you enable them, the calls that failed within the last 24 hours are sent again at once.";
    expect(html).toContain(warning);
    const page = await save({ retriesEnabled: "true" });
    expect(page.text).not.toContain(warning);
    expect(page.text).toContain(
      "Saved. Retries are enabled: the calls that failed within the last 24 hours are sent again now, or in retry rounds while the endpoint is down.",
    );
    expect(await stored()).toMatchObject({ ...CALLBACK_SETTINGS, retriesEnabled: true });
    expect(service.work).toEqual([{ callbackId: callback.id, kind: "changed" }]);
  });

  it("is saved once by a form that is sent twice", async () => {
    const { save } = await openEdit();
    const pages = await Promise.all([save({ "auth.key": KEY, name: "new" }), save({ "auth.key": KEY, name: "new" })]);
    expect(pages.map(({ status, text }) => [status, text.includes("Saved.")])).toEqual([
      [200, true],
      [200, true],
    ]);
    expect(service.work).toHaveLength(1);
    // A change to anything else is another user's.
    expect((await save({ name: "new", email: "x@example.com" })).status).toBe(409);
  });

  it("doesn't tell a session whether a guess of the key, or of a secret in the URL, is right", async () => {
    const url = "http://127.0.0.1:9000/crm?sid=1234";
    const { path, visitor } = await openEdit({ url });
    const mine = { "auth.key": CALLBACK_SETTINGS.auth.key, url };
    for (const guess of [mine, { ...mine, url: `${url}5` }, { ...mine, "auth.key": "4711" }]) {
      const page = await visitor.send(path, path, { ...UNCHANGED, ...guess, targetMark: "x" });
      expect(page.status).toBe(409);
    }
    for (const key of [CALLBACK_SETTINGS.auth.key, "4711"]) {
      const page = await visitor.send(NEW, NEW, { ...VALID, ...UNCHANGED, url, "auth.key": key });
      expect(page.status).toBe(422);
    }
  });

  it.each([
    ["the key", { "auth.key": CALLBACK_SETTINGS.auth.key }, { "auth.key": "4711" }],
    ["a secret in the URL", { url: `${CALLBACK_SETTINGS.url}?sid=1234` }, { url: `${CALLBACK_SETTINGS.url}?sid=1235` }],
  ])("doesn't either after the session has saved the form without typing %s", async (_, right, wrong) => {
    const { save, stored } = await openEdit({ url: `${CALLBACK_SETTINGS.url}?sid=1234` });
    const mine = { url: `${CALLBACK_SETTINGS.url}?sid=****`, email: "mine@example.com" };
    expect((await save(mine)).text).toContain("Saved.");
    for (const guess of [right, wrong]) expect((await save({ ...mine, ...guess, targetMark: "x" })).status).toBe(409);
    expect(await stored()).toMatchObject({ url: `${CALLBACK_SETTINGS.url}?sid=1234`, auth: CALLBACK_SETTINGS.auth });
    expect((await save(mine)).text).toContain("Saved.");
  });

  it("isn't taken for the one of another callback, which was saved with a guess of its key", async () => {
    const { callback, path, save, visitor } = await openEdit();
    const other = await addCallback("other");
    const guess = { ...UNCHANGED, "auth.key": CALLBACK_SETTINGS.auth.key };
    await visitor.send(`/console/callbacks/${other.id}/edit`, `/console/callbacks/${other.id}/edit`, { ...guess, name: "new" });
    await service.store.callbacks.delete(other.id, Date.now());
    await service.store.callbacks.update(callback.id, { ...callback, name: "new" }, Date.now(), DEFAULT_RETRY_POLICY);
    expect((await save({ ...guess, name: "new", targetMark: "x" })).status).toBe(409);
    expect((await visitor.open(path)).text).toContain("new");
  });

  it("has other marks than a callback with the same URL and key", async () => {
    const { visitor, path } = await openEdit();
    const other = await addCallback("other");
    const marksOf = async (id: string) => {
      const [edit, retries] = [`/console/callbacks/${id}/edit`, `/console/callbacks/${id}/retries`];
      const { targetMark } = hiddenFields((await visitor.open(edit)).html, edit);
      const { seen } = hiddenFields((await visitor.open(`${retries}?switch=off`)).html, retries);
      return [targetMark, seen];
    };
    const marks = [...(await marksOf(path.split("/")[3] ?? "")), ...(await marksOf(other.id))];
    expect([marks.filter(Boolean).length, new Set(marks).size]).toEqual([4, 2]);
  });

  it.each([
    ["the key", { "auth.key": "4711" }, { "auth.key": "0471" }],
    ["a secret in the URL", { url: `${CALLBACK_SETTINGS.url}?sid=1235` }, { url: `${CALLBACK_SETTINGS.url}?sid=1234` }],
  ])("doesn't tell who saves guesses when %s is again what it was", async (_, wrong, right) => {
    const { path, visitor } = await openEdit({
      url: `${CALLBACK_SETTINGS.url}?sid=1234`,
      auth: { type: "httpheader", key: "0471" },
    });
    const retries = `${path.replace("/edit", "/retries")}`;
    const marks = async () => [
      hiddenFields((await visitor.open(path)).html, path).targetMark,
      hiddenFields((await visitor.open(`${retries}?switch=off`)).html, retries).seen,
    ];
    const typed = { url: `${CALLBACK_SETTINGS.url}?sid=1234`, "auth.key": "0471" };
    const seen = await marks();
    for (const guess of [wrong, right]) {
      expect((await visitor.send(path, path, { ...UNCHANGED, ...typed, ...guess })).text).toContain("Saved.");
    }
    expect((await marks()).filter((mark) => seen.includes(mark))).toEqual([]);
  });

  it("keeps its marks when something else is saved", async () => {
    const { path, visitor, save } = await openEdit();
    const mark = async () => hiddenFields((await visitor.open(path)).html, path).targetMark;
    const before = await mark();
    expect((await save({ email: "mine@example.com" })).text).toContain("Saved.");
    expect(await mark()).toBe(before);
  });

  it("replaces the key only by a typed one, and removes it with None", async () => {
    const { path, save, stored, visitor } = await openEdit();
    await save({ "auth.key": KEY, "callbacks.reply": "on" });
    expect((await stored())?.auth).toEqual({ type: "httpheader", key: KEY });
    await visitor.send(path, path, { ...UNCHANGED, "auth.type": "bearertoken" });
    expect((await stored())?.auth).toEqual({ type: "bearertoken", key: KEY });
    await visitor.send(path, path, { ...UNCHANGED, "auth.type": "none" });
    expect((await stored())?.auth).toEqual({ type: "bearertoken", key: "" });
  });

  it("asks for the key of Basic if its end would be shown with another auth type", async () => {
    const auth = { type: "basicauth" as const, key: "YWRhOmNvcnJlY3QtaG9yc2U=" };
    const { path, stored, visitor } = await openEdit({ auth });
    const page = await visitor.send(path, path, { ...UNCHANGED, "auth.type": "httpheader" });
    expect([page.status, errorAt(page.html, "auth.key")]).toEqual([422, "Has to be typed again for another auth type."]);
    expect((await stored())?.auth).toEqual(auth);
  });

  const ELSEWHERE = [
    ...["https://127.0.0.1:9000/hook", "http://127.0.0.2:9000/hook", "http://127.0.0.1:9001/hook"],
    // Another path may be another receiver's, and what is masked of it would tell whether a guess is the key.
    ...["http://127.0.0.1:9000/other", `http://127.0.0.1:9000/hook?guess=${CALLBACK_SETTINGS.auth.key}`],
  ];

  it.each(ELSEWHERE)("doesn't send the stored key to another URL: %s", async (url) => {
    const { requests, checkEndpoint } = endpoint(ACCEPTED);
    const { save, stored } = await openEdit({}, { checkEndpoint });
    for (const step of ["save", "test"]) {
      const page = await save({ url, email: "mine@example.com", step });
      expect([page.status, errorAt(page.html, "auth.key")]).toEqual([422, "Has to be typed again for another URL."]);
      expect([errorAt(page.html, "url"), valueIn(page.html, "url")]).toEqual([undefined, url]);
      expect(valueIn(page.html, "email")).toBe("mine@example.com");
    }
    expect(requests).toEqual([]);
    expect(await stored()).toMatchObject(CALLBACK_SETTINGS);
    for (const fields of [{ "auth.key": KEY }, { "auth.type": "none" }]) await save({ url, ...fields, step: "test" });
    expect(requests.map(({ headers }) => headers["x-whispir-callback-key"])).toEqual([KEY, undefined]);
    await save({ url, "auth.key": KEY });
    expect(await stored()).toMatchObject({ url, auth: { key: KEY } });
  });

  it("goes to another URL without a key if None is chosen", async () => {
    const { save, stored } = await openEdit();
    await save({ url: "http://127.0.0.1:9001/hook", "auth.type": "none" });
    expect(await stored()).toMatchObject({ url: "http://127.0.0.1:9001/hook", auth: { key: "" } });
  });

  it("doesn't ask for the key if it was another who moved the callback, and its URL is taken into the form", async () => {
    const { path, save, saveByAnother, stored, visitor } = await openEdit();
    const moved = { url: "https://moved.example/hook", auth: { type: "httpheader", key: KEY } } as const;
    await saveByAnother(moved);
    const page = await save({ email: "mine@example.com" });
    expect([page.status, valueIn(page.html, "url"), errorAt(page.html, "auth.key")]).toEqual([409, moved.url, undefined]);
    const mine = { ...UNCHANGED, url: moved.url, email: "mine@example.com" };
    await visitor.post(path, { ...hiddenFields(page.html, path), ...mine });
    expect(await stored()).toMatchObject({ ...moved, email: "mine@example.com" });
  });

  it("writes nothing where nothing was changed", async () => {
    const { save } = await openEdit();
    expect((await save()).text).toContain("Saved.");
    expect(service.work).toEqual([]);
  });

  it("never overwrites silently what another saved since: it says what, and takes it into the form", async () => {
    const { path, save, saveByAnother, stored, visitor } = await openEdit();
    await saveByAnother({ retriesEnabled: false, email: "<i>@example.com", auth: { type: "httpheader", key: KEY } });
    const page = await save({ name: "mine", email: "mine@example.com" });
    expect(page.status).toBe(409);
    expect(page.text).toContain("Nothing was saved, because the callback was changed while you edited it");
    expect(page.text).toContain("Notification e-mail: ops@example.com → &lt;i>@example.com");
    expect(page.text).toContain("Retries: enabled → disabled");
    expect(page.text).toContain("Auth parameter: another key");
    expect(page.html).toMatch(/name="retriesEnabled" value="false" checked/);
    expect([valueIn(page.html, "name"), valueIn(page.html, "email")]).toEqual(["mine", "mine@example.com"]);
    expect(errorAt(page.html, "email")).toBe("Was changed to “&lt;i>@example.com” meanwhile.");
    expect(page.html).not.toContain(KEY);
    expect(await stored()).toMatchObject({ name: "demo", email: "<i>@example.com" });
    // The form that was shown knows of the change.
    const mine = { ...UNCHANGED, name: "mine", email: "mine@example.com", retriesEnabled: "false" };
    await visitor.post(path, { ...hiddenFields(page.html, path), ...mine });
    expect(await stored()).toMatchObject({ name: "mine", email: "mine@example.com", retriesEnabled: false, auth: { key: KEY } });
  });

  it("still finds the other's change after a test, in whose form it isn't", async () => {
    const { path, save, saveByAnother, visitor, stored } = await openEdit();
    await saveByAnother({ email: "another@example.com" });
    const tested = await save({ step: "test", removeHTML: "enabled" });
    expect(tested.status).toBe(200);
    const mine = { ...UNCHANGED, removeHTML: "enabled" };
    const page = await visitor.post(path, { ...hiddenFields(tested.html, path), ...mine });
    expect(page.status).toBe(409);
    expect((await stored())?.email).toBe("another@example.com");
  });

  it("finds that another has only replaced the key", async () => {
    const { save, saveByAnother, stored } = await openEdit();
    await saveByAnother({ auth: { type: "httpheader", key: KEY } });
    const page = await save({ "auth.key": "a-key-of-mine", removeHTML: "enabled" });
    expect([page.status, page.text]).toEqual([409, expect.stringContaining("Auth parameter: another key")]);
    expect((await stored())?.auth.key).toBe(KEY);
  });

  it("also finds a change that is saved at the same moment", async () => {
    const { save, saveByAnother, stored } = await openEdit();
    const { store } = service;
    const update = store.callbacks.update;
    store.callbacks.update = async (...given) => {
      store.callbacks.update = update;
      await saveByAnother({ email: "another@example.com" });
      return update(...given);
    };
    const page = await save({ retriesEnabled: "false" });
    expect([page.status, page.text]).toEqual([409, expect.stringContaining("ops@example.com → another@example.com")]);
    expect(await stored()).toMatchObject({ email: "another@example.com", retriesEnabled: true });
  });
});

describe("deleting", () => {
  it("says first how many calls failed or wait, and what becomes of them", async () => {
    service = await openService();
    const { id } = await addCallback("<b>demo");
    await accept(id, 2);
    await service.store.calls.mark(id, [`${id}-0`], "SUCCESS", Date.now());
    await service.store.calls.mark(id, [`${id}-0`], "FAILED", Date.now());
    const visitor = await new Visitor(service.app).signIn();
    const path = `/console/callbacks/${id}/delete`;
    const asked = await visitor.open(path);
    expect(asked.text).toContain("Its 1 failed call and 1 waiting call are never sent again.");
    expect(asked.text).toContain("&lt;b>demo");
    expect(asked.html).toMatch(/aria-current="page">Settings</);
    expect(asked.html).not.toContain("<b>demo");
    expect(await service.store.callbacks.find(id)).not.toBeNull();
    const fields = { token: valueIn(asked.html, "token") ?? "" };
    const mistyped = await visitor.post(path, { ...fields, name: "demo" });
    expect([mistyped.status, mistyped.text]).toEqual([422, expect.stringContaining("This isn't the callback's name.")]);
    expect((await visitor.post(path, fields)).status).toBe(422);
    expect(await service.store.callbacks.find(id)).not.toBeNull();
    const done = await visitor.post(path, { ...fields, name: " <b>demo " });
    expect([done.url, done.text]).toEqual(["/console", expect.stringContaining("Deleted &lt;b>demo.")]);
    expect(await service.store.callbacks.find(id)).toBeNull();
    expect(service.work).toEqual([{ callbackId: id, kind: "changed" }]);
    expect((await visitor.post(path, fields)).text).toContain("The callback is deleted.");
  });
});

describe("deleting a callback that never had a call", () => {
  it("asks for no name", async () => {
    service = await openService();
    const { id } = await addCallback("demo");
    const visitor = await new Visitor(service.app).signIn();
    const path = `/console/callbacks/${id}/delete`;
    const asked = await visitor.open(path);
    expect(asked.text).not.toContain("Type the callback's name");
    expect((await visitor.post(path, { token: valueIn(asked.html, "token") ?? "" })).text).toContain("Deleted demo.");
  });
});

describe("a form with another session's token", () => {
  it("creates, changes, tests and deletes nothing", async () => {
    const { requests, checkEndpoint } = endpoint(ACCEPTED);
    service = await openService({ checkEndpoint });
    const { id } = await addCallback("demo");
    const [visitor, other] = [await new Visitor(service.app).signIn(), await new Visitor(service.app).signIn()];
    const token = valueIn((await other.open(NEW)).html, "token") ?? "";
    const edit = `/console/callbacks/${id}/edit`;
    const answers = [
      await visitor.post(NEW, { ...VALID, token }),
      await visitor.post(NEW, { ...VALID, token, step: "test" }),
      await visitor.post(edit, { ...UNCHANGED, token, name: "changed" }),
      await visitor.post(`/console/callbacks/${id}/delete`, { token }),
    ];
    // What was typed is shown again, to be sent with the right token.
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 403]);
    const { items } = await service.store.callbacks.list({ limit: 10, offset: 0, sort: [] });
    expect([items.map(({ name }) => name), requests]).toEqual([["demo"], []]);
  });
});
