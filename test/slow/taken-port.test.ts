/** While `serve` isn't running, any user of the machine can listen at its port. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, isIPv4 } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { interfaceAddresses } from "../../src/platform/loopback.js";
import { lockFile } from "../../src/store/sqlite/lock-database.js";
import { ConsoleSession } from "../support/attack/console-session.js";
import { freePort } from "../support/postgres/server.js";
import { ServedApi, storedProfile, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home, REPOSITORY } from "../support/process/whcb-process.js";

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

/** Listens as soon as the port is free, answers before it is asked, and keeps what it gets. */
async function takePort(url: string, host = "127.0.0.1") {
  let received = "";
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket
      .on("error", () => undefined)
      .on("data", (bytes) => {
        received += bytes;
      });
    socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{"callbacks":[]}');
  });
  const listen = () => server.listen(Number(new URL(url).port), host);
  server.on("error", () => setTimeout(listen, 20));
  listen();
  home.atLeave(async () => void server.close());
  return {
    seen: () => ({ received, connections }),
    close: () => server.close(),
    isListening: () => eventually(async () => server.listening, Boolean),
    async leave() {
      server.close();
      await once(server, "close");
    },
  };
}

const CONNECT_AT_ONCE = join(REPOSITORY, "test", "support", "attack", "connect-at-once.cjs");

const MESSAGE = "the program that listens there isn't the profile's `whcb serve`, so nothing was sent to it";

it.each([
  ["", []],
  [" with the public rules", ["--trust-proxy"]],
  [" in memory", ["--db", ":memory:"]],
])("the program that has the port of a stopped service%s gets nothing from commands and completion", async (_, flags) => {
  const served = await home.serve(["--no-endpoint-check", ...flags]);
  expect(await home.whcb(["status"])).toMatchObject({ code: 0 });
  await served.stop("SIGKILL");
  const neighbour = await takePort(served.url);
  await neighbour.isListening();
  for (const args of [["status"], ["check"], ["callbacks", "list", "--service", served.url]]) {
    expect(await home.whcb(args)).toEqual({
      code: 5,
      stdout: "",
      stderr: `error: ${served.url}: ${MESSAGE}\nhint: is it running? Start it with \`whcb serve\`, or check the address ${served.url} (from ${args.includes("--service") ? "--service" : "profile local"})\n`,
    });
  }
  await home.whcb(["__complete", "zsh", "status", ":"], { env: { WHCB_COMPLETION_TIMEOUT: "25s" } });
  expect(neighbour.seen()).toEqual({ received: "", connections: 8 });
});

// Linux tells that a process is stopped.
it.runIf(process.platform === "linux")(
  "a program that accepts a connection before the service starts again gets nothing, and the service gets the request",
  async () => {
    const served = await home.serve();
    const port = new URL(served.url).port;
    await served.stop("SIGKILL");
    const neighbour = await takePort(served.url);
    await neighbour.isListening();
    // The command stops when it is connected, before it looks at the lock.
    const preload = home.path("stop-when-connected.cjs");
    writeFileSync(
      preload,
      `const { Socket } = require("node:net");
     const { connect } = Socket.prototype;
     Socket.prototype.connect = function (...args) {
       Socket.prototype.connect = connect;
       this.once("connect", () => process.kill(process.pid, "SIGSTOP"));
       return connect.apply(this, args);
     };`,
    );
    const command = home.start(["status"], { env: { NODE_OPTIONS: `--require ${preload}` } });
    await eventually(
      async () => readFileSync(`/proc/${command.child.pid}/stat`, "utf8").split(") ")[1]?.[0],
      (state) => state === "T",
    );
    // A connection that it hasn't taken yet would end with its port.
    await eventually(
      async () => neighbour.seen().connections,
      (count) => count === 1,
    );
    neighbour.close();
    await home.serve(["--port", port]);
    command.child.kill("SIGCONT");
    expect(await command.ended).toMatchObject({ code: 0 });
    expect(neighbour.seen()).toEqual({ received: "", connections: 1 });
  },
);

