/** What `npm install -g` of the packed package gives: there, neither package-lock.json nor "overrides" applies. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
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
  expect(manifest.engines.node).toBe(">=20.19");
  const unfit = Object.entries(locked)
    .filter(([, { dev, engines }]) => dev !== true && engines?.node !== undefined && !supportsNode20(engines.node))
    .map(([path, { engines }]) => [path, engines?.node]);
  expect(unfit).toEqual([]);
});

test("a version that must not change is pinned as a dependency, since an override isn't installed", () => {
  expect(manifest.overrides).toBeUndefined();
  // 6.7 and later need cookie 2, which needs Node 22; fastify takes any 6.
  expect(manifest.dependencies["light-my-request"]).toBe("6.6.0");
});
