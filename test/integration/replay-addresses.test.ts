/** A service that isn't on this machine doesn't decide what this machine may reach. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createDeliverer } from "../../src/delivery/undici-deliverer.js";
import { openHttpClient } from "../../src/main/open-http-client.js";
import { systemClock } from "../../src/platform/clock.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { lockDatabase } from "../../src/store/sqlite/open-sqlite.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { type CliResult, runCli, storeSettings } from "../support/cli/run-cli.js";
import { platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { type CountingEndpoint, countingEndpoint } from "../support/replay/replay-desk.js";

const SERVICE = "https://api.elsewhere.example";

let machine: CliMachine;
let endpoint: CountingEndpoint;
let status = 200;
const endings: (() => unknown)[] = [];

beforeEach(async () => {
  machine = new CliMachine();
  status = 200;
  endpoint = await countingEndpoint(() => ({ status }));
  endings.push(() => endpoint.close());
});

afterEach(async () => {
  await machine.leave();
  for (const end of endings.splice(0)) await end();
});

let services = 0;

/** The service of the command is elsewhere and names this URL. Its DNS knows one address only. */
async function from(url: string, address = "127.0.0.1"): Promise<(argv: readonly string[]) => Promise<CliResult>> {
  // What has just been marked isn't sent again by a list that may be older.
  services += 1;
  const callback = {
    id: `9837E6D82347EB${String(services).padStart(2, "0")}`,
    name: "demo",
    url,
    key: "a-key-that-is-secret",
    calls: platformCalls(3),
  };
  const platform = await scriptedPlatform({ clock: systemClock, callbacks: [callback] }).listen();
  endings.push(() => platform.close());
  const deps: typeof machine.world.deps = {
    ...machine.world.deps,
    openClient: async (target) => {
      if (target.kind === "file") throw new Error("The service isn't a file.");
      return openHttpClient({ ...target, url: platform.url }, {});
    },
    openDeliverer: async ({ addressRule }) =>
      createDeliverer({ clock: systemClock, timers: systemTimers, addressRule, names: { resolve: async () => [address] } }),
  };
  const env = { WHCB_URL: SERVICE, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  return (argv) => runCli({ ...machine.world, deps }, argv, { env, stdin: '{"messageid":"00"}' });
}

const portOf = (url: string) => new URL(url).port;

describe("a service elsewhere that names an address of this machine", () => {
  test.each([
    ["replay", "demo", "--failed", "--yes"],
    ["replay", "--failed", "--yes", "--no-canary"],
    ["replay", "demo", "--failed", "--dry-run"],
    ["replay", "demo", "--failed", "--dry-run", "--print-curl"],
    ["reconcile", "demo", "--seen", "-", "--yes"],
    ["reconcile", "demo", "--seen", "-", "--dry-run"],
    ["replay", "demo", "--failed", "--yes", "--allow-network", "10.0.0.0/8"],
  ])("gets nothing sent there by whcb %s %s %s %s", async (...argv) => {
    const whcb = await from(endpoint.url);
    expect(await whcb(argv)).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(
        /error: callback demo: 127\.0\.0\.1 isn't a public address\.\nhint: that is this machine, .*, and the service isn't known to be here\n$/,
      ),
    });
    expect(endpoint.received).toEqual([]);
  });

  test("gets no key of a callback there by the check of a new URL", async () => {
    const whcb = await from("https://crm.example.com/hook");
    const { code, stderr } = await whcb(["callbacks", "update", "demo", "--url", endpoint.url]);
    expect([code, stderr]).toEqual([0, expect.stringContaining("the new URL wasn't checked: 127.0.0.1 isn't a public address.")]);
    expect(endpoint.received).toEqual([]);
  });

  test.each(["not a url", "http://"])("is told that %j is no URL", async (url) => {
    const whcb = await from(url);
    expect(await whcb(["replay", "demo", "--failed", "--yes"])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /error: callback demo: A callback's url must be an absolute http or https URL\.\nhint: correct it, or/,
      ),
    });
  });

  test("is told what allows another private address", async () => {
    const whcb = await from("http://10.1.2.3/");
    expect(await whcb(["replay", "demo", "--failed", "--dry-run"])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /\nhint: the service isn't known to be yours, .*: --allow-network 10\.1\.2\.3, or the profile's allowNetwork\n$/,
      ),
    });
  });

  test.each([
    "http://169.254.169.254/latest/meta-data/",
    "http://10.1.2.3/",
    "http://[::1]:9000/",
    "http://[::ffff:127.0.0.1]/",
    "http://0x7f.1/",
    "http://localhost:9000/",
    "http://a.localhost/",
    "http://printer.local/",
    "http://intranet/",
  ])("isn't obeyed: %s", async (url) => {
    const whcb = await from(url);
    expect(await whcb(["replay", "demo", "--failed", "--dry-run", "--print-curl"])).toMatchObject({ code: 2, stdout: "" });
  });

  test("gets nothing sent to a name that resolves there: the address is checked when connecting", async () => {
    const whcb = await from(`http://hooks.example.com:${portOf(endpoint.url)}/`);
    const { code, stdout } = await whcb(["replay", "demo", "--failed", "--yes"]);
    expect([code, stdout]).toEqual([8, expect.stringContaining("resolves to an address that callbacks may not use")]);
    expect(endpoint.received).toEqual([]);
  });

  test("is obeyed if --allow-network or the profile allows it, by address and by name", async () => {
    const byAddress = await from(endpoint.url);
    expect(await byAddress(["replay", "demo", "--failed", "--yes", "--allow-network", "127.0.0.1"])).toMatchObject({ code: 0 });
    const byName = await from(`http://hooks.example.com:${portOf(endpoint.url)}/`);
    expect(await byName(["replay", "demo", "--failed", "--yes", "--allow-network", "::1,127.0.0.0/8"])).toMatchObject({
      code: 0,
    });
    await storeSettings(machine.world, (before) => ({
      ...before,
      profiles: new Map([["far", { url: SERVICE }]]),
      current: "far",
    }));
    expect(await byName(["config", "set", "allowNetwork", "10.0.0.0/33"])).toMatchObject({ code: 2 });
    expect(await byName(["config", "set", "allowNetwork", "10.0.0.0/8,127.0.0.0/8"])).toMatchObject({ code: 0 });
    const again = await from(`http://hooks.example.com:${portOf(endpoint.url)}/`);
    expect(await again(["replay", "demo", "--failed", "--yes"])).toMatchObject({ code: 0 });
    expect(endpoint.received).toHaveLength(9);
  });

  test("isn't obeyed by --resume either", async () => {
    const whcb = await from(endpoint.url);
    status = 503;
    const allow = ["--allow-network", "127.0.0.1"];
    expect(await whcb(["replay", "demo", "--failed", "--yes", ...allow])).toMatchObject({ code: 8 });
    status = 200;
    expect(await whcb(["replay", "--resume"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("isn't a public address"),
    });
    expect(endpoint.received).toHaveLength(1);
    expect(await whcb(["replay", "--resume", ...allow])).toMatchObject({ code: 0 });
    expect(endpoint.received).toHaveLength(4);
  });
});

