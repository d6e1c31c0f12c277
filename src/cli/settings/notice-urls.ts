/** Outages are reported to URLs besides their e-mail. Those that hold a secret come from the environment only. */
import { WhcbError } from "../../domain/errors.js";
import { isSecretName, parseWebUrl, webUrlProblem } from "../../domain/mask.js";

export const DEFAULT_NOTICE_FORMAT = "json";

/** Reads `--notify`, else WHCB_NOTIFY. Throws `usage`, without the URL. */
export function readNoticeUrls(given: readonly string[] | undefined, inEnvironment = ""): readonly string[] {
  const fromFlags = given?.map((text) => readUrl(text, "--notify")) ?? [];
  if (fromFlags.some(holdsSecret)) {
    const message = "--notify contains a URL that seems to hold a secret, which other users of this machine could read";
    throw new WhcbError("usage", message, { hint: "give the URLs as WHCB_NOTIFY instead, separated by spaces" });
  }
  const texts = inEnvironment.split(/\s+/).filter((text) => text !== "");
  const urls = given === undefined ? texts.map((text) => readUrl(text, "WHCB_NOTIFY")) : fromFlags;
  return [...new Set(urls.map(({ href }) => href))];
}

function readUrl(text: string, source: string): URL {
  const url = parseWebUrl(text);
  if (url === null) {
    throw new WhcbError("usage", `each URL of ${source} ${webUrlProblem(text)}`, {
      hint: "write URLs like https://alerts.example.com/whcb",
    });
  }
  url.hash = "";
  return url;
}

export function isSlackWebhook({ hostname }: URL): boolean {
  return /(^|\.)hooks\.slack(-gov)?\.com$/.test(hostname);
}

/** Anyone who has such a URL can post to it. */
function holdsSecret(url: URL): boolean {
  if (url.username !== "" || url.password !== "" || isSlackWebhook(url)) return true;
  if ([...url.searchParams.keys()].some(isSecretName)) return true;
  return [...url.pathname.split("/"), ...url.searchParams.values()].some(looksRandom);
}

/** A long text of letters and digits is an id or a token. */
function looksRandom(text: string): boolean {
  return text.length >= 16 && /^[\w.~@%+=-]+$/.test(text) && /\d/.test(text) && /[a-z]/i.test(text);
}
