/** An outage, from its beginning to its end. That it appears by itself: live-updates.test.ts. */
import { describe, expect } from "vitest";
import { expectUsable, seeChange, seePage, VISITS } from "../support/browser/browser-window.js";
import { it } from "../support/browser/rehearsal.js";

describe.each(VISITS)("at $width px, $colorScheme, with script: $hasScript", (visit) => {
  it("a person sees when it began, its e-mail, what replays sent, and when it ended", async ({ rehearsal }) => {
    const name = `Replies at ${visit.width} px ${visit.hasScript ? "with" : "without"} script`;
    const id = await rehearsal.api.create({ name, url: rehearsal.endpointUrl, retriesEnabled: false });
    await using window = await rehearsal.signIn(visit);
    const { page } = window;
    await page.getByRole("link", { name }).first().click();
    await seePage(window, name);
    await page.getByRole("link", { name: "Outages", exact: true }).click();
    await page.getByText("No outage so far").waitFor();
    await expectUsable(window);

    await rehearsal.fail(id, 12, 503);
    await seeChange(window, page.getByText("written to a file").first());
    await page.getByRole("heading", { name: /^Outage of / }).waitFor();
    const tick = page.locator("[data-tick]").first();
    const at = Number(await tick.getAttribute("data-tick"));
    const timeZone = visit.hasScript ? "Europe/Paris" : "UTC";
    const time = new Date(at).toLocaleTimeString("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" });
    const zone = visit.hasScript ? /[+]0[12]:00$/ : /UTC$/;
    expect([await tick.textContent(), await page.locator("[data-tick-day]").first().textContent()]).toEqual([
      time,
      expect.stringMatching(zone),
    ]);
    expect((await page.locator("desc[data-instants]").textContent())?.includes(" UTC")).toBe(!visit.hasScript);
    await page.getByText("The numbers of the chart").click();
    await page.getByText("The e-mail as it was written").click();
    await page.getByText(name, { exact: false }).last().waitFor();
    await expectUsable(window);

    rehearsal.answer(200);
    const replay = await rehearsal.api.fetch(`/callbacks/${id}/replays?status=FAILED`, { method: "POST" });
    expect(replay.status).toBe(202);
    await rehearsal.settled(id, "SUCCESS", 12);
    await seeChange(window, page.getByText("12 successful by a replay").first());
    await seeChange(window, page.getByText("ended", { exact: true }).first());
    await expectUsable(window);
  });
});
