/** Gets a connection up within its time, to an address that the rule allows: the address that was checked is the one dialled. */
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { buildConnector } from "undici";
import type { Timers } from "../platform/clock.js";
import { type AddressRule, isAddressAllowed } from "./address-rule.js";
import { connectFailure, DeliveryFailure } from "./delivery-failure.js";
import type { NameResolver } from "./name-resolver.js";

export interface ConnectorOptions {
  readonly timers: Timers;
  readonly names: NameResolver;
  readonly addressRule: AddressRule;
  /** For name, TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** PEM; instead of the system's authorities. */
  readonly ca?: string;
  /** What is being connected, so that it can be cancelled. */
  readonly dialing: Set<Cancellable>;
}

export interface Cancellable {
  cancel(): void;
}

/** Of the time to connect: how long one of several addresses is tried (node then gives it up) before the next. */
const SHARE_OF_AN_ADDRESS = 0.3;

/** One for each origin: it remembers the origin's TLS session. */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  const sessions: Sessions = { last: undefined };
  return (target, answer) => {
    const dialing = new Dialing(options, target, answer);
    dialing.start(sessions);
  };
}

interface Sessions {
  last: Buffer | undefined;
}

class Dialing implements Cancellable {
  readonly #options: ConnectorOptions;
  readonly #answer: buildConnector.Callback;
  readonly #hostname: string;
  readonly #port: number;
  readonly #isTls: boolean;
  readonly #cancelTimer: () => void;
  #socket: Socket | null = null;
  #stage: "name" | "tcp" | "tls" = "name";
  #isDone = false;

  constructor(options: ConnectorOptions, target: buildConnector.Options, answer: buildConnector.Callback) {
    this.#options = options;
    this.#answer = answer;
    this.#hostname = target.hostname;
    this.#isTls = target.protocol === "https:";
    this.#port = Number(target.port) || (this.#isTls ? 443 : 80);
    this.#cancelTimer = options.timers.after(options.connectTimeoutMs, () => this.#fail(this.#timedOut()));
    options.dialing.add(this);
  }

  cancel(): void {
    this.#fail(new DeliveryFailure("reset", "the service is stopping"));
  }

  start(sessions: Sessions): void {
    const names = isIP(this.#hostname) === 0 ? this.#options.names.resolve(this.#hostname) : Promise.resolve([this.#hostname]);
    names.then(
      (addresses) => {
        if (!this.#isDone) this.#dial(addresses, sessions);
      },
      (error: unknown) => this.#fail(connectFailure(error, this.#where, false)),
    );
  }

  #dial(addresses: readonly string[], sessions: Sessions): void {
    const { addressRule } = this.#options;
    const allowed = addresses.filter((address) => isAddressAllowed(address, this.#port, addressRule));
    const first = allowed[0];
    if (first === undefined) {
      this.#fail(new DeliveryFailure("address-refused", `${this.#where} is at an address that callbacks may not be at`));
      return;
    }
    this.#stage = "tcp";
    const place = {
      // An address is dialled as it is; several go through a look-up that knows only those that were checked.
      host: allowed.length === 1 ? first : this.#hostname,
      port: this.#port,
      lookup: lookupAmong(allowed),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: Math.ceil(this.#options.connectTimeoutMs * SHARE_OF_AN_ADDRESS),
      noDelay: true,
    };
    const socket = this.#isTls ? this.#startTls(place, sessions) : connectTcp(place);
    this.#socket = socket;
    socket.once(this.#isTls ? "secureConnect" : "connect", () => this.#succeed(socket));
    // Kept for the life of the socket: an error between here and undici's own listener must not be unhandled.
    socket.on("error", (error) => this.#fail(connectFailure(error, this.#where, this.#stage === "tls")));
  }

  #startTls(place: TcpPlace, sessions: Sessions): Socket {
    const { ca } = this.#options;
    const socket = connectTls({
      ...place,
      servername: isIP(this.#hostname) === 0 ? this.#hostname.replace(/\.$/, "") : "",
      ALPNProtocols: ["http/1.1"],
      ...(sessions.last === undefined ? {} : { session: sessions.last }),
      ...(ca === undefined ? {} : { ca }),
    });
    socket.once("connect", () => {
      this.#stage = "tls";
    });
    socket.on("session", (session) => {
      sessions.last = session;
    });
    return socket;
  }

  #succeed(socket: Socket): void {
    if (this.#isDone) return;
    this.#end();
    this.#answer(null, socket);
  }

  #fail(failure: DeliveryFailure): void {
    if (this.#isDone) return;
    this.#end();
    this.#socket?.destroy();
    this.#answer(failure, null);
  }

  #end(): void {
    this.#isDone = true;
    this.#cancelTimer();
    this.#options.dialing.delete(this);
  }

  get #where(): string {
    return `${isIP(this.#hostname) === 6 ? `[${this.#hostname}]` : this.#hostname}:${this.#port}`;
  }

  #timedOut(): DeliveryFailure {
    const within = `within ${this.#options.connectTimeoutMs / 1_000} s`;
    switch (this.#stage) {
      case "name":
        return new DeliveryFailure("dns", `no name server gave an address of ${this.#hostname} ${within}`);
      case "tcp":
        return new DeliveryFailure("connect-timeout", `${this.#where} didn't take the connection ${within}`);
      case "tls":
        return new DeliveryFailure("connect-timeout", `${this.#where} didn't finish the TLS handshake ${within}`);
    }
  }
}

interface TcpPlace {
  readonly host: string;
  readonly port: number;
  readonly lookup: LookupFunction;
  readonly autoSelectFamily: boolean;
  readonly autoSelectFamilyAttemptTimeout: number;
  readonly noDelay: boolean;
}

function lookupAmong(addresses: readonly string[]): LookupFunction {
  const entries = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_name, options, found) => {
    if (options.all === true) found(null, entries);
    else found(null, entries[0]?.address ?? "", entries[0]?.family);
  };
}
