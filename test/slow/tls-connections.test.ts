/** What a server that whcb connects to could make TLS do: each kind of connection has the same limits. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsOptions } from "node:tls";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { EgressProxy } from "../../src/delivery/egress-proxy.js";
import { createDeliverer } from "../../src/delivery/undici-deliverer.js";
import { createSmtpNotifier } from "../../src/notifier/smtp-notifier.js";
import { systemClock } from "../../src/platform/clock.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { openReader } from "../../src/store/open-store.js";
import { rsaCertificate } from "../support/delivery/certificate.js";
import { startConnectProxy } from "../support/delivery/connect-proxy.js";
import { type Beginning, startTlsServer } from "../support/delivery/tls-server.js";
import { aMail } from "../support/mail/mails.js";
import { startNoticeReceiver, titleOf } from "../support/notices/notice-receiver.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";

const CERTIFICATE = rsaCertificate("DNS:localhost", "DNS:orders.example");
const folder = mkdtempSync(join(tmpdir(), "whcb-tls-"));
const CA_FILE = join(folder, "ca.pem");
writeFileSync(CA_FILE, CERTIFICATE.cert);

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Connection extends Beginning {
  /** Connects to the port, and fails, as the server only does TLS. */
  readonly use: (port: number) => Promise<unknown>;
}

async function deliver(url: string, egressProxy: EgressProxy | null = null): Promise<void> {
  const deliverer = createDeliverer({
    ...{ clock: systemClock, timers: systemTimers, connectTimeoutMs: 3_000, deadlineMs: 10_000, ca: CERTIFICATE.cert },
    ...(egressProxy !== null && { egressProxy }),
  });
  endings.push(() => deliverer.close());
  await deliverer.deliver({ method: "POST", url, headers: {}, body: "{}" }).catch(() => undefined);
}

async function aProxy(): Promise<string> {
  const proxy = await startConnectProxy();
  endings.push(() => proxy.close());
  return `http://127.0.0.1:${proxy.port}`;
}

async function sendMail(url: string): Promise<unknown> {
  const notifier = createSmtpNotifier({ url, timers: systemTimers, timeoutMs: 10_000, ca: CERTIFICATE.cert });
  endings.push(() => notifier.close());
  return notifier.send(aMail()).catch((error: unknown) => error);
}

/** An outage begins at a `serve` that has this target for notices. */
async function beginOutage(target: string, env: Readonly<Record<string, string>> = { NODE_EXTRA_CA_CERTS: CA_FILE }) {
  const home = new Home();
  endings.push(() => home.leave());
  const served = await home.serve(["--no-endpoint-check"], { env: { ...USER_ENV, WHCB_NOTIFY: target, ...env } });
  const api = new ServedApi(served.url);
  await api.hand(await api.create({ name: "demo", url: "http://127.0.0.1:9/" }), [callIdOf(1), callIdOf(2)]);
  return served;
}

async function runCommand(service: string, env: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const home = new Home();
  endings.push(() => home.leave());
  const credentials = { WHCB_USERNAME: "ada", WHCB_PASSWORD: "ada-password-123", WHCB_API_KEY: "ada-apikey-123456" };
  return home.whcb(["callbacks", "list"], { env: { WHCB_URL: service, NODE_EXTRA_CA_CERTS: CA_FILE, ...credentials, ...env } });
}

const viaProxies = (proxy: string) => ({ HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: "" });

const CONNECTIONS: readonly (readonly [kind: string, connection: Connection])[] = [
  ["an endpoint", { use: (port) => deliver(`https://localhost:${port}/`) }],
  [
    "an endpoint behind the egress proxy",
    { use: async (port) => deliver(`https://orders.example:${port}/`, new EgressProxy({ url: await aProxy(), noProxy: "" })) },
  ],
  [
    "the egress proxy",
    { use: (port) => deliver("http://orders.example/", new EgressProxy({ url: `https://localhost:${port}`, noProxy: "" })) },
  ],
  ["the target of notices", { use: (port) => beginOutage(`https://localhost:${port}/hook`) }],
  ["a mail server", { use: (port) => sendMail(`smtps://localhost:${port}`), greeting: "220 here\r\n" }],
  [
    "a mail server with STARTTLS",
    {
      use: (port) => sendMail(`smtp://localhost:${port}`),
      async prelude(socket) {
        for (const reply of ["220 here", "250-here\r\n250 STARTTLS"]) {
          socket.write(`${reply}\r\n`);
          await once(socket, "data");
        }
        socket.write("220 go\r\n");
      },
    },
  ],
  [
    "PostgreSQL",
    {
      use: (port) =>
        openReader(`postgres://ada:secret@localhost:${port}/ada?sslmode=verify-full&sslrootcert=${CA_FILE}`, systemClock).catch(
          (error: unknown) => error,
        ),
      async prelude(socket) {
        await once(socket, "data");
        socket.write("S");
      },
    },
  ],
  ["the command line's service", { use: (port) => runCommand(`https://localhost:${port}`) }],
  [
    "the command line's service behind a proxy",
    { use: async (port) => runCommand(`https://orders.example:${port}`, viaProxies(await aProxy())) },
  ],
  ["the command line's proxy", { use: (port) => runCommand("https://orders.example", viaProxies(`https://localhost:${port}`)) }],
];

async function handshakesOf({ use, ...beginning }: Connection, options: TlsOptions): Promise<ReadonlySet<number>> {
  const server = await startTlsServer({ ...CERTIFICATE, ...options }, beginning);
  endings.push(() => server.close());
  // The command line connects to its proxy again and again.
  await Promise.race([use(server.port), server.handshakes]);
  return new Set(await server.handshakes);
}

it.each(CONNECTIONS.filter(([kind]) => /^(?:an endpoint|the egress|the target|a mail)/.test(kind)))(
  "the connection to %s ends before more than 16 KiB of certificates are checked",
  async (_, connection) => {
    const isSetUp = async (count: number) => handshakesOf(connection, { cert: CERTIFICATE.cert.repeat(count) });
    expect([await isSetUp(5), await isSetUp(30)]).toEqual([new Set([1]), new Set([0])]);
  },
);

it("a notice goes only to a target whose certificate is by a known authority", async () => {
  const receiver = await startNoticeReceiver(() => 204, CERTIFICATE);
  endings.push(() => receiver.close());
  const stranger = await beginOutage(`${receiver.url}/hook`, { NODE_TLS_REJECT_UNAUTHORIZED: "0" });
  await stranger.says(/"reason":"tls: .*its certificate is self-signed/);
  expect(receiver.received).toEqual([]);
  await beginOutage(`${receiver.url}/hook`);
  const received = async () => receiver.received.map(titleOf);
  expect(await eventually(received, ({ length }) => length > 0)).toEqual(["outage.began demo"]);
});

describe.each(CONNECTIONS)("the connection to %s", (_, connection) => {
  it("isn't renegotiated: another chain of certificates could take seconds to check", async () => {
    expect(await handshakesOf(connection, { maxVersion: "TLSv1.2" })).toEqual(new Set([1]));
  });

  it.each([
    ["TLS 1.2", { maxVersion: "TLSv1.2", ciphers: "DHE-RSA-AES128-GCM-SHA256", dhparam: "auto" }],
    ["TLS 1.3", { minVersion: "TLSv1.3", ecdhCurve: "ffdhe2048" }],
  ] as const)("has no key exchange over a finite field, which can take a second: %s", async (_version, keyExchange) => {
    expect(await handshakesOf(connection, keyExchange)).toEqual(new Set([0]));
  });
});
