/**
 * Manage API Callbacks: the pages on a real store.
 * Covers: src/server/console/pages/callback-list.tsx
 */
import { afterEach, describe, expect, it } from "vitest";
import { aResponse } from "../support/builders.js";
import { Visitor } from "../support/server/console-visitor.js";
import { CALLBACK_SETTINGS, closeService, openService, type Service } from "../support/server/server-fixture.js";

let service: Service;

afterEach(() => closeService(service));

async function addCallback(name: string, over: Partial<typeof CALLBACK_SETTINGS> = {}) {
  const id = Buffer.from(name.padEnd(8).slice(0, 8)).toString("hex").toUpperCase();
  return service.store.createCallback(id, { ...CALLBACK_SETTINGS, name, ...over }, Date.now());
}

async function accept(callbackId: string, count: number): Promise<void> {
  const calls = Array.from({ length: count }, (_, index) => ({ id: `${callbackId}-${index}`, response: aResponse() }));
  await service.store.acceptCalls(callbackId, calls, Date.now());
}

/** In the order of the rows. */
const namesIn = (html: string) => [...html.matchAll(/calls">([^<]*)<\/a><span class="below/g)].map(([, name]) => name);

describe("the list", () => {
  it("shows each callback's numbers, sorts by them, and pages in that order", async () => {
    service = await openService();
    const [few, none, many] = [await addCallback("few"), await addCallback("none"), await addCallback("many")];
    await accept(few.id, 1);
    await accept(many.id, 2);
    const visitor = await new Visitor(service.app).signIn();
    expect(namesIn((await visitor.open("/console")).html)).toEqual(["few", "many", "none"]);
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
