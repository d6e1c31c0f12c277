/** What the script adds to the form of a callback. */
import { describe, expect } from "vitest";
import { it } from "../support/browser/rehearsal.js";

describe("the form of a callback", () => {
  it("is tested without losing the typed key, and sent once by two presses", async ({ rehearsal }) => {
    await using window = await rehearsal.signIn();
    const { page } = window;
    await page.goto("/console/callbacks/new");
    await page.getByLabel("Callback Name").fill("crm");
    await page.getByLabel("Destination URL").fill(rehearsal.endpointUrl);
    await page.getByLabel("Notification E-mail").fill("ops@example.com");
    await page.getByLabel("Auth Parameter").fill("typed-secret-key");

    const test = page.getByRole("button", { name: "Send a test" });
    await page.route("**/callbacks/new", (route) => route.abort());
    await test.click();
    await page.getByText("The service didn't send the test").waitFor();
    await page.unroute("**/callbacks/new");
    await test.click();
    await page.getByText("The endpoint accepted the test").waitFor();
    expect(await page.evaluate("document.activeElement.className")).toContain("test-result");
    expect(await page.getByLabel("Auth Parameter").inputValue()).toBe("typed-secret-key");
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
    await page.getByRole("heading", { name: "Edit API Callback" }).waitFor();
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
    const key = page.getByLabel("Auth Parameter");
    expect(await key.isVisible()).toBe(true);
    await page.getByLabel("Auth Type").selectOption("none");
    expect(await key.isVisible()).toBe(false);
  });
});
