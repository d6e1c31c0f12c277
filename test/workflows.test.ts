/** What runs on GitHub has only the rights that it needs, and runs nobody else's text or code but pinned actions. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly needs?: string | readonly string[];
  readonly uses?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly "timeout-minutes"?: number;
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const ROOT = join(import.meta.dirname, "..");
const FOLDER = join(ROOT, ".github", "workflows");
const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const files = readdirSync(FOLDER)
  .sort()
  .map((name) => ({ name, text: readFileSync(join(FOLDER, name), "utf8") }));
const workflows = files.map(({ name, text }) => ({ ...(parse(text) as Workflow), name }));
const jobs = workflows.flatMap(({ name, jobs }) => Object.entries(jobs).map(([id, job]) => ({ name: `${name} ${id}`, ...job })));
const steps = jobs.flatMap(({ steps = [] }) => steps);
const commands = steps.flatMap(({ run = [] }) => run);

describe("workflows", () => {
  it("use actions by their commits, and say the versions", () => {
    const used = files.flatMap(({ text }) => text.match(/\buses:.*/g) ?? []);
    expect(used.length).toBeGreaterThan(0);
    const unpinned = used.filter((line) => !/^uses: (\.\/\S+|[\w./-]+@[\da-f]{40} # v\d+\.\d+\.\d+)$/.test(line));
    expect(unpinned).toEqual([]);
  });

  it("use one commit of each action", () => {
    const used = new Set(steps.flatMap(({ uses = [] }) => uses));
    const repositories = new Set([...used].map((one) => one.replace(/^([^/]+\/[^/@]+).*@/, "$1@")));
    expect(new Set([...repositories].map((one) => one.split("@")[0])).size).toBe(repositories.size);
  });

  it("start for what can't give others' code these rights", () => {
    const events = workflows.flatMap(({ on }) => Object.keys(on));
    expect([...new Set(events)].sort()).toEqual(["pull_request", "push", "schedule", "workflow_call"]);
  });

  it("may write only what the job is for", () => {
    expect(workflows.map(({ name, permissions }) => [name, permissions])).toEqual([
      ["ci.yml", { contents: "read" }],
      ["release.yml", {}],
      ["security.yml", {}],
    ]);
    const writes = jobs.map(({ name, permissions = {} }) => [
      name,
      Object.keys(permissions).filter((scope) => permissions[scope] === "write"),
    ]);
    expect(Object.fromEntries(writes.filter(([, scopes]) => scopes?.length !== 0))).toEqual({
      "release.yml image": ["packages"],
      "release.yml images": ["packages", "id-token", "attestations"],
      "release.yml npm": ["id-token"],
      "release.yml release": ["contents", "id-token", "attestations"],
      "security.yml codeql": ["security-events"],
    });
  });

  it("put no expression into a command, where a title or name of others would be run", () => {
    expect(commands.filter((run) => run.includes("${{"))).toEqual([]);
  });

  it("keep no token in the clone", () => {
    const clones = steps.filter(({ uses }) => uses?.startsWith("actions/checkout@"));
    expect(clones.filter((step) => step.with?.["persist-credentials"] !== false)).toEqual([]);
  });

  it("end by themselves", () => {
    expect(jobs.filter((job) => job.uses === undefined && job["timeout-minutes"] === undefined)).toEqual([]);
  });

  it("run scripts that exist", () => {
    const scripts = commands.flatMap((run) => [...run.matchAll(/npm run ([\w:-]+)/g)].map(([, script = ""]) => script));
    expect(scripts.filter((script) => manifest.scripts[script] === undefined)).toEqual([]);
    const programs = commands.flatMap((run) => [...run.matchAll(/\bnode ([\w./-]+\.m?js)/g)].map(([, path = ""]) => path));
    expect(programs.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it("release all that a script builds", () => {
    const release = workflows.find(({ name }) => name === "release.yml")?.jobs.executable?.steps ?? [];
    const built = release.flatMap(({ run = "" }) => [...run.matchAll(/npm run (build:[\w-]+)/g)].map(([, script]) => script));
    expect(built.sort()).toEqual(
      Object.keys(manifest.scripts)
        .filter((script) => script.startsWith("build:"))
        .sort(),
    );
  });

  it("publish nothing that wasn't checked, on every system", () => {
    const release = workflows.find(({ name }) => name === "release.yml")?.jobs ?? {};
    const needsOf = (id: string): readonly string[] =>
      [release[id]?.needs ?? []].flat().flatMap((needed) => [needed, ...needsOf(needed)]);
    const publishing = Object.keys(release).filter((id) => Object.values(release[id]?.permissions ?? {}).includes("write"));
    const all = ["check", "package", "executable"];
    expect(publishing.filter((id) => !all.every((needed) => needsOf(id).includes(needed)))).toEqual([]);
    expect(release.check?.uses).toBe("./.github/workflows/ci.yml");
  });
});

describe("the notes of a release", () => {
  const write = (tag: string) =>
    spawnSync(process.execPath, [".github/release-notes.mjs"], {
      cwd: ROOT,
      encoding: "utf8",
      env: { ...process.env, GITHUB_REF_NAME: tag, GITHUB_SERVER_URL: "https://git.example.com", GITHUB_REPOSITORY: "ada/whcb" },
    });
  const tag = `v${manifest.version}`;

  it("are the version's section of the changelog, with links that lead there from anywhere", () => {
    const { status, stdout } = write(tag);
    const changelog = readFileSync(join(ROOT, "CHANGELOG.md"), "utf8");
    const [, section = ""] = new RegExp(`^## ${manifest.version}\\n([\\s\\S]*?)(?=^## |(?![\\s\\S]))`, "m").exec(changelog) ?? [];
    expect(status).toBe(0);
    expect(stdout.trim()).not.toBe("");
    expect(stdout.replaceAll(`](https://git.example.com/ada/whcb/blob/${tag}/`, "](").trim()).toBe(section.trim());
    expect(stdout).not.toMatch(/\]\((?!https:)/);
  });

  it.each(["v0.0.0", manifest.version, "main"])("aren't written for %s, which isn't this version's tag", (other) => {
    const { status, stdout, stderr } = write(other);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(`The tag is ${other}, but package.json has version ${manifest.version}.`);
  });
});
