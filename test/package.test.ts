/** What `npm install -g` of the packed package gives (there, neither package-lock.json nor "overrides" applies), and its licences. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly license?: string;
  readonly engines?: { readonly node?: string };
}

const ROOT = join(import.meta.dirname, "..");
const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const locked: Readonly<Record<string, LockedPackage>> = JSON.parse(
  readFileSync(join(ROOT, "package-lock.json"), "utf8"),
).packages;

/** Node 20.19 satisfies one of the alternatives of ">=18 <23", "^20.19 || >=22.12", "20 || 22", "20.x || 22.x". */
function supportsNode20(range: string): boolean {
  return range.split("||").some((alternative) => {
    const parts = [...alternative.matchAll(/(>=|\^|~|<)?\s*v?(\d+)(?:\.(\d+|x))?(?:\.\w+)*/g)];
    return parts.every(([, operator = "=", major, minor = "0"]) => {
      const wanted = Number(major) * 1_000 + (minor === "x" ? 0 : Number(minor));
      if (operator === "<") return 20_019 < wanted;
      return operator === ">=" ? 20_019 >= wanted : Number(major) === 20 && 20_019 >= wanted;
    });
  });
}

test("every package that is installed with it supports the oldest Node that it supports itself", () => {
  expect(manifest.engines.node).toBe("^20.19 || >=22.14");
  const unfit = Object.entries(locked)
    .filter(([, { dev, engines }]) => dev !== true && engines?.node !== undefined && !supportsNode20(engines.node))
    .map(([path, { engines }]) => [path, engines?.node]);
  expect(unfit).toEqual([]);
});

test("the driver is optional, locked for Node 20, and added by one command for later Nodes", () => {
  const { "better-sqlite3": range } = manifest.optionalDependencies;
  expect(range).toMatch(/^\^12\.\d+\.\d+ \|\| \^13\.\d+\.\d+$/);
  expect(locked["node_modules/better-sqlite3"]?.version).toMatch(/^12\./);
  const files = ["README.md", "CONTRIBUTING.md", "Dockerfile", ".ci/run", ".github/workflows/ci.yml"];
  const commands = files.map(
    (file) => /npm install --no-save .*better-sqlite3@[\w.]+/.exec(readFileSync(join(ROOT, file), "utf8"))?.[0],
  );
  expect(commands.map((command) => command?.replace(" --omit=dev", ""))).toEqual(
    files.map(() => "npm install --no-save better-sqlite3@13"),
  );
});

test("a version that must not change is pinned as a dependency, since an override isn't installed", () => {
  expect(manifest.overrides).toBeUndefined();
  // Later ones need cookie 2, which needs Node 22; fastify takes any 6.
  expect(manifest.dependencies["light-my-request"]).toBe("6.6.0");
});

/** Of alternatives ("MIT OR …"), one is enough. */
const LICENCES =
  /^\(?(?:.* OR )?(?:MIT|MIT-0|ISC|0BSD|BSD-2-Clause|BSD-3-Clause|Apache-2\.0|Python-2\.0|Unlicense)(?: OR .*)?\)?$/;
/** Not part of the package: vitest's CSS compiler, and the browser tests' axe-core. */
const DEVELOPMENT_LICENCES = /^MPL-2\.0$/;

const packages = Object.entries(locked)
  .filter(([path]) => path !== "")
  .map(([path, { version = "", license = "none", dev = false }]) => ({
    name: path.replace(/^.*node_modules\//, ""),
    isDirect: { ...manifest.dependencies, ...manifest.optionalDependencies }[path.replace("node_modules/", "")] !== undefined,
    version,
    license: license.replace(/^\((.*)\)$/, "$1"),
    dev,
  }));

test("every package has a permissive licence", () => {
  const others = packages.filter(({ license, dev }) => !LICENCES.test(license) && !(dev && DEVELOPMENT_LICENCES.test(license)));
  expect(others).toEqual([]);
});

test("docs/dependencies.md is current: `npm run deps` writes it", async () => {
  const installed = packages.filter(({ dev }) => !dev);
  const direct = installed.filter(({ isDirect }) => isDirect);
  const development = packages.filter(({ dev }) => dev);
  // Without lightningcss's builds for each platform.
  const weakCopyleft = development
    .filter(({ name, license }) => DEVELOPMENT_LICENCES.test(license) && !name.startsWith("lightningcss-"))
    .map(({ name }) => name);
  const licences = [...new Set(packages.map(({ license }) => license))].sort();
  const count = (from: typeof packages, license: string) => from.filter((one) => one.license === license).length;
  const names = (license: string) =>
    [...new Set(installed.filter((one) => one.license === license).map(({ name }) => name))].sort().join(", ");
  const text = `# Dependencies

Which packages are installed with it, and under which licences. \`npm run deps\` writes this file from \`package-lock.json\`, and a test keeps it current. \`npm run audit\` asks the registry for known
vulnerabilities of the installed packages; it fails if the registry doesn't answer such requests, as some mirrors don't.

Installing whcb installs ${installed.length} packages, ${direct.length} of them named by it. Its development needs ${development.length} more, of which those for other platforms are
never installed. Only permissive licences are allowed; development tools may also have MPL-2.0, as ${weakCopyleft.join(" and ")} do.

On Node 22.14 and later, better-sqlite3 13 and node-addon-api (both MIT) take the place of better-sqlite3 12 and of the packages that only version
12 needs ([ADR 14](adr/0014-choose-the-sqlite-driver-by-node.md)).

The build copies commander (MIT) and idiomorph (0BSD) into \`dist\`, each with its licence. \`npm run build:executable\` bundles the others, and writes
their licences and Node's to \`THIRD-PARTY-NOTICES\`.

| package | version | licence |
| --- | --- | --- |
${direct.map(({ name, version, license }) => `| ${name} | ${version} | ${license} |`).join("\n")}

| licence | installed | development |
| --- | --- | --- |
${licences.map((license) => `| ${license} | ${count(installed, license)} | ${count(development, license)} |`).join("\n")}

## Installed packages

${licences
  .filter((license) => count(installed, license) > 0)
  .map((license) => `${license}: ${names(license)}.`)
  .join("\n\n")}
`;
  await expect(text).toMatchFileSnapshot("../docs/dependencies.md");
});
