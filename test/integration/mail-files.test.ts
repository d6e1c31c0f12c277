/** Mails written as .eml files. */
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { createEmlNotifier, eraseMailFiles, removeMailFiles } from "../../src/notifier/eml-notifier.js";
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

  test("are written again without a sender's data, or removed if their outage isn't known any more", async () => {
    const directory = await aDirectory();
    const notifier = createEmlNotifier({ directory });
    const about = (name: string) => `From:      61491570156\nContent:\n  | ${name} 👋 ${"long ".repeat(30)}\n`;
    for (const outageId of ["01", "02"]) await notifier.send(aMail({ outageId, text: about("Zoë") }));
    await notifier.send(aMail({ outageId: "03", text: about("Bob") }));
    await utimes(join(directory, "outage-01.eml"), 1, 1_000);
    const erasure = {
      mails: [aMail({ outageId: "01", text: "erased\n" }), aMail({ outageId: "04" })],
      erasedMails: [],
      isAbout: (text: string) => text.includes("| Zoë 👋 long long"),
    };
    expect(await eraseMailFiles(directory, { ...erasure, dryRun: true })).toBe(2);
    expect(await readdir(directory)).toHaveLength(3);
    expect(await eraseMailFiles(directory, { ...erasure, dryRun: false })).toBe(2);
    expect((await readdir(directory)).sort()).toEqual(["outage-01.eml", "outage-03.eml"]);
    expect(await readFile(join(directory, "outage-01.eml"), "utf8")).toMatch(/\r\n\r\nerased\r\n$/);
    expect((await stat(join(directory, "outage-01.eml"))).mtimeMs).toBe(1_000_000);
    expect(await eraseMailFiles(join(directory, "absent"), { ...erasure, dryRun: false })).toBe(0);
  });

  test("that can't be written fail with the folder and the reason", async () => {
    const directory = await aDirectory();
    await writeFile(directory, "a file where the folder should be");
    expect(await failureOf(createEmlNotifier({ directory }).send(aMail()))).toBe(
      `The mail can't be written to ${directory}: EEXIST.`,
    );
  });
});
