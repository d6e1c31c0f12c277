/** A browser without a screen: keeps cookies, follows redirects, sends forms with their hidden fields. */
import type { FastifyInstance } from "fastify";
import { newSession } from "./server-fixture.js";

export interface PageSeen {
  readonly status: number;
  /** After redirects. */
  readonly url: string;
  readonly html: string;
  /** Without tags, spaces as one. */
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Set by the first answer. */
  readonly setCookies: readonly string[];
}

export class Visitor {
  readonly cookies = new Map<string, string>();
  readonly #app: FastifyInstance;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(app: FastifyInstance, headers: Readonly<Record<string, string>> = {}) {
    this.#app = app;
    this.#headers = { host: "localhost", accept: "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", ...headers };
  }

  open(url: string): Promise<PageSeen> {
    return this.#follow("GET", url, undefined);
  }

  /** Opens `page` and sends its form to `action` with these fields. */
  async send(page: string, action: string, fields: Readonly<Record<string, string>> = {}): Promise<PageSeen> {
    const { html } = await this.open(page);
    return this.post(action, { ...hiddenFields(html, action), ...fields });
  }

  /** Exactly these fields. */
  post(url: string, fields: Readonly<Record<string, string>> | readonly (readonly [string, string])[]): Promise<PageSeen> {
    const pairs = Array.isArray(fields) ? fields : Object.entries(fields);
    return this.#follow("POST", url, new URLSearchParams(pairs).toString());
  }

  /** As USER. */
  async signIn(): Promise<this> {
    const [, port] = /:(\d+)$/.exec(this.#headers.host ?? "") ?? [];
    this.cookies.set(port === undefined ? "whcb-session" : `whcb-session-${port}`, await newSession(this.#app));
    return this;
  }

  async #follow(method: "GET" | "POST", url: string, body: string | undefined): Promise<PageSeen> {
    const first = await this.#request(method, url, body);
    const setCookies = [first.headers["set-cookie"] ?? []].flat().map(String);
    let answer = first;
    let at = url;
    for (let count = 0; answer.statusCode === 302 || answer.statusCode === 303; count++) {
      if (count > 5) throw new Error(`${url} redirects for ever`);
      at = String(answer.headers.location);
      answer = await this.#request("GET", at, undefined);
    }
    const html = answer.body;
    const text = html
      .replace(/<head>.*?<\/head>/s, "")
      .replace(/<[^>]+>/g, " ")
      .replace(/\s+/g, " ")
      .trim();
    return { status: answer.statusCode, url: at, html, text, headers: answer.headers, setCookies };
  }

  async #request(method: "GET" | "POST", url: string, body: string | undefined) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await this.#app.inject({
      method,
      url,
      headers: {
        ...this.#headers,
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

/** Of the form that sends to `action`. */
export function hiddenFields(html: string, action: string): Record<string, string> {
  const forms = html.match(/<form.*?<\/form>/gs) ?? [];
  const form = forms.find((one) => one.includes(`action="${action}"`));
  if (form === undefined) throw new Error(`no form sends to ${action}`);
  const inputs = [...form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
  return Object.fromEntries(
    inputs.map(([, name = "", value = ""]) => [
      name,
      value.replaceAll("&quot;", '"').replaceAll("&lt;", "<").replaceAll("&amp;", "&"),
    ]),
  );
}
