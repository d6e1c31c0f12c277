import { describe, expect } from "vitest";
import { expectUsable, VISITS } from "../support/browser/browser-window.js";
import { it } from "../support/browser/rehearsal.js";
import { USER_ENV } from "../support/process/served-api.js";

const { WHCB_USERNAME: username, WHCB_PASSWORD: password } = USER_ENV;

describe.each(VISITS)("at $width px, $colorScheme, with script: $hasScript", (visit) => {
  it("a person signs in with a password, comes to the page that was asked for, and signs out", async ({ rehearsal }) => {
    await using window = await rehearsal.openWindow(visit);
    const { page } = window;
    await page.goto("/");
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await expectUsable(window);

    await page.getByLabel("User").fill(username);
    await page.getByLabel("Password").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    expect(await page.getByLabel("User").inputValue()).toBe(username);
    expect(await page.getByLabel("Password").inputValue()).toBe("");
    await expectUsable(window);

    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByRole("heading", { name: "Manage API Callbacks" }).waitFor();
    await expectUsable(window);

    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    // It leads to the session's host, and from there here again.
    await page.goBack();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(page.url()).toBe(`${rehearsal.url}/console/sign-in?to=%2Fconsole`);
  });

  it("a person signs in with a code, once", async ({ rehearsal }) => {
    const { stdout } = await rehearsal.home.whcb(["console", "-o", "json"], { env: USER_ENV });
    const { url, code } = JSON.parse(stdout);
    for (const outcome of ["Manage API Callbacks", "Sign in"]) {
      await using window = await rehearsal.openWindow(visit);
      const { page } = window;
      await page.goto(url);
      await page.getByLabel("Or a code").fill(code);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: outcome }).or(page.getByRole("alert")).first().waitFor();
      expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe(outcome);
      expect(page.url()).not.toContain(code);
    }
  });
});
