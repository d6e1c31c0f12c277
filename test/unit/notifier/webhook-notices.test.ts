import { createHmac } from "node:crypto";
import { expect, it } from "vitest";
import { createWebhookNotices } from "../../../src/notifier/webhook-notices.js";

function destinationOf(url: string, secretKey: string): string {
  const { destination } = createWebhookNotices({
    ...{ url, format: "json", signingKeys: [], outageUrl: () => null, now: () => 0 },
    sign: (text) => createHmac("sha256", secretKey).update(text).digest("base64url"),
    deliver: () => Promise.reject(new Error("nothing is sent")),
  });
  return destination;
}

it("a notice's destination is a hash with the secret key, so nobody can try out a password of its URL", () => {
  const url = "http://hook:Summer2026!@alerts.example.com/x";
  const destinations = [destinationOf(url, "one"), destinationOf(url, "other"), destinationOf(`${url}y`, "one")];
  expect(new Set(destinations).size).toBe(3);
  expect(destinationOf(url, "one")).toBe(destinations[0]);
});
