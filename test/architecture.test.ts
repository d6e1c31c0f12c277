/** The rules of the house, executable: who may import whom, which package lives where, where time and chance come from. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";

const SRC = join(import.meta.dirname, "..", "src");

/** A folder may import folders of a lower rank only, and of those only the ones named where names are given. */
const RANKS: Record<string, { rank: number; only?: readonly string[] }> = {
  domain: { rank: 0 },
  wire: { rank: 1 },
  platform: { rank: 1 },
  store: { rank: 2 },
  delivery: { rank: 2 },
  notifier: { rank: 2 },
  client: { rank: 2 },
  dispatcher: { rank: 3, only: ["domain", "wire", "platform", "store", "delivery", "notifier"] },
  runs: { rank: 3, only: ["domain", "wire", "platform", "client", "delivery"] },
  server: { rank: 4, only: ["domain", "wire", "platform", "store", "delivery"] },
  cli: { rank: 5, only: ["domain", "wire", "platform", "client", "delivery", "runs"] },
  main: { rank: 6 },
};

const PACKAGE_HOMES: Record<string, readonly string[]> = {
  commander: ["cli"],
  chalk: ["cli"],
  ora: ["cli"],
  "cli-table3": ["cli"],
  conf: ["cli"],
  "csv-stringify": ["cli"],
  undici: ["delivery", "client"],
  kysely: ["store"],
  "better-sqlite3": ["store"],
  fastify: ["server"],
  "@fastify/swagger": ["server"],
  "prom-client": ["server"],
  nodemailer: ["notifier"],
  "@sinclair/typebox": ["wire"],
  "fast-xml-parser": ["wire"],
  "ipaddr.js": ["delivery"],
  pino: ["platform"],
};

interface SourceFile {
  readonly path: string;
  readonly folder: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const files: readonly SourceFile[] = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => {
    const text = readFileSync(join(SRC, path), "utf8");
    const imports = [...text.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|^import\s+)"([^"]+)"/gm)].map((match) => match[1] ?? "");
    return { path, folder: path.includes("/") ? (path.split("/")[0] ?? "") : "", text, imports };
  });

function folderOf(file: SourceFile, specifier: string): string {
  const target = relative(SRC, join(SRC, file.path, "..", specifier));
  return target.includes("/") ? (target.split("/")[0] ?? "") : "";
}

describe("the house", () => {
  it("has every folder of the table and no other", () => {
    expect([...new Set(files.map((file) => file.folder))].filter(Boolean).sort()).toEqual(Object.keys(RANKS).sort());
    expect(files.filter((file) => file.folder === "").map((file) => file.path)).toEqual(["main.ts"]);
  });

  it("imports downwards only, never a sibling of the same rank", () => {
    const wrong: string[] = [];
    for (const file of files.filter(({ folder }) => folder !== "")) {
      const own = RANKS[file.folder];
      for (const specifier of file.imports.filter((name) => name.startsWith("."))) {
        const folder = folderOf(file, specifier);
        if (folder === file.folder) continue;
        const other = RANKS[folder];
        const isAllowed = own && other && other.rank < own.rank && (own.only?.includes(folder) ?? true);
        if (!isAllowed) wrong.push(`${file.path} -> ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("keeps each package in its home", () => {
    const wrong: string[] = [];
    for (const file of files) {
      for (const specifier of file.imports) {
        const name = specifier.startsWith("@") ? specifier.split("/").slice(0, 2).join("/") : (specifier.split("/")[0] ?? "");
        const homes = PACKAGE_HOMES[name];
        if (homes && file.folder !== "" && !homes.includes(file.folder)) wrong.push(`${file.path} -> ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  // A handler is loaded when its command runs, and may read the flags of its command then.
  it("has no circles, lazy imports apart", () => {
    const importsOf = new Map(
      files.map((file) => [
        file.path,
        [...file.text.matchAll(/(?:\bfrom\s+|^import\s+)"(\.[^"]+)"/gm)].map((match) =>
          relative(SRC, join(SRC, file.path, "..", match[1] ?? "")).replace(/\.js$/, ".ts"),
        ),
      ]),
    );
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
      if (done.has(path) || trail.includes(path)) return;
      for (const next of importsOf.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    };
    for (const path of importsOf.keys()) visit(path, []);
    expect(circles).toEqual([]);
  });

  it("takes time, chance and environment from platform and main alone", () => {
    const direct =
      /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bset(?:Timeout|Interval|Immediate)\(|\bperformance\.now\(|\bprocess\.env\b/;
    const wrong = files
      .filter(({ folder }) => folder !== "platform" && folder !== "")
      .filter(({ text }) => direct.test(text))
      .map(({ path }) => path);
    expect(wrong).toEqual([]);
  });

  it("keeps files small enough to hold one idea", () => {
    const long = files.map(({ path, text }) => ({ path, lines: text.split("\n").length })).filter(({ lines }) => lines > 300);
    expect(long).toEqual([]);
  });
});
