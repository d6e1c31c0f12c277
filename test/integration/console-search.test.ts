import { afterEach, describe, expect, it } from "vitest";
import { anAttempt, aResponse } from "../support/builders.js";
import { Visitor } from "../support/server/console-visitor.js";
import { CALLBACK_SETTINGS, closeService, openService, type Service } from "../support/server/server-fixture.js";

let service: Service;

afterEach(() => closeService(service));

const GENERATED = "01A21005625A7A0880E72DC908BEA1E7";
const MESSAGE = "F9E8D7C6B5A4F3E2D1C0B9A8F7E6D5C4";

async function open() {
  service = await openService();
  const { callbacks, calls } = service.store;
  const settings = { ...CALLBACK_SETTINGS, auth: { type: "httpheader", key: "s3cret-key-of-it" } } as const;
  const crm = await callbacks.create("00112233445566AA", { ...settings, name: "Replies CRM" }, Date.now());
  const other = await callbacks.create("00112233445566BB", { ...settings, name: "other <b>" }, Date.now());
  const from = { name: "", mri: "", mobile: "+61 410 739 741", email: "Ada@Example.com", voice: "" };
  const response = { ...aResponse(), from, messageId: MESSAGE };
  await calls.accept([{ callbackId: crm.id, calls: [{ id: GENERATED, response }] }], Date.now());
  await calls.accept([{ callbackId: other.id, calls: [{ id: "0410739741", response: aResponse() }] }], Date.now());
  const visitor = await new Visitor(service.app).signIn();
  const find = async (text: string) => visitor.open(`/console/search?${new URLSearchParams({ q: text })}`);
  return { crm, other, visitor, find };
}

const CALL = `/console/callbacks/00112233445566AA/calls/${GENERATED}`;
const OTHER_CALL = "/console/callbacks/00112233445566BB/calls/0410739741";

/** Returns the calls that a page leads to. */
const callsIn = (html: string) => [...html.matchAll(/href="(\/console\/callbacks\/\w+\/calls\/\w+)"/g)].map(([, path]) => path);

describe("a search", () => {
  it.each(["+61 410 739 741", "61410739741", "(410) 739 741", "0061 410 739.741"])(
    "for the number %s finds the call from it, though it is spelled otherwise",
    async (text) => {
      const { find } = await open();
      const page = await find(text);
      expect(callsIn(page.html)).toEqual([CALL]);
      expect(page.text).toContain("Replies CRM");
    },
  );

  it("for what is a number and an id finds both", async () => {
    const { find } = await open();
    expect(callsIn((await find("0410739741")).html)).toEqual([OTHER_CALL, CALL]);
  });

  it.each([GENERATED, GENERATED.toLowerCase(), "01A21005", "08bea1e7", MESSAGE, "ada@EXAMPLE.com"])(
    "for %s leads to the call",
    async (text) => {
      const { find } = await open();
      expect(callsIn((await find(text)).html)).toEqual([CALL]);
    },
  );

  it("finds callbacks by a part of the name and by id, and is on every page", async () => {
    const { find, visitor, crm } = await open();
    for (const text of ["replies", crm.id, crm.id.toLowerCase()]) {
      const { html } = await find(text);
      expect(html).toContain('<a href="/console/callbacks/00112233445566AA/calls">Replies CRM</a>');
    }
    expect((await visitor.open("/console")).html).toContain('action="/console/search"');
    expect((await new Visitor(service.app).open("/console")).html).not.toContain('action="/console/search"');
  });

  it("says what can be found if nothing was, escapes its text, and takes 256 characters at most", async () => {
    const { find, visitor } = await open();
    expect((await find("no-such-1")).text).toContain("Nothing was found");
    expect((await visitor.open("/console/search")).text).toContain("What are you looking for?");
    expect((await find('"><script>x')).html).not.toContain("<script>x");
    expect((await find("other")).html).toContain("other &lt;b>");
    expect((await find("x".repeat(256))).status).toBe(200);
    expect((await find("x".repeat(257))).status).toBe(422);
    for (const place of ["before=-1", "before=x", "before=9999999999999999", "before=1&before=2"])
      expect((await visitor.open(`/console/search?q=12345678&${place}`)).status).toBe(422);
  });

  it("shows no secret that an endpoint has repeated", async () => {
    const { find, crm } = await open();
    const call = await service.store.calls.find(crm.id, GENERATED);
    const result = { kind: "answered", statusCode: 500, statusMessage: "bad key s3cret-key-of-it", body: "" } as const;
    await service.store.outcomes.commit({
      attempts: [
        {
          callbackId: crm.id,
          callId: GENERATED,
          callSeq: call?.seq ?? 0,
          attempt: anAttempt({ result }),
          random: 0,
          recovery: 0,
        },
      ],
      ...{ holdings: [], endpoints: [], closedOutages: [], mails: [], fences: new Map(), isRepeated: false },
      policy: { intervalMs: 60_000, windowMs: 3_600_000, jitter: false },
    });
    const { html } = await find(GENERATED);
    expect(html).toContain("bad key");
    expect(html).not.toContain("s3cret-key-of-it");
  });
});

describe("a search among many calls", () => {
  it("goes on behind what it has found, until it has met each call", async () => {
    const { crm, visitor } = await open();
    const calls = Array.from({ length: 120 }, (_, index) => ({ id: `many-${index}`, response: aResponse() }));
    await service.store.calls.accept([{ callbackId: crm.id, calls }], Date.now());
    const met: unknown[] = [];
    let path: string | undefined = "/console/search?q=61400000001";
    while (path !== undefined) {
      const { html }: { readonly html: string } = await visitor.open(path);
      met.push(...[...html.matchAll(/title="([\w-]+)">[^<]*<\/a><\/th>/g)].map(([, id]) => id));
      path = /id="search-progress"[^>]* data-next="([^"]*)"/.exec(html)?.[1]?.replaceAll("&amp;", "&");
    }
    expect(met).toHaveLength(121);
    expect(new Set(met).size).toBe(121);
  });
});
