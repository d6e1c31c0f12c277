import { describe, expect, it } from "vitest";
import { advise, errorMessage, isWhcbError, systemErrorCode, WhcbError } from "../../../src/domain/errors.js";

const missing = Object.assign(new Error("no such file"), { code: "ENOENT" });

describe("an expected failure", () => {
  it("keeps its code, its hint and what caused it", () => {
    const error = new WhcbError("config", "the file is missing", { hint: "create it", cause: missing });
    expect(error).toMatchObject({ name: "WhcbError", code: "config", message: "the file is missing", hint: "create it" });
    expect(error.cause).toBe(missing);
    expect("cause" in new WhcbError("config", "no cause")).toBe(false);
    const bare = { hint: undefined, next: [], retryAfterMs: null, fields: new Map() };
    expect(new WhcbError("config", "nothing else")).toMatchObject(bare);
    const given = { next: [{ command: "whcb", when: "" }], retryAfterMs: 0, fields: new Map([["name", "is missing"]]) };
    expect(new WhcbError("invalid", "with details", given)).toMatchObject(given);
  });

  it("says which commands help, in its hint and for programs", () => {
    const command = { command: "whcb runs list", when: "to see it" };
    expect(advise`${command} shows run ${"20261129-1"}`).toEqual({
      hint: "`whcb runs list` shows run 20261129-1",
      next: [command],
    });
  });

  it("is distinguished from a bug, and from other failures by its code", () => {
    const error = new WhcbError("not-found", "no call X");
    expect([isWhcbError(error), isWhcbError(error, "not-found"), isWhcbError(error, "config")]).toEqual([true, true, false]);
    expect([isWhcbError(missing), isWhcbError({ code: "not-found" }), isWhcbError(undefined)]).toEqual([false, false, false]);
  });
});

describe("anything thrown", () => {
  it.each([
    [missing, "ENOENT", "no such file"],
    [Object.assign(new Error("odd"), { code: 5 }), "", "odd"],
    ["a text", "", "a text"],
    [undefined, "", "undefined"],
  ])("%s has the system code %j and the message %j", (thrown, code, message) => {
    expect([systemErrorCode(thrown), errorMessage(thrown)]).toEqual([code, message]);
  });
});
