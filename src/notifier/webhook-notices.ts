/** Notices are POSTs of JSON, signed as Standard Webhooks specifies, or of text for Slack (docs/operations.md, Notices). */
import querystring from "node:querystring";
import type { DeliveryResult } from "../domain/attempt.js";
import { WhcbError } from "../domain/errors.js";
import type { OutageUrl } from "../domain/outage.js";
import type { DeliveryRequest } from "../wire/delivery-request.js";
import { readSigningKey, signatureHeaders } from "../wire/webhook-signature.js";
import { noticeDocument, slackText } from "./notice-bodies.js";
import type { NoticeTarget } from "./notice-target.js";

export type NoticeFormat = "json" | "slack";

export interface WebhookOptions {
  /** The URL may hold a secret. */
  readonly url: string;
  readonly format: NoticeFormat;
  /** Without keys, notices aren't signed. */
  readonly signingKeys: readonly Buffer[];
  readonly outageUrl: OutageUrl;
  /** Returns a keyed hash: who reads the database must not be able to try out a URL's password. */
  readonly sign: (text: string) => string;
  /** Returns epoch ms. */
  readonly now: () => number;
  readonly deliver: (
    request: DeliveryRequest,
  ) => Promise<{ readonly result: DeliveryResult; readonly retryAfterMs: number | null }>;
}

export function createWebhookNotices({ url, format, signingKeys, outageUrl, sign, now, deliver }: WebhookOptions): NoticeTarget {
  const address = new URL(url);
  const credentials = authorizationOf(address);
  return {
    destination: sign(`destination ${url}`),
    place: address.host,
    events: ["began", "ended", "expired"],
    // A receiver isn't sent many notices at once, even if all callbacks fail.
    atOnce: 1,
    async send(report) {
      const isExpiry = report.event === "expired";
      const page = outageUrl(report.callback.id, isExpiry ? null : report.outageId);
      const body = JSON.stringify(format === "slack" ? { text: slackText(report, page) } : noticeDocument(report, page));
      const id = `${isExpiry ? report.noticeId : report.outageId}-${report.event}`;
      const headers = {
        "content-type": "application/json",
        ...credentials,
        "webhook-id": id,
        ...signatureHeaders({ id, at: now(), body }, signingKeys),
      };
      const { result, retryAfterMs } = await deliver({ method: "POST", url: address.href, headers, body });
      return isTaken(result) ? null : { reason: reasonOf(result), retryAfterMs };
    },
  };
}

/** Removes the login from the URL, and returns it as a header. */
function authorizationOf(address: URL): Record<string, string> {
  const { username, password } = address;
  if (username === "" && password === "") return {};
  address.username = "";
  address.password = "";
  // Unlike decodeURIComponent, it leaves a lone % as it is.
  const login = `${querystring.unescape(username)}:${querystring.unescape(password)}`;
  return { authorization: `Basic ${Buffer.from(login).toString("base64")}` };
}

/** Reads WHCB_NOTIFY_SECRET: one or more keys, separated by white space, the newest first. Throws `config`, without the secret. */
export function readSigningKeys(text: string): Buffer[] {
  return text.split(/\s+/).flatMap((secret) => {
    if (secret === "") return [];
    const key = readSigningKey(secret);
    if (key !== null) return [key];
    throw new WhcbError("config", "WHCB_NOTIFY_SECRET must be whsec_ followed by 24 to 64 bytes in base64", {
      hint: 'create one: echo "whsec_$(openssl rand -base64 32)"',
    });
  });
}

/** A receiver may answer with any 2xx. */
function isTaken(result: DeliveryResult): boolean {
  return result.kind === "answered" && result.statusCode >= 200 && result.statusCode < 300;
}

/** Leaves out what the receiver wrote, which may repeat a secret of the URL. */
function reasonOf(result: DeliveryResult): string {
  if (result.kind === "answered") return `HTTP ${result.statusCode}`;
  return result.reason === "redirect" ? result.reason : `${result.reason}: ${result.detail}`;
}
