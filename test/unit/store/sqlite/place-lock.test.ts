import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { expect, test } from "vitest";
import { fileState, hasOpen } from "../../../../src/platform/files/open-file.js";
import { isLocked, lockFile, lockPath } from "../../../../src/store/sqlite/lock-database.js";
import {
  holdPlace,
  holdPort,
  isHeldHere,
  isServedElsewhere,
  isServedHere,
  portPath,
} from "../../../../src/store/sqlite/place-lock.js";
import { newTemporaryFolder } from "../../../support/temporary-folders.js";

test("a place is held until it is released, and then no file of it is left", async () => {
  const port = portPath(newTemporaryFolder("whcb-place-"), "http://127.0.0.1:80/");
  expect(basename(port)).toBe("port-80");
  expect(await isServedHere(port)).toBe(false);
  const place = await holdPlace(port);
  expect([await isServedHere(port), await isServedHere(portPath(dirname(port), "http://127.0.0.1:81/"))]).toEqual([true, false]);
  await place.release();
  expect([await isServedHere(port), readdirSync(dirname(port))]).toEqual([false, []]);
});

test("the lock of a port is taken once and leaves no file", async () => {
  const folder = newTemporaryFolder("whcb-place-");
  const port = await holdPort(`${folder}/data`, "http://127.0.0.1:80/");
  const { path } = port;
  const again = holdPort(`${folder}/data`, "http://127.0.0.1:80/");
  await expect(again).rejects.toMatchObject({ message: `${path} is locked by another process` });
  expect(await isLocked(path)).toBe(true);
  await port.release();
  expect([await isLocked(path), readdirSync(dirname(path))]).toEqual([false, []]);
  writeFileSync(path, "");
  await expect(holdPort(path, "http://127.0.0.1:80/")).rejects.toThrow("EEXIST");
});

test("a process has a port's lock open while it holds it", async () => {
  const port = await holdPort(newTemporaryFolder("whcb-place-"), "http://127.0.0.1:80/");
  expect([hasOpen(process.pid, port.path), hasOpen(process.ppid, port.path)]).toEqual([true, false]);
  expect(basename(port.path)).toMatch(/^port-80-127\.0\.0\.1-api\.lock\.[\da-f]{16}$/);
  await port.release();
  expect(hasOpen(process.pid, port.path)).toBeNull();
});

test("a port's lock is held for this network namespace, and each that locks it changes the file", async () => {
  const folder = newTemporaryFolder("whcb-place-");
  const port = await holdPort(folder, "http://127.0.0.1:80/");
  const state = fileState(port.path);
  expect([await isHeldHere(port.path), fileState(port.path)]).toEqual([true, state]);
  await expect(holdPort(folder, "http://127.0.0.1:80/")).rejects.toMatchObject({ code: "unavailable" });
  expect(fileState(port.path)).not.toBe(state);
  const elsewhere = `${port.path.slice(0, -16)}${"0".repeat(16)}`;
  const other = await lockFile(elsewhere);
  expect(await isHeldHere(elsewhere)).toBe(false);
  await other?.release();
  await port.release();
  expect([await isHeldHere(port.path), fileState(port.path)]).toEqual([false, null]);
});

test("a lock in a folder that a stranger made where everybody may write isn't believed", async () => {
  const folder = newTemporaryFolder("whcb-place-");
  mkdirSync(join(folder, "data"));
  const path = portPath(join(folder, "data"), "http://127.0.0.1:80/");
  const place = await holdPlace(path);
  expect(await isServedHere(path)).toBe(true);
  chmodSync(folder, 0o1777);
  // Only root can give a folder away.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(join(folder, "data"), 12_345, 12_345);
  expect(await isServedHere(path)).toBe(!isRoot);
  await place.release();
});

// Only root can give a file away.
test.runIf(process.getuid?.() === 0)("a lock that a stranger made isn't believed", async () => {
  const folder = newTemporaryFolder("whcb-place-");
  const served = portPath(folder, "http://127.0.0.1:80/");
  const place = await holdPlace(served);
  const [name = ""] = readdirSync(folder);
  expect(await isServedHere(served)).toBe(true);
  chownSync(join(folder, name), 12_345, 12_345);
  expect(await isServedHere(served)).toBe(false);
  await place.release();
});

test("a database is served elsewhere while its lock is held without its place", async () => {
  const path = `${newTemporaryFolder("whcb-place-")}/x.db`;
  expect(await isServedElsewhere(path)).toBe(false);
  const lock = await lockFile(lockPath(path));
  expect(await isServedElsewhere(path)).toBe(true);
  const place = await holdPlace(path);
  expect(await isServedElsewhere(path)).toBe(false);
  await place.release();
  await lock?.release();
  expect(await isServedElsewhere(path)).toBe(false);
});
