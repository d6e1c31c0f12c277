/** The query parameter of `queryparam` auth is a setting, used by serve, replay and --print-curl alike (docs/contract.md). */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readSettings } from "../../src/cli/settings/settings-file.js";
import { CliMachine } from "../support/cli/cli-service.js";

let machine: CliMachine;
let endpoint: Server;
let url: string;
let requests: string[];
let bodies: string[];
let status: number;

beforeEach(async () => {
  machine = new CliMachine();
  requests = [];
  bodies = [];
  status = 200;
  endpoint = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    void text(request).then((body) => {
      bodies.push(body);
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await machine.leave();
  endpoint.closeAllConnections();
  endpoint.close();
});

test.each([
  { flags: [], name: "Auth", stored: undefined },
  { flags: ["--auth-parameter", "auth"], name: "auth", stored: "auth" },
])("serve $flags sends the key as ?$name=, and so do the profile's replays", async ({ flags, name, stored }) => {
  await machine.serve(flags);
  const created = ["callbacks", "create", "--name", "demo", "--url", `${url}/hook`, "--email", "ops@example.com"];
  await machine.works([...created, "--auth", "queryparam"], { env: { WHCB_CALLBACK_KEY: "KEY" } });
  status = 503;
  await machine.works(["trigger", "demo", "-n", "1"]);
  await machine.settled("demo");
  status = 200;
  const curl = await machine.works(["replay", "demo", "--failed", "--dry-run", "--print-curl"]);
  const asked = await machine.whcb(["replay", "demo", "--failed"], { canAsk: true, stdin: "yes\n" });
  expect(asked.stderr).toContain(`demo -> ${url}/hook, key in ?${name}=, last attempts from `);
  expect(requests).toEqual([`GET /hook?${name}=KEY`, `POST /hook?${name}=KEY`, `POST /hook?${name}=KEY`]);
  expect(curl).toContain(`/hook?${name}=`);
  expect((await readSettings(machine.world.paths.config)).profiles.get("local")?.authParameter).toBe(stored);
});

test("serve warns if it was started with another one before", async () => {
  const warning =
    "warning: calls are sent with --auth-parameter Auth now; the last serve of this database sent them with --auth-parameter key";
  const first = await machine.serve(["--auth-parameter", "key"]);
  expect(first.io.err()).not.toContain("warning: calls are sent");
  await first.stop();
  const second = await machine.serve();
  expect(second.io.err()).toContain(warning);
  await second.stop();
  expect((await machine.serve()).io.err()).not.toContain("warning: calls are sent");
});

/** Leaves a run unfinished, as the endpoint has rejected its first call. */
async function stopReplay(): Promise<void> {
  const created = ["callbacks", "create", "--name", "demo", "--url", `${url}/hook`, "--email", "ops@example.com"];
  await machine.works([...created, "--auth", "queryparam"], { env: { WHCB_CALLBACK_KEY: "KEY" } });
  status = 503;
  await machine.works(["trigger", "demo", "-n", "2"]);
  await machine.settled("demo");
  expect((await machine.whcb(["replay", "demo", "--failed", "--yes"])).code).toBe(8);
  status = 200;
}

test("the question of a resumed run whose URL has changed names it too", async () => {
  await machine.serve(["--auth-parameter", "auth"]);
  await stopReplay();
  await machine.works(["callbacks", "update", "demo", "--url", `${url}/other`]);
  const asked = await machine.whcb(["replay", "--resume"], { canAsk: true, stdin: "yes\n" });
  expect(asked).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`demo: ${url}/other, key in ?auth=, before: ${url}/hook`),
  });
  expect(requests.at(-1)).toBe("POST /other?auth=KEY");
});

test("a resumed run asks if the service's have changed, and then sends with the new ones", async () => {
  const served = await machine.serve();
  await stopReplay();
  await served.stop();
  const names = ["--auth-parameter", "auth", "--body-names", "messageId-location"];
  await machine.serve(["--port", new URL(served.url).port, ...names]);
  const sent = requests.length;
  const asked = await machine.whcb(["replay", "--resume"]);
  expect(asked).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      `The URL has changed since the run began.
demo: ${url}/hook, key in ?auth=, before: ${url}/hook, key in ?Auth=
The body names are messageId-location now, and were messageid-messagelocation when the run began.
Send the rest of the run there?
`,
    ),
  });
  expect(requests.slice(sent)).toEqual([]);
  const [, run = ""] = /--resume (\S+) /.exec(asked.stderr) ?? [];
  await machine.works(["replay", "--resume", run, "--yes"]);
  expect(requests.slice(sent)).toEqual(["POST /hook?auth=KEY", "POST /hook?auth=KEY"]);
  expect(bodies.at(-1)).toContain('"messageId":');
});

test("config sets the profile's, and rejects what isn't a parameter's name", async () => {
  await machine.serve();
  await machine.works(["config", "set", "authParameter", "auth"]);
  expect(await machine.works(["config", "get", "authParameter", "-o", "json"])).toContain('"auth"');
  expect(await machine.whcb(["config", "set", "authParameter", "a&b"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('authParameter: "a&b" must be the name of a query parameter'),
  });
  await machine.works(["config", "set", "authParameter", ""]);
  expect(await machine.works(["config", "get", "authParameter", "-o", "json"])).toContain('"Auth"');
});
