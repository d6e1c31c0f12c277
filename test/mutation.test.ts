import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "..");
const readJson = (path: string) => JSON.parse(readFileSync(join(ROOT, "test/mutation", path), "utf8"));

/** The code of a file, what it becomes, and the tests or the reason. */
type ListedMutant = readonly [from: string, to: string, note: string];

function readList(path: string): readonly { readonly file: string; readonly from: string; readonly note: string }[] {
  const files: readonly [string, readonly ListedMutant[]][] = Object.entries(readJson(path));
  return files.flatMap(([file, mutants]) => mutants.map(([from, , note]) => ({ file, from, note })));
}

const codeOf = (file: string) => readFileSync(join(ROOT, file), "utf8");

it("each mutant by hand changes one place, and has tests", () => {
  const mutants = readList("by-hand.json");
  expect(mutants.filter(({ file, from }) => codeOf(file).split(from).length !== 2)).toEqual([]);
  expect(mutants.filter(({ note: tests }) => !tests.startsWith("test/"))).toEqual([]);
});

it("each mutant that changes nothing is of code that is still there, with the reason", () => {
  const mutants = readList("equivalents.json");
  expect(mutants.filter(({ file, from }) => !codeOf(file).replaceAll(/\s+/g, " ").includes(from))).toEqual([]);
  expect(mutants.filter(({ note: reason }) => reason === "")).toEqual([]);
});

it("the lockfile names no registry", () => {
  const { packages } = readJson("package-lock.json");
  const entries: readonly object[] = Object.values(packages);
  expect(entries.filter((entry) => "resolved" in entry)).toEqual([]);
});
