/** test/slow/open-files.test.ts checks the files of this process. */
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { excessMode } from "../../../../src/platform/files/excess-mode.js";
import { IS_WINDOWS } from "../../../support/system.js";

const NOBODY = 65_534;

it.skipIf(IS_WINDOWS)("leaves the group of another user's file its rights, by which this process may read it", () => {
  // Only root can give files away.
  if (process.getuid?.() !== 0) return void expect(excessMode("/etc/passwd")).toBe("o-rwx");
  const folder = mkdtempSync(join(tmpdir(), "whcb-excess-"));
  const file = join(folder, "x.key");
  writeFileSync(file, "");
  chmodSync(folder, 0o755);
  const modeOfExcess = (mode: number) => {
    chmodSync(file, mode);
    return excessMode(file);
  };
  expect([0o600, 0o640, 0o644].map(modeOfExcess)).toEqual([null, "go-rwx", "go-rwx"]);
  chownSync(folder, 0, NOBODY);
  chmodSync(folder, 0o750);
  expect(modeOfExcess(0o640)).toBe(null);
  chmodSync(folder, 0o755);
  chownSync(file, NOBODY, NOBODY);
  expect([0o600, 0o640, 0o644, 0o602].map(modeOfExcess)).toEqual([null, null, "o-rwx", "o-rwx"]);
  rmSync(folder, { recursive: true });
});

it("is nothing of a file that doesn't exist", () => {
  expect(excessMode(join(tmpdir(), "whcb-no-such-file"))).toBe(null);
});
