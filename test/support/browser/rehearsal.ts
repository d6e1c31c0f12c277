/** The browser tests' set-up: a browser, `whcb serve` as a process, and an endpoint that goes down and comes back. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { test } from "vitest";
import { callIdOf, ServedApi, USER_ENV } from "../process/served-api.js";
import { eventually, Home, type Running } from "../process/whcb-process.js";
import { openBrowser, openWindow, seePage, type Window, type WindowOptions } from "./browser-window.js";

class Rehearsal {
  /** The service is its current profile. */
  readonly home: Home;
  readonly url: string;
  readonly api: ServedApi;
  readonly #browser: Browser;
  readonly #server: Server;
  readonly #serveArgs: readonly string[];
  #service: Running;
  #status = 200;
  #isHolding = false;
  readonly #held: ServerResponse[] = [];
  #calls = 0;

  private constructor(browser: Browser, home: Home, serveArgs: readonly string[], service: Running & { readonly url: string }) {
    const { url } = service;
    this.#serveArgs = serveArgs;
    this.#browser = browser;
    this.home = home;
    this.#service = service;
    this.url = url;
    this.api = new ServedApi(url);
    this.#server = createServer((request, response) => {
      request.resume();
      if (this.#isHolding && request.method === "POST") this.#held.push(response);
      else response.writeHead(request.method === "POST" ? this.#status : 200).end();
    }).listen(0, "127.0.0.1");
  }

  /** The address of the endpoint for a callback. */
  get endpointUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  get log(): string {
    return this.#service.stderr;
  }

  /** The endpoint accepts what it is sent. */
  static async begin(serveArgs: readonly string[]): Promise<Rehearsal> {
    const home = new Home();
    const service = await home.serve(serveArgs, { env: USER_ENV });
    const rehearsal = new Rehearsal(await openBrowser(), home, serveArgs, service);
    await once(rehearsal.#server, "listening");
    return rehearsal;
  }

  /** The service's process stops for a while, with its connections open. */
  pause(): void {
    this.#service.child.kill("SIGSTOP");
  }

  goOn(): void {
    this.#service.child.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    await this.#service.stop("SIGKILL");
  }

  /** Restarts the service at the same address. */
  async restart(): Promise<void> {
    await this.#service.stop();
    this.#service = await this.home.serve([...this.#serveArgs, "--port", new URL(this.url).port], { env: USER_ENV });
  }

  /** The endpoint answers with `status` from now on, even what it held. */
  answer(status: number): void {
    this.#status = status;
    this.#isHolding = false;
    for (const response of this.#held.splice(0)) response.writeHead(status).end();
  }

  /** The endpoint leaves requests without an answer until `answer`. */
  hold(): void {
    this.#isHolding = true;
  }

  /** Gives the service responses, and waits until each has failed with `status`. */
  async fail(callbackId: string, howMany: number, status: number): Promise<void> {
    this.answer(status);
    const before = await this.api.count(callbackId, "FAILED");
    const ids = Array.from({ length: howMany }, () => callIdOf(this.#calls++));
    const answer = await this.api.hand(callbackId, ids);
    if (answer.status !== 202) throw new Error(`${answer.status}: ${await answer.text()}`);
    await this.settled(callbackId, "FAILED", before + howMany);
  }

  /** Waits until there are this many calls of a status. */
  async settled(callbackId: string, status: "SUCCESS" | "FAILED", howMany: number): Promise<void> {
    await eventually(
      () => this.api.count(callbackId, status),
      (calls) => calls === howMany,
    );
  }

  /** Opens a window in which nobody is signed in. */
  openWindow(options?: WindowOptions): Promise<Window> {
    return openWindow(this.#browser, this.url, options);
  }

  /** Shows the list of callbacks. Relative addresses are those of the session's host. */
  async signIn(options?: WindowOptions): Promise<Window> {
    await using visitor = await this.openWindow(options);
    const { page } = visitor;
    await page.goto("/console");
    await page.getByLabel("User").fill(USER_ENV.WHCB_USERNAME);
    await page.getByLabel("Password").fill(USER_ENV.WHCB_PASSWORD);
    await page.keyboard.press("Enter");
    await seePage({ page }, "Manage API Callbacks");
    const window = await openWindow(this.#browser, new URL(page.url()).origin, options);
    await window.page.context().addCookies(await page.context().cookies());
    await window.page.goto("/console");
    return window;
  }

  async end(): Promise<void> {
    await this.#browser.close();
    this.#server.close();
    this.#server.closeAllConnections();
    await this.home.leave();
  }
}

/** Gives all tests of a file one rehearsal, whose `whcb serve` has these arguments. An override would hold for the process's other files, too. */
export const rehearsedWith = (args: readonly string[]) =>
  test
    .extend("serveArgs", { scope: "file" }, () => args)
    .extend("rehearsal", { scope: "file" }, async ({ serveArgs }, { onCleanup }) => {
      const rehearsal = await Rehearsal.begin(serveArgs);
      onCleanup(() => rehearsal.end());
      return rehearsal;
    });

export const it = rehearsedWith([]);
