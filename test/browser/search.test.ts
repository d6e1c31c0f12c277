import { describe } from "vitest";
import { expectUsable, seeNotice, seePage, VISITS } from "../support/browser/browser-window.js";
import { it } from "../support/browser/rehearsal.js";

describe.each(VISITS)("at $width px, $colorScheme, with script: $hasScript", (visit) => {
  it("what is broken is found by its state, its retries are switched on, and a reply is found by its number", async ({
    rehearsal,
  }) => {
    const name = `search ${visit.width} ${visit.hasScript ? "with" : "without"} script`;
    await using window = await rehearsal.signIn(visit);
    const { page } = window;
    const id = await rehearsal.api.create({ name, url: rehearsal.endpointUrl, retriesEnabled: false });
    await rehearsal.fail(id, 12, 503);
    await page.goto("/console");
    await page.getByRole("link", { name: /^\d+ down$/ }).click();
    const row = page.getByRole("row").filter({ hasText: name });
    await row.getByText("less than 1 min").waitFor();
    await expectUsable(window);

    await row.getByRole("link", { name: /are off: switch them on/ }).click();
    await seePage(window, "Switch retries on");
    await expectUsable(window);
    rehearsal.answer(200);
    await page.getByRole("button", { name: "Switch retries on" }).click();
    await seeNotice(window, `Retries of ${name} are on`);
    await seePage(window, "Manage API Callbacks");
    await rehearsal.settled(id, "SUCCESS", 12);

    const field = page.getByRole("searchbox", { name: "Search callbacks and calls" });
    const callId = `reply-${visit.width}-${visit.hasScript}`;
    await rehearsal.api.fetch(`/callbacks/${id}/calls`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id: callId, from: { mobile: "61410739741" }, responseMessage: { channel: "SMS", content: "Yes" } }),
    });
    await rehearsal.settled(id, "SUCCESS", 13);
    await field.fill("0410 739 741");
    await field.press("Enter");
    await seePage(window, "Search: 0410 739 741");
    const call = page.getByRole("row").filter({ hasText: name });
    await call.getByText("61410739741").waitFor();
    await expectUsable(window);
    await call.getByRole("rowheader").getByRole("link").click();
    await page.waitForURL(`**/calls/${callId}`);

    await field.fill(name.toUpperCase());
    await field.press("Enter");
    await page.getByRole("link", { name, exact: true }).click();
    await seePage(window, name);
  });
});
