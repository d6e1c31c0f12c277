/** A request as a shell line that does the same. */
import type { DeliveryRequest } from "../../wire/delivery-request.js";

/** `secret`, wherever it stands, becomes "$WHCB_CALLBACK_KEY": the line can be shown, and works where that is set. */
export function toCurl({ method, url, headers, body }: DeliveryRequest, secret = ""): string {
  const words = ["curl", "--request", method, "--url", quoted(url, secret)];
  for (const [name, value] of Object.entries(headers)) words.push("--header", quoted(`${name}: ${value}`, secret));
  // --data-raw: a body that begins with @ is no file name.
  if (body !== null) words.push("--data-raw", quoted(body, ""));
  return words.join(" ");
}

function quoted(text: string, secret: string): string {
  if (secret === "") return single(text);
  // In a URL the key stands encoded; what the variable holds is put in as it is, which differs only for odd keys.
  const parts = text.split(secret).flatMap((part) => part.split(encodeURIComponent(secret)));
  return parts.map((part) => (part === "" ? "" : single(part))).join('"$WHCB_CALLBACK_KEY"') || "''";
}

/** What a terminal would obey, or not show: controls, and marks that turn the order of what follows or can't be seen. */
const UNSHOWABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Within single quotes a shell changes nothing; a single quote is put in from outside. What can't be shown is said by number ($'…'). */
function single(text: string): string {
  if (text.search(UNSHOWABLE) === -1) return `'${text.replaceAll("'", `'\\''`)}'`;
  return `$'${text.replace(/[\\']/g, "\\$&").replace(UNSHOWABLE, byNumber)}'`;
}

/** Octal for a byte and \U for the rest, at their full length: the digits that follow are none of theirs. */
function byNumber(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x80 ? `\\${code.toString(8).padStart(3, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
}
