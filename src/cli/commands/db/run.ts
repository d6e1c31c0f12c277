import { count } from "../../../domain/count.js";
import { WhcbError } from "../../../domain/errors.js";
import type { Invocation } from "../../args/command-spec.js";
import type { Erased } from "../../cli-deps.js";
import { writeJson } from "../../output/json-fields.js";
import { confirm } from "../../output/questions.js";
import { namingDatabase, openDatabase } from "../../settings/database-path.js";
import type { DbFlags } from "./command.js";

export async function erasePerson(invocation: Invocation<DbFlags["erase"]>): Promise<void> {
  const { values, screen } = invocation;
  const isSender = await senderMatcher(values.sender);
  const mailDirectory = values.mailFolder ?? null;
  await using database = await openDatabase(invocation);
  const { admin, path } = database;
  const found = await admin.eraseSender({ isSender, mailDirectory, dryRun: true });
  for (const [address, calls] of found.addresses) screen.info(`${count(calls, "call")} from ${address}`);
  if (found.mailFiles < found.filedMails) {
    const files = `${found.mailFiles} of ${count(found.filedMails, "file")}`;
    screen.info(`found ${files} to which e-mails were written: --mail-dir names the folder`);
  }
  if (found.calls === 0)
    screen.info(
      "e-mails about calls that have been removed are found only by an address that they name: run this for each of the sender's",
    );
  const settled = found.failed === 0 ? "" : ` (${count(found.failed, "failed call")} -> SUCCESS)`;
  const what = `${count(found.calls, "call")}, ${count(found.attempts, "attempt")}, ${count(found.mails, "e-mail")} and ${count(found.mailFiles, "mail file")} in ${path}${settled}`;
  if (values.dryRun) {
    await show(found, `would erase ${what}`);
    return;
  }
  const isEmpty = found.calls + found.mails + found.mailFiles === 0;
  const waiting = found.waiting === 0 ? "" : ` ${found.waiting} of these calls are still to be sent, and won't be.`;
  if (!isEmpty && !(await confirm(namingDatabase(invocation, path), `Erase ${what}?${waiting} This can't be undone.`))) return;
  // It runs even if nothing was found: an earlier one may have been cut off before it rewrote the file.
  const erased = await admin.eraseSender({ isSender, mailDirectory, dryRun: false });
  await show(erased, `erased ${what}`);
  if (erased.sentMails > 0)
    screen.info(`the mail server was sent ${count(erased.sentMails, "e-mail")} about them, which this can't erase`);

  async function show({ addresses: _, ...counts }: Erased, line: string): Promise<void> {
    if (screen.format === "json") await writeJson(counts, screen);
    else screen.info(line);
  }
}

/** Matches a text that has this e-mail address in any case, or a mobile number in any form. Throws `usage` for anything else. */
async function senderMatcher(given: string | undefined): Promise<(address: string) => boolean> {
  if (given === undefined) throw new WhcbError("usage", "db erase needs --sender: a mobile number or an e-mail address");
  const wanted = plainText(given).trim().toLowerCase();
  if (/^[^\s@]+@[^\s@]+$/.test(wanted)) return (text) => hasEmail(plainText(text).trim().toLowerCase(), wanted);
  const { parsePhoneNumberFromString } = await import("libphonenumber-js/min");
  const { phoneParser } = await import("../../../runs/plan/plan-reconcile.js");
  const [number] = (await phoneParser(null)).parse(wanted);
  if (number === undefined) {
    throw new WhcbError("usage", "--sender must be an e-mail address or a mobile number in international form", {
      hint: "write the number like +61491570100",
    });
  }
  // A number that is stored in local form is taken as one of the same country.
  const { parse } = await phoneParser(parsePhoneNumberFromString(number)?.country ?? null);
  const digits = number.replace(/\D/g, "");
  return (address) => {
    const plain = plainText(address)
      .replace(/^\s*tel:/i, "")
      .replace(/\p{Pd}/gu, "-");
    const own = /^[+\d\s().-]+$/.test(plain) ? plain.replace(/\D/g, "") : "";
    if (!own.endsWith(digits.slice(-6))) return false;
    return own.replace(/^00/, "") === digits || parse(plain.trim()).includes(number);
  };
}

/** Copied addresses have invisible characters, such as direction marks, or wide ones. */
function plainText(text: string): string {
  return text.normalize("NFKC").replace(/\p{Cf}/gu, "");
}

/** Mail programs write names, angle brackets and apostrophes around an address, and several addresses in a row. */
function hasEmail(text: string, wanted: string): boolean {
  const words = text.split(/[\s<>()[\]{}",;:=|?]+/);
  return text === wanted || words.some((word) => word.replace(/^'|[.!']$/g, "") === wanted);
}
