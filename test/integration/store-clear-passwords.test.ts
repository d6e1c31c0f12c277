/**
 * On real sockets, servers in the place of a PostgreSQL ask for its password, or let everybody in. 0.0.0.0 leads to this machine, and isn't
 * loopback.
 */
import { once } from "node:events";
import { chmodSync, chownSync, lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openSignals } from "../../src/store/nodes/signals.js";
import { openReader, openStore } from "../../src/store/open-store.js";
import { openPool } from "../../src/store/postgres/open-postgres.js";
import { selfSignedCertificate } from "../support/delivery/certificate.js";
import { Home } from "../support/process/whcb-process.js";

const PASSWORD = "the-password-of-the-database";
const CLEAR: Buffer = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);
const MD5 = Buffer.from([0x52, 0, 0, 0, 12, 0, 0, 0, 5, 1, 2, 3, 4]);
const SSL_REQUEST = 80_877_103;
/** The login is right without a password, and a query may come. */
const READY = Buffer.from([...message("R", Buffer.alloc(4)), ...message("Z", "I")]);
const SASL = message("R", Buffer.from([0, 0, 0, 10, ...Buffer.from("SCRAM-SHA-256\0\0")]));
const REJECTED = message("E", "SFATAL\0VFATAL\0C28P01\0Mno\0\0");
/** It is the beginning of an error of 2 GiB. */
const ENDLESS = Buffer.from([0x45, 0x7f, 0xff, 0xff, 0xff]);

function message(type: string, content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  const head = Buffer.from(`${type}\0\0\0\0`);
  head.writeInt32BE(4 + bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** Each value is shorter than 256 bytes. */
function rowOf(values: Readonly<Record<string, string>>): Buffer {
  const text = [0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0];
  const columns = Object.keys(values).flatMap((name) => [...Buffer.from(`${name}\0`), ...text]);
  const row = Object.values(values).flatMap((value) => [0, 0, 0, value.length, ...Buffer.from(value)]);
  const count = [0, Object.keys(values).length];
  const messages = [message("T", Buffer.from([...count, ...columns])), message("D", Buffer.from([...count, ...row]))];
  return Buffer.concat([...messages, message("C", "SELECT 1\0"), message("Z", "I")]);
}

const ROW_WITHOUT_VALUES = Buffer.concat([
  message("T", Buffer.from([0, 1, ...Buffer.from("schema\0"), ...new Array<number>(18).fill(0)])),
  message("D", Buffer.alloc(2)),
  message("C", "SELECT 1\0"),
  message("Z", "I"),
]);

let folder: string;
let certificate: ReturnType<typeof selfSignedCertificate>;
const closing: (() => unknown)[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "whcb-clear-"));
  certificate = selfSignedCertificate("IP:0.0.0.0");
  writeFileSync(join(folder, "ca.pem"), certificate.cert);
  writeFileSync(join(folder, "pgpass"), `*:*:*:*:${PASSWORD}\n`, { mode: 0o600 });
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => rmSync(folder, { recursive: true }));

interface FakeServer {
  readonly port: number;
  /** It is all that the server got, decrypted. */
  received(): string;
  /** The server has sent so many bytes of the flood. */
  sent(): number;
  /** Resolves when a connection has ended. */
  readonly ended: Promise<unknown>;
}

/**
 * Begins with `request`, answers the passwords and queries of all connections with `answers`, one after the other, and goes on after
 * `ENDLESS` for so many bytes.
 */
