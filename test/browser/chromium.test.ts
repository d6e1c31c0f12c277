import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { findChromium } from "../support/browser/chromium.js";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "whcb-chromium-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function program(...names: readonly string[]): string {
  const path = join(folder, ...names);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, "");
  chmodSync(path, 0o755);
  return path;
}

it("is the first of the known names on the PATH", () => {
  const chrome = program("a", "google-chrome");
  const env = { PATH: [join(folder, "a"), join(folder, "b")].join(delimiter) };
  expect(findChromium(env, [])).toBe(chrome);
  expect(findChromium(env, [])).not.toBe(program("a", "firefox"));
  const chromium = program("b", "chromium");
  expect(findChromium(env, [])).toBe(chromium);
});

it("isn't a folder or a file that can't be run", () => {
  program("chromium", "chromium");
  writeFileSync(join(folder, "google-chrome"), "");
  expect(findChromium({ PATH: folder }, [])).toBeNull();
});

it("is an application where none is on the PATH", () => {
  const application = program("Chromium.app", "Chromium");
  expect(findChromium({ PATH: folder }, [join(folder, "missing"), application])).toBe(application);
});

it("is the one that WHCB_CHROMIUM names, or none at all", () => {
  const own = program("own", "browser");
  program("chromium");
  expect(findChromium({ PATH: folder, WHCB_CHROMIUM: own }, [])).toBe(own);
  expect(findChromium({ PATH: join(folder, "own"), WHCB_CHROMIUM: "browser" }, [])).toBe(own);
  expect(() => findChromium({ PATH: folder, WHCB_CHROMIUM: "browser" }, [])).toThrow("WHCB_CHROMIUM names no program: browser");
});
