/** Deliveries of a signed callback, by the service and by replays from here, verified by the official package of Standard Webhooks. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";
import { isSignedWith, SignedEndpoint } from "../support/delivery/signed-endpoint.js";

let machine: CliMachine;
let endpoint: SignedEndpoint;
let url: string;

beforeEach(async () => {
  machine = new CliMachine();
  endpoint = new SignedEndpoint();
  url = await endpoint.start();
  await machine.serve();
});

afterEach(async () => {
  await machine.leave();
  endpoint.close();
});

const OTHER = `whsec_${Buffer.alloc(24, 7).toString("base64")}`;

async function create(...flags: readonly string[]): Promise<string> {
  const given = [
    "--name",
    "demo",
    "--url",
    `${url}/hook`,
    "--email",
    "ops@example.com",
    "--signing",
    "on",
    "-o",
    "json",
    ...flags,
  ];
  return secretOf(await machine.works(["callbacks", "create", ...given], { env: { WHCB_CALLBACK_KEY: "KEY" } }));
}

function secretOf(json: string): string {
  const { signing, signingSecret } = JSON.parse(json);
  expect({ signing, signingSecret }).toEqual({
    signing: true,
    signingSecret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{32}$/),
  });
  return signingSecret;
}

async function deliver(count: number): Promise<void> {
  await machine.works(["trigger", "demo", "-n", String(count)]);
  await machine.settled("demo");
}

const update = (signing: string, ...flags: readonly string[]) =>
  machine.works(["callbacks", "update", "demo", "--signing", signing, ...flags]);
const replay = (flags: readonly string[], env = {}) => machine.whcb(["replay", "demo", "--failed", "--yes", ...flags], { env });
const planOf = (...flags: readonly string[]) => machine.works(["replay", "demo", "--failed", "--dry-run", ...flags]);
const verified = () => endpoint.posts.map(({ isVerified }) => isVerified);

test.each(["json", "xml"])("the service signs %s, and a replay by it has its own time", async (contentType) => {
  endpoint.secret = await create("--content-type", contentType);
  endpoint.status = 503;
  await deliver(1);
  endpoint.status = 200;
  expect((await replay(["--via", "service"])).code).toBe(0);
  expect(verified()).toEqual([true, true]);
  const [first, second] = endpoint.posts.map(({ headers }) => headers);
  expect(second?.["webhook-id"]).toBe(first?.["webhook-id"]);
  expect(first?.["webhook-signature"]).toMatch(/^v1,\S+$/);
});

test("a replay from here is signed with the secret that is given, and isn't sent without one", async () => {
  const secret = await create();
  await deliver(2);
  endpoint.secret = secret;
  const sent = endpoint.posts.length;
  const refused = await replay([]);
  expect(refused).toMatchObject({ code: 4, stdout: "" });
  expect(refused.stderr).toContain(`error: the service doesn't return the signing secret of demo, and nothing is sent without it
hint: set WHCB_SIGNING_SECRET to it, or let the service send: \`whcb replay --via service\`
`);
  expect(await replay([], { WHCB_SIGNING_SECRET: "hunter2" })).toMatchObject({
    code: 4,
    stderr: expect.stringContaining("error: a signing secret must be whsec_ followed by 24 to 64 bytes in base64"),
  });
  expect(endpoint.posts).toHaveLength(sent);
  const curl = await machine.whcb(["replay", "demo", "--failed", "--dry-run", "--print-curl"]);
  expect(curl).toMatchObject({ code: 0, stderr: expect.stringContaining("the printed requests aren't signed") });
  expect(await replay([], { WHCB_SIGNING_SECRET: OTHER })).toMatchObject({ code: 8 });
  const done = await replay([], { WHCB_SIGNING_SECRET: secret });
  expect(done).toMatchObject({ code: 0, stderr: expect.stringContaining("signing secret of demo: WHCB_SIGNING_SECRET\n") });
  expect(verified().slice(sent)).toEqual([false, true, true]);
});

test("a resumed run is signed too, with the secret that is typed", async () => {
  endpoint.secret = await create();
  endpoint.status = 503;
  await deliver(2);
  expect(await replay([], { WHCB_SIGNING_SECRET: endpoint.secret })).toMatchObject({ code: 8 });
  endpoint.status = 200;
  const resumed = await machine.whcb(["replay", "--resume"], { canAsk: true, stdin: `${endpoint.secret}\n` });
  expect(resumed).toMatchObject({ code: 0, stderr: expect.stringContaining("Signing secret of demo:") });
  expect(verified().slice(-2)).toEqual([true, true]);
});

test("a replay to another address is signed only with --with-auth", async () => {
  endpoint.secret = await create();
  endpoint.status = 503;
  await deliver(1);
  endpoint.status = 200;
  expect(await planOf()).toContain("/hook, signed, last attempts from ");
  expect(await planOf("--via", "service")).toContain("/hook, by the service, last attempts from ");
  expect(await planOf("--to", `${url}/other`)).toContain("/other, unsigned (--with-auth signs), last attempts from ");
  expect((await replay(["--to", `${url}/other`])).code).toBe(8);
  expect(endpoint.posts.at(-1)?.headers).not.toHaveProperty("webhook-signature");
  const signed = await replay(["--to", `${url}/other`, "--with-auth"], { WHCB_SIGNING_SECRET: endpoint.secret });
  expect(signed.code).toBe(0);
  expect(endpoint.posts.at(-1)?.isVerified).toBe(true);
});

test("a new secret replaces the one before, which signs for a day too, and signing can be switched off", async () => {
  endpoint.secret = await create();
  const before = endpoint.secret;
  const asIs = await machine.whcb(["callbacks", "update", "demo", "--signing", "on"]);
  expect(asIs).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("the secret stays; `whcb callbacks update demo --signing new`"),
  });
  endpoint.secret = secretOf(await update("new", "-o", "json"));
  await deliver(1);
  expect(verified()).toEqual([true]);
  expect(endpoint.posts.every((post) => isSignedWith(before, post))).toBe(true);
  await machine.works(["callbacks", "update", "demo", "--email", "other@example.com"]);
  await deliver(1);
  expect(verified()).toEqual([true, true]);
  expect(JSON.parse(await update("off", "-o", "json"))).toMatchObject({ signing: false, signingSecret: null });
  await deliver(1);
  expect(endpoint.posts.at(-1)?.headers).not.toHaveProperty("webhook-timestamp");
  expect(endpoint.posts.at(-1)?.headers).not.toHaveProperty("webhook-signature");
});

test("a secret is shown once, and stored nowhere in clear text", async () => {
  const shown = await machine.works([
    "callbacks",
    "create",
    "--name",
    "demo",
    "--url",
    url,
    "--email",
    "a@b.example",
    "--signing",
    "on",
  ]);
  const [secret = ""] = /whsec_\S+/.exec(shown) ?? [];
  endpoint.secret = secret;
  endpoint.status = 503;
  await deliver(2);
  const sent = await replay(["--verbose"], { WHCB_SIGNING_SECRET: secret });
  const outputs = [sent.stdout, sent.stderr];
  for (const command of [
    "callbacks get demo --show-key",
    "callbacks list -o json --show-key",
    "calls list demo --failed -o json",
    "status -o json",
  ])
    outputs.push(await machine.works(command.split(" ")));
  const [call = ""] = await machine.ids("demo", "--failed");
  outputs.push(await machine.works(["calls", "get", "demo", call, "-o", "json"]), await machine.works(["runs", "show"]));
  expect(outputs.join()).toContain("checked with whsec_****");
  const key = secret.slice("whsec_".length);
  expect(outputs.join()).not.toContain(key);
  const files = readdirSync(machine.path(""), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  expect(paths.filter((path) => readFileSync(path).includes(key))).toEqual([]);
  // The database, an e-mail and a journal are among them.
  for (const name of [/\.db$/, /\.eml$/, /\.ndjson$/]) expect(paths).toContainEqual(expect.stringMatching(name));
});