async function startServer({
  request = CLEAR,
  answers = [REJECTED],
  tls = false,
  path = "",
  flood = 0,
} = {}): Promise<FakeServer> {
  const left = [...answers];
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  let sent = 0;
  let end: (value?: unknown) => void = () => undefined;
  const ended = new Promise((resolve) => {
    end = resolve;
  });
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", end);
    talk(socket);
  });
  function send(socket: Socket, answer: Buffer): void {
    socket.write(answer);
    if (answer !== ENDLESS) return;
    const more = () => {
      while (sent < flood && socket.writable && socket.write(Buffer.alloc(65_536))) sent += 65_536;
    };
    socket.on("drain", more);
    more();
  }
  function talk(socket: Socket): void {
    let hasStarted = false;
    const read = (bytes: Buffer) => {
      received.push(bytes);
      if (bytes.length === 8 && bytes.readInt32BE(4) === SSL_REQUEST) {
        socket.write(tls ? "S" : "N");
        if (!tls) return;
        socket.off("data", read);
        const { key, cert } = certificate;
        talk(new TLSSocket(socket, { isServer: true, key, cert }).on("error", () => undefined));
      } else if (!hasStarted) {
        hasStarted = true;
        send(socket, request);
      } else if (bytes[0] === 0x70 || bytes[0] === 0x51) {
        const answer = left.length > 1 ? left.shift() : left[0];
        if (answer !== undefined) send(socket, answer);
      }
    };
    socket.on("data", read);
  }
  server.listen(path === "" ? { host: "0.0.0.0", port: 0 } : { path });
  await once(server, "listening");
  closing.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  return { port, received: () => Buffer.concat(received).toString("latin1"), sent: () => sent, ended };
}

const urlOf = (port: number, query = "", host = "0.0.0.0") => `postgres://whcb:${PASSWORD}@${host}:${port}/whcb${query}`;

async function failureOf(url: string): Promise<unknown> {
  return openStore({ url, clock: systemClock, secretKey: new Uint8Array(32) }).catch((error: unknown) => error);
}

const failureAsIs = (url: string) => openReader(url, systemClock).catch((error: unknown) => error);

const refusalOf = (method: string) => ({
  code: "config",
  message: "What answers as the database doesn't prove that it knows the password, without TLS",
  hint: `Let the server ask by scram-sha-256 (pg_hba.conf), add sslmode=verify-full to its URL, or trust the network: require_auth=${method}.`,
});
const REFUSAL = refusalOf("password");
const UNPROVEN = { code: "config", message: "What answers as the database doesn't prove that it knows the password" };
const REJECTED_USER = { code: "config", message: "The database rejects this user" };