test("a whcb serve that isn't known to be here may send by itself, which no other service does", async () => {
  status = 503;
  const far = new CliMachine({ isServedHere: async () => false });
  endings.push(() => far.leave());
  await far.serve();
  await far.rehearse("demo", endpoint.url, 1);
  expect(await far.whcb(["replay", "demo", "--failed", "--yes"])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/isn't known to be here; `replay --via service` lets it send by itself\n$/),
  });
});

test("a user may send to any address with --to, and resume that", async () => {
  const whcb = await from("https://crm.example.com/hook");
  status = 503;
  const stopped = await whcb(["replay", "demo", "--failed", "--yes", "--to", endpoint.url]);
  const [, run = ""] = /--resume (\S+)/.exec(stopped.stdout) ?? [];
  status = 200;
  expect(await whcb(["replay", "--resume", run, "--yes"])).toMatchObject({ code: 0 });
  expect(endpoint.received).toHaveLength(4);
});

test("a network must be one", async () => {
  const whcb = await from(endpoint.url);
  expect(await whcb(["replay", "demo", "--failed", "--yes", "--allow-network", "10.0.0.0/33"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("10.0.0.0/33 must be a network"),
  });
});

describe("a service at a loopback URL", () => {
  const env = { WHCB_USERNAME: "ada", WHCB_PASSWORD: "password-1234", WHCB_API_KEY: "a-key-of-twenty-chars" };
  let service = "";

  beforeEach(async () => {
    service = (await machine.serve([], { env })).url;
    const options = { env: { ...env, WHCB_URL: service, WHCB_CALLBACK_KEY: "PLANTED-CALLBACK-KEY" } };
    status = 503;
    await machine.works(["callbacks", "create", "--name", "demo", "--url", endpoint.url, "--email", "a@example.com"], options);
    await machine.works(["trigger", "demo", "-n", "3"], options);
    await expect.poll(() => machine.works(["calls", "list", "demo", "--pending", "-o", "ids"], options)).toBe("");
    status = 200;
    endpoint.received.length = 0;
  });

  /** It leads to the service, as a tunnel or a container's published port does. */
  async function forward(host: string, port: number): Promise<string> {
    const { port: target } = new URL(service);
    const forwarder = createServer((socket) => {
      const onward = connect(Number(target), "127.0.0.1");
      onward.on("error", () => socket.destroy());
      socket.on("error", () => onward.destroy());
      socket.pipe(onward).pipe(socket);
    });
    await once(forwarder.listen(port, host), "listening");
    endings.push(() => forwarder.close());
    return `http://${host}:${(forwarder.address() as AddressInfo).port}`;
  }

  const REPLAY = ["replay", "demo", "--failed", "--yes"];
  const REFUSED = {
    code: 2,
    stderr: expect.stringContaining("the service isn't known to be here"),
  };

  test("is obeyed if it is this user's own, however it is spelled, and its file too", async () => {
    const urls = ["127.0.0.1", "localhost", "[::1]"].map((host) => `http://${host}:${new URL(service).port}/`);
    for (const WHCB_URL of [...urls, machine.path("whcb.db")])
      await machine.works([...REPLAY, "--dry-run", "--print-curl"], { env: { ...env, WHCB_URL } });
    await machine.works(REPLAY, { env: { ...env, WHCB_URL: service } });
    expect(endpoint.received).toHaveLength(3);
  });

  test("isn't obeyed at a forwarded port, and may send by itself", async () => {
    const forwarded = { env: { ...env, WHCB_URL: await forward("127.0.0.1", 0) } };
    for (const argv of [["replay", "demo"], ["replay"], ["reconcile", "demo", "--seen", "-"]]) {
      const failed = argv[0] === "replay" ? ["--failed"] : [];
      const options = { ...forwarded, stdin: '{"messageid":"00"}' };
      expect(await machine.whcb([...argv, ...failed, "--yes"], options)).toMatchObject(REFUSED);
    }
    expect(endpoint.received).toEqual([]);
    await machine.works([...REPLAY, "--via", "service"], forwarded);
    expect(endpoint.received).toHaveLength(3);
  });

  test("isn't obeyed where its port may be another program's: at another loopback address, or through a proxy", async () => {
    const beside = await forward("127.0.0.2", Number(new URL(service).port));
    expect(await machine.whcb(REPLAY, { env: { ...env, WHCB_URL: beside } })).toMatchObject({
      code: 5,
      stderr: expect.stringContaining("the program that listens there isn't the profile's `whcb serve`"),
    });
    const proxied = { ...env, WHCB_URL: service, WHCB_PROXY_LOCAL: "1" };
    expect(await machine.whcb(REPLAY, { env: proxied })).toMatchObject(REFUSED);
    expect(endpoint.received).toEqual([]);
  });
});

test("a database that a service elsewhere has names no private address", async () => {
  const serving = await machine.serve();
  status = 503;
  await machine.rehearse("demo", endpoint.url, 1);
  status = 200;
  await serving.stop();
  const file = machine.path("whcb.db");
  const replay = () => machine.whcb(["replay", "demo", "--failed", "--yes"], { env: { WHCB_URL: file } });
  const elsewhere = await lockDatabase(file);
  expect(await replay()).toMatchObject({ code: 2, stderr: expect.stringContaining("127.0.0.1 isn't a public address") });
  await elsewhere.release();
  expect(await replay()).toMatchObject({ code: 0 });
});
