import { expect, test } from "vitest";
import { wrapMessage } from "../../../../src/cli/output/wrap-message.js";

test("a message breaks at words, and keeps its line breaks and colours", () => {
  expect(wrapMessage("one two three four\nfive", 10)).toBe("one two\n  three\n  four\nfive");
  expect(wrapMessage("\u001b[31merror:\u001b[39m one two", 10)).toBe("\u001b[31merror:\u001b[39m one\n  two");
  expect(wrapMessage("  a-word-that-is-too-long-for-a-line\n", 10)).toBe("  a-word-that-is-too-long-for-a-line\n");
  expect(wrapMessage("  one two three", 10)).toBe("  one two\n    three");
  expect(wrapMessage("Replay 3 calls? [y/N] ", 12)).toBe("Replay 3\n  calls?\n  [y/N] ");
});

test("a command stays on one line, as a part of it would run if it was pasted", () => {
  expect(wrapMessage("the next one: `whcb mark-success demo 01A2` marks it", 20)).toBe(
    "the next one:\n  `whcb mark-success demo 01A2`\n  marks it",
  );
  const typed = "hint: to continue, type: whcb replay demo --failed --yes";
  expect(wrapMessage(typed, 20)).toBe(typed);
});
