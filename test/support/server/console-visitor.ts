/**
 * Acts as a browser without a screen: it keeps cookies, follows redirects and pages that lead to another host, and sends hidden
 * fields.
 */
import type { FastifyInstance } from "fastify";
import { newSession } from "./server-fixture.js";

/** Sessions need no host of their own here. */
export const HOST = "whcb.example";

export interface PageSeen {
  readonly status: number;
  /** It is the address after redirects, without the origin. */
  readonly url: string;
  readonly html: string;
  /** The page's text has no tags, and single spaces. */
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
  /** The first answer set these cookies. */
  readonly setCookies: readonly string[];
}

export class Visitor {
  host: string;
  readonly #cookies = new Map<string, Map<string, string>>();
  readonly #app: FastifyInstance;
  readonly #headers: Readonly<Record<string, string>>;
  /** The last page's address. */
  #referer = "";

  constructor(app: FastifyInstance, { host = HOST, ...headers }: Readonly<Record<string, string>> = {}) {
    this.#app = app;
    this.host = host;
    this.#headers = { accept: "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", ...headers };
  }

  /** A browser sends the cookies of the present host to all its ports. */
  get cookies(): Map<string, string> {
    const { hostname } = new URL(`http://${this.host}`);
    const cookies = this.#cookies.get(hostname) ?? new Map<string, string>();
    this.#cookies.set(hostname, cookies);
    return cookies;
  }

  open(url: string): Promise<PageSeen> {
    return this.#follow("GET", url, undefined);
  }

  /** Opens `page` and sends its form to `action` with these fields. */
  async send(page: string, action: string, fields: Readonly<Record<string, string>> = {}): Promise<PageSeen> {
    const { html } = await this.open(page);
    return this.post(action, { ...hiddenFields(html, action), ...fields });
  }

  /** Sends exactly these fields. */
  post(url: string, fields: Readonly<Record<string, string>> | readonly (readonly [string, string])[]): Promise<PageSeen> {
    const pairs = Array.isArray(fields) ? fields : Object.entries(fields);
    return this.#follow("POST", url, new URLSearchParams(pairs).toString());
  }

  /** Signs in as USER. */
  async signIn(): Promise<this> {
    const { hostname, port } = new URL(`http://${this.host}`);
    this.cookies.set(port === "" ? "whcb-session" : `whcb-session-${port}`, await newSession(this.#app, hostname));
    return this;
  }

  async #follow(method: "GET" | "POST", url: string, body: string | undefined): Promise<PageSeen> {
    const first = await this.#request(method, url, body);
    const setCookies = [first.headers["set-cookie"] ?? []].flat().map(String);
    let answer = first;
    let at = url;
    for (let count = 0; ; count++) {
      const target = targetOf(answer);
      if (target === null) break;
      if (count > 5) throw new Error(`${url} redirects for ever`);
      const { host, pathname, search } = new URL(target, `http://${this.host}`);
      this.host = host;
      at = pathname + search;
      answer = await this.#request("GET", at, undefined);
    }
    const html = answer.body;
    const text = html
      .replace(/<head>.*?<\/head>/s, "")
      .replace(/<[^>]+>/g, " ")
      .replace(/\s+/g, " ")
      .trim();
    this.#referer = `http://${this.host}${at}`;
    return { status: answer.statusCode, url: at, html, text, headers: answer.headers, setCookies };
  }

  async #request(method: "GET" | "POST", url: string, body: string | undefined) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await this.#app.inject({
      method,
      url,
      headers: {
        ...(method === "POST" && { origin: `http://${this.host}`, referer: this.#referer }),
        ...this.#headers,
        host: this.host,
        ...(cookie !== "" && { cookie }),
        ...(body !== undefined && { "content-type": "application/x-www-form-urlencoded" }),
      },
      ...(body !== undefined && { payload: body }),
    });
    for (const line of [answer.headers["set-cookie"] ?? []].flat()) {
      const [pair = ""] = String(line).split(";");
      const [name = "", value = ""] = pair.split("=");
      if (value === "") this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return answer;
  }
}

/** Returns the target of a redirect or of a page that leads on, and null if it is neither. */
function targetOf({ statusCode, headers, body }: { statusCode: number; headers: Record<string, unknown>; body: string }) {
  if (statusCode === 302 || statusCode === 303) return String(headers.location);
  return decodeHtml(/<meta http-equiv="refresh" content="0; url=([^"]+)"/.exec(body)?.[1] ?? "") || null;
}

function decodeHtml(html: string): string {
  return html.replaceAll("&quot;", '"').replaceAll("&lt;", "<").replaceAll("&amp;", "&");
}

/** Returns the hidden fields of the form that sends to `action`. */
export function hiddenFields(html: string, action: string): Record<string, string> {
  const forms = html.match(/<form.*?<\/form>/gs) ?? [];
  const form = forms.find((one) => one.includes(`action="${action}"`));
  if (form === undefined) throw new Error(`no form sends to ${action}`);
  const inputs = [...form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
  return Object.fromEntries(inputs.map(([, name = "", value = ""]) => [name, decodeHtml(value)]));
}
