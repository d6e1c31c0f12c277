import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import type { Erasure } from "../../../../../src/cli/cli-deps.js";
import { newCliWorld, runCli } from "../../../../support/cli/run-cli.js";

async function erase(sender: string, ...flags: readonly string[]) {
  const erasures: Erasure[] = [];
  const world = newCliWorld({
    openDatabase: async () =>
      ({
        close: async () => undefined,
        async eraseSender(erasure: Erasure) {
          erasures.push(erasure);
          return { calls: 1, waiting: 0, attempts: 0, addresses: new Map(), mails: 0, sentMails: 2, filedMails: 0, mailFiles: 0 };
        },
      }) as never,
  });
  mkdirSync(world.paths.data, { recursive: true });
  writeFileSync(join(world.paths.data, "whcb.db"), "");
  const result = await runCli(world, ["db", "erase", "--sender", sender, ...flags]);
  return { ...result, erasures, isSender: erasures[0]?.isSender ?? (() => false) };
}

describe("db erase", () => {
  test.each([
    ["+61 491 570 156", ["+61491570156", "61491570156", "0061491570156", "0491 570 156", "(04) 9157-0156", "61 491-570-156"]],
    ["61491570156", ["+61491570156", "0491570156"]],
    // Phones' address books and browsers copy numbers like this.
    [
      "+61491570156",
      ["\u202a+61491570156\u202c", "+61\u2011491\u2011570\u2011156", "tel:+61491570156", "＋６１４９１５７０１５６"],
    ],
    ["Ada@Example.com", ["ada@example.com", " ADA@EXAMPLE.COM "]],
    // Mail programs and browsers write addresses like this.
    [
      "ada@example.com",
      ["Ada <ada@example.com>", "'Ada@example.com'", "mailto:ada@example.com?subject=Hello", "Ada ada@example.com."],
    ],
    [
      "ada@example.com",
      ["ada@example.com\u200b", "\ufeffada@exam\u00adple.com", "ada＠example.com", "bob@b.example; ada@example.com"],
    ],
    ["ada@example.com\u200b", ["ada@example.com"]],
    ["o'hara@example.com", ["o'hara@example.com", "Ada O'Hara <o'hara@example.com>"]],
  ])("of %j means every form of it", async (sender, forms) => {
    const { isSender } = await erase(sender, "--dry-run");
    expect(forms.filter((form) => !isSender(form))).toEqual([]);
  });

  test("means nobody else, and no empty address", async () => {
    const { isSender } = await erase("+61491570156", "--dry-run");
    const others = ["", "61491570157", "+64491570156", "570156", "491570156x", "Ada 61491570156", "1491570156", "9961491570156"];
    expect(others.filter(isSender)).toEqual([]);
    const byMail = await erase("ada@example.com", "--dry-run");
    const like = ["ada@example.com.au", "xada@example.com", "o'ada@example.com", "x.ada@example.com", "Ada <bob@b.example>"];
    expect(["", "ada", "example.com", ...like].filter(byMail.isSender)).toEqual([]);
  });

  test.each(["0491 570 156", "Ada", ""])("rejects %j: neither an address nor a number with its country", async (sender) => {
    expect(await erase(sender, "--yes")).toMatchObject({ code: 2, stdout: "", erasures: [] });
  });

  test("only counts without a yes, and names what it can't erase", async () => {
    const asked = await erase("ada@example.com");
    expect([asked.code, asked.erasures.map(({ dryRun }) => dryRun)]).toEqual([2, [true]]);
    const done = await erase("ada@example.com", "--yes", "--mail-dir", "/tmp/mails");
    expect([done.code, done.erasures.map(({ dryRun, mailDirectory }) => [dryRun, mailDirectory])]).toEqual([
      0,
      [
        [true, resolve("/tmp/mails")],
        [false, resolve("/tmp/mails")],
      ],
    ]);
    expect(done.stderr).toContain("the mail server was sent 2 e-mails about them, which this can't erase\n");
  });
});
