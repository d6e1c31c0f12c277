/**
 * Mails written as .eml files.
 * Covers: src/notifier/eml-notifier.ts
 */
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { createEmlNotifier, removeMailFiles } from "../../src/notifier/eml-notifier.js";
import { AS_RECEIVED, aMail, failureOf } from "../support/mail/mails.js";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

describe("mails as files", () => {
  async function aDirectory(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), "whcb-mail-"));
    endings.push(() => rm(directory, { recursive: true }));
    return join(directory, "mail");
  }

  test("are complete, one per outage, and readable by the owner only", async () => {
    const directory = await aDirectory();
    const notifier = createEmlNotifier({ directory, from: "whcb@example.com" });
    await notifier.send(aMail({ subject: "the first try" }));
    await notifier.send(aMail());
    await notifier.send(aMail({ outageId: "0193B" }));
    expect((await readdir(directory)).sort()).toEqual(["outage-0193A1B2C3D47E5F8091A2B3C4D5E6F7.eml", "outage-0193B.eml"]);
    const file = join(directory, "outage-0193A1B2C3D47E5F8091A2B3C4D5E6F7.eml");
    expect(await readFile(file, "utf8")).toBe(AS_RECEIVED);
    expect([(await stat(directory)).mode & 0o777, (await stat(file)).mode & 0o777]).toEqual([0o700, 0o600]);
  });

  test("are written even if a crash left a draft behind", async () => {
    const directory = await aDirectory();
    const notifier = createEmlNotifier({ directory });
    await notifier.send(aMail({ outageId: "0193C" }));
    await writeFile(join(directory, ".outage-0193D.eml.draft"), "half");
    await notifier.send(aMail({ outageId: "0193D" }));
    expect((await readdir(directory)).sort()).toEqual(["outage-0193C.eml", "outage-0193D.eml"]);
  });

  test("are removed once they are old, drafts too, and nothing else is", async () => {
    const directory = await aDirectory();
    const notifier = createEmlNotifier({ directory });
    for (const outageId of ["01", "02"]) await notifier.send(aMail({ outageId }));
    const others = [".outage-03.eml.draft", "mine.eml", "outage-04.eml.bak"];
    for (const name of others) await writeFile(join(directory, name), "");
    for (const name of ["outage-01.eml", ...others]) await utimes(join(directory, name), 1, 1_000);
    await removeMailFiles(directory, 1_000_000);
    expect(await readdir(directory)).toHaveLength(5);
    await removeMailFiles(directory, 1_000_001);
    expect((await readdir(directory)).sort()).toEqual(["mine.eml", "outage-02.eml", "outage-04.eml.bak"]);
    await removeMailFiles(join(directory, "absent"), 1);
  });

  test("that can't be written fail with the folder and the reason", async () => {
    const directory = await aDirectory();
    await writeFile(directory, "a file where the folder should be");
    expect(await failureOf(createEmlNotifier({ directory }).send(aMail()))).toBe(
      `The mail can't be written to ${directory}: EEXIST.`,
    );
  });
});
