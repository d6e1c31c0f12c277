/** The settings screen, by its path in the product's story. */
import { describe, expect } from "vitest";
import { expectUsable, seeNotice, seePage, VISITS } from "../support/browser/browser-window.js";
import { it } from "../support/browser/rehearsal.js";

describe.each(VISITS)("at $width px, $colorScheme, with script: $hasScript", (visit) => {
  it("a callback is created with mistakes first, tested, and its retries are switched on during an outage", async ({
    rehearsal,
  }) => {
    const name = `Replies <b>at ${visit.width} px ${visit.hasScript ? "with" : "without"} script</b>`;
    await using window = await rehearsal.signIn(visit);
    const { page } = window;
    const sample = page.locator("details").filter({ visible: true }).locator("pre");
    await seePage(window, "Manage API Callbacks");
    await expectUsable(window);
    await page.getByRole("link", { name: "New callback" }).first().click();
    await seePage(window, "New API callback");
    await expectUsable(window);

    await page.getByLabel("Destination URL").fill("ftp://crm.example.com");
    await page.getByLabel("Notification e-mail").fill("ops@example.com");
    await page.getByLabel("XML").check();
    await page.getByRole("button", { name: "Create callback" }).click();
    const summary = page.getByRole("alert");
    await summary.waitFor();
    await expectUsable(window);
    expect(await page.getByLabel("Callback name").getAttribute("aria-invalid")).toBe("true");
    expect(await page.getByLabel("Destination URL").inputValue()).toBe("ftp://crm.example.com");
    expect(await page.getByLabel("XML").isChecked()).toBe(true);
    expect(await sample.textContent()).toContain("<messageid>");

    await summary.getByRole("link", { name: "Callback name" }).click();
    await page.keyboard.type(name);
    await page.getByLabel("Destination URL").fill(rehearsal.endpointUrl);
    await page.getByLabel("JSON").check();
    expect(await sample.textContent()).toContain('"messageid"');
    await page.getByLabel("Auth parameter").fill("PLANTED-KEY");
    await page.getByRole("button", { name: "Send a test" }).click();
    await seeNotice(window, "The endpoint accepted the test");
    await expectUsable(window);
    expect(await page.content()).not.toContain("PLANTED-KEY");
    await page.getByLabel("Auth parameter").fill("PLANTED-KEY");
    await page.getByRole("button", { name: "Create callback" }).click();
    await seePage(window, "Edit API callback");
    expect(await page.content()).not.toContain("PLANTED-KEY");
    await expectUsable(window);

    const id = /callbacks\/(\w+)\/edit/.exec(page.url())?.[1] ?? "";
    await rehearsal.fail(id, 12, 503);
    await page.getByRole("link", { name: "Callbacks" }).first().click();
    const row = page.getByRole("row").filter({ hasText: name });
    await row.getByText("down").waitFor();
    await expectUsable(window);
    rehearsal.answer(200);
    await row.getByRole("link", { name: "Edit" }).click();
    await seePage(window, "Edit API callback");
    const retries = page.getByRole("group", { name: "Retries" });
    expect(await retries.getByLabel("Disabled").isChecked()).toBe(true);
    await retries.getByLabel("Enabled").check();
    await page.getByRole("button", { name: "Save changes" }).click();
    await seeNotice(window, "Retries are enabled");
    expect(await retries.getByLabel("Enabled").isChecked()).toBe(true);
    await expectUsable(window);
    await rehearsal.settled(id, "SUCCESS", 12);

    await page.getByRole("link", { name: "Delete…" }).click();
    await seePage(window, "Delete API callback");
    await expectUsable(window);
    await page.getByRole("button", { name: "Delete this callback" }).click();
    await page.getByText("This isn't the callback's name.").waitFor();
    await expectUsable(window);
    await page.getByLabel("Type the callback's name to delete it").fill(name);
    await page.getByRole("button", { name: "Delete this callback" }).click();
    await seePage(window, "Manage API Callbacks");
    await seeNotice(window, `Deleted ${name}`);
  });
});
