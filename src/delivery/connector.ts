/** Connects to the address that was checked. */
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { buildConnector } from "undici";
import type { WhcbError } from "../domain/errors.js";
import type { Timers } from "../platform/clock.js";
import { type AddressRule, isAddressAllowed } from "./address-rule.js";
import { connectFailure, DeliveryFailure } from "./delivery-failure.js";
import type { NameResolver } from "./name-resolver.js";

export interface ConnectorOptions {
  readonly timers: Timers;
  readonly names: NameResolver;
  readonly addressRule: AddressRule;
  /** For DNS, TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** PEM; replaces the system's authorities. */
  readonly ca?: string;
  readonly connecting: Set<ConnectingSocket>;
}

/** Before Node tries the next address. */
const TIMEOUT_SHARE_PER_ADDRESS = 0.3;

/** One per origin: reuses its TLS session. */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  const session: TlsSession = { ticket: undefined };
  return (target, callback) => new ConnectingSocket(options, target, callback).start(session);
}

interface TlsSession {
  ticket: Buffer | undefined;
}

export class ConnectingSocket {
  readonly #options: ConnectorOptions;
  readonly #callback: buildConnector.Callback;
  readonly #hostname: string;
  readonly #port: number;
  readonly #isTls: boolean;
  readonly #cancelTimer: () => void;
  #socket: Socket | null = null;
  #stage: "dns" | "tcp" | "tls" = "dns";
  #isDone = false;

  constructor(options: ConnectorOptions, target: buildConnector.Options, callback: buildConnector.Callback) {
    this.#options = options;
    this.#callback = callback;
    this.#hostname = target.hostname;
    this.#isTls = target.protocol === "https:";
    this.#port = Number(target.port) || (this.#isTls ? 443 : 80);
    this.#cancelTimer = options.timers.after(options.connectTimeoutMs, () => this.#fail(this.#timeoutFailure()));
    options.connecting.add(this);
  }

  cancel(): void {
    this.#fail(new DeliveryFailure("reset", "the service is stopping"));
  }

  start(session: TlsSession): void {
    const resolved = isIP(this.#hostname) === 0 ? this.#options.names.resolve(this.#hostname) : Promise.resolve([this.#hostname]);
    resolved.then(
      (addresses) => {
        if (!this.#isDone) this.#connect(addresses, session);
      },
      (error: unknown) => this.#fail(connectFailure(error, this.#where, false)),
    );
  }

  #connect(addresses: readonly string[], session: TlsSession): void {
    const { addressRule } = this.#options;
    const allowed = addresses.filter((address) => isAddressAllowed(address, this.#port, addressRule));
    const first = allowed[0];
    if (first === undefined) {
      const detail = `${this.#where} resolves to an address that callbacks may not use; --allow-network allows a network`;
      this.#fail(new DeliveryFailure("address-refused", detail));
      return;
    }
    this.#stage = "tcp";
    const endpoint = {
      // The lookup returns only checked addresses.
      host: allowed.length === 1 ? first : this.#hostname,
      port: this.#port,
      lookup: lookupAmong(allowed),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: Math.ceil(this.#options.connectTimeoutMs * TIMEOUT_SHARE_PER_ADDRESS),
      noDelay: true,
    };
    const socket = this.#isTls ? this.#startTls(endpoint, session) : connectTcp(endpoint);
    this.#socket = socket;
    socket.once(this.#isTls ? "secureConnect" : "connect", () => this.#succeed(socket));
    // Stays: errors must not be unhandled before undici listens.
    socket.on("error", (error) => this.#fail(connectFailure(error, this.#where, this.#stage === "tls")));
  }

  #startTls(endpoint: TcpEndpoint, session: TlsSession): Socket {
    const { ca } = this.#options;
    const socket = connectTls({
      ...endpoint,
      servername: isIP(this.#hostname) === 0 ? this.#hostname.replace(/\.$/, "") : "",
      ALPNProtocols: ["http/1.1"],
      ...(session.ticket === undefined ? {} : { session: session.ticket }),
      ...(ca === undefined ? {} : { ca }),
    });
    socket.once("connect", () => {
      this.#stage = "tls";
    });
    socket.on("session", (ticket) => {
      session.ticket = ticket;
    });
    return socket;
  }

  #succeed(socket: Socket): void {
    if (this.#isDone) return;
    this.#finish();
    this.#callback(null, socket);
  }

  #fail(failure: DeliveryFailure | WhcbError): void {
    if (this.#isDone) return;
    this.#finish();
    this.#socket?.destroy();
    this.#callback(failure, null);
  }

  #finish(): void {
    this.#isDone = true;
    this.#cancelTimer();
    this.#options.connecting.delete(this);
  }

  get #where(): string {
    return `${isIP(this.#hostname) === 6 ? `[${this.#hostname}]` : this.#hostname}:${this.#port}`;
  }

  #timeoutFailure(): DeliveryFailure {
    const within = `within ${this.#options.connectTimeoutMs / 1_000} s`;
    switch (this.#stage) {
      case "dns":
        return new DeliveryFailure("dns", `no answer from a DNS server for ${this.#hostname} ${within}`);
      case "tcp":
        return new DeliveryFailure("connect-timeout", `${this.#where} didn't accept the connection ${within}`);
      case "tls":
        return new DeliveryFailure("connect-timeout", `${this.#where} didn't finish the TLS handshake ${within}`);
    }
  }
}

interface TcpEndpoint {
  readonly host: string;
  readonly port: number;
  readonly lookup: LookupFunction;
  readonly autoSelectFamily: boolean;
  readonly autoSelectFamilyAttemptTimeout: number;
  readonly noDelay: boolean;
}

function lookupAmong(addresses: readonly string[]): LookupFunction {
  const entries = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_name, options, callback) => {
    if (options.all === true) callback(null, entries);
    else callback(null, entries[0]?.address ?? "", entries[0]?.family);
  };
}
