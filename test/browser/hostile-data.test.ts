/** What anybody can send to the service, on the console's pages: it runs nothing, and no page scrolls to the side. */
import { expect } from "vitest";
import { expectUsable, LOOKS } from "../support/browser/browser-window.js";
import { it } from "../support/browser/rehearsal.js";
import type { ServedApi } from "../support/process/served-api.js";

const MARKUP = `<img src=x onerror="alert(1)"><script>alert(2)</script>`;
const LONG_WORD = "W".repeat(2000);
const REORDERED = "\u202eevil\u202d\u2066";
const MARKS = `Z${"\u0310".repeat(300)}`;

async function send(api: ServedApi, callbackId: string, id: string, text: string): Promise<void> {
  const from = { name: text, mri: text, mobile: text, email: text, voice: text };
  const call = { id, from, responseMessage: { channel: "SMS", content: text }, customParameters: { [text]: text } };
  const answer = await api.fetch(`/callbacks/${callbackId}/calls`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(call),
  });
  if (answer.status !== 202) throw new Error(`${answer.status}: ${await answer.text()}`);
}

it("is shown as text", async ({ rehearsal }) => {
  const markupId = await rehearsal.api.create({ name: MARKUP.slice(0, 50), url: rehearsal.endpointUrl });
  const id = await rehearsal.api.create({ name: "W".repeat(50), url: rehearsal.endpointUrl });
  rehearsal.answer(500);
  const texts = [MARKUP, LONG_WORD, REORDERED, MARKS];
  for (const [index, text] of texts.entries()) await send(rehearsal.api, id, `${"I".repeat(60)}${index}`, text);
  await rehearsal.settled(id, "FAILED", texts.length);
  for (const text of [MARKUP, LONG_WORD.slice(0, 256), REORDERED, MARKS.slice(0, 256)]) {
    const query = new URLSearchParams({ status: "FAILED", q: text });
    expect((await rehearsal.api.fetch(`/callbacks/${id}/replays?${query}`, { method: "POST" })).status).toBe(202);
    await rehearsal.settled(id, "FAILED", texts.length);
  }
  await using window = await rehearsal.signIn({ width: 360, looks: LOOKS.filter(({ colorScheme }) => colorScheme === "light") });
  const { page } = window;
  const dialogs: string[] = [];
  page.on("dialog", (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  const path = `/console/callbacks/${id}`;
  const calls = texts.map((_, index) => `${path}/calls/${"I".repeat(60)}${index}`);
  const search = `/console?q=${LONG_WORD}`;
  const confirmation = `${path}/confirm?action=replay&all=on&q=${"W".repeat(200)}`;
  const nothing = `/console/callbacks/${"W".repeat(60)}/calls`;
  const outages = `${path}/outages`;
  const audit = ["/console/audit", `/console/audit?callbackId=${LONG_WORD}&user=${LONG_WORD}&since=${LONG_WORD}`];
  for (const one of ["/console", search, nothing, ...audit, `${path}/edit`, `${path}/calls`, confirmation, outages, ...calls]) {
    await page.goto(one);
    await page.evaluate("for (const part of document.querySelectorAll('main details')) part.open = true");
    await expectUsable(window);
  }

  // The script brings this part up to date.
  await page.goto(`/console/callbacks/${markupId}/calls`);
  await send(rehearsal.api, markupId, "LATE", MARKUP);
  await page.getByRole("row").filter({ hasText: "alert(2)" }).waitFor();
  await expectUsable(window);
  await rehearsal.api.fetch(`/callbacks/${markupId}/calls?id=LATE`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ status: "SUCCESS" }),
  });
  await page.getByText("No failed calls").waitFor();
  expect(dialogs).toEqual([]);
});
