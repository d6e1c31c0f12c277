import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { manPages } from "../../../../src/cli/commands/man-pages.js";

const pages = await manPages("1.2.3", "2026-11-24");
const manifest = JSON.parse(readFileSync(join(import.meta.dirname, "..", "..", "..", "..", "package.json"), "utf8"));

/** These are used if they are installed, with arguments that make them report everything. */
const FORMATTERS = [
  ["groff", "-ww", "-man", "-Tutf8"],
  ["mandoc", "-Tlint", "-Wwarning"],
].filter(([program = ""]) => spawnSync(program, ["--version"]).error === undefined);

describe("the manual pages", () => {
  test("are those that package.json lists", () => {
    expect(manifest.man).toEqual([...pages.keys()].sort().map((name) => `./man/${name}`));
  });

  test("say what help says", () => {
    const text = (pages.get("whcb-calls-list.1") ?? "").replaceAll("\\-", "-").replace(/\\f./g, "");
    expect(text).toMatch(
      /^\.TH WHCB-CALLS-LIST 1 "2026-11-24" "whcb 1\.2\.3" "whcb manual"\n\.SH NAME\nwhcb-calls-list - list calls, newest first\n/,
    );
    expect(text).toContain("\nwhcb calls list [flags] [callback]\n");
    expect(text).toContain(".SH WHICH CALLS\n.TP\n--failed\ncalls that failed\n");
    expect(text).toContain("\nwhcb calls list demo --failed -o ids | whcb mark-success demo -\n");
    expect(pages.get("whcb.1")).toMatch(/\.SH EXIT STATUS\n\.TP\n\\fB0\\fR\ndone\n/);
  });

  test("have no text that is a request, and only ASCII", () => {
    for (const [name, page] of pages) {
      expect([name, page.match(/[^\x20-\x7e\n]/g)]).toEqual([name, null]);
      const requests = page.split("\n").filter((line) => /^[.']/.test(line));
      expect([name, requests.filter((line) => !/^\.(TH|SH|SS|TP|PP|RS 4|RE|nf|fi)( |$)/.test(line))]).toEqual([name, []]);
    }
  });

  test.each(FORMATTERS)("give no warning in %s", (program, ...args) => {
    const { stderr, stdout } = spawnSync(program ?? "", args, { input: [...pages.values()].join(""), encoding: "utf8" });
    expect([stderr, program === "mandoc" ? stdout : ""]).toEqual(["", ""]);
  });
});
