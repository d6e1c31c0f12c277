/** The rules of docs/architecture.md: who may import whom, where a package belongs, where time comes from, how large things get. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";

const TEST = import.meta.dirname;
const SRC = join(TEST, "..", "src");

/** A folder imports folders of a lower rank only; with `only`, only those. */
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
  undici: ["delivery", "client"],
  kysely: ["store"],
  "better-sqlite3": ["store"],
  pg: ["store"],
  fastify: ["server"],
  "prom-client": ["server"],
  nodemailer: ["notifier"],
  "@sinclair/typebox": ["wire"],
  "fast-xml-parser": ["wire"],
  "ipaddr.js": ["delivery"],
  pino: ["platform"],
  preact: ["server"],
  "preact-render-to-string": ["server"],
};

interface SourceFile {
  readonly path: string;
  readonly folder: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const files: readonly SourceFile[] = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((path) => /\.tsx?$/.test(path))
  .map((path) => {
    const text = readFileSync(join(SRC, path), "utf8");
    const imports = [...text.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|^import\s+)"([^"]+)"/gm)].map((match) => match[1] ?? "");
    return { path, folder: path.includes("/") ? (path.split("/")[0] ?? "") : "", text, imports };
  });

/** The paths below src of the files that the pattern's groups name. */
function importedBy({ path, text }: SourceFile, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map(([, specifier, later]) => {
    const imported = relative(SRC, join(SRC, path, "..", specifier ?? later ?? ""));
    const tsx = imported.replace(/\.js$/, ".tsx");
    return files.some((file) => file.path === tsx) ? tsx : imported.replace(/\.js$/, ".ts");
  });
}

function circlesIn(importsOf: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
    if (done.has(path) || trail.includes(path)) return;
    for (const next of importsOf.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of importsOf.keys()) visit(path, []);
  return circles;
}

function folderOf(file: SourceFile, specifier: string): string {
  const target = relative(SRC, join(SRC, file.path, "..", specifier));
  return target.includes("/") ? (target.split("/")[0] ?? "") : "";
}

/** Two files of one name are hard to tell apart in an editor; every command has these two. */
const SHARED_NAMES: ReadonlySet<string> = new Set(["command.ts", "run.ts"]);
const MAX_LINES = 350;
const MAX_FILES_IN_FOLDER = 16;

const isComposition = ({ folder }: SourceFile): boolean => folder === "main" || folder === "";

/** Without comments, strings and regular expressions. */
function codeOf({ text }: SourceFile): string {
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/.*$|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|(?<=[(,=] ?)\/(?![*/ ]).*?[^\\]\/\w*/gm,
    " ",
  );
}

