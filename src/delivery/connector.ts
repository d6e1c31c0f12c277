import { connect as connectTcp, isIP, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { buildConnector } from "undici";
import type { WhcbError } from "../domain/errors.js";
import type { Timers } from "../platform/clock.js";
import { MAX_HANDSHAKE_BYTES, tlsOptions } from "../platform/tls-options.js";
import { type AddressRule, isAddressAllowed, isConnectionAllowed } from "./address-rule.js";
import { connectFailure, DeliveryFailure } from "./delivery-failure.js";
import { type EgressProxy, openTunnel, portOf } from "./egress-proxy.js";
import type { HandshakeTurns } from "./handshake-turns.js";
import type { NameResolver } from "./name-resolver.js";

export interface ConnectorOptions {
  readonly timers: Timers;
  readonly names: NameResolver;
  readonly addressRule: AddressRule;
  /** DNS, TCP and TLS may take this long together. */
  readonly connectTimeoutMs: number;
  /** These authorities, in PEM, replace the system's. */
  readonly ca?: string;
}

/** All connectors share them. */
interface SharedByConnectors {
  /** It holds the sockets that aren't connected yet. */
  readonly connecting: Set<ConnectingSocket>;
  readonly handshakes: HandshakeTurns;
}

interface ConnectingOptions extends ConnectorOptions, SharedByConnectors {
  readonly session: TlsSession;
  /** It is null if the endpoint is reached directly. */
  readonly proxy: EgressProxy | null;
}

/** An address has this share of the time before the next one is tried. */
const TIMEOUT_SHARE_PER_ADDRESS = 0.3;
/** A server may give up a connection on which it has heard nothing for so long. */
const LONGEST_SILENCE_MS = 1_500;

/** Most of a record of 16 KiB may be among them, and tickets. */
const MAX_TLS_BYTES = 32 * 1024;
/** A usual record has hundreds of bytes of data, and less than 40 others. */
const MAX_TLS_SHARE = 4;
const PIECE_BYTES = 4 * 1024;

/** `tcpSocket` also counts the bytes that TLS itself reads; without TLS it is `socket`. */
type ConnectHandler = (...outcome: [error: null, socket: Socket, tcpSocket: Socket] | [error: Error, socket: null]) => void;
export type Connector = (target: buildConnector.Options, handler: ConnectHandler) => void;

/** An origin has one, which reuses its TLS session. */
export function createConnector(
  options: ConnectorOptions,
  shared: SharedByConnectors,
  proxy: EgressProxy | null = null,
): Connector {
  const session: TlsSession = { ticket: undefined };
  return (target, handler) => new ConnectingSocket({ ...options, ...shared, session, proxy }, target, handler).start();
}

interface TlsSession {
  ticket: Buffer | undefined;
}

export class ConnectingSocket {
  readonly #options: ConnectingOptions;
  readonly #handler: ConnectHandler;
  readonly #hostname: string;
  readonly #port: number;
  readonly #isTls: boolean;
  #cancelTimer = (): void => undefined;
  #cancelAddressTimer = (): void => undefined;
  #socket: Socket | null = null;
  #stage: "dns" | "tcp" | "tunnel" | "tls" = "dns";
  /** Whether the proxy is being connected to, so that what fails is its fault. */
  #isAtProxy = false;
  #stoppedBeforeMs = 0;
  #isRepeated = false;
  #isDone = false;
  #awaitsTurn = false;
  /** Its handshake has waited so long for its turns since the time limit was last looked at. */
  #waitedMs = 0;

  constructor(options: ConnectingOptions, target: buildConnector.Options, handler: ConnectHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#hostname = target.hostname;
    this.#isTls = target.protocol === "https:";
    this.#port = portOf(target.protocol, target.port);
    this.#limitTime(options.connectTimeoutMs);
    options.connecting.add(this);
  }

  /** While its handshake waits for its turn, it isn't the endpoint that is slow. The delivery's deadline holds all the same. */
  #limitTime(ms: number): void {
    this.#cancelTimer = this.#options.timers.after(ms, () => {
      const waitedMs = this.#waitedMs;
      this.#waitedMs = 0;
      if (this.#awaitsTurn) this.#limitTime(this.#options.connectTimeoutMs);
      else if (waitedMs > 0) this.#limitTime(waitedMs);
      // A proxy may be waiting for the endpoint.
      else this.#fail(this.#timeoutFailure(), this.#isAtProxy && this.#stage !== "tunnel");
    });
  }

  cancel(): void {
    this.#fail(new DeliveryFailure("reset", "the service is stopping"), false);
  }

  start(): void {
    this.#stoppedBeforeMs = this.#options.timers.stoppedMs();
    this.#stage = "dns";
    this.#isAtProxy = false;
    this.#findAddresses().then(
      (addresses) => {
        if (this.#isDone) return;
        this.#stage = "tcp";
        this.#tryAddresses(addresses);
      },
      (error: unknown) => this.#fail(connectFailure(error, this.#where, false)),
    );
  }

  /** With a proxy, the endpoint's name is only looked up to check its addresses. */
  async #findAddresses(): Promise<readonly string[]> {
    const { addressRule, proxy } = this.#options;
    if (proxy === null) return this.#findAllowed();
    if (addressRule.kind !== "any") await this.#findAllowed();
    this.#isAtProxy = true;
    return this.#resolve(proxy.hostname);
  }

  async #findAllowed(): Promise<readonly string[]> {
    const { addressRule } = this.#options;
    const addresses = await this.#resolve(this.#hostname);
    const allowed = addresses.filter((address) => isAddressAllowed(address, this.#port, addressRule));
    if (allowed.length > 0) return allowed;
    throw this.#refusedAddress();
  }

  #refusedAddress(): DeliveryFailure {
    const detail = `${this.#where} resolves to an address that callbacks may not use; --allow-network allows a network`;
    return new DeliveryFailure("address-refused", detail);
  }

  async #resolve(hostname: string): Promise<readonly string[]> {
    return isIP(hostname) === 0 ? this.#options.names.resolve(hostname) : [hostname];
  }

  /** Does what Node's autoSelectFamily does, whose timer doesn't know that the process was stopped. */
  #tryAddresses([address = "", ...others]: readonly string[], firstFailure?: DeliveryFailure | WhcbError): void {
    const { timers, connectTimeoutMs, proxy, addressRule } = this.#options;
    const tcpSocket = connectTcp({ host: address, port: proxy?.port ?? this.#port, noDelay: true });
    const isTls = proxy?.isTls ?? this.#isTls;
    // TLS must not have begun before.
    tcpSocket.once("connect", () => {
      this.#cancelAddressTimer();
      if (proxy === null && !isConnectionAllowed(tcpSocket, addressRule)) giveUp(this.#refusedAddress());
      else if (isTls) this.#stage = "tls";
    });
    const socket = !isTls ? tcpSocket : proxy === null ? this.#startTls(tcpSocket) : this.#startTlsWith(proxy, tcpSocket);
    this.#socket = socket;
    const giveUp = (failure: DeliveryFailure | WhcbError) => {
      if (this.#isDone || this.#socket !== socket) return;
      const reported = this.#stage === "tcp" ? (firstFailure ?? failure) : failure;
      if (this.#stage === "tcp" && others.length > 0) {
        this.#drop();
        this.#tryAddresses(others, reported);
      } else this.#giveUp(reported);
    };
    if (others.length > 0) {
      const silent = new DeliveryFailure("connect-timeout", `${this.#where} didn't accept the connection in time`);
      this.#cancelAddressTimer = timers.after(connectTimeoutMs * TIMEOUT_SHARE_PER_ADDRESS, () => giveUp(silent));
    }
    socket.once(isTls ? "secureConnect" : "connect", () => {
      if (this.#socket !== socket) return;
      if (proxy === null || !this.#isTls) this.#succeed(socket, tcpSocket);
      else this.#passThrough(proxy, socket);
    });
    // This listener stays, because undici doesn't listen for errors at once.
    socket.on("error", (error) => giveUp(connectFailure(error, this.#where, this.#stage === "tls")));
  }

  /** The TLS of the endpoint goes from end to end, through the proxy's tunnel. */
  #passThrough(proxy: EgressProxy, toProxy: Socket): void {
    this.#stage = "tunnel";
    openTunnel(toProxy, proxy, this.#where, (failure) => {
      if (this.#isDone || this.#socket !== toProxy) return;
      this.#isAtProxy = false;
      if (failure !== null) {
        this.#giveUp(failure);
        return;
      }
      this.#stage = "tls";
      const socket = this.#startTls(toProxy);
      this.#socket = socket;
      socket.once("secureConnect", () => this.#succeed(socket, toProxy));
      socket.on("error", (error) => {
        if (this.#socket === socket) this.#giveUp(connectFailure(error, this.#where, true));
      });
    });
  }

  #startTlsWith({ hostname }: EgressProxy, tcpSocket: Socket): Socket {
    const { ca } = this.#options;
    let isSetUp = false;
    const socket: Socket = connectTls({
      socket: this.#limitTls(tcpSocket, "the egress proxy", () => (isSetUp ? socket : null)),
      host: hostname,
      servername: isIP(hostname) === 0 ? hostname : "",
      ...tlsOptions(),
      ...(ca !== undefined && { ca }),
    });
    return socket.once("secureConnect", () => {
      isSetUp = true;
    });
  }

  #giveUp(failure: DeliveryFailure | WhcbError): void {
    if (!this.#isDone && !this.#repeatIfStopped()) this.#fail(failure);
  }

  /** Connects again if the process was stopped, as the endpoint may have given up the connection. Nothing was sent on it. */
  #repeatIfStopped(): boolean {
    const stoppedMs = this.#options.timers.stoppedMs() - this.#stoppedBeforeMs;
    if (this.#isRepeated || stoppedMs <= LONGEST_SILENCE_MS) return false;
    this.#isRepeated = true;
    this.#drop();
    this.start();
    return true;
  }

  #drop(): void {
    this.#cancelAddressTimer();
    this.#socket?.destroy();
    this.#socket = null;
  }

  #startTls(tcpSocket: Socket): Socket {
    const { ca, session } = this.#options;
    const socket: Socket = connectTls({
      socket: this.#limitTls(tcpSocket, this.#where, () => (this.#isDone ? socket : null)),
      // The certificate must be for it if it is an IP address, which isn't a server name.
      host: this.#hostname,
      servername: isIP(this.#hostname) === 0 ? this.#hostname.replace(/\.$/, "") : "",
      ALPNProtocols: ["http/1.1"],
      ...tlsOptions(),
      ...(session.ticket === undefined ? {} : { session: session.ticket }),
      ...(ca === undefined ? {} : { ca }),
    });
    return socket.on("session", (ticket) => {
      session.ticket = ticket;
    });
  }

  /**
   * Passes on what TLS reads and writes. Until its handshake is done, and `secured` returns its socket, TLS reads no more than a limit, and
   * only in turn. What it reads later may be data, but for a share: a key update of 27 bytes takes as long as kilobytes of data.
   */
  #limitTls(tcpSocket: Socket, where: string, secured: () => Socket | null): Duplex {
    const { handshakes, timers } = this.#options;
    const raw = new Duplex({
      read: () => void tcpSocket.resume(),
      write: (bytes: Buffer, _, done) => void tcpSocket.write(bytes, done),
      final: (done) => void tcpSocket.end(done),
      destroy: (error, done) => {
        tcpSocket.destroy();
        done(error);
      },
    });
    const readBefore = tcpSocket.bytesRead;
    const pass = (bytes: Buffer) => void (raw.push(bytes) ? tcpSocket.resume() : tcpSocket.pause());
    let passed = 0;
    const passData = (bytes: Buffer, { bytesRead: dataBytes }: Socket) => {
      if (passed - raw.readableLength > MAX_TLS_BYTES + MAX_TLS_SHARE * dataBytes)
        raw.destroy(new DeliveryFailure("too-large", `${where} sent over ${MAX_TLS_BYTES} bytes of TLS without data`));
      else pass(bytes);
      passed += bytes.length;
    };
    tcpSocket.on("data", (bytes) => {
      const socket = secured();
      if (socket !== null)
        for (let start = 0; start < bytes.length && !raw.destroyed; start += PIECE_BYTES)
          passData(bytes.subarray(start, start + PIECE_BYTES), socket);
      else if (tcpSocket.bytesRead - readBefore > MAX_HANDSHAKE_BYTES)
        raw.destroy(new DeliveryFailure("too-large", `${where} sent over ${MAX_HANDSHAKE_BYTES} bytes before TLS was set up`));
      else {
        tcpSocket.pause();
        this.#awaitsTurn = true;
        const waitsSince = timers.runningMs();
        handshakes.run(where, () => {
          this.#awaitsTurn = false;
          this.#waitedMs += timers.runningMs() - waitsSince;
          pass(bytes);
        });
      }
    });
    tcpSocket.once("end", () => raw.push(null));
    tcpSocket.once("error", (error) => raw.destroy(error));
    return raw;
  }

  #succeed(socket: Socket, tcpSocket: Socket): void {
    if (this.#isDone || this.#repeatIfStopped()) return;
    this.#finish();
    this.#handler(null, socket, tcpSocket);
  }

  #fail(failure: DeliveryFailure | WhcbError, isOfProxy = this.#isAtProxy): void {
    if (this.#isDone) return;
    this.#finish();
    this.#drop();
    const { proxy } = this.#options;
    const isBlamed = isOfProxy && proxy !== null && failure instanceof DeliveryFailure;
    this.#handler(isBlamed ? proxy.failedBy(failure) : failure, null);
  }

  #finish(): void {
    this.#isDone = true;
    this.#cancelTimer();
    this.#cancelAddressTimer();
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
      case "tunnel":
        return new DeliveryFailure("connect-timeout", `the egress proxy opened no connection to ${this.#where} ${within}`);
      case "tls":
        return new DeliveryFailure("connect-timeout", `${this.#where} didn't finish the TLS handshake ${within}`);
    }
  }
}
