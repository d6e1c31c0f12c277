import { describe, expect, it, test } from "vitest";
import { isOverDay, isOverRate, namesCall, serviceError } from "../../../src/client/service-error.js";
import type { TransportResponse } from "../../../src/client/transport.js";
import { isWhcbError } from "../../../src/domain/errors.js";
import { secretMask } from "../../../src/domain/mask.js";
import { SPELLINGS } from "../../support/attack/spellings.js";

function anAnswer(status: number, over: Partial<TransportResponse> = {}): TransportResponse {
  return { status, headers: {}, body: "", ...over };
}

const SERVICE = { name: "https://api.example", mask: secretMask([]) };
const QPS = { "x-error-code": "ERR_403_DEVELOPER_OVER_QPS" };
const QPD = { "x-error-code": "ERR_403_DEVELOPER_OVER_QPD" };

describe("an answer", () => {
  test.each([
    [anAnswer(400), "malformed"],
    [anAnswer(401), "unauthenticated"],
    [anAnswer(403), "forbidden"],
    [anAnswer(403, { headers: QPS }), "rate-limited"],
    [anAnswer(403, { headers: QPD }), "quota-exceeded"],
    [anAnswer(403, { headers: { "x-mashery-error-code": "ERR_403_DEVELOPER_OVER_QPS" } }), "rate-limited"],
    [anAnswer(403, { headers: { "x-mashery-error-code": "ERR_403_DEVELOPER_OVER_QPD" } }), "quota-exceeded"],
    [anAnswer(404, { body: JSON.stringify({ errorSummary: "", errorText: "", errorDetail: "" }) }), "not-found"],
    [anAnswer(404), "unavailable"],
    [anAnswer(404, { body: "default backend - 404" }), "unavailable"],
    [anAnswer(404, { body: JSON.stringify({ message: "no Route matched with those values" }) }), "unavailable"],
    [anAnswer(405), "method-not-allowed"],
    [anAnswer(409), "duplicate-name"],
    [anAnswer(413), "too-large"],
    [anAnswer(415), "unsupported-media-type"],
    [anAnswer(418), "malformed"],
    [anAnswer(422), "invalid"],
    [anAnswer(429), "rate-limited"],
    [anAnswer(429, { headers: QPD }), "quota-exceeded"],
    [anAnswer(500), "unavailable"],
    [anAnswer(501), "usage"],
    [anAnswer(503), "unavailable"],
    [anAnswer(302), "config"],
  ])("%o is the error %s", (answer, code) => {
    const error = serviceError(answer, SERVICE);
    expect(isWhcbError(error) && error.code).toBe(code);
  });

  it("is quoted on one line from its error document", () => {
    const body = JSON.stringify({ errorSummary: "Not valid", errorDetail: "name is\n missing", errors: [] });
    expect(serviceError(anAnswer(422, { body }), SERVICE).message).toBe("Not valid: name is missing");
  });

  it("without an error document is described by its status", () => {
    const error = serviceError(anAnswer(500, { body: "<html>" }), SERVICE);
    expect(error.message).toBe("https://api.example: answered 500");
  });

  it("of another form is in the hint, where it names no call", () => {
    const body = `<html><head><title>400</title></head><body><p>Bad id=0ABC</p>${"x".repeat(9_000)}</body></html>`;
    const error = serviceError(anAnswer(400, { body }), SERVICE);
    expect(error.message).toBe("https://api.example: answered 400");
    expect(error.hint).toMatch(/^The service says: Bad id=0ABC x{1,500}$/);
  });

  it("has no secret of a URL that the service repeats", () => {
    const body = JSON.stringify({ errorDetail: "no 200 from https://crm.example.com/hook?token=s3cret." });
    expect(serviceError(anAnswer(400, { body }), SERVICE).message).toBe("no 200 from https://crm.example.com/hook?token=****");
    // The page is cut after it is masked.
    const page = `${"x".repeat(465)} https://crm.example.com/${"a1".repeat(20)}`;
    expect(serviceError(anAnswer(400, { body: page }), SERVICE).hint).not.toContain("a1");
    // What is read of a long text may end within a URL.
    for (const length of [4_960, 4_980]) {
      const page = `see${" ".repeat(length)}https://crm.example.com/${"a1".repeat(20)}`;
      const error = serviceError(anAnswer(400, { body: JSON.stringify({ errorDetail: page }) }), SERVICE);
      const { hint } = serviceError(anAnswer(400, { body: page }), SERVICE);
      expect([error.message, hint]).toEqual(["see", "The service says: see"]);
    }
  });

  const MARK = "Zq8x";
  const SECRET = `${MARK}/+"<b>&'\\%41${MARK};-end`;
  const sought = Object.values(SPELLINGS).map((spell) => spell(MARK));
  // What is shown of a text ends after 500 characters, and what is read of it after 5 000.
  const before = [0, 470, 485, 498].map((length) => "x".repeat(length)).concat(` ${" ".repeat(4_985)}`);

  it.each(Object.entries(SPELLINGS))("has no part of a secret that the service repeats in %s, wherever it is cut", (_, spell) => {
    const texts = before.map((text) => text + spell(SECRET));
    const answers = texts.flatMap((text) => [
      anAnswer(401, { body: JSON.stringify({ errorDetail: text }) }),
      anAnswer(403, { headers: { "x-error-detail": text } }),
      anAnswer(422, { body: JSON.stringify({ errorSummary: text, errorDetail: text }) }),
      anAnswer(500, { body: `<p>${text}</p>` }),
    ]);
    for (const answer of answers) {
      const { message, hint = "" } = serviceError(answer, { ...SERVICE, mask: secretMask([SECRET]) });
      for (const part of sought) expect(`${message} ${hint}`).not.toContain(part);
    }
  });

  it("shows the platform's reason for a rejected API key", () => {
    const headers = { "x-error-detail": "Account Inactive" };
    const error = serviceError(anAnswer(403, { headers, body: "<h1>Developer Inactive</h1>" }), SERVICE);
    expect(error.message).toBe("https://api.example: API key rejected (Account Inactive)");
  });
});

test("only 429, or 403 with the platform's code, means a limit", () => {
  const answers = [anAnswer(429), anAnswer(403, { headers: QPS }), anAnswer(403), anAnswer(503, { headers: QPS })];
  expect(answers.map(isOverRate)).toEqual([true, true, false, false]);
  const daily = [anAnswer(429, { headers: QPD }), anAnswer(403, { headers: QPD }), anAnswer(503, { headers: QPD })];
  expect(daily.map(isOverDay)).toEqual([true, true, false]);
  expect(daily.map(isOverRate)).toEqual([false, false, false]);
});

test("an id is found in a message as a word, exactly but for the form of a UUID", () => {
  const digits = "550E8400E29B41D4A716446655440000";
  const isNamed = (id: string, message: string) => namesCall(new Error(message), id);
  expect(isNamed("order-1", "No call order-1 of callback X")).toBe(true);
  expect(isNamed("a.b~c_d", 'unknown: "a.b~c_d".')).toBe(true);
  expect(isNamed(digits, "no call 550e8400-e29b-41d4-a716-446655440000.")).toBe(true);
  expect(isNamed("order-1", "No call order-11 of callback X")).toBe(false);
  expect(isNamed("order-1", "No call order-1.5 of callback X")).toBe(false);
  expect(isNamed("0ABC", "No call 0abc of callback X")).toBe(false);
});