describe("a server that asks for the password in clear text", () => {
  it.each([
    ["0.0.0.0", ""],
    ["0.0.0.0", "?sslmode=disable"],
    ["0.0.0.0", "?ssl=0"],
    ["localhost", "?host=0.0.0.0"],
    ["localhost", ""],
    ["127.0.0.1", ""],
    ["127.0.0.1", "?require_auth=md5,scram-sha-256"],
  ])("doesn't get it without TLS, at %s%s", async (host, query) => {
    const { port, received, ended } = await startServer();
    const error = await failureOf(urlOf(port, query, host));
    await ended;
    expect(error).toMatchObject(REFUSAL);
    expect(received()).not.toContain(PASSWORD);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(PASSWORD);
  });

  it.each(["prefer", "require", "verify-full", "no-verify", "prefer&uselibpqcompat=true"])(
    "doesn't get it by saying that it has no TLS, with sslmode=%s",
    async (mode) => {
      const { port, received, ended } = await startServer();
      const error = await failureOf(urlOf(port, `?sslmode=${mode}`));
      await ended;
      expect(error).toMatchObject({ code: "config", message: "The database's server doesn't support TLS" });
      expect(received()).not.toContain(PASSWORD);
    },
  );

  it("doesn't get that of the file PGPASSFILE", async () => {
    const { port, received, ended } = await startServer();
    process.env.PGPASSFILE = join(folder, "pgpass");
    closing.push(() => delete process.env.PGPASSFILE);
    const error = await failureOf(`postgres://whcb@0.0.0.0:${port}/whcb`);
    await ended;
    expect(error).toMatchObject(REFUSAL);
    expect(received()).not.toContain(PASSWORD);
  });

  it("doesn't get it from the connection that listens", async () => {
    const { port, received, ended } = await startServer();
    const url = urlOf(port);
    const pool = openPool(url);
    const signals = openSignals({ pool, url, nodeId: "N1", clock: systemClock });
    closing.push(async () => {
      await signals.close();
      await pool.end();
    });
    signals.listen(
      () => undefined,
      () => undefined,
    );
    await ended;
    expect(received()).not.toContain(PASSWORD);
  });

  it("ends a command with the reason", async () => {
    const { port, received } = await startServer();
    const home = new Home();
    closing.push(() => home.leave());
    const { code, stderr } = await home.whcb(["users", "list"], { env: { WHCB_DB: urlOf(port) } });
    expect([code, stderr]).toEqual([4, expect.stringContaining("doesn't prove that it knows the password, without TLS\nhint: ")]);
    expect(received()).not.toContain(PASSWORD);
  });

  it.each(["verify-full", "no-verify"])("gets it over TLS, with sslmode=%s", async (mode) => {
    const { port, received } = await startServer({ tls: true });
    const query = `?sslmode=${mode}&sslrootcert=${join(folder, "ca.pem")}`;
    expect(await failureOf(urlOf(port, query))).toMatchObject(REJECTED_USER);
    expect(received()).toContain(PASSWORD);
  });

  it.each([
    "sslmode=require",
    "sslmode=require&uselibpqcompat=true",
    "sslmode=no-verify&sslmode=require&uselibpqcompat=true",
    "sslmode=prefer&uselibpqcompat=true",
    "sslmode=verify-ca&uselibpqcompat=true",
    "ssl=true",
  ])("doesn't get it with another certificate, with %s, and pg prints no advice", async (query) => {
    const { port, received } = await startServer({ tls: true });
    const home = new Home();
    closing.push(() => home.leave());
    const { code, stderr } = await home.whcb(["users", "list"], { env: { WHCB_DB: urlOf(port, `?${query}`) } });
    expect([code, stderr]).toEqual([
      4,
      expect.stringMatching(/^error: The certificate of the database's server isn't trusted\n/),
    ]);
    expect(received()).not.toContain(PASSWORD);
  });

  it.each(["require", "verify-ca"])("doesn't get it with a certificate for another host, with sslmode=%s", async (mode) => {
    const { port, received } = await startServer({ tls: true });
    const query = `?sslmode=${mode}&sslrootcert=${join(folder, "ca.pem")}&uselibpqcompat=true`;
    expect(await failureOf(urlOf(port, query, "127.0.0.1"))).toMatchObject({
      message: "The certificate of the database's server is for another host",
    });
    expect(received()).not.toContain(PASSWORD);
  });

  it("has each of its texts cut", async () => {
    const { port } = await startServer({
      answers: [message("E", `SFATAL\0VFATAL\0C28P01\0M${"x".repeat(50_000)}\0D${"y".repeat(9_000)}\0\0`)],
    });
    const error = await failureOf(urlOf(port, "?require_auth=password", "127.0.0.1"));
    expect(error).toMatchObject({ ...REJECTED_USER, cause: { message: "x".repeat(4_096), detail: "y".repeat(4_096) } });
  });

  it("gets it at the port of this machine if the URL allows that", async () => {
    const { port, received } = await startServer();
    expect(await failureOf(urlOf(port, "?require_auth=password,scram-sha-256", "127.0.0.1"))).toMatchObject(REJECTED_USER);
    expect(received()).toContain(PASSWORD);
  });

  it.each([
    [0o755, REJECTED_USER, true],
    [0o1777, REFUSAL, false],
  ])("gets it over a socket of this machine, unless everybody may make one in its folder (%o)", async (mode, error, isSent) => {
    const place = mkdtempSync(join(folder, "socket-"));
    chmodSync(place, mode);
    const { received } = await startServer({ path: join(place, ".s.PGSQL.5432") });
    const url = `postgres://whcb:${PASSWORD}@database.invalid/whcb?host=${encodeURIComponent(place)}`;
    expect(await failureOf(url)).toMatchObject(error);
    expect(received().includes(PASSWORD)).toBe(isSent);
  });

  // Only root can give a folder to another user.
  it.runIf(process.getuid?.() === 0).each([
    ["of its folder", "shared/theirs"],
    ["of a folder above it", "shared/theirs/below"],
    ["of what our own link leads to", "own-link"],
    ["of a link", "shared/their-link"],
    ["of a link that our own link leads to", "link-to-link"],
  ])("doesn't get it over a socket where another user may be the maker %s", async (_, socketFolder) => {
    const place = mkdtempSync(join(folder, "made-"));
    const [shared, theirs] = [join(place, "shared"), join(place, "shared/theirs")];
    for (const made of [shared, theirs, join(theirs, "below"), join(place, "own")]) mkdirSync(made);
    chmodSync(shared, 0o1777);
    chownSync(theirs, 12_345, 12_345);
    symlinkSync(theirs, join(place, "own-link"));
    symlinkSync(join(place, "own"), join(shared, "their-link"));
    lchownSync(join(shared, "their-link"), 12_345, 12_345);
    symlinkSync("shared/their-link", join(place, "link-to-link"));
    const path = join(place, socketFolder);
    const { received } = await startServer({ path: join(path, ".s.PGSQL.5432") });
    const url = `postgres://whcb:${PASSWORD}@database.invalid/whcb?host=${encodeURIComponent(path)}`;
    expect(await failureOf(url)).toMatchObject(REFUSAL);
    expect(received()).not.toContain(PASSWORD);
  });
});

