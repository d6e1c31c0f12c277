/** Changes code and lists the changes that no test notices: see CONTRIBUTING.md. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { Stryker } from "@stryker-mutator/core";

const here = import.meta.dirname;
const config = join("test", "mutation", "vitest.config.ts");
const [target, ...widerTests] = process.argv.slice(2);
if (target === undefined || !existsSync(target)) {
  process.stderr.write("usage: npm run mutation -- FOLDER|FILE [TESTS...]\n");
  process.exit(2);
}

/** Stryker ends the process by itself when it is interrupted. */
const sandbox = mkdtempSync(join(tmpdir(), "whcb-mutation-"));
process.on("exit", () => rmSync(sandbox, { recursive: true, force: true }));

const text = new Map();
const listed = readList("equivalents.json");
const isFile = /\.tsx?$/.test(target);
const ownTests = (isFile ? dirname(target) : target).replace(/^src/, join("test", "unit"));
const mutants = await mutate([isFile ? target : `${target}/**/*.{ts,tsx}`], ownTests);
const equivalents = mutants.filter((mutant) => survived(mutant) && listed.some((entry) => isListed(mutant, entry)));
let survivors = mutants.filter((mutant) => survived(mutant) && !equivalents.includes(mutant));
show(ownTests);
for (const tests of widerTests.length > 0 ? widerTests : ["test/unit"]) {
  const places = [...new Set(survivors.map(placeOf))];
  const again = places.length === 0 ? [] : await mutate(places, tests);
  const left = new Set(again.filter(survived).map(keyOf));
  survivors = survivors.filter((mutant) => left.has(keyOf(mutant)));
  show(`${tests} as well`);
}

const files = [...new Set(mutants.map(({ fileName }) => fileName))];
for (const file of files.length > 1 ? files : [])
  process.stdout.write(`${scoreOf(({ fileName }) => fileName === file)} ${file}\n`);
process.stdout.write(`${scoreOf(() => true)} in all, without ${equivalents.length} that change nothing\n`);

const byHand = readList("by-hand.json").filter(({ file }) => file.startsWith(target));
const survivedByHand = byHand.filter(({ file, from, to, note: tests }) => {
  const { status } = spawnSync("npx", ["vitest", "run", "--config", config, "--root", ".", "--bail", "1", tests], {
    env: { ...process.env, WHCB_MUTANT: JSON.stringify([file, from, to]) },
    stdio: "ignore",
  });
  return status === 0;
});
for (const { file, from, to } of survivedByHand) process.stdout.write(`${file} (by hand) ${from} -> ${to}\n`);
process.stdout.write(`${byHand.length - survivedByHand.length} of ${byHand.length} by hand are noticed\n`);
process.exitCode = survivors.length + survivedByHand.length > 0 ? 1 : 0;

function show(tests) {
  process.stdout.write(`\n${survivors.length} of ${mutants.length} survive ${tests}:\n`);
  for (const mutant of survivors) {
    const { fileName, location, replacement } = mutant;
    process.stdout.write(`${fileName}:${location.start.line} ${oneLine(codeOf(mutant))} -> ${oneLine(replacement)}\n`);
  }
}

/** A list names for each file the code, what it becomes, and the reason or the tests. */
function readList(name) {
  const files = Object.entries(JSON.parse(readFileSync(join(here, name), "utf8")));
  return files.flatMap(([file, entries]) => entries.map(([from, to, note]) => ({ file, from, to, note })));
}

/** Tries all changes of these files, or parts of files, with the tests of a file or folder. */
async function mutate(files, tests) {
  process.env.WHCB_MUTATION_TESTS = `${tests}/**/*.test.{ts,tsx}`;
  const results = await new Stryker({
    mutate: files,
    testRunner: "vitest",
    vitest: { configFile: config, related: true },
    plugins: [join(here, "node_modules", "@stryker-mutator", "vitest-runner", "dist", "src", "index.js")],
    coverageAnalysis: "perTest",
    ignorePatterns: ["dist", "man"],
    tempDirName: sandbox,
    concurrency: 1,
    timeoutMS: 20_000,
    dryRunTimeoutMinutes: 30,
    reporters: ["progress-append-only"],
    warnings: { slow: false },
    logLevel: "warn",
  }).runMutationTest();
  return results.map((mutant) => ({ ...mutant, fileName: relative(".", mutant.fileName) }));
}

/** A mutant with a file that throws while its tests are collected is a RuntimeError (vitest.config.ts). */
function survived({ status }) {
  return status === "Survived" || status === "NoCoverage";
}

function placeOf({ fileName, location: { start, end } }) {
  return `${fileName}:${start.line}:${start.column}-${end.line}:${end.column}`;
}

function keyOf(mutant) {
  return `${placeOf(mutant)} ${mutant.replacement}`;
}

/** Returns the code that the mutant replaces. */
function codeOf({ fileName, location: { start, end } }) {
  if (!text.has(fileName)) text.set(fileName, readFileSync(fileName, "utf8").split("\n"));
  const lines = text.get(fileName).slice(start.line - 1, end.line);
  lines[lines.length - 1] = lines.at(-1).slice(0, end.column - 1);
  lines[0] = lines[0].slice(start.column - 1);
  return lines.join("\n");
}

function isListed(mutant, { file, from, to }) {
  return mutant.fileName === file && oneLine(codeOf(mutant)) === from && oneLine(mutant.replacement) === to;
}

function oneLine(code) {
  return code.replaceAll(/\s+/g, " ");
}

function scoreOf(isMeant) {
  const total = mutants.filter(isMeant).length - equivalents.filter(isMeant).length;
  const noticed = total - survivors.filter(isMeant).length;
  return `${(total === 0 ? 100 : (100 * noticed) / total).toFixed(1).padStart(5)} % (${noticed} of ${total})`;
}
