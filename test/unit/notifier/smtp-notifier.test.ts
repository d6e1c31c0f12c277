import { describe, expect, test } from "vitest";
import { parseSmtpUrl } from "../../../src/notifier/smtp-notifier.js";

describe("an SMTP URL", () => {
  test("gives server, port, TLS, login and sender", () => {
    expect(parseSmtpUrl("smtps://ops%40example.com:p%3Ass@mail.example.com?from=whcb@example.com")).toEqual({
      host: "mail.example.com",
      port: 465,
      isTls: true,
      login: { user: "ops@example.com", pass: "p:ss" },
      from: "whcb@example.com",
      isLoopback: false,
    });
    expect(parseSmtpUrl("smtp://[::1]:2525")).toEqual({
      host: "::1",
      port: 2525,
      isTls: false,
      login: null,
      from: null,
      isLoopback: true,
    });
    expect(parseSmtpUrl("smtp://mail.example.com").port).toBe(587);
  });

  test.each([
    "mail.example.com:25",
    "http://mail.example.com",
    "smtp://",
    "",
    "smtp://a:p%zzsecret@b",
    "smtp://b?from=x%0ay@z",
    "smtp://b?from=no",
    "smtp://me:12/secret@mail.example.com",
    "smtp://me:12?secret@mail.example.com",
    "smtp://me:12#secret@mail.example.com",
  ])("%j is rejected without repeating it", (url) => {
    let message = "";
    try {
      parseSmtpUrl(url);
    } catch (error) {
      message = error instanceof Error ? error.message : "";
    }
    expect(message).toMatch(/^The SMTP URL/);
    expect(message).not.toContain("secret");
  });
});
