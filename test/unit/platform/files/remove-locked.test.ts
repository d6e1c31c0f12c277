import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { removeLocked } from "../../../../src/platform/files/remove-locked.js";
import { newTemporaryFolder } from "../../../support/temporary-folders.js";

const { platform } = process;
afterEach(() => Object.defineProperty(process, "platform", { value: platform }));

it.each([
  ["linux", "before its lock ends, so that nobody gets it first", false],
  ["win32", "after its lock has ended, as nobody removes an open file", true],
])("on %s a file is removed %s", async (system, _, isThereAtRelease) => {
  Object.defineProperty(process, "platform", { value: system });
  const file = join(newTemporaryFolder("whcb-locked-"), "x.lock");
  writeFileSync(file, "");
  let wasThere: boolean | null = null;
  await removeLocked(file, async () => {
    wasThere = existsSync(file);
  });
  expect([wasThere, existsSync(file)]).toEqual([isThereAtRelease, false]);
});

it("the lock ends although its file can't be removed", async () => {
  const folder = newTemporaryFolder("whcb-locked-");
  let isReleased = false;
  await removeLocked(folder, async () => {
    isReleased = true;
  });
  expect([isReleased, existsSync(folder)]).toEqual([true, true]);
});
