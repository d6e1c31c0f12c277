/** The Markdown files point at files and headings that exist, and lead a reader to them. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "..");
const FILES = filesIn("*.md");
const SOURCES = [...filesIn("src/*.ts"), ...filesIn("src/*.tsx"), ...filesIn("test/*.ts"), ...filesIn("test/*.mjs")];

function filesIn(pattern: string): readonly string[] {
  return execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", pattern], { cwd: ROOT, encoding: "utf8" })
    .trim()
    .split("\n")
    .filter((file) => existsSync(join(ROOT, file)));
}

function withoutCode(markdown: string): string {
  return markdown.replace(/^```.*?^```/gms, "");
}

/** As GitHub makes them. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");
}

function anchorsIn(file: string): readonly string[] {
  return [...withoutCode(readFileSync(join(ROOT, file), "utf8")).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    anchorOf(heading),
  );
}

describe("the documentation", () => {
  it("has no broken links", () => {
    const broken: string[] = [];
    for (const file of FILES) {
      const text = withoutCode(readFileSync(join(ROOT, file), "utf8"));
      for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [path = "", anchor] = target.split("#");
        const linked = path === "" ? file : normalize(join(dirname(file), path));
        if (!existsSync(join(ROOT, linked))) broken.push(`${file}: ${target}`);
        else if (anchor !== undefined && !anchorsIn(linked).includes(anchor)) broken.push(`${file}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });

  it("names source files that exist", () => {
    const missing: string[] = [];
    for (const file of FILES) {
      const text = readFileSync(join(ROOT, file), "utf8");
      // The tour of the code names files below src.
      for (const [, path = ""] of text.matchAll(/`((?:[\w.-]+\/)+[\w.-]+\.(?:ts|tsx|js|mjs|css|md))`/g)) {
        if (![ROOT, join(ROOT, "src")].some((base) => existsSync(join(base, path)))) missing.push(`${file}: ${path}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it("names for each rule a symbol that its file declares", () => {
    const [, rules = ""] = readFileSync(join(ROOT, "docs/architecture.md"), "utf8").split("## Where a rule is");
    const [table = ""] = rules.split("\n## ");
    const wrong: string[] = [];
    for (const [, symbol, path = ""] of table.matchAll(/(?:`(\w+)` in )?`((?:src|test)\/[^`]+)`/g)) {
      const isDeclared = new RegExp(`\\b(?:function\\*?|const|class|interface|type) ${symbol}\\b`);
      if (symbol === undefined || !isDeclared.test(readFileSync(join(ROOT, path), "utf8"))) wrong.push(`${symbol} in ${path}`);
    }
    expect(wrong).toEqual([]);
  });

  it("is introduced by a README that is read in a minute", () => {
    expect(readFileSync(join(ROOT, "README.md"), "utf8").split("\n").length).toBeLessThan(150);
  });

  it("has a page that lists all the others by what a reader wants to do", () => {
    const map = readFileSync(join(ROOT, "docs/README.md"), "utf8");
    const pages = FILES.filter((file) => /^docs\/[\w-]+\.md$/.test(file)).map((file) => file.slice("docs/".length));
    expect(pages.filter((page) => page !== "README.md" && !map.includes(`](${page}`))).toEqual([]);
  });

  it("says on each page first what it answers", () => {
    const silent = FILES.filter((file) => /^docs\/[\w-]+\.md$/.test(file)).filter(
      (file) => !/^# .+\n\n[A-Z][^|#]{30,}/.test(readFileSync(join(ROOT, file), "utf8")),
    );
    expect(silent).toEqual([]);
  });

  it("has only pictures that a page shows", () => {
    const shown = FILES.map((file) => readFileSync(join(ROOT, file), "utf8")).join("");
    expect(filesIn("docs/images/*").filter((file) => !shown.includes(file.slice("docs/".length)))).toEqual([]);
  });

  it("has a recording that is small, loads nothing and keeps still for who wants that", () => {
    const svg = readFileSync(join(ROOT, "docs/images/recording.svg"), "utf8");
    expect(svg.length).toBeLessThan(100_000);
    expect(svg.match(/(?:href|src)="[^#]|url\(|@import|<script/g)).toBeNull();
    expect(svg).toMatch(/@media \(prefers-reduced-motion:reduce\)\{\.film\{animation:none;/);
  });

  it("is cited in comments by paths that exist", () => {
    const missing: string[] = [];
    for (const file of SOURCES) {
      const comments = readFileSync(join(ROOT, file), "utf8").match(/\/\*[\s\S]*?\*\/|\/\/.*$/gm) ?? [];
      for (const [path] of comments.join("\n").matchAll(/[\w./-]+\.md\b/g)) {
        if (!existsSync(join(ROOT, path))) missing.push(`${file}: ${path}`);
      }
    }
    expect(missing).toEqual([]);
  });
});
