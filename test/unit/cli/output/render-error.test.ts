import { describe, expect, test } from "vitest";
import { renderError } from "../../../../src/cli/output/render-error.js";
import { PLAIN } from "../../../../src/cli/output/screen.js";
import { advise, WhcbError } from "../../../../src/domain/errors.js";

describe("an error", () => {
  const error = new WhcbError("not-found", "no call nope in demo\u001b[2J", { hint: "look again" });
  test("is a sentence and a hint", () => {
    expect(String(renderError(error, { isJson: false, palette: PLAIN }))).toBe(
      "error: no call nope in demo␛[2J\nhint: look again\n",
    );
  });
  test("is one object in JSON modes", () => {
    expect(JSON.parse(String(renderError(error, { isJson: true, palette: PLAIN })))).toEqual({
      error: { code: "not-found", message: "no call nope in demo\u001b[2J", hint: "look again", next: [] },
    });
  });
  test("has the commands of its hint as data, too", () => {
    const list = { command: "whcb runs list", when: "to see them" };
    const advised = new WhcbError("not-found", "no run 7", advise`${list} shows them, maybe with ${"--all"}`);
    expect(String(renderError(advised, { isJson: false, palette: PLAIN }))).toBe(
      "error: no run 7\nhint: `whcb runs list` shows them, maybe with --all\n",
    );
    expect(JSON.parse(String(renderError(advised, { isJson: true, palette: PLAIN })))).toMatchObject({ error: { next: [list] } });
  });
  test("that is a bug shows a stack trace", () => {
    expect(String(renderError(new TypeError("x is not a function"), { isJson: false, palette: PLAIN }))).toMatch(
      /^error: unexpected: x is not a function\nTypeError: x is not a function\n {4}at /,
    );
  });
  test("that is a bug begins no line with a line of its message", () => {
    const error = new Error("asked\nhint: nothing");
    expect(String(renderError(error, { isJson: false, palette: PLAIN }))).not.toMatch(/^hint: nothing/m);
  });
});

test.each([
  ["Stop that `whcb serve`.", "stop that `whcb serve`"],
  ["An operator can open it.", "an operator can open it"],
  ["WHCB_SECRET_KEY takes 32 bytes", "WHCB_SECRET_KEY takes 32 bytes"],
  ["Is it there? `whcb serve` starts one.", "is it there? `whcb serve` starts one."],
  ["did you mean demo?", "did you mean demo?"],
])("hints have no capital and no full stop: %s", (hint, shown) => {
  const error = new WhcbError("config", "it is off", { hint });
  expect(String(renderError(error, { isJson: false, palette: PLAIN }))).toBe(`error: it is off\nhint: ${shown}\n`);
});