// Only root can start another user's program.
it.runIf(process.platform === "linux" && process.getuid?.() === 0)(
  "a program that had bound the port before the service gets a connection as it connects at once with the command, and the service the request",
  async () => {
    const [port, from] = [await freePort(), await freePort()];
    const neighbour = spawn(process.execPath, [CONNECT_AT_ONCE, String(port), String(from)], { uid: 65_534, cwd: "/" });
    home.atLeave(async () => void neighbour.kill());
    let said = "";
    neighbour.stdout.on("data", (bytes) => {
      said += bytes;
    });
    const untilSaid = (word: string) =>
      eventually(
        async () => said,
        (all) => all.includes(word),
      );
    await untilSaid("bound");
    await home.serve(["--port", String(port)]);
    const [preload, ready, armed] = ["preload.cjs", "ready", "armed"].map((name) => home.path(name)) as [string, string, string];
    writeFileSync(
      preload,
      `const { existsSync, writeFileSync } = require("node:fs");
     const { Socket } = require("node:net");
     const { connect } = Socket.prototype;
     Socket.prototype.connect = function (...args) {
       Socket.prototype.connect = connect;
       args[0][0].localPort = ${from};
       writeFileSync(${JSON.stringify(ready)}, "");
       while (!existsSync(${JSON.stringify(armed)})) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
       return connect.apply(this, args);
     };`,
    );
    const command = home.start(["status"], { env: { NODE_OPTIONS: `--require ${preload}` } });
    await eventually(async () => existsSync(ready), Boolean);
    neighbour.stdin.write("go");
    await untilSaid("armed");
    writeFileSync(armed, "");
    expect(await command.ended).toMatchObject({ code: 0 });
    await untilSaid("connected");
    expect(said).not.toContain("got");
  },
);

// Only root can give a file away, and looks into every process.
it.runIf(process.getuid?.() === 0).each([0o1777, 0o3775])(
  "another user who locks the port's file and takes the port gets nothing, and a start says that the file is locked (%o)",
  async (mode) => {
    const served = await home.serve();
    const { path } = storedProfile(home).portLock;
    await served.stop();
    chmodSync(home.paths.data, mode);
    const lock = await lockFile(path);
    chownSync(path, 12_345, 12_345);
    const neighbour = await takePort(served.url);
    await neighbour.isListening();
    expect(await home.whcb(["status"])).toMatchObject({ code: 5, stderr: expect.stringContaining(MESSAGE) });
    expect(neighbour.seen().received).toBe("");
    await neighbour.leave();
    const again = await home.serve(["--port", new URL(served.url).port]);
    expect((await again.stop()).stderr).toContain(
      `warning: ${path} belongs to another user, and others may write to its folder: a program that takes the port while the service is stopped gets the credentials that commands send there\n`,
    );
    expect(storedProfile(home).portLock).toBeUndefined();
    await lock?.release();
  },
);

