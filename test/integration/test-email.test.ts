/** `whcb test-email` sends the e-mail of an outage without an outage, over real SMTP, and says what became of it. */
import { chmodSync, chownSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openFileClient } from "../../src/main/open-file-client.js";
import { openHttpClient } from "../../src/main/open-http-client.js";
import { systemClock } from "../../src/platform/clock.js";
import { aCallback } from "../support/builders.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { type MailServer, startMailServer } from "../support/mail/mail-server.js";
import { scriptedPlatform } from "../support/platform/scripted-platform.js";
import { CREDENTIALS, closeService, openService } from "../support/server/server-fixture.js";
import { VirtualClock } from "../support/time/virtual-clock.js";

let machine: CliMachine;
let server: MailServer;

beforeEach(async () => {
  machine = new CliMachine();
  server = await startMailServer({
    onRcptTo: ({ address }, _session, done) =>
      address.startsWith("nobody") ? done(Object.assign(new Error("no such user"), { responseCode: 550 })) : done(),
  });
});

afterEach(async () => {
  await machine.leave();
  await server.close();
});

const smtp = () => `smtp://127.0.0.1:${server.port}?from=whcb@example.com`;

async function create(name: string, email: string): Promise<void> {
  await machine.works(["callbacks", "create", "--name", name, "--url", "http://127.0.0.1:9/hook", "--email", email]);
}

it("sends the e-mail with a subject that says test, prints the mail server's answer, and counts as no outage", async () => {
  await machine.serve(["--smtp", smtp(), "--no-endpoint-check"]);
  await create("demo", "ops@example.com");
  expect(await machine.works(["test-email", "demo"])).toBe(
    "a test e-mail to ops@example.com was sent; the mail server answered: 250 OK: message queued\n",
  );
  const raw = server.mails[0]?.raw ?? "";
  expect(server.mails.map(({ to }) => to)).toEqual([["ops@example.com"]]);
  expect(raw).toMatch(/^Subject: \[whcb\] Test: an e-mail about an outage of demo\r$/m);
  expect(raw).toContain("This is a test, asked for with `whcb test-email`. Nothing is failing.");
  expect(raw).toContain("  whcb replay demo --failed");
  expect(JSON.parse(await machine.works(["status", "-o", "json"]))).toMatchObject({ callbacks: [{ outages: [], failed: 0 }] });
});

it("ends with 8 if the mail server doesn't accept it, and says why", async () => {
  await machine.serve(["--smtp", smtp(), "--no-endpoint-check"]);
  await create("demo", "nobody@example.com");
  const reason = `The mail server 127.0.0.1:${server.port} rejected the mail (550 no such user).`;
  const { code, stdout, stderr } = await machine.whcb(["test-email", "demo", "-o", "json"]);
  expect([code, JSON.parse(stdout), JSON.parse(stderr)]).toEqual([
    8,
    {
      callbackId: expect.any(String),
      callback: "demo",
      to: "nobody@example.com",
      channel: "smtp",
      sent: false,
      answer: reason,
    },
    { error: { code: "items-failed", message: `the test e-mail to nobody@example.com wasn't sent: ${reason}`, next: [] } },
  ]);
});

it("writes a file without a mail server, also on a database file, where WHCB_SMTP names one", async () => {
  const db = machine.path("x.db");
  const serving = await machine.serve(["--db", db, "--no-endpoint-check"]);
  await create("demo", "ops@example.com");
  const written = await machine.works(["test-email", "demo"]);
  await serving.stop();
  const file = /^a test e-mail to ops@example\.com was written to a file, not sent: (.*)\n$/.exec(written)?.[1] ?? "";
  expect(readFileSync(file, "utf8")).toContain("Subject: [whcb] Test: ");
  expect(await machine.works(["test-email", "demo", "--service", db])).toMatch(/was written to a file, not sent: .*\.eml\n$/);
  const asker = new CliMachine({
    openClient: (target) =>
      target.kind === "http" ? openHttpClient(target, {}) : openFileClient(target, "1.2.3", { WHCB_SMTP: smtp() }),
  });
  expect(await asker.works(["test-email", "demo", "--service", db])).toMatch(/ was sent; the mail server answered: 250 /);
  await asker.leave();
});

it.runIf(process.getuid?.() === 0)("isn't written to a folder that a stranger has made, which is said of a file", async () => {
  const shared = machine.path("shared");
  mkdirSync(shared, { recursive: true });
  const db = join(shared, "x.db");
  const serving = await machine.serve(["--db", db, "--no-endpoint-check"]);
  await create("demo", "ops@example.com");
  await serving.stop();
  chmodSync(shared, 0o1777);
  mkdirSync(join(shared, "mail"));
  chownSync(join(shared, "mail"), 12_345, 12_345);
  const { code, stdout } = await machine.whcb(["test-email", "demo", "--service", db, "-o", "json"]);
  const answer = `${join(shared, "mail")} belongs to another user, and others may write to its folder`;
  expect([code, JSON.parse(stdout)]).toMatchObject([8, { channel: "file", sent: false, answer }]);
});

it("isn't sent by a node that sends no e-mails", async () => {
  await machine.serve(["--no-dispatch", "--no-endpoint-check"]);
  await create("demo", "ops@example.com");
  expect(await machine.whcb(["test-email", "demo"])).toMatchObject({
    stderr: expect.stringContaining("This node sends no e-mails (--no-dispatch): ask one that does"),
  });
  expect(server.mails).toEqual([]);
});

it("isn't known to other services", async () => {
  const demo = { id: "528F17736481BA9A", name: "demo", url: "http://127.0.0.1:9/hook", key: "", calls: [] };
  const platform = await scriptedPlatform({ clock: systemClock, callbacks: [demo] }).listen();
  const env = { WHCB_URL: platform.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  expect(await machine.whcb(["test-email", "demo"], { env })).toEqual({
    code: 2,
    stdout: "",
    stderr: `error: ${platform.url} sends no test e-mails\nhint: only \`whcb serve\` does\n`,
  });
  await platform.close();
});

it("is sent once a minute to an address, and 20 times an hour in all", async () => {
  const clock = new VirtualClock();
  const sent: string[] = [];
  const service = await openService({
    clock,
    sendTestMail: async ({ email: to }) => {
      sent.push(to);
      return { to, channel: "smtp", isSent: true, answer: "250 OK" };
    },
  });
  for (let n = 0; n < 22; n++) {
    const callback = aCallback({ id: `A${String(n).padStart(15, "0")}`, name: `c${n}`, email: `${n % 21}@example.com` });
    await service.store.callbacks.create(callback.id, callback, clock.now());
  }
  const ask = (name: string, headers: Record<string, string> = CREDENTIALS) =>
    service.app.inject({ method: "POST", url: `/callbacks/${name}/test-email`, headers });
  expect((await ask("c0", {})).statusCode).toBe(401);
  const [first, same] = await Promise.all([ask("c0"), ask("c21")]);
  expect([first.statusCode, first.json(), same.statusCode, same.headers["retry-after"], sent]).toEqual([
    200,
    { to: "0@example.com", channel: "smtp", sent: true, answer: "250 OK" },
    429,
    "60",
    ["0@example.com"],
  ]);
  for (let n = 1; n < 20; n++) expect((await ask(`c${n}`)).statusCode).toBe(200);
  expect(await ask("c20")).toMatchObject({ statusCode: 429, headers: { "retry-after": "3600" } });
  await closeService(service);
});
