import { chmodSync, chownSync, lchownSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isMadeByUser, makePrivate, requireNoStrangers } from "../../../../src/platform/files/is-own.js";
import { IS_WINDOWS } from "../../../support/system.js";
import { newTemporaryFolder } from "../../../support/temporary-folders.js";

const STRANGER = 12_345;
const OWNER = 12_346;
const isRoot = process.getuid?.() === 0;

function aFile(folderMode: number, mode = 0o600): { readonly folder: string; readonly file: string } {
  const folder = join(newTemporaryFolder("whcb-own-"), "folder");
  mkdirSync(folder);
  const file = join(folder, "file");
  writeFileSync(file, "");
  chmodSync(file, mode);
  chmodSync(folder, folderMode);
  return { folder, file };
}

// Only root can give a file away.
describe.runIf(isRoot)("a file of another user", () => {
  test.each([
    [0o700, false, false],
    [0o755, false, false],
    [0o770, true, false],
    [0o3775, true, false],
    [0o1777, true, true],
  ])("in a folder of mode %o is a stranger's: %s, if a group shares it: %s", (mode, isStrangers, isSharedStrangers) => {
    const { folder, file } = aFile(mode);
    chownSync(file, STRANGER, STRANGER);
    const check = (isShared: boolean) => () => requireNoStrangers(file, { isShared });
    const message = `${file} belongs to another user, and others may write to its folder`;
    for (const [isShared, isRefused] of [
      [false, isStrangers],
      [true, isSharedStrangers],
    ] as const)
      if (isRefused) expect(check(isShared)).toThrow(message);
      else check(isShared)();
    // The owner of a folder can exchange every file in it.
    chownSync(folder, STRANGER, STRANGER);
    check(false)();
  });

  test("is refused behind his link where a group may write, but not behind his folder", () => {
    const { folder, file } = aFile(0o770);
    symlinkSync(file, join(folder, "link"));
    mkdirSync(join(folder, "theirs"));
    writeFileSync(join(folder, "theirs", "file"), "");
    for (const name of ["link", "theirs", "theirs/file"]) lchownSync(join(folder, name), STRANGER, STRANGER);
    expect(() => requireNoStrangers(join(folder, "link"), { isShared: true })).toThrow("link belongs to another user");
    requireNoStrangers(join(folder, "theirs", "file"));
  });

  test("isn't made by this user, but root works for a folder's owner, too", () => {
    const { folder, file } = aFile(0o755);
    expect([isMadeByUser(file), isMadeByUser(join(folder, "missing"))]).toEqual([true, false]);
    chownSync(file, OWNER, OWNER);
    expect(isMadeByUser(file)).toBe(false);
    chownSync(folder, OWNER, OWNER);
    expect(isMadeByUser(file)).toBe(true);
  });
});

test.skipIf(IS_WINDOWS).each([
  [0o700, 0o600],
  [0o755, 0o600],
  [0o1777, 0o600],
  [0o3775, 0o600],
  [0o777, 0o664],
  [0o2775, 0o664],
])("in a folder of mode %o a file is closed to others only if nobody else can exchange it: %o", (folderMode, expected) => {
  const { file } = aFile(folderMode, 0o664);
  makePrivate(file);
  expect((statSync(file).mode & 0o777).toString(8)).toBe(expected.toString(8));
});

test.runIf(isRoot)("in another user's folder a file keeps its mode, as the folder's owner can exchange it", () => {
  const { folder, file } = aFile(0o755, 0o664);
  chownSync(folder, OWNER, OWNER);
  makePrivate(file);
  expect(statSync(file).mode & 0o777).toBe(0o664);
});

test.skipIf(IS_WINDOWS)("what a link leads to keeps its mode", () => {
  const { folder, file } = aFile(0o700, 0o664);
  symlinkSync(file, join(folder, "link"));
  for (const name of ["link", "missing"]) makePrivate(join(folder, name));
  expect(statSync(file).mode & 0o777).toBe(0o664);
});
