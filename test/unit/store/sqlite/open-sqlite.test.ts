import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { placeOfFile } from "../../../../src/store/sqlite/open-sqlite.js";
import { newTemporaryFolder } from "../../../support/temporary-folders.js";

describe("the place of a database", () => {
  it("is its file, whatever is written to it", () => {
    const path = join(newTemporaryFolder("whcb-place-"), "x.db");
    writeFileSync(path, "1");
    const place = placeOfFile(path);
    writeFileSync(path, "22");
    expect([place, placeOfFile(path)]).toEqual([expect.stringMatching(/^\d+ \d+$/), place]);
  });

  // /proc keeps no birth times.
  it.runIf(process.platform === "linux")("isn't known by the number of the file alone, which another one may get", () => {
    expect(placeOfFile("/proc/version")).toBeNull();
  });
});
