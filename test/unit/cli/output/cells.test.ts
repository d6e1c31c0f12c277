/** Text of a service or user is sanitized wherever it is shown, not only in tables. */
import { expect, test } from "vitest";
import { renderFields } from "../../../../src/cli/output/cells.js";
import { openScreen, PLAIN } from "../../../../src/cli/output/screen.js";
import { joinText } from "../../../../src/cli/output/screen-text.js";
import { captureIo } from "../../../support/cli/cli-streams.js";

const HOSTILE = "\u001b]0;owned\u0007\u202e";

test("the value of a field is escaped", () => {
  expect(String(renderFields([["Name", `a\n${HOSTILE}`]], PLAIN))).toBe("Name  a␊␛]0;owned␇<U+202E>\n");
});

test("a message on stderr is one escaped line, unless it was made of lines", async () => {
  const io = captureIo();
  const screen = await openScreen(io, { format: undefined, noColor: false, utc: false, now: 0 });
  screen.info(`one\ntwo ${HOSTILE}`);
  screen.info(joinText(["one", `two ${HOSTILE}`], "\n"));
  expect(io.err()).toBe("one␊two ␛]0;owned␇<U+202E>\none\ntwo ␛]0;owned␇<U+202E>\n");
});