describe("a server that asks for the password's MD5", () => {
  it("gets nothing without TLS: it would let everybody in", async () => {
    const { port, received } = await startServer({ request: MD5 });
    expect(await failureOf(urlOf(port))).toMatchObject(refusalOf("md5"));
    expect(received()).not.toContain("md5");
  });

  it("gets that, and not the password, if the URL allows it", async () => {
    const { port, received } = await startServer({ request: MD5 });
    expect(await failureOf(urlOf(port, "?require_auth=md5"))).toMatchObject(REJECTED_USER);
    expect(received()).toMatch(/md5[\da-f]{32}/);
    expect(received()).not.toContain(PASSWORD);
  });
});

describe("a server that lets us in without a proof", () => {
  const FINAL = message("R", Buffer.from([0, 0, 0, 12, ...Buffer.from("v=AAAA")]));
  /** It would be asked for its tables otherwise. */
  const asked = (received: string) => received.includes("current_schema");

  it.each([
    ["asks for nothing", { request: READY }, refusalOf("none")],
    ["asks for SCRAM, and lets us in before it is over", { request: SASL, answers: [READY] }, refusalOf("none")],
    ["makes up its signature", { request: SASL, answers: [Buffer.concat([FINAL, READY])] }, UNPROVEN],
  ])("isn't taken for the database if it %s", async (_, options, error) => {
    const { port, received, ended } = await startServer(options);
    expect(await failureOf(urlOf(port, "", "127.0.0.1"))).toMatchObject(error);
    await ended;
    expect(asked(received())).toBe(false);
  });

  it("isn't if the password is in the file PGPASSFILE", async () => {
    const { port, received } = await startServer({ request: READY });
    process.env.PGPASSFILE = join(folder, "pgpass");
    closing.push(() => delete process.env.PGPASSFILE);
    expect(await failureOf(`postgres://whcb@127.0.0.1:${port}/whcb`)).toMatchObject(refusalOf("none"));
    expect(asked(received())).toBe(false);
  });

  it.each([
    ["there is no password", `postgres://whcb@127.0.0.1`, ""],
    ["the URL allows it", `postgres://whcb:${PASSWORD}@127.0.0.1`, "?require_auth=none"],
  ])("is if %s", async (_, server, query) => {
    const { port, received } = await startServer({ request: READY });
    await failureOf(`${server}:${port}/whcb${query}`);
    expect(asked(received())).toBe(true);
  });

  it("isn't even over TLS if the URL requires a proof", async () => {
    const { port, received } = await startServer({ request: READY, tls: true });
    const error = await failureOf(urlOf(port, "?sslmode=no-verify&require_auth=scram-sha-256"));
    expect(error).toMatchObject({ code: "config" });
    expect(asked(received())).toBe(false);
  });
});

