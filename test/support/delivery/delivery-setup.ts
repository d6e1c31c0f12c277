/** This starts one scripted endpoint, and a deliverer with limits short enough for a test. */
import type { Socket } from "node:net";
import type { Deliverer } from "../../../src/delivery/deliverer.js";
import { createDeliverer, type DelivererOptions } from "../../../src/delivery/undici-deliverer.js";
import { systemClock } from "../../../src/platform/clock.js";
import { systemTimers } from "../../../src/platform/running-timers.js";
import type { DeliveryRequest } from "../../../src/wire/delivery-request.js";
import type { Certificate } from "./certificate.js";
import { type OnRequest, type RawServer, startRawServer } from "./raw-server.js";

export const DEADLINE_MS = 500;
export const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

export class DeliverySetup {
  #deliverer: Deliverer | null = null;
  #server: RawServer | null = null;

  async start(onRequest: OnRequest, options: Partial<DelivererOptions> = {}, certificate?: Certificate): Promise<void> {
    this.#server = await startRawServer(onRequest, certificate);
    this.#deliverer = createDeliverer({
      clock: systemClock,
      timers: systemTimers,
      deadlineMs: DEADLINE_MS,
      connectTimeoutMs: 10_000,
      watchedMs: 0,
      ...(certificate && { ca: certificate.cert }),
      ...options,
    });
  }

  get deliverer(): Deliverer {
    if (this.#deliverer === null) throw new Error("The endpoint hasn't been started.");
    return this.#deliverer;
  }

  get server(): RawServer {
    if (this.#server === null) throw new Error("The endpoint hasn't been started.");
    return this.#server;
  }

  post(over: Partial<DeliveryRequest> = {}): DeliveryRequest {
    const headers = { "content-type": "application/json", "webhook-id": "0193A1B2C3D47E5F8091A2B3C4D5E6F7" };
    return { method: "POST", url: this.server.url, headers, body: '{"messageid":"A"}', ...over };
  }

  async end(): Promise<void> {
    await this.#deliverer?.close();
    await this.#server?.close();
    this.#deliverer = null;
    this.#server = null;
  }
}

export function says(text: string): (socket: Socket) => void {
  return (socket) => void socket.write(text, "latin1");
}

export function saysAndEnds(text: string): (socket: Socket) => void {
  return (socket) => void socket.end(text, "latin1");
}

/** Resets once the text has been read: libuv reports a reset that arrives with data as an end. */
export function saysAndResets(text: string): (socket: Socket) => void {
  return (socket) => void socket.write(text, "latin1", () => setTimeout(() => socket.resetAndDestroy(), 100));
}