describe("the folders of src", () => {
  it("are those of the table", () => {
    expect([...new Set(files.map((file) => file.folder))].filter(Boolean).sort()).toEqual(Object.keys(RANKS).sort());
    expect(files.filter((file) => file.folder === "").map((file) => file.path)).toEqual(["main.ts"]);
  });

  it("import only folders of a lower rank", () => {
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

  it("import a package only where it belongs", () => {
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

  it("of a service load nothing later that src/server/lazy-parts.ts doesn't name, but pg as the database is opened", () => {
    const parts = ["domain", "wire", "platform", "store", "delivery", "notifier", "dispatcher", "server"];
    const lazy = files.filter((file) => parts.includes(file.folder) && /(?<!typeof )\bimport\s*\(/.test(codeOf(file)));
    expect(lazy.map(({ path }) => path)).toEqual(["server/lazy-parts.ts", "store/open-store.ts"]);
  });

  it(`hold at most ${MAX_FILES_IN_FOLDER} files each`, () => {
    const counts = new Map<string, number>();
    for (const { path } of files) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
    expect([...counts].filter(([, count]) => count > MAX_FILES_IN_FOLDER)).toEqual([]);
  });
});

describe("the files of src", () => {
  it("don't import each other in a circle", () => {
    const importsOf = files.map((file) => [file.path, importedBy(file, /(?:\bfrom\s+|^import\s+)"(\.[^"]+)"/gm)] as const);
    expect(circlesIn(new Map(importsOf))).toEqual([]);
  });

  // A handler imports the types of its command's flags, which loads nothing.
  it("don't load each other in a circle, later imports included", () => {
    const loads = /^(?:import|export) (?!type )[^;"]*"(\.[^"]+)"|(?<!typeof )\bimport\s*\(\s*"(\.[^"]+)"/gm;
    const loadsOf = files.map((file) => [file.path, importedBy(file, loads)] as const);
    expect(circlesIn(new Map(loadsOf))).toEqual([]);
  });

  it(`have at most ${MAX_LINES} lines each`, () => {
    const long = files.map(({ path, text }) => ({ path, lines: text.trimEnd().split("\n").length }));
    expect(long.filter(({ lines }) => lines > MAX_LINES)).toEqual([]);
  });

  it("have names of their own, apart from command.ts and run.ts", () => {
    const byName = new Map<string, string[]>();
    for (const { path } of files) {
      if (!SHARED_NAMES.has(basename(path))) byName.set(basename(path), [...(byName.get(basename(path)) ?? []), path]);
    }
    expect([...byName.values()].filter((paths) => paths.length > 1)).toEqual([]);
  });
});

describe("text that may be a URL", () => {
  it("is parsed by parseUrl: URL.canParse rejects some URLs after a while", () => {
    expect(files.filter((file) => codeOf(file).includes("canParse")).map(({ path }) => path)).toEqual([]);
  });
});

describe("time, randomness and the environment", () => {
  it("are read directly only in platform and main.ts", () => {
    const direct =
      /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bset(?:Timeout|Interval|Immediate)\(|\bperformance\.now\(|\bprocess\.env\b/;
    const wrong = files.filter(({ folder, text }) => folder !== "platform" && folder !== "" && direct.test(text));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it("are passed in everywhere else: no other folder names a system implementation, not even as a default", () => {
    const wrong = files
      .filter((file) => file.folder !== "platform" && !isComposition(file))
      .flatMap((file) =>
        [...new Set(codeOf(file).match(/\bsystem(?:Clock|Timers|Random)\b/g))].map((name) => `${file.path}: ${name}`),
      );
    expect(wrong).toEqual([]);
  });
});

describe("the command line", () => {
  const cli = files.filter(({ folder }) => folder === "cli");
  const using = (pattern: RegExp) =>
    cli
      .filter(({ text }) => pattern.test(text))
      .map(({ path }) => path)
      .sort();

  it("writes through screen.ts, which takes only escaped text; questions.ts also repeats what is typed", () => {
    expect(using(/\b(?:stdout|stderr)\.write\(|\bconsole\./)).toEqual(["cli/output/questions.ts"]);
  });

  it("calls text a layout only where all of it is its own or escaped", () => {
    expect(using(/\blayoutText\(/)).toEqual([
      "cli/commands/completion/run.ts",
      "cli/output/listing.ts",
      "cli/output/screen-text.ts",
      "cli/output/screen.ts",
      "cli/output/table.ts",
      "cli/run-command.ts",
    ]);
  });
});

describe("the console", () => {
  const pages = files.filter(({ path }) => path.startsWith("server/console/"));

  it("escapes by construction: nothing writes HTML as text, and no element has a style or a script of its own", () => {
    const raw = /dangerouslySetInnerHTML|\bstyle=|<style|<script(?![^>]*\bsrc=)|\son[A-Z]\w*=/;
    expect(pages.filter((file) => raw.test(file.text)).map(({ path }) => path)).toEqual([]);
  });
});

describe("main", () => {
  it("decides nothing: it imports types and errors from domain, no rules", () => {
    const wrong = files.filter(isComposition).flatMap(({ path, text }) =>
      [...text.matchAll(/^import (?!type )[^;]*from "[./]*\/domain\/([^"]+)"/gm)]
        .map(([, module = ""]) => module)
        .filter((module) => module !== "errors.js")
        .map((module) => `${path} -> domain/${module}`),
    );
    expect(wrong).toEqual([]);
  });

  it("decides nothing: it holds no number above 1", () => {
    const wrong = files.filter(isComposition).flatMap((file) =>
      [...codeOf(file).matchAll(/(?<![\w.])\d[\d_]*/g)]
        .map(([number]) => number)
        .filter((number) => Number(number.replaceAll("_", "")) > 1)
        .map((number) => `${file.path}: ${number}`),
    );
    expect(wrong).toEqual([]);
  });
});
