import { describe, expect, it } from "vitest";
import { WhcbError } from "../../../../src/domain/errors.js";
import { answerTo, methodNotAllowed } from "../../../../src/server/requests/error-answers.js";

describe("answerTo", () => {
  it("has the error's message and hint", () => {
    const error = new WhcbError("invalid", "name is required", { hint: "See docs/contract.md" });
    expect(answerTo(error)).toEqual({
      status: 422,
      document: {
        errorSummary: "The request is incomplete or out of range",
        errorText: "Unprocessable Entity",
        errorDetail: "name is required. See docs/contract.md",
      },
      headers: {},
    });
  });

  it("asks for credentials with a 401", () => {
    const { status, headers } = answerTo(new WhcbError("unauthenticated", "The token is wrong"));
    expect([status, headers]).toEqual([401, { "www-authenticate": 'Basic realm="whcb", charset="UTF-8", Bearer realm="whcb"' }]);
  });

  it.each([
    [new WhcbError("unavailable", "database is locked: /var/db"), 503, { "retry-after": "5" }],
    [new WhcbError("config", "the key file /etc/key is missing"), 503, { "retry-after": "5" }],
    [new Error("SELECT secret FROM calls"), 500, {}],
  ])("doesn't reveal internals: %s", (error, status, headers) => {
    const answer = answerTo(error);
    expect([answer.status, answer.headers]).toEqual([status, headers]);
    expect(JSON.stringify(answer.document)).not.toContain(error.message);
  });

  it.each([
    [413, 413],
    [415, 415],
    [400, 400],
    [418, 418],
    [200, 500],
  ])("answers an error of Fastify with statusCode %i with %i", (statusCode, status) => {
    expect(answerTo(Object.assign(new Error("no"), { statusCode })).status).toBe(status);
  });
});

it("names the allowed methods in a 405", () => {
  const { status, headers, document } = methodNotAllowed(["GET", "PUT"]);
  expect([status, headers, document.errorDetail]).toEqual([405, { allow: "GET, PUT" }, "This path allows GET, PUT"]);
});