describe("credentials of the environment", () => {
  const env = { WHCB_USERNAME: "ada", WHCB_PASSWORD: "a-long-password", WHCB_API_KEY: "a-long-api-key" };
  const ownHosts = [hostname(), "127.0.0.2", "[::ffff:127.0.0.1]", ...interfaceAddresses().filter(isIPv4)];
  const urlAt = (host: string, served: { url: string }) => `http://${host}:${new URL(served.url).port}`;
  const statusAt = (url: string) => home.whcb(["status"], { env: { ...env, WHCB_URL: url } });
  const refused = { code: 5, stderr: expect.stringContaining(MESSAGE) };

  it("don't go to another program at the port of a stopped service, whichever name of this machine leads there", async () => {
    const served = await home.serve([], { env });
    await served.stop();
    const neighbour = await takePort(served.url, "::");
    await neighbour.isListening();
    for (const host of ownHosts) expect(await statusAt(urlAt(host, served))).toMatchObject(refused);
    expect(await home.whcb(["config", "set", "url", urlAt("[::1]", served)])).toMatchObject({ code: 0 });
    expect(await home.whcb(["status"], { env })).toMatchObject(refused);
    expect(neighbour.seen().received).toBe("");
  });

  it("don't go to another program there, though a proxy is meant for other hosts", async () => {
    const served = await home.serve([], { env });
    await served.stop();
    const neighbour = await takePort(served.url);
    await neighbour.isListening();
    const proxy = { WHCB_PROXY_LOCAL: "1", HTTP_PROXY: "http://127.0.0.1:9" };
    for (const NO_PROXY of ["127.0.0.1", "*"]) {
      const settings = { ...env, ...proxy, NO_PROXY, WHCB_URL: served.url };
      expect(await home.whcb(["status"], { env: settings })).toMatchObject(refused);
    }
    expect(neighbour.seen()).toMatchObject({ received: "" });
    await neighbour.leave();
    await home.serve(["--port", new URL(served.url).port], { env });
    expect(await home.whcb(["status"], { env: { ...env, ...proxy, NO_PROXY: "*", WHCB_URL: served.url } })).toMatchObject({
      code: 0,
    });
  });

  it("don't go to another program at an address that the service doesn't have", async () => {
    const served = await home.serve([], { env });
    const neighbour = await takePort(served.url, "127.0.0.2");
    await neighbour.isListening();
    expect(await statusAt(urlAt("127.0.0.2", served))).toMatchObject(refused);
    expect([await statusAt(urlAt("[::1]", served)), neighbour.seen().received]).toMatchObject([{ code: 0 }, ""]);
  });

  it("go to the service by each name of this machine if it is at all addresses", async () => {
    const served = await home.serve(["--host", "0.0.0.0"], { env });
    for (const host of [...ownHosts, "[::1]"]) expect(await statusAt(urlAt(host, served))).toMatchObject({ code: 0 });
  });
});

it("SIGUSR1 opens no port of a debugger, which every user of the machine could use", async () => {
  const served = await home.serve();
  served.child.kill("SIGUSR1");
  expect(await home.whcb(["status"])).toMatchObject({ code: 0 });
  expect((await served.stop()).stderr).not.toContain("Debugger");
});

it("a watch gives nothing to the program that takes the port meanwhile, and goes on with the service", async () => {
  const served = await home.serve(["--no-endpoint-check"]);
  await home.whcb(["callbacks", "create", "--name", "demo", "--url", "http://127.0.0.1:9/hook", "--email", "ops@example.com"]);
  const watch = home.start(["watch"]);
  await watch.says(/demo/);
  const neighbour = await takePort(served.url);
  await served.stop();
  await eventually(
    async () => neighbour.seen().connections,
    (connections) => connections >= 2,
  );
  expect(neighbour.seen().received).toBe("");
  await neighbour.leave();
  await home.serve(["--port", new URL(served.url).port]);
  await home.whcb(["trigger", "demo"]);
  await watch.says(/1 failed/);
});

// Only root can start another user's program.
it.runIf(process.platform === "linux" && process.getuid?.() === 0)(
  "a session of the console isn't another user's, whose program has got its cookie",
  async () => {
    const { url } = await home.serve([], { env: USER_ENV });
    const session = await ConsoleSession.signIn(new ServedApi(url));
    const script = `require("node:http").get(${JSON.stringify(`${url}/console`)}, { agent: false, headers: ${JSON.stringify(session.headers)} },
      (answer) => process.stdout.write(String(answer.resume().statusCode)))`;
    const statusFor = async (uid: number) => {
      const child = spawn(process.execPath, ["-e", script], { uid, cwd: "/" });
      return text(child.stdout);
    };
    expect([await statusFor(0), await statusFor(65_534), await session.statusOf("/console")]).toEqual(["200", "303", 200]);
  },
);
