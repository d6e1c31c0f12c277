/** The three kinds of service that a command can work with, each with a callback "Replies CRM" whose 45 calls failed and whose endpoint works again. */
import { openHttpClient } from "../../../src/main/open-http-client.js";
import type { Edition } from "../platform/recorded-answers.js";
import {
  callbackId,
  openRecordedPlatform,
  PLATFORM_USER,
  type RecordedPlatform,
  type RecordedPlatformOptions,
  recordedCalls,
} from "../platform/recorded-platform.js";
import { CliMachine } from "./cli-service.js";
import type { IoOptions } from "./cli-streams.js";
import { type CliResult, runCli } from "./run-cli.js";

export const CALLBACK = "Replies CRM";
export const CALLS = 45;

export interface CommandService {
  readonly name: string;
  readonly kind: "platform" | "serve" | "file";
  open(): Promise<OpenedService>;
}

export interface OpenedService {
  readonly machine: CliMachine;
  /** It is the recorded platform, if that is the service. */
  readonly platform: RecordedPlatform | null;
  readonly endpointUrl: string;
  /** The endpoint has received so many POSTs since it works again. */
  received(): number;
  /** Runs a command, and says which requests the service received from it ("GET /callbacks?limit=20"). */
  run(argv: readonly string[], options?: IoOptions): Promise<CliResult & { readonly requests: readonly string[] }>;
  close(): Promise<void>;
}

export const COMMAND_SERVICES: readonly CommandService[] = [
  platformService("the recorded platform, as in the guide", { edition: "guide" }),
  platformService("the recorded platform, as in the OpenAPI document", { edition: "openapi", unknownParameters: "reject" }),
  { name: "whcb serve over HTTP", kind: "serve", open: () => openOurs("serve") },
  { name: "a database file", kind: "file", open: () => openOurs("file") },
];

function platformService(name: string, over: Partial<RecordedPlatformOptions> & { readonly edition: Edition }): CommandService {
  return { name, kind: "platform", open: () => openPlatform(over) };
}

async function openPlatform(over: Partial<RecordedPlatformOptions> & { readonly edition: Edition }): Promise<OpenedService> {
  const machine = new CliMachine();
  const endpoint = await machine.listen();
  const authType = over.edition === "guide" ? "querystring" : "queryparam";
  const settings = {
    auth: { type: authType, key: "PLANTED-CALLBACK-KEY" },
    contentType: "xml",
    removeHTML: "enabled",
    retriesEnabled: over.edition === "guide" ? "false" : false,
    email: "ops@example.com",
    callbacks: { reply: "enabled", undeliverable: "disabled" },
  };
  const url = `${endpoint.url}/hook`;
  const callback = { id: callbackId(0), name: CALLBACK, url, settings, calls: recordedCalls(CALLS) };
  // They fill more than one page of callbacks.
  const others = Array.from({ length: 20 }, (_, index) => {
    return { id: callbackId(index + 1), name: `Another ${index}`, url, settings, calls: recordedCalls(0) };
  });
  const platform = await openRecordedPlatform({ callbacks: [...others, callback], ...over });
  const env = {
    WHCB_URL: platform.url,
    WHCB_USERNAME: PLATFORM_USER.username,
    WHCB_PASSWORD: PLATFORM_USER.password,
    WHCB_API_KEY: PLATFORM_USER.apiKey,
  };
  return {
    machine,
    platform,
    endpointUrl: url,
    received: () => endpoint.io.out().match(/ POST /g)?.length ?? 0,
    run: (argv, options) => runCounted(machine, argv, options, env),
    async close() {
      await machine.leave();
      await platform.close();
    },
  };
}

async function openOurs(kind: "serve" | "file"): Promise<OpenedService> {
  const machine = new CliMachine();
  const database = machine.path("x.db");
  const served = await machine.serve(["--db", database]);
  const broken = await machine.listen(["--status", "500"]);
  await machine.rehearse(CALLBACK, broken.url, CALLS);
  await broken.stop();
  const endpoint = await machine.listen(["--port", new URL(broken.url).port]);
  if (kind === "file") await served.stop();
  const env: Record<string, string> = kind === "file" ? { WHCB_URL: database } : {};
  return {
    machine,
    platform: null,
    endpointUrl: `${broken.url}/hook`,
    received: () => endpoint.io.out().match(/ POST /g)?.length ?? 0,
    run: (argv, options) => runCounted(machine, argv, options, env),
    close: () => machine.leave(),
  };
}

async function runCounted(
  machine: CliMachine,
  argv: readonly string[],
  options: IoOptions = {},
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult & { readonly requests: readonly string[] }> {
  const requests: string[] = [];
  const { deps } = machine.world;
  const openClient = deps?.openClient;
  if (deps === undefined || openClient === undefined) throw new Error("The machine opens no client.");
  const counting = {
    ...deps,
    openClient: (target: Parameters<typeof openClient>[0]) =>
      target.kind === "file"
        ? openClient(target)
        : openHttpClient({ ...target, onExchange: (line) => void requests.push(line.replace(/ -> .*/s, "")) }, {}),
  };
  const world = { ...machine.world, deps: counting };
  const result = await runCli(world, argv, { ...options, env: { ...env, ...options.env } });
  return { ...result, requests };
}
