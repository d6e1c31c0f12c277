/** The API of a `whcb serve` that runs as a process, called with plain fetch. */
import { readFileSync } from "node:fs";
import type { Home } from "./whcb-process.js";

export const USER_ENV = { WHCB_USERNAME: "u", WHCB_PASSWORD: "correct horse", WHCB_API_KEY: "an-api-key-of-the-tests" };
export const HEADERS = headersOf(USER_ENV.WHCB_USERNAME, USER_ENV.WHCB_PASSWORD, USER_ENV.WHCB_API_KEY);

function headersOf(username: string, password: string, apiKey: string) {
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  return { authorization, "x-api-key": apiKey, accept: "application/json" };
}

export function storedProfile(home: Home) {
  return JSON.parse(readFileSync(home.path("config", "config.json"), "utf8")).profiles.local;
}

/** Calls the service that was last started in this home, as the user that it created and stored there. */
export function apiOf(home: Home): ServedApi {
  const { url, username, password, apiKey } = storedProfile(home);
  return new ServedApi(url, headersOf(username, password, apiKey));
}

/** Returns that user's credentials, for commands at another address. */
export function userEnv(home: Home): Readonly<Record<string, string>> {
  const { username, password, apiKey } = storedProfile(home);
  return { WHCB_USERNAME: username, WHCB_PASSWORD: password, WHCB_API_KEY: apiKey };
}

export interface ListedCall {
  readonly id: string;
  readonly status: string;
  readonly attemptCount: number;
  readonly settledBy?: string;
}

export interface CallbackChoices {
  readonly name: string;
  readonly url: string;
  readonly retriesEnabled?: boolean;
}

export class ServedApi {
  readonly url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, headers: Readonly<Record<string, string>> = HEADERS) {
    this.url = url;
    this.#headers = headers;
  }

  fetch(path: string, init: RequestInit & { duplex?: "half" } = {}): Promise<Response> {
    return fetch(`${this.url}${path}`, { ...init, headers: { ...this.#headers, ...init.headers } });
  }

  async create({ name, url, retriesEnabled = true }: CallbackChoices): Promise<string> {
    const response = await this.fetch("/callbacks", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        name,
        url,
        retriesEnabled,
        auth: { type: "httpheader", key: "key-of-the-callback" },
        contentType: "json",
        removeHTML: "disabled",
        email: "ops@example.com",
        callbacks: { reply: "enabled", undeliverable: "enabled" },
      }),
    });
    const body = await response.text();
    if (response.status !== 201) throw new Error(`${response.status}: ${body}`);
    return JSON.parse(body).id;
  }

  /** Submits responses under these ids, and returns the answer as it is. */
  hand(callback: string, ids: readonly string[], signal?: AbortSignal): Promise<Response> {
    return this.fetch(`/callbacks/${callback}/calls`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ calls: ids.map((id) => ({ id })) }),
      ...(signal && { signal }),
    });
  }

  /** Reads all pages of the calls of a status. */
  async list(callback: string, status: "PENDING" | "SUCCESS" | "FAILED"): Promise<ListedCall[]> {
    const calls: ListedCall[] = [];
    for (let path: string | null = `/callbacks/${callback}/calls?status=${status}&limit=500`; path !== null; ) {
      const response = await this.fetch(path);
      if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
      const page: { calls?: ListedCall[]; link?: { rel: string; uri: string }[] } = JSON.parse(await response.text());
      calls.push(...(page.calls ?? []));
      const next = page.link?.find(({ rel }) => rel === "next");
      path = next ? next.uri.replace(/^https?:\/\/[^/]+/, "") : null;
    }
    return calls;
  }

  /** How many calls there are, as the list's own line says it: from the counters. */
  async count(callback: string, status: "PENDING" | "SUCCESS" | "FAILED"): Promise<number> {
    const response = await this.fetch(`/callbacks/${callback}/calls?status=${status}&limit=1`);
    const page: { status: string } = JSON.parse(await response.text());
    return Number(/of (\d+)$/.exec(page.status)?.[1] ?? 0);
  }

  async outages(callback: string): Promise<{ readonly id: string; readonly notifiedAt?: string }[]> {
    const response = await this.fetch(`/outages?callbackId=${callback}&limit=500`);
    return JSON.parse(await response.text()).outages ?? [];
  }

  async readiness(): Promise<{ readonly status: number; readonly body: { readonly status: string; readonly reason?: string } }> {
    const response = await this.fetch("/readyz");
    return { status: response.status, body: JSON.parse(await response.text()) };
  }
}

/** Makes a call's id of 32 hex digits. `number` counts from 0. */
export function callIdOf(number: number, prefix = "c"): string {
  return (
    Buffer.from(prefix).toString("hex").toUpperCase().padEnd(16, "0").slice(0, 16) +
    number.toString(16).toUpperCase().padStart(16, "0")
  );
}
