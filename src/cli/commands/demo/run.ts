import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client, ListedCallback, SubmittedCall } from "../../../client/client.js";
import { ANY_ADDRESS } from "../../../delivery/address-rule.js";
import type { CallStatus } from "../../../domain/call.js";
import { WhcbError } from "../../../domain/errors.js";
import { newSecret, randomId } from "../../../platform/random.js";
import { planReplay } from "../../../runs/plan/plan-replay.js";
import type { RunDeps } from "../../../runs/run-deps.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../../runs/run-options.js";
import { runReplay } from "../../../runs/run-replay.js";
import { toPlatformDate } from "../../../wire/dates.js";
import { DEFAULT_AUTH_PARAMETER } from "../../../wire/delivery-request.js";
import type { Invocation } from "../../args/command-spec.js";
import type { CliDeps, Credentials } from "../../cli-deps.js";
import { EXIT_BUG, EXIT_DONE } from "../../exit-codes.js";
import { joinText, text } from "../../output/screen-text.js";
import { type Behaviour, openEndpoint } from "../listen/local-endpoint.js";

export async function run({ deps, screen }: Invocation): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "whcb-demo-"));
  try {
    const checks = await playDemo(deps, directory, (line) => screen.out(text`${line}\n`));
    const { palette } = screen.renderOptions;
    const wrong = checks.filter(({ expected, seen }) => expected !== seen);
    const width = Math.max(...checks.map(({ name }) => name.length));
    const lines = checks.map(({ name, expected, seen }) =>
      expected === seen
        ? text`${palette.good("ok")}     ${name.padEnd(width)}  ${seen}`
        : text`${palette.bad("wrong")}  ${name.padEnd(width)}  expected ${expected}, saw ${seen}`,
    );
    await screen.out(text`\n${joinText(lines, "\n")}\n`);
    screen.info(wrong.length === 0 ? "every count is right" : `${wrong.length} of ${checks.length} counts are wrong`);
    return wrong.length === 0 ? EXIT_DONE : EXIT_BUG;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface DemoCheck {
  readonly name: string;
  readonly expected: number;
  readonly seen: number;
}

const DELIVERED = 50;
const FAILED = 200;
const LONGEST_WAIT_MS = 15_000;

/** Uses the same client and engine as every command. Throws `unavailable` if a step takes too long. */
async function playDemo(deps: CliDeps, directory: string, say: (line: string) => Promise<void>): Promise<readonly DemoCheck[]> {
  const closers: (() => Promise<unknown>)[] = [];
  try {
    const checks = await playSteps(deps, directory, say, closers);
    await closeAll(closers);
    return checks;
  } catch (error) {
    await closeAll(closers).catch(() => undefined);
    throw error;
  }
}

/** Last opened first, each once. Throws the first failure at the end. */
async function closeAll(closers: (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
    await close().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}

async function playSteps(
  deps: CliDeps,
  directory: string,
  say: (line: string) => Promise<void>,
  closers: (() => Promise<unknown>)[],
): Promise<readonly DemoCheck[]> {
  const received = new Map<string, number>();
  const endpoint = await openEndpoint({ port: 0, behaviour: UP, clock: deps.clock }, ({ headers, status, number }) => {
    const id = headers["webhook-id"];
    if (number > 0 && status === 200 && typeof id === "string") received.set(id, (received.get(id) ?? 0) + 1);
  });
  closers.push(() => endpoint.close());
  const credentials = newCredentials(deps);
  const service = await deps.startService(serveOptions(directory, credentials));
  closers.push(() => service.stop());
  const client = await deps.openClient({ kind: "http", url: service.url, ...credentials, rate: null, timezone: "UTC" });
  closers.push(() => client.close());
  const deliverer = await deps.openDeliverer({
    maxConnections: DEFAULT_REPLAY_OPTIONS.concurrency,
    addressRule: ANY_ADDRESS,
  });
  closers.push(() => deliverer.close());
  await say(`a service at ${service.url}, an endpoint at ${endpoint.url}`);
  const callback = await client.createCallback({
    ...CALLBACK,
    url: `${endpoint.url}/hook`,
    auth: { type: "httpheader", key: credentials.apiKey },
  });
  const first = await client.submitCalls(callback.id, responses(deps, DELIVERED));
  await waitFor(deps, client, callback, { SUCCESS: DELIVERED, FAILED: 0 });
  await say(`${DELIVERED} responses arrived and were delivered`);

  endpoint.setBehaviour(DOWN);
  await say("the endpoint goes down: it answers 503");
  const second = await client.submitCalls(callback.id, responses(deps, FAILED));
  await waitFor(deps, client, callback, { SUCCESS: DELIVERED, FAILED });
  const mails = join(directory, "mail");
  await waitUntil(deps, "the e-mail", async () => (await countMails(mails)) > 0);
  const failed = await countCalls(client, callback, "FAILED");
  await say(`${FAILED} more responses arrived; they failed, and one e-mail to ${callback.email} was written`);

  endpoint.setBehaviour(UP);
  await say("the endpoint is back: whcb replay demo --failed");
  const engine: RunDeps = {
    client,
    deliverer,
    addressRule: ANY_ADDRESS,
    clock: deps.clock,
    random: deps.random,
    runsDirectory: join(directory, "runs"),
    profile: "demo",
    lockFile: deps.lockFile,
  };
  const plan = await planReplay(
    { callbacks: [callback.id], calls: { filter: { status: "FAILED" } }, skipRetrying: false },
    engine,
  );
  const { counts, error } = await runReplay(plan, DEFAULT_REPLAY_OPTIONS, engine);
  if (error !== null) throw error;
  const [success, left] = [await countCalls(client, callback, "SUCCESS"), await countCalls(client, callback, "FAILED")];
  return [
    { name: "accepted by the service", expected: DELIVERED + FAILED, seen: new Set([...first, ...second]).size },
    { name: "failed while it was down", expected: FAILED, seen: failed },
    { name: "e-mails about the outage", expected: 1, seen: await countMails(mails) },
    { name: "replayed and accepted", expected: FAILED, seen: counts.accepted },
    { name: "marked", expected: FAILED, seen: counts.marked },
    { name: "received by the endpoint", expected: DELIVERED + FAILED, seen: received.size },
    { name: "received twice", expected: 0, seen: [...received.values()].filter((times) => times > 1).length },
    { name: "SUCCESS in the list", expected: DELIVERED + FAILED, seen: success },
    { name: "left FAILED", expected: 0, seen: left },
  ];
}

const UP: Behaviour = { status: 200, failFirst: null, failForMs: null, flaky: null, seed: 1, delayMs: 0, hang: false };
const DOWN: Behaviour = { ...UP, status: 503 };

const CALLBACK = {
  name: "demo",
  contentType: "json",
  removeHtml: false,
  // Only the replay sends them again.
  retriesEnabled: false,
  email: "ops@example.com",
  events: { reply: true, undeliverable: true },
} as const;

function serveOptions(directory: string, credentials: Credentials) {
  return {
    port: 0,
    host: "127.0.0.1",
    database: ":memory:",
    settings: {},
    jitter: true,
    smtp: null,
    mailDirectory: join(directory, "mail"),
    plan: null,
    authParameter: DEFAULT_AUTH_PARAMETER,
    endpointCheck: true,
    dispatch: true,
    allowNetworks: [],
    trustedProxies: [],
    allowHosts: [],
    metricsPort: null,
    credentials,
    secretKey: "",
    logLevel: "silent",
  } as const;
}

function newCredentials({ random }: CliDeps): Credentials {
  return { username: "demo", password: newSecret(random), apiKey: newSecret(random) };
}

function responses(deps: CliDeps, howMany: number): readonly SubmittedCall[] {
  return Array.from({ length: howMany }, (_, index) => ({
    response: {
      messageId: randomId(deps.random),
      messageLocation: "",
      from: {
        name: `Person ${index + 1}`,
        mri: "",
        mobile: `614915701${String(index % 100).padStart(2, "0")}`,
        email: "",
        voice: "",
      },
      responseMessage: {
        channel: "SMS",
        kind: "reply",
        date: toPlatformDate(deps.clock.now()),
        content: `Yes, I can come (${index + 1})`,
      },
      customParameters: {},
    },
  }));
}

async function waitFor(
  deps: CliDeps,
  client: Client,
  callback: ListedCallback,
  wanted: { readonly SUCCESS: number; readonly FAILED: number },
): Promise<void> {
  await waitUntil(deps, `${wanted.SUCCESS} SUCCESS and ${wanted.FAILED} FAILED calls`, async () => {
    const [success, failed] = [await countCalls(client, callback, "SUCCESS"), await countCalls(client, callback, "FAILED")];
    return success === wanted.SUCCESS && failed === wanted.FAILED;
  });
}

async function waitUntil({ clock }: CliDeps, what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = clock.now() + LONGEST_WAIT_MS;
  while (!(await isSo())) {
    if (clock.now() > end)
      throw new WhcbError("unavailable", `the demo waited ${LONGEST_WAIT_MS / 1_000} s for ${what}, and gave up`);
    await clock.sleepUntil(clock.now() + 30);
  }
}

async function countCalls(client: Client, callback: ListedCallback, status: CallStatus): Promise<number> {
  let listed = 0;
  for await (const page of client.listCalls(callback.id, { filter: { status } })) listed += page.calls.length;
  return listed;
}

async function countMails(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => name.endsWith(".eml")).length;
}
