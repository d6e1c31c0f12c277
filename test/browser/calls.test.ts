/** What failed: found, marked and replayed. */
import { text } from "node:stream/consumers";
import { describe, expect } from "vitest";
import { expectUsable, seeChange, seeNotice, seePage, VISITS } from "../support/browser/browser-window.js";
import { it } from "../support/browser/rehearsal.js";

describe.each(VISITS)("at $width px, $colorScheme, with script: $hasScript", (visit) => {
  it("failed calls are filtered, some are marked, and all that match are replayed, stopped and replayed again", async ({
    rehearsal,
  }) => {
    const name = `Replies at ${visit.width} px ${visit.hasScript ? "with" : "without"} script`;
    const id = await rehearsal.api.create({ name, url: rehearsal.endpointUrl, retriesEnabled: false });
    await rehearsal.fail(id, 14, 503);
    await rehearsal.fail(id, 5, 500);
    await using window = await rehearsal.signIn(visit);
    const { page } = window;
    const rows = page
      .getByRole("table", { name: "Calls" })
      .getByRole("row")
      .filter({ has: page.getByRole("checkbox") });
    const since = page.getByRole("textbox", { name: "Since" });
    const act = (name: string) => page.getByRole("button", { name, exact: true }).click();

    await page.getByRole("link", { name }).first().click();
    await seePage(window, name);
    expect(await rows.count()).toBe(19);
    await expectUsable(window);
    if (visit.hasScript) expect(await since.isVisible()).toBe(visit.width > 720);
    await page.getByRole("link", { name: /^500/ }).click();
    await page.waitForURL(/[?&]statusCode=500\b/);
    expect(await rows.count()).toBe(5);
    await since.fill("yesterday");
    await act("Filter");
    await page.locator("[aria-invalid=true]").waitFor();
    expect(await since.inputValue()).toBe("yesterday");
    await expectUsable(window);
    await since.fill("1h");
    await act("Filter");
    await page.getByRole("link", { name: "Remove the filter Since: 1h" }).waitFor();

    // A call that is selected before a filter is changed isn't selected after it.
    await rows.nth(0).getByRole("checkbox").check();
    await page.getByRole("link", { name: "Remove the filter Since: 1h" }).click();
    await page.waitForURL((url) => !url.searchParams.has("since"));
    expect(await rows.nth(0).getByRole("checkbox").isChecked()).toBe(false);
    if (visit.hasScript) {
      expect(await page.getByRole("button", { name: "Mark successful" }).isVisible()).toBe(false);
    } else {
      await act("Mark successful");
      await seeNotice(window, "Select calls first");
    }

    for (const index of [1, 3]) await rows.nth(index).getByRole("checkbox").check();
    if (visit.hasScript) {
      await page.getByText("2 selected").waitFor();
      await rows
        .nth(4)
        .getByRole("checkbox")
        .click({ modifiers: ["Shift"] });
      await page.getByText("3 selected").waitFor();
      await rows.nth(4).getByRole("checkbox").uncheck();
    }
    await expectUsable(window);
    await act("Mark successful");
    await seePage(window, "Mark 2 calls successful");
    await expectUsable(window);
    await act("Mark 2 calls successful");
    await seeNotice(window, "2 calls were marked successful.");
    expect(await rows.count()).toBe(3);
    await rehearsal.settled(id, "SUCCESS", 2);

    await page.getByRole("link", { name: /^503/ }).click();
    await page.waitForURL(/[?&]statusCode=503\b/);
    rehearsal.hold();
    await page.getByLabel("Select all 14 that match").check();
    await act("Replay");
    await seePage(window, "Replay 14 calls");
    await expectUsable(window);
    await act("Replay 14 calls");
    await seePage(window, "Replay of 14 calls");
    await page.getByText("running").waitFor();
    await expectUsable(window);
    await act("Stop");
    const stopped = await seeNotice(window, /Stopped: 0 calls had been sent, \d+ won't be sent/);
    const left = Number(/(\d+) won't be sent/.exec(stopped)?.[1]);
    rehearsal.answer(200);
    await rehearsal.settled(id, "SUCCESS", 2 + 14 - left);
    await seeChange(window, page.getByText("stopped", { exact: true }));
    await expectUsable(window);

    await page.getByRole("link", { name: "Calls", exact: true }).click();
    await seePage(window, name);
    await page.getByLabel(/^Select all .*that match/).check();
    await act("Replay");
    // An action leaves out what has changed in the last half second.
    const confirm = page.getByRole("button", { name: `Replay ${left + 3} calls`, exact: true });
    await seeChange({ page, hasScript: false }, confirm);
    await confirm.click();
    await seePage(window, `Replay of ${left + 3} calls`);
    await seeChange(window, page.getByText("finished", { exact: true }));
    await page.getByText(`${left + 3} of ${left + 3} calls done`).waitFor();
    await expectUsable(window);
    await page.getByRole("link", { name: "Replays" }).first().click();
    await seePage(window, name);
    await page.getByRole("table", { name: "Replays" }).waitFor();
    await expectUsable(window);

    await page.getByRole("link", { name: "Calls", exact: true }).click();
    await page.getByText("No failed calls").waitFor();
    await expectUsable(window);
    await page.getByRole("link", { name: /^Successful/ }).click();
    await rows.first().getByRole("link").first().click();
    await seePage(window, /^Call /);
    await page.getByRole("listitem").filter({ hasText: "replay by the service" }).waitFor();
    await page.getByText("As a curl command").click();
    const copy = page.getByRole("button", { name: "Copy as curl" });
    expect(await copy.isVisible()).toBe(visit.hasScript);
    if (visit.hasScript) {
      await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
      await copy.click();
      await page.getByText("Copied").waitFor();
      expect(await page.evaluate("navigator.clipboard.readText()")).toMatch(/^curl .* --data-raw /);
    }
    await expectUsable(window);
  });
});

it("times are local, or UTC for a reader who prefers it, on every page; what is typed is in the same zone", async ({
  rehearsal,
}) => {
  const id = await rehearsal.api.create({ name: "Times", url: rehearsal.endpointUrl, retriesEnabled: false });
  await rehearsal.fail(id, 1, 503);
  await using window = await rehearsal.signIn();
  const { page } = window;
  const calls = `/console/callbacks/${id}/calls`;
  await page.goto(calls);
  const time = page.getByRole("cell").locator("time");
  const at = new Date((await time.getAttribute("datetime")) ?? "");
  const textIn = (timeZone: string) =>
    new Intl.DateTimeFormat("sv", { timeZone, dateStyle: "short", timeStyle: "medium" }).format(at);
  await page.getByRole("columnheader", { name: "Last attempt Europe/Paris" }).waitFor();
  expect(await time.textContent()).toBe(textIn("Europe/Paris"));
  expect(await time.getAttribute("title")).toBe(`${textIn("UTC")} UTC`);

  const since = page.getByRole("textbox", { name: "Since Europe/Paris" });
  const row = page.getByRole("row").filter({ has: page.getByRole("checkbox") });
  const typed = textIn("Europe/Paris");
  const inDays = `${typed.slice(8, 10)}/${typed.slice(5, 7)}/${typed.slice(0, 4)}T${typed.slice(11, 16)}`;
  for (const text of [typed, `${typed}.000001`, typed.replace(" ", "t"), inDays]) {
    await page.goto(calls);
    await since.fill(text);
    await page.getByRole("button", { name: "Filter" }).click();
    await page.getByRole("link", { name: /^Remove the filter Since: 20.* \+0[12]:00$/ }).waitFor();
    expect(await row.count()).toBe(1);
  }

  await since.fill("2026-13-01");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.locator("[aria-invalid=true]").waitFor();
  expect(await since.inputValue()).toBe("2026-13-01");

  await page.goto(calls);
  await page.getByRole("button", { name: "Times: local" }).click();
  expect(await time.textContent()).toBe(textIn("UTC"));
  await page.reload();
  await page.getByRole("columnheader", { name: "Last attempt UTC" }).waitFor();
  expect(await time.textContent()).toBe(textIn("UTC"));
  await rehearsal.fail(id, 1, 500);
  await page.getByText("2 failed calls").waitFor();
  expect(await time.first().getAttribute("title")).toMatch(/ \+0[12]:00$/);
});

it("a zone without an offset is called UTC", async ({ rehearsal }) => {
  const id = await rehearsal.api.create({ name: "Reykjavik", url: rehearsal.endpointUrl, retriesEnabled: false });
  await rehearsal.fail(id, 1, 503);
  await using window = await rehearsal.signIn({ timezoneId: "Atlantic/Reykjavik" });
  const { page } = window;
  await page.goto(`/console/callbacks/${id}/calls`);
  expect(await page.getByRole("region", { name: "State" }).locator("time").first().textContent()).toMatch(/ UTC$/);
});

it("a text from right to left is cut off at its end", async ({ rehearsal }) => {
  const id = await rehearsal.api.create({ name: "תזכורות", url: rehearsal.endpointUrl, retriesEnabled: false });
  rehearsal.answer(503);
  const content = "כן, אני מאשר את הפגישה ביום חמישי. ".repeat(5);
  await rehearsal.api.fetch(`/callbacks/${id}/calls`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ id: "from-right-to-left", responseMessage: { channel: "SMS", content } }),
  });
  await rehearsal.settled(id, "FAILED", 1);
  await using window = await rehearsal.signIn();
  const { page } = window;
  for (const width of [360, 768, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    await page.goto(`/console/callbacks/${id}/calls`);
    const isBeginningSeen = await page.evaluate(`(() => {
      const cell = [...document.querySelectorAll("td")].find(({ textContent }) => textContent.startsWith("כן"));
      const range = document.createRange();
      range.setStart(document.createTreeWalker(cell, NodeFilter.SHOW_TEXT).nextNode(), 0);
      range.setEnd(range.startContainer, 2);
      return range.getBoundingClientRect().right <= cell.getBoundingClientRect().right;
    })()`);
    expect(isBeginningSeen, `at ${width} px`).toBe(true);
  }
});

it("what matches is downloaded", async ({ rehearsal }) => {
  const id = await rehearsal.api.create({ name: "Export", url: rehearsal.endpointUrl, retriesEnabled: false });
  await rehearsal.fail(id, 3, 503);
  await rehearsal.fail(id, 2, 500);
  await using window = await rehearsal.signIn();
  const { page } = window;
  await page.goto(`/console/callbacks/${id}/calls?statusCode=503`);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "CSV" }).click()]);
  expect(download.suggestedFilename()).toBe(`calls-${id}.csv`);
  const lines = (await text(await download.createReadStream())).trimEnd().split("\n");
  expect(lines.map((line) => line.split(",").slice(1, 3).join(" "))).toEqual(["status code", ...Array(3).fill("FAILED 503")]);
});
