/** The demo plays on a service in memory, its client and endpoints. */
import { join } from "node:path";
import type { SubmittedCall } from "../../../client/call-requests.js";
import type { Client, ListedCallback } from "../../../client/client.js";
import type { ServiceCredentials } from "../../../client/service-api.js";
import { ANY_ADDRESS } from "../../../delivery/address-rule.js";
import type { Deliverer } from "../../../delivery/deliverer.js";
import { WhcbError } from "../../../domain/errors.js";
import { DEFAULT_SEND_LIMITS } from "../../../domain/service-settings.js";
import type { Clock } from "../../../platform/clock.js";
import { newSecret, randomId } from "../../../platform/random.js";
import type { Teardown } from "../../../platform/teardown.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../../runs/run-options.js";
import { toPlatformDate } from "../../../wire/dates.js";
import { DEFAULT_AUTH_PARAMETER, DEFAULT_BODY_NAMES } from "../../../wire/delivery-settings.js";
import type { CliDeps } from "../../cli-deps.js";
import { type Behaviour, type LocalEndpoint, openEndpoint, type Received } from "../listen/local-endpoint.js";

export interface Stage extends StageParts {
  readonly url: string;
  readonly client: Client;
  readonly deliverer: Deliverer;
}

export interface StageParts {
  readonly deps: CliDeps;
  /** `clock` is the service's clock. */
  readonly clock: Clock;
  /** E-mails and runs are written to it. */
  readonly directory: string;
  readonly teardown: Teardown;
  /** `ending` aborts at a Ctrl-C. */
  readonly ending: AbortSignal;
  say(line: string): Promise<void>;
}

export async function openStage(surroundings: StageParts): Promise<Stage> {
  const { deps, clock, directory, teardown } = surroundings;
  const credentials = newCredentials(deps);
  const service = await deps.startService(serveOptions(directory, credentials), clock);
  teardown.addStep(() => service.stop());
  const client = await deps.openClient({ kind: "http", url: service.url, ...credentials, rate: null, timezone: "UTC" });
  teardown.addStep(() => client.close());
  const deliverer = await deps.openDeliverer({
    maxConnections: DEFAULT_REPLAY_OPTIONS.concurrency,
    addressRule: ANY_ADDRESS,
    egressProxy: null,
  });
  teardown.addStep(() => deliverer.close());
  return { ...surroundings, url: service.url, client, deliverer };
}

export const UP: Behaviour = { status: 200, failFirst: null, failForMs: null, flaky: null, seed: 1, delayMs: 0, hang: false };
export const DOWN: Behaviour = { ...UP, status: 503 };

/** The endpoint accepts everything. */
export async function openStageEndpoint(
  { deps, teardown }: Stage,
  onReceived: (received: Received) => void,
): Promise<LocalEndpoint> {
  const endpoint = await openEndpoint({ port: 0, behaviour: UP, clock: deps.clock }, async (received) => onReceived(received));
  teardown.addStep(() => endpoint.close());
  return endpoint;
}

export function createCallback(
  { client, deps }: Stage,
  endpoint: LocalEndpoint,
  { name, retriesEnabled }: { readonly name: string; readonly retriesEnabled: boolean },
): Promise<ListedCallback> {
  return client.createCallback({
    name,
    url: `${endpoint.url}/hook`,
    auth: { type: "httpheader", key: newSecret(deps.random) },
    contentType: "json",
    removeHtml: false,
    signing: "disabled",
    retriesEnabled,
    email: "ops@example.com",
    events: { reply: true, undeliverable: true },
  });
}

export async function submitResponses(
  { client, deps, clock }: Stage,
  callback: ListedCallback,
  howMany: number,
): Promise<readonly string[]> {
  const { ids } = await client.submitCalls(callback.id, newResponses(deps, howMany, clock.now()));
  return ids;
}

const LONGEST_WAIT_MS = 60_000;

/** Throws `unavailable` if it takes too long, `interrupted` at the demo's end. */
export async function waitUntil(
  { deps: { clock }, ending }: { readonly deps: { readonly clock: Clock }; readonly ending: AbortSignal },
  what: string,
  isSo: () => Promise<boolean>,
): Promise<void> {
  const end = clock.now() + LONGEST_WAIT_MS;
  for (;;) {
    if (ending.aborted) throw new WhcbError("interrupted", "interrupted");
    if (await isSo()) return;
    if (clock.now() > end)
      throw new WhcbError("unavailable", `the demo waited ${LONGEST_WAIT_MS / 1_000} s for ${what}, and gave up`);
    await clock.sleepUntil(clock.now() + 10);
  }
}

function serveOptions(directory: string, credentials: ServiceCredentials) {
  return {
    port: 0,
    host: "127.0.0.1",
    database: ":memory:",
    settings: {},
    jitter: true,
    smtp: null,
    dataDirectory: directory,
    mailDirectory: join(directory, "mail"),
    notices: { webhooks: [], secret: "", recoveryMails: false },
    plan: null,
    authParameter: DEFAULT_AUTH_PARAMETER,
    bodyNames: DEFAULT_BODY_NAMES,
    endpointCheck: true,
    dispatch: true,
    limits: DEFAULT_SEND_LIMITS,
    allowNetworks: [],
    egressProxy: null,
    trustedProxies: [],
    allowHosts: [],
    publicUrl: null,
    metrics: null,
    credentials,
    secretKey: "",
    logLevel: "silent",
  } as const;
}

function newCredentials({ random }: CliDeps): ServiceCredentials {
  return { username: "demo", password: newSecret(random), apiKey: newSecret(random) };
}

const CONTENTS = [
  "Yes, I can come",
  "No, sorry, I'm away until Monday",
  "YES",
  "Can we move it to 3 pm?",
  "Thanks, see you there",
  "I'll be ten minutes late",
  "Who is this?",
];

function newResponses({ random }: CliDeps, howMany: number, now: number): readonly SubmittedCall[] {
  return Array.from({ length: howMany }, (_, index) => ({
    response: {
      messageId: randomId(random),
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
        date: toPlatformDate(now),
        content: CONTENTS[index % CONTENTS.length] ?? "",
      },
      customParameters: {},
    },
  }));
}
