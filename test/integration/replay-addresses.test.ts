/** A service that isn't on this machine doesn't decide what this machine may reach. */
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createDeliverer } from "../../src/delivery/undici-deliverer.js";
import { openHttpClient } from "../../src/main/open-http-client.js";
import { systemClock } from "../../src/platform/clock.js";
import { systemTimers } from "../../src/platform/running-timers.js";
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

/** The service of the command is elsewhere and names this URL. Its DNS knows one address only. */
async function from(url: string, address = "127.0.0.1"): Promise<(argv: readonly string[]) => Promise<CliResult>> {
  const callback = { id: "9837E6D82347EB5D", name: "demo", url, key: "a-key-that-is-secret", calls: platformCalls(3) };
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
        /error: callback demo: 127\.0\.0\.1 isn't a public address\.\nhint: the service isn't known to be on this machine, .*: --allow-network 127\.0\.0\.1\n$/,
      ),
    });
    expect(endpoint.received).toEqual([]);
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
    expect(await whcb(["replay", "--resume", "--yes"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("isn't a public address"),
    });
    expect(endpoint.received).toHaveLength(1);
    expect(await whcb(["replay", "--resume", "--yes", ...allow])).toMatchObject({ code: 0 });
    expect(endpoint.received).toHaveLength(4);
  });
});

test("a user may send to any address with --to, and resume that", async () => {
  const whcb = await from("https://crm.example.com/hook");
  status = 503;
  expect(await whcb(["replay", "demo", "--failed", "--yes", "--to", endpoint.url])).toMatchObject({ code: 8 });
  status = 200;
  expect(await whcb(["replay", "--resume", "--yes"])).toMatchObject({ code: 0 });
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

  /** The port is forwarded to a service elsewhere, which says where it is. With null, it doesn't say. */
  async function forwardedPort(loopbackId: string | null): Promise<string> {
    const proxy = createServer((incoming, response) => {
      const { method, url, headers } = incoming;
      const forwarded = request(service + url, { method, headers }, (answer) => {
        const { "x-loopback-id": _, ...kept } = answer.headers;
        response.writeHead(answer.statusCode ?? 0, loopbackId === null ? kept : { ...kept, "x-loopback-id": loopbackId });
        answer.pipe(response);
      });
      incoming.pipe(forwarded);
    });
    await once(proxy.listen(0, "127.0.0.1"), "listening");
    endings.push(() => proxy.close());
    return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  }

  test("is obeyed if it is on this machine", async () => {
    const { code } = await machine.whcb(["replay", "demo", "--failed", "--yes"], { env: { ...env, WHCB_URL: service } });
    expect([code, endpoint.received.length]).toEqual([0, 3]);
  });

  test.each([
    ["it is on another machine", "0123456789abcdef0123456789abcdef"],
    ["it doesn't say where it is", null],
  ])("isn't obeyed if %s, and may send by itself", async (_, loopbackId) => {
    const forwarded = { env: { ...env, WHCB_URL: await forwardedPort(loopbackId) } };
    for (const argv of [["replay", "demo"], ["replay"], ["reconcile", "demo", "--seen", "-"]]) {
      const failed = argv[0] === "replay" ? ["--failed"] : [];
      expect(await machine.whcb([...argv, ...failed, "--yes"], { ...forwarded, stdin: '{"messageid":"00"}' })).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("the service isn't known to be on this machine"),
      });
    }
    expect(endpoint.received).toEqual([]);
    await machine.works(["replay", "demo", "--failed", "--yes", "--via", "service"], forwarded);
    expect(endpoint.received).toHaveLength(3);
  });
});
