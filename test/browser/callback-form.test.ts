/** What the script adds to the form of a callback. */
import Database from "better-sqlite3";
import { describe, expect } from "vitest";
import { expectUsable } from "../support/browser/browser-window.js";
import { it } from "../support/browser/rehearsal.js";
import { USER_ENV } from "../support/process/served-api.js";

describe("the form of a callback", () => {
  it("is tested without losing the typed key, and sent once by two presses", async ({ rehearsal }) => {
    await using window = await rehearsal.signIn();
    const { page } = window;
    await page.goto("/console/callbacks/new");
    await page.getByLabel("Callback name").fill("crm");
    await page.getByLabel("Destination URL").fill(rehearsal.endpointUrl);
    await page.getByLabel("Notification e-mail").fill("ops@example.com");
    await page.getByLabel("Auth parameter").fill("typed-secret-key");

    const test = page.getByRole("button", { name: "Send a test" });
    await page.route("**/callbacks/new", (route) => route.abort());
    await test.click();
    await page.getByText("The service didn't send the test").waitFor();
    await page.unroute("**/callbacks/new");
    await test.click();
    await page.getByText("The endpoint accepted the test").waitFor();
    expect(await page.evaluate("document.activeElement.className")).toContain("test-result");
    expect(await page.getByLabel("Auth parameter").inputValue()).toBe("typed-secret-key");
    expect(await page.getByText(/Type (it|the key) again/).count()).toBe(0);

    const pressed = await page.evaluate(`(() => {
      const button = document.querySelector(".button-primary");
      const prevented = [];
      addEventListener("submit", (event) => prevented.push(event.defaultPrevented));
      button.click();
      button.click();
      return [...prevented, button.textContent];
    })()`);
    expect(pressed).toEqual([false, true, "Checking the endpoint…"]);
    await page.getByRole("heading", { name: "Edit API callback" }).waitFor();
    expect(window.errors.filter((error) => !/net::ERR_FAILED/.test(error))).toEqual([]);
  });

  it("shows the sample of the chosen content type, and the key's field unless none is sent", async ({ rehearsal }) => {
    await using window = await rehearsal.signIn();
    const { page } = window;
    await page.goto("/console/callbacks/new");
    const sample = page.locator(".samples pre").filter({ visible: true });
    expect(await sample.allTextContents()).toEqual([expect.stringMatching(/^\{\n {2}"messageid"/)]);
    await page.getByLabel("XML").check();
    expect(await sample.allTextContents()).toEqual([expect.stringContaining("\n  <messageid>")]);
    const key = page.getByLabel("Auth parameter");
    expect(await key.isVisible()).toBe(true);
    await page.getByLabel("Auth type").selectOption("none");
    expect(await key.isVisible()).toBe(false);
  });

  it("asks before it is left with changes, but not if there are none or they are being saved", async ({ rehearsal }) => {
    const id = await rehearsal.api.create({ name: "asks", url: rehearsal.endpointUrl });
    await using window = await rehearsal.signIn();
    const { page } = window;
    const asked: string[] = [];
    let leaves = false;
    page.on("dialog", async (dialog) => {
      asked.push(dialog.type());
      await (leaves ? dialog.accept() : dialog.dismiss());
    });
    const edit = `/console/callbacks/${id}/edit`;
    const email = page.getByLabel("Notification e-mail");
    const cancel = page.getByRole("link", { name: "Cancel" });
    await page.goto(edit);
    await email.fill("other@example.com");
    await email.fill("ops@example.com");
    await cancel.click();
    await page.getByRole("heading", { name: "Manage API Callbacks" }).waitFor();
    expect(asked).toEqual([]);

    await page.goto(edit);
    await page.getByLabel("XML").check();
    await cancel.click();
    await expect.poll(() => asked).toEqual(["beforeunload"]);
    expect(new URL(page.url()).pathname).toBe(edit);

    await email.fill("no address");
    await page.getByRole("button", { name: "Save changes" }).click();
    await page.getByText("Nothing was saved").waitFor();
    expect(asked).toHaveLength(1);
    leaves = true;
    await cancel.click();
    await page.getByRole("heading", { name: "Manage API Callbacks" }).waitFor();
    expect(asked).toHaveLength(2);
  });

  it("is filled in again after signing in, if its session has ended", async ({ rehearsal }) => {
    await using window = await rehearsal.signIn();
    const { page } = window;
    await page.goto("/console/callbacks/new");
    await page.getByLabel("Callback name").fill("typed before");
    await page.getByLabel("Destination URL").fill(rehearsal.endpointUrl);
    await page.getByLabel("Auth parameter").fill("typed-secret-key");
    const database = new Database(rehearsal.home.path("x.db"));
    database.exec("UPDATE sessions SET used_at = used_at - 2 * 3600000");
    database.close();
    await page.getByRole("button", { name: "Send a test" }).click();
    await page.getByText("What you typed is shown again").waitFor();
    await page.getByLabel("User").fill(USER_ENV.WHCB_USERNAME);
    await page.getByLabel("Password").fill(USER_ENV.WHCB_PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByText("Your session had ended, and nothing was done.").waitFor();
    expect(await page.getByLabel("Callback name").inputValue()).toBe("typed before");
    expect(await page.getByLabel("Auth parameter").inputValue()).toBe("");
    expect(page.url()).not.toContain("typed");
    await expectUsable(window);
  });
});
