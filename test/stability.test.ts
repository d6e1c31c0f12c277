/** What docs/stability.md promises changes only with a line in CHANGELOG.md. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isGroup } from "../src/cli/args/command-spec.js";
import { isJsonFlag } from "../src/cli/args/json-flag.js";
import { loadAllCommands } from "../src/cli/commands/all.js";
import { helpJson } from "../src/cli/commands/help-json.js";
import { EXIT_CODES } from "../src/cli/exit-codes.js";
import { parseStep, type RunHeader, type RunStep, stepText } from "../src/runs/journal/run-step.js";
import type { ReplayOptions } from "../src/runs/run-options.js";
import { POSTGRES_MIGRATIONS } from "../src/store/postgres/postgres-migration-steps.js";
import { MIGRATIONS } from "../src/store/sqlite/migration-steps.js";

const ROOT = join(import.meta.dirname, "..");
const KEPT = join(import.meta.dirname, "fixtures", "stability.txt");

const OPTIONS: Required<ReplayOptions> = {
  concurrency: 8,
  rate: 5,
  canary: true,
  maxFailures: 10,
  serialBy: "from",
  to: "http://127.0.0.1:9000/hook",
  withAuth: false,
  mark: true,
  viaService: false,
  authParameter: "key",
  contentType: "json",
  bodyNames: "messageid-location",
  throughProxy: "proxy.example.com:3128",
};
const HEADER: Required<RunHeader> = {
  runId: "R",
  kind: "replay",
  options: OPTIONS,
  reconcile: { failed: 3, ambiguous: 2, unmarked: 1 },
  listedAt: 1,
  marksAgain: true,
  undoes: { runId: "Q", startedAt: 1 },
  profile: "local",
  service: "http://127.0.0.1:8787",
  databaseId: "D",
  who: "ada@desk",
  startedAt: 2,
  serviceStartedAt: 2,
  callbacks: [{ id: "CB", name: "demo", url: "http://127.0.0.1:9000/hook", urlHash: "H" }],
  toHash: "H",
  begunAfter: "P",
  begunAs: 1,
};
const COUNTS = {
  planned: 1,
  accepted: 1,
  resent: 0,
  rejected: 0,
  seen: 0,
  requested: 0,
  twice: 0,
  skipped: { settled: 0, order: 0, reopened: 0 },
  unknown: 0,
};
/** Each has all the fields that it may have. */
const STEPS: Readonly<Record<RunStep["step"], Required<RunStep>>> = {
  run: { step: "run", version: 1, header: HEADER },
  session: { step: "session", at: 3, who: "ada@desk", bootId: "B", concurrency: 8, options: OPTIONS },
  planned: { step: "planned", callback: "CB", call: "C", do: "send", changedAt: 7 },
  sent: { step: "sent", call: "C", at: 3 },
  accepted: { step: "accepted", call: "C", at: 3, ms: 4, serviceAt: 7, submittedAt: 2, resent: true },
  rejected: { step: "rejected", call: "C", at: 3, ms: 4, status: 503, message: "Unavailable", resent: true, canary: true },
  deferred: { step: "deferred", call: "C", at: 3, ms: 4, status: 429, message: "Too Many", resent: true, canary: true },
  requested: { step: "requested", calls: ["C"], at: 3 },
  marked: { step: "marked", calls: ["C"], as: "SUCCESS", serviceAt: 7, twice: true, at: 3 },
  "not-found": { step: "not-found", call: "C", at: 3, message: "gone" },
  "mark-rejected": { step: "mark-rejected", call: "C", at: 3, message: "no" },
  skipped: { step: "skipped", call: "C", at: 3, reason: "settled" },
  idle: { step: "idle", at: 3 },
  marking: { step: "marking", at: 3, calls: ["C"] },
  ended: { step: "ended", at: 3, reason: "done", counts: { ...COUNTS, left: 0, notFound: 0, marked: 1, toMark: 0 } },
  discarded: { step: "discarded", at: 3 },
};

/** Each promise has the name by which a line of the changelog mentions it. */
async function readPromises(): Promise<ReadonlyMap<string, string>> {
  const { commands, globalFlags, exitCodes } = await helpJson("", []);
  const fields = (await loadAllCommands()).flatMap((entry) =>
    (isGroup(entry) ? entry.commands : [entry]).map(({ flags }) => Object.values(flags).find(isJsonFlag)?.fields ?? null),
  );
  const step = (database: string) => (each: { readonly version: number }) => [
    `database version ${each.version} of ${database}`,
    each,
  ];
  return new Map<string, string>(
    [
      ...commands.map((command, index) => [`whcb ${command.command}`, [command, fields[index]]]),
      ["flags of every command", globalFlags],
      ["exit code", [exitCodes, EXIT_CODES]],
      ["API", readFileSync(join(ROOT, "test/support/client/generated-api.d.ts"), "utf8")],
      ...environmentVariables().map((name) => [name, name]),
      ...Object.entries(STEPS).map(([name, each]) => [`journal's step ${name}`, each]),
      ...MIGRATIONS.map(step("SQLite")),
      ...POSTGRES_MIGRATIONS.map(step("PostgreSQL")),
    ].map(([name, promise]) => [String(name), digestOf(promise)]),
  );
}

function environmentVariables(): readonly string[] {
  const sources = execFileSync("git", ["grep", "-hoE", "WHCB_[A-Z_]*[A-Z]", "--", "src", "bin"], { cwd: ROOT, encoding: "utf8" });
  return [...new Set(sources.trim().split("\n"))].sort();
}

function digestOf(promise: unknown): string {
  return createHash("sha256").update(JSON.stringify(promise)).digest("hex").slice(0, 16);
}

/** Returns the section's text as one line, or "" if the changelog has none. */
function unreleasedChanges(changelog: string): string {
  const section = changelog.split(/^## /m).find((text) => text.startsWith("Unreleased\n")) ?? "";
  return section.replace("Unreleased", "").replace(/\s+/g, " ").trim();
}

/** Without changes since the release, `npm run stability` writes what it promises. */
test("a promise changes only with a line under Unreleased that names it", async () => {
  const promises = await readPromises();
  const unreleased = unreleasedChanges(readFileSync(join(ROOT, "CHANGELOG.md"), "utf8"));
  if (unreleased === "") {
    const text = [...promises].map(([name, digest]) => `${digest} ${name}\n`).join("");
    return expect(text).toMatchFileSnapshot(KEPT);
  }
  const lines = readFileSync(KEPT, "utf8").trim().split("\n");
  const kept = new Map(lines.map((line) => [line.slice(17), line.slice(0, 16)]));
  const changed = [...new Set([...kept.keys(), ...promises.keys()])].filter((name) => kept.get(name) !== promises.get(name));
  expect(changed.filter((name) => !unreleased.includes(name))).toEqual([]);
});

test("a step of the journal is read as it was written", () => {
  for (const [name, step] of Object.entries(STEPS)) expect(parseStep(stepText(step))).toEqual({ ...step, step: name });
});
