/** In a file of its own: root may write everything, so as root this process becomes `nobody`. */
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openStore } from "../../src/store/open-store.js";

const NOBODY = 65_534;
const secretKey = new Uint8Array(32);
const folder = mkdtempSync(join(tmpdir(), "whcb-permissions-"));
const file = join(folder, "whcb.db");

beforeAll(() => {
  if (process.getuid?.() !== 0) return;
  chownSync(folder, NOBODY, NOBODY);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("reports a file or folder that isn't writable, and creates nothing", async () => {
  await (await openStore({ url: file, clock: systemClock, secretKey })).close();
  chmodSync(file, 0o444);
  const refused = { code: "config", message: `${file} can't be read and written`, hint: expect.stringContaining("writable") };
  await expect(openStore({ url: file, clock: systemClock, secretKey })).rejects.toMatchObject(refused);
  chmodSync(file, 0o644);
  chmodSync(folder, 0o555);
  await expect(openStore({ url: file, clock: systemClock, secretKey })).rejects.toMatchObject(refused);
  await expect(openStore({ url: `${file}.new`, clock: systemClock, secretKey })).rejects.toMatchObject({
    code: "config",
    message: `The folder ${folder} isn't writable`,
  });
  chmodSync(folder, 0o755);
  expect(readdirSync(folder)).toEqual(["whcb.db"]);
});