const MIB = 2 ** 20;
const STRANGER = { code: "unavailable", message: "What answers in the database's place isn't PostgreSQL" };

describe("a server that goes on sending before the login has ended", () => {
  it.each([false, true])("is left, with TLS: %s", async (tls) => {
    const { port, sent, ended } = await startServer({ request: ENDLESS, tls, flood: 200 * MIB });
    const error = await failureOf(urlOf(port, tls ? "?sslmode=no-verify" : ""));
    await ended;
    expect(error).toMatchObject(STRANGER);
    expect(sent()).toBeLessThan(20 * MIB);
  });
});

describe("a server whose message pg can't read", () => {
  it.each([
    ["asks for an unknown login", { request: message("R", Buffer.from([0, 0, 0, 99])) }],
    ["asks for an unknown login, over TLS", { request: message("R", Buffer.from([0, 0, 0, 99])), tls: true }],
    ["has a message that is shorter than its length", { request: Buffer.from([0x52, 0, 0, 0, 0]) }],
    ["sends a key that ends early", { request: message("K", "") }],
    ["sends a row that nobody asked for", { request: message("D", Buffer.from([0, 1])) }],
    ["sends a row that ends early, as an answer", { request: READY, answers: [message("D", Buffer.from([0, 1]))] }],
    ["sends a row without values, which would have all columns", { request: READY, answers: [ROW_WITHOUT_VALUES] }],
    ["asks for several proofs at once", { request: Buffer.concat([SASL, SASL]) }],
  ])("is left: it %s", async (_, options) => {
    const { port, ended } = await startServer(options);
    const query = "tls" in options ? "?sslmode=no-verify" : "?require_auth=none";
    const error = await failureOf(urlOf(port, query));
    await ended;
    expect(error).toMatchObject(STRANGER);
  });

  it.each(["E", "N"])(
    "is left by a command, which pg's parser would keep busy: it sends fields without an end (%s)",
    async (type) => {
      const { port } = await startServer({ request: message(type, "SAAAAA") });
      const home = new Home();
      closing.push(() => home.leave());
      const { code, stderr } = await home.whcb(["users", "list"], { env: { WHCB_DB: urlOf(port) } });
      expect([code, stderr]).toEqual([5, expect.stringContaining(STRANGER.message)]);
    },
  );

  it("is left, also before anybody listens to the connection", async () => {
    const { port } = await startServer({ request: Buffer.concat([READY, message("D", Buffer.from([0, 1]))]) });
    expect(await failureOf(urlOf(port, "?require_auth=none"))).toMatchObject({ code: "unavailable" });
  });
});

describe("a server that goes on sending after the login", () => {
  const OWN_PATH = rowOf({ schema: "public", path: "public" });
  const PATH = rowOf({ path: "public,pg_temp" });

  it.each([
    ["its schema", failureOf, []],
    ["its search_path", failureOf, [OWN_PATH]],
    ["its version, before a migration", failureOf, [OWN_PATH, PATH]],
    ["its tables", failureAsIs, [OWN_PATH, PATH]],
  ])("is left when it is asked for %s", async (_, open, answers) => {
    const { port, sent } = await startServer({ request: READY, answers: [...answers, ENDLESS], flood: 200 * MIB });
    expect(await open(urlOf(port, "?require_auth=none"))).toMatchObject(STRANGER);
    expect(sent()).toBeLessThan(20 * MIB);
  });
});

describe("an unexpected error of the server", () => {
  const repeating = message("E", `SERROR\0VERROR\0CXX123\0Mno ${PASSWORD}\0Dmore of ${PASSWORD}\0\0`);

  it.each([
    ["the login", { request: CLEAR }],
    ["a query", { request: READY }],
  ])("has no password, though it repeats that of %s", async (_, { request }) => {
    const { port } = await startServer({ request, answers: [repeating] });
    const error = await failureOf(urlOf(port, "?require_auth=none,password"));
    expect(error).toMatchObject({ code: "XX123", message: "no ****", detail: "more of ****" });
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(PASSWORD);
  });
});
