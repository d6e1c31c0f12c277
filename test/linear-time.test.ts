/**
 * Senders, endpoints, services and strangers decide how long a text is: twice the text may take a regular expression at most 2.5 times as
 * long.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { cpuGrowth, cpuMs, LINEAR } from "./support/time/cpu-growth.js";

const SRC = join(import.meta.dirname, "..", "src");

/** No stranger decides the length of their texts. */
const EXEMPT = new Map([
  ["cli/args/parse-argv.ts", "the user's arguments"],
  ["cli/commands/reconcile/run.ts", "a number"],
  ["cli/settings/database-path.ts", "the user's database"],
  ["cli/settings/service-address.ts", "the user's service"],
  ["main/stack-traces.ts", "a stack trace of Node"],
  ["notifier/outage-mail.ts", "an e-mail of ours, of a few KB"],
  ["store/sqlite/open-database.ts", "an error message of Node"],
]);

const literals = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((path) => /\.(tsx?|js)$/.test(path) && !EXEMPT.has(path))
  .flatMap((path) => literalsIn(path).map((literal) => ({ path, literal })));

function literalsIn(path: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) found.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(join(SRC, path), "utf8"), ts.ScriptTarget.Latest));
  return found;
}

/** Repeated, a character or a word of the expression makes a search begin at many places, and each fail late. */
function attacksOn(source: string): { readonly start: string; readonly unit: string }[] {
  const words =
    source
      .replace(/\\s[+*]?/g, " ")
      .replace(/\\(\W)/g, "$1")
      .match(/[\w:/<>.,&=;@(" -]+/g) ?? [];
  const characters = ["a", "A", "0", "1", "\u0301", ..." \t\n\r/\\?&=;:,.<>\"'`@#%+-_()[]{}|!*$"];
  const units = new Set([...characters, ...words.flatMap((word) => [word, `${word} `, `${word}\n`])]);
  return ["", ":", ".", ...words.slice(0, 2)].flatMap((start) => [...units].map((unit) => ({ start, unit })));
}

const SIZE = 30_000;
/** Anything quadratic takes far longer for SIZE characters, each time; anything else does now and then, as memory is collected. */
const CERTAINLY_LINEAR_MS = 20;
const SEARCHES = 3;

test.each(literals)("$path searches a text in linear time with $literal", ({ literal }) => {
  const [, source = "", flags = ""] = /^\/(.*)\/(\w*)$/s.exec(literal) ?? [];
  const expression = new RegExp(source, flags);
  const slow = attacksOn(source).find(({ start, unit }) => {
    const search = (size: number) => `${start}${unit.repeat(size / unit.length)}\0`.replace(expression, "");
    const isSlow = Array.from({ length: SEARCHES }).every(() => cpuMs(() => search(SIZE)) > CERTAINLY_LINEAR_MS);
    return isSlow && cpuGrowth(search) > LINEAR;
  });
  expect(slow).toBeUndefined();
});
