/** Programs save an export in one of these encodings (docs/reconcile.md). */
import { isUtf8 } from "node:buffer";
import { WhcbError } from "../../domain/errors.js";
import { lineFeeds } from "./read-table.js";

export type ListEncoding = "UTF-8" | "UTF-16" | "Windows-1252";

export interface DecodedList {
  readonly text: string;
  readonly encoding: ListEncoding;
}

/** The decoder makes a control character of a byte that Windows-1252 doesn't have. */
const CONTROL = /(?![\t-\r])\p{Cc}/u;
/** A character stands for each byte of the file. */
const NOT_ASCII = /([\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})|[\x80-\xff]/g;

/** Lines may end with CR, as spreadsheets on a Mac write them. */
const ENDS_WITH_CR = /^[^\r\n]*\r(?!\n)/;

/** A byte order mark isn't part of the text, and none of its lines ends with CR. Throws `malformed`: what is read in a wrong encoding matches no call. */
export function decodeList(bytes: Buffer): DecodedList {
  const { text, encoding } = decode(bytes);
  return { text: ENDS_WITH_CR.test(text) ? text.replaceAll(/\r(?!\n)/g, "\n") : text, encoding };
}

function decode(bytes: Buffer): DecodedList {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return { text: decodeUtf16(bytes, "utf-16le"), encoding: "UTF-16" };
  if (first === 0xfe && second === 0xff) return { text: decodeUtf16(bytes, "utf-16be"), encoding: "UTF-16" };
  if (first === 0 || second === 0) throw undecodable("it is UTF-16 or UTF-32 without a byte order mark");
  if (isUtf8(bytes)) return { text: new TextDecoder().decode(bytes), encoding: "UTF-8" };
  return { text: decodeWindows1252(bytes), encoding: "Windows-1252" };
}

function decodeWindows1252(bytes: Buffer): string {
  // Node 20 reads it as ISO 8859-1 unless it may be a part. No state is kept between the parts.
  const text = new TextDecoder("windows-1252").decode(bytes, { stream: true });
  const lineAt = (index: number): number => lineFeeds(text.slice(0, index)) + 1;
  const wrong = CONTROL.exec(text);
  if (wrong !== null) throw undecodable(`line ${lineAt(wrong.index)} is neither UTF-8 nor Windows-1252`);
  let [ofUtf8, others, firstOther] = [0, 0, 0];
  for (const { index, 1: sequence } of bytes.toString("latin1").matchAll(NOT_ASCII)) {
    if (sequence !== undefined) ofUtf8 += 1;
    else if (others++ === 0) firstOther = index;
  }
  // Windows-1252 has the bytes of a UTF-8 character now and then, as in "Spaß…".
  if (ofUtf8 >= others) throw undecodable(`it is UTF-8, but line ${lineAt(firstOther)} isn't`);
  return text;
}

function decodeUtf16(bytes: Buffer, encoding: "utf-16le" | "utf-16be"): string {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    throw undecodable("it begins as UTF-16, but isn't", error);
  }
}

function undecodable(reason: string, cause?: unknown): WhcbError {
  return new WhcbError("malformed", `the list of --seen can't be read: ${reason}`, {
    hint: "save it as UTF-8 (a spreadsheet: as CSV UTF-8); nothing was done",
    cause,
  });
}
