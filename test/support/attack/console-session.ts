/** A session of the console of a `whcb serve` that runs as a process. */
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from "node:http";
import { text } from "node:stream/consumers";
import type { ServedApi } from "../process/served-api.js";

/** A session of this machine has a host name of its own. */
export class ConsoleSession {
  readonly #url: string;
  #host: string;
  #cookies: readonly string[] = [];

  private constructor(url: string) {
    this.#url = url;
    this.#host = new URL(url).host;
  }

  static async signIn(api: ServedApi): Promise<ConsoleSession> {
    const session = new ConsoleSession(api.url);
    const { code } = JSON.parse(await (await api.fetch("/console/code", { method: "POST" })).text());
    const [, token = ""] = /name="token" value="([^"]+)"/.exec(await session.#visit("/console/sign-in")) ?? [];
    const form = new URLSearchParams({ token, code, to: "/console" }).toString();
    const page = await session.#visit("/console/sign-in", form);
    const [, target = ""] = /(http:\/\/[0-9a-f]{32}\.localhost[^"]*)"/.exec(page) ?? [];
    const { host, pathname, search } = new URL(target.replaceAll("&amp;", "&"));
    session.#host = host;
    await session.#visit(pathname + search);
    return session;
  }

  get headers(): { readonly host: string; readonly cookie: string } {
    return { host: this.#host, cookie: this.#cookies.join("; ") };
  }

  /** Nothing is read of the answer until the caller does. */
  open(path: string, options: RequestOptions = {}): ClientRequest {
    const headers = { ...this.headers, ...options.headers };
    return request(this.#url + path, { agent: false, ...options, headers });
  }

  /** Resolves to null if there is no answer. */
  async statusOf(path: string): Promise<number | null> {
    const answered: Promise<(IncomingMessage | null)[]> = once(this.open(path).end(), "response").catch(() => [null]);
    const [answer] = await answered;
    if (!answer) return null;
    await text(answer).catch(() => "");
    return answer.statusCode ?? null;
  }

  async #visit(path: string, form?: string): Promise<string> {
    const post = { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" } };
    const [answer]: IncomingMessage[] = await once(this.open(path, form === undefined ? {} : post).end(form), "response");
    if (answer === undefined) throw new Error("no answer");
    const cookies = (answer.headers["set-cookie"] ?? []).map((cookie) => cookie.split(";", 1)[0] ?? "");
    if (cookies.length > 0) this.#cookies = cookies;
    return text(answer);
  }
}
