/**
 * The server has a certificate for localhost by an authority of its own. At its port it accepts only TLS, but for one database. Its sockets are
 * in its own folder, and where everybody may make one.
 */
import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openStore } from "../../src/store/open-store.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { selfSignedCertificate } from "../support/delivery/certificate.js";
import { type PostgresServer, startServer } from "../support/postgres/server.js";
import { USER_ENV } from "../support/process/served-api.js";

let server: PostgresServer;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "whcb-tls-"));
  server = await startServer(["unix_socket_directories=.,/tmp"]);
  await server.query("CREATE DATABASE plain");
  const { key, cert } = selfSignedCertificate("DNS:localhost");
  writeFileSync(join(folder, "ca.pem"), cert);
  writeFileSync(join(folder, "other.pem"), selfSignedCertificate("DNS:localhost").cert);
  for (const [name, text] of [
    ["server.crt", cert],
    ["server.key", key],
    [
      "pg_hba.conf",
      "local all all scram-sha-256\nhostnossl plain all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
    ],
  ] as const) {
    const file = join(server.folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    const { uid, gid } = statSync(server.folder);
    chownSync(file, uid, gid);
  }
  await server.query("ALTER SYSTEM SET ssl = on");
  await server.query("SELECT pg_reload_conf()");
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

afterEach(() => void vi.unstubAllEnvs());

function urlWith(parameters: Readonly<Record<string, string>>, hostname = "localhost"): string {
  const url = new URL(server.url);
  url.hostname = hostname;
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

const open = async (url: string) => {
  const store = await openStore({ url, clock: systemClock, secretKey: new Uint8Array(32) });
  await store.checkWritable();
  await store.close();
};
const pem = (name: string) => join(folder, `${name}.pem`);

describe("a database that accepts only TLS", () => {
  it.each([
    ["verify-full, with its authority", () => urlWith({ sslmode: "verify-full", sslrootcert: pem("ca") })],
    ["require, with its authority", () => urlWith({ sslmode: "require", sslrootcert: pem("ca") })],
    ["no-verify", () => urlWith({ sslmode: "no-verify" }, "127.0.0.1")],
  ])("opens with sslmode=%s", (_, url) => open(url()));

  it.each([
    [
      "another host than the certificate's",
      () => urlWith({ sslmode: "verify-full", sslrootcert: pem("ca") }, "127.0.0.1"),
      "The certificate of the database's server is for another host",
    ],
    [
      "an authority that isn't known",
      () => urlWith({ sslmode: "verify-full" }),
      "The certificate of the database's server isn't trusted",
    ],
    [
      "another authority",
      () => urlWith({ sslmode: "verify-full", sslrootcert: pem("other") }),
      "The certificate of the database's server isn't trusted",
    ],
    [
      "require, which verifies too",
      () => urlWith({ sslmode: "require" }),
      "The certificate of the database's server isn't trusted",
    ],
    [
      "an authority that isn't known and NODE_TLS_REJECT_UNAUTHORIZED=0",
      () => {
        vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
        return urlWith({ sslmode: "verify-full" });
      },
      "The certificate of the database's server isn't trusted",
    ],
    ["ssl=true", () => urlWith({ ssl: "true" }), "The certificate of the database's server isn't trusted"],
    ["no TLS", () => urlWith({}), "The database refuses this connection, which isn't encrypted"],
    [
      "a certificate file that doesn't exist",
      () => urlWith({ sslmode: "verify-full", sslrootcert: pem("missing") }),
      "A certificate file that the database's URL names can't be read",
    ],
  ])("says so with %s", async (_, url, message) => {
    const error = await open(url()).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: "config", message, hint: expect.any(String) });
    const shown = inspect(error, { depth: 9, showHidden: true });
    const { password } = new URL(server.url);
    for (const secret of [password, decodeURIComponent(password), folder]) expect(shown).not.toContain(secret);
  });
});

describe("the start of serve", () => {
  const warned = (host: string) => [
    `warning: the connection to the database at ${host} isn't encrypted, so another program that gets in between may read and change everything: use sslmode=verify-full, or a Unix socket in a folder that is closed to others`,
  ];

  it.each([
    ["at a loopback address", () => urlWith({}, "127.0.0.1").replace(/postgres$/, "plain"), () => warned("127.0.0.1")],
    ["at a socket where everybody may make one", () => urlWith({ host: "/tmp" }), () => warned("/tmp")],
    ["at a socket in a closed folder", () => urlWith({ host: server.folder }), () => []],
    ["over TLS", () => urlWith({ sslmode: "verify-full", sslrootcert: pem("ca") }), () => []],
  ])("with a database %s warns if the connection isn't encrypted", async (_, url, warnings) => {
    const machine = new CliMachine();
    const env = { ...USER_ENV, WHCB_DB: url(), WHCB_SECRET_KEY: Buffer.alloc(32).toString("base64") };
    const { io } = await machine.serve([], { env });
    await machine.leave();
    expect(
      io
        .err()
        .split("\n")
        .filter((line) => line.startsWith("warning: ")),
    ).toEqual(warnings());
  });
});
