import { createHmac } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { maskUrl } from "../../../../src/domain/mask.js";
import { systemRandom } from "../../../../src/platform/random.js";
import { isRecorded, type RecordedUrl, urlRecorder } from "../../../../src/runs/journal/recorded-url.js";
import { isPrivate } from "../../../support/system.js";

const HIDDEN = "https://example.com/?token=s3cret";
const HIDDEN_TYPED = "HTTPS://example.com/?token=s3cret";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "whcb-key-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const deps = () => ({ runsDirectory: join(folder, "runs"), random: systemRandom });
const record = (url: string) => urlRecorder(deps())(url, maskUrl(url));
const isSame = (url: string, recorded: RecordedUrl) => isRecorded(url, recorded, deps());

describe("a URL in a journal", () => {
  it("is there as it is if it holds no secret, and needs no key", async () => {
    const recorded = await record("https://example.com/hook?a=1");
    expect(recorded).toEqual({ url: "https://example.com/hook?a=1" });
    expect([await isSame("https://example.com/hook?a=1", recorded), await isSame(HIDDEN, recorded)]).toEqual([true, false]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is known again without its secrets, by a key that is for its user only and isn't beside the journal", async () => {
    const recorded = await record(HIDDEN);
    expect(recorded).toEqual({ url: "https://example.com/?token=****", urlHash: expect.any(String) });
    expect([await isSame(HIDDEN, recorded), await isSame(`${HIDDEN}2`, recorded)]).toEqual([true, false]);
    expect(await record(HIDDEN)).toEqual(recorded);
    expect(readdirSync(folder)).toEqual(["runs.key"]);
    const key = join(folder, "runs.key");
    expect([isPrivate(key), readFileSync(key).length]).toEqual([true, 32]);
    rmSync(key);
    expect(await isSame(HIDDEN, recorded)).toBe(false);
    // This has another key.
    expect(await record(HIDDEN)).not.toEqual(recorded);
  });

  it("is the same one in another spelling of its scheme, host and port", async () => {
    const shown = await record("https://example.com/hook");
    const hidden = await record(HIDDEN.toUpperCase().replace("/?TOKEN=S3CRET", ":443/?token=s3cret"));
    for (const [recorded, url] of [
      [shown, "HTTPS://Example.com:443/hook#a"],
      [hidden, HIDDEN],
    ] as const)
      expect(await isSame(url, recorded)).toBe(true);
    expect([await isSame("https://example.com/Hook", shown), await isSame(`${HIDDEN}2`, hidden)]).toEqual([false, false]);
  });

  it("has the same key in processes that begin at once", async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => record(HIDDEN)));
    expect(new Set(all.map(({ urlHash }) => urlHash)).size).toBe(1);
    expect(readdirSync(folder)).toEqual(["runs.key"]);
  });

  it("of an earlier version is compared as it is, or without user and password", async () => {
    await record(HIDDEN);
    expect(await isSame(HIDDEN, { url: HIDDEN })).toBe(true);
    expect(await isSame(`${HIDDEN}2`, { url: HIDDEN })).toBe(false);
    const key = createHmac("sha256", readFileSync(join(folder, "runs.key")));
    const typed = { url: "https://example.com/?token=****", urlHash: key.update(HIDDEN_TYPED).digest("base64url") };
    expect(await isSame(HIDDEN_TYPED, typed)).toBe(true);
    expect(await isSame("https://ada:s3cret@example.com/", { url: "https://••••@example.com/" })).toBe(true);
  });

  // Only root can give a file away.
  it.runIf(process.getuid?.() === 0).each([0o1777, 0o3770])(
    "isn't hashed by the key of a stranger where others may write (%o)",
    async (mode) => {
      const recorded = await record(HIDDEN);
      chmodSync(folder, mode);
      expect(await record(HIDDEN)).toEqual(recorded);
      const key = join(folder, "runs.key");
      chownSync(key, 12_345, 12_345);
      const message = `the key of the journals can't be used: ${key} belongs to another user, and others may write to its folder`;
      for (const use of [record(HIDDEN), isSame(HIDDEN, recorded)])
        await expect(use).rejects.toMatchObject({ code: "unavailable", message });
    },
  );

  it("isn't recorded if the key can't be used", async () => {
    mkdirSync(join(folder, "runs.key"));
    await expect(record(HIDDEN)).rejects.toMatchObject({ code: "unavailable" });
  });
});
