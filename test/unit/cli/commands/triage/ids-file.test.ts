import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { IdsFile } from "../../../../../src/cli/commands/triage/ids-file.js";
import { newTemporaryFolder } from "../../../../support/temporary-folders.js";

const newName = (name: string): string => join(newTemporaryFolder("whcb-ids-"), name);

it("keeps what was written, if that is all", async () => {
  const file = new IdsFile(newName("ids.txt"));
  file.stream.write("a\n");
  expect([await file.close(true), readFileSync(file.path, "utf8")]).toEqual([true, "a\n"]);
  const cut = new IdsFile(newName("ids.txt"));
  cut.stream.write("a\n");
  expect([await cut.close(false), existsSync(cut.path)]).toEqual([false, false]);
});

it("isn't saved where no file can be created, and no other file is removed", async () => {
  expect(await new IdsFile(newName("missing/ids.txt")).close(true)).toBe(false);
  const name = newName("ids.txt");
  writeFileSync(name, "of somebody else");
  expect([await new IdsFile(name).close(true), readFileSync(name, "utf8")]).toEqual([false, "of somebody else"]);
});
