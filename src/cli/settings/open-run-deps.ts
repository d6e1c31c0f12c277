import { join } from "node:path";
import { type AddressRule, ANY_ADDRESS, publicAddressRule } from "../../delivery/address-rule.js";
import type { Deliverer, Delivery } from "../../delivery/deliverer.js";
import { readEgressProxy } from "../../delivery/egress-proxy.js";
import { resultMessage } from "../../domain/attempt.js";
import { withFlags } from "../../domain/command-line.js";
import { maskUrl, secretMask } from "../../domain/mask.js";
import { requireNoStrangers } from "../../platform/files/is-own.js";
import type { RunDeps, RunFolder } from "../../runs/run-deps.js";
import type { DeliveryRequest } from "../../wire/delivery-request.js";
import type { Invocation } from "../args/command-spec.js";
import { SENDING_FLAGS } from "../args/sending-flags.js";
import type { CliDeps, ServiceTarget } from "../cli-deps.js";
import { exchangeLog, type Session } from "./session.js";

/** Throws `config` for a folder that a stranger may have made. */
export function runFolder(deps: CliDeps): RunFolder {
  const runsDirectory = join(deps.paths.data, "runs");
  requireNoStrangers(runsDirectory);
  return { runsDirectory, lockFile: deps.lockFile, clock: deps.clock };
}

/** Connects at the first send. */
export async function openRunDeps(
  invocation: Invocation,
  session: Session,
  { maxConnections, to = null }: Sending,
): Promise<RunDeps & AsyncDisposable> {
  const { args, deps, progress, screen } = invocation;
  const log = exchangeLog(invocation);
  const addressRule = to === null ? await callbackRule(session, args.get(SENDING_FLAGS.allowNetwork) ?? [], deps) : ANY_ADDRESS;
  const egressProxy = readEgressProxy(args.get(SENDING_FLAGS.egressProxy), deps.io.env);
  let opened: Promise<Deliverer> | null = null;
  return {
    client: session.client,
    deliverer: {
      async deliverIf(maySend, request) {
        opened ??= deps.openDeliverer({ maxConnections, addressRule, egressProxy });
        const startedAt = deps.clock.monotonicMs();
        const delivery = await (await opened).deliverIf(maySend, request);
        if (delivery !== null) log?.(exchangeText(request, delivery, Math.round(deps.clock.monotonicMs() - startedAt)));
        return delivery;
      },
    },
    addressRule,
    egressProxy,
    ...runFolder(deps),
    random: deps.random,
    beginWait: progress.begin,
    profile: profileOf(session),
    serviceFlags: screen.renderOptions.serviceFlags,
    async [Symbol.asyncDispose]() {
      // The sender was told why it couldn't be opened.
      const deliverer = await opened?.catch(() => null);
      await deliverer?.close();
    },
  };
}

function exchangeText({ url, headers, secrets = [] }: DeliveryRequest<unknown>, { result }: Delivery, ms: number): string {
  const what = result.kind === "answered" ? result.statusCode : resultMessage(result);
  return `POST ${maskUrl(url, secretMask(secrets))} for call ${headers["webhook-id"]} -> ${what} (${ms} ms)`;
}

export interface Sending {
  readonly maxConnections: number;
  /** The user sends there instead, to any address. Default: null, which means the callbacks' URLs. */
  readonly to?: string | null;
}

/** Its runs are resumed under this name. A run on another service than the profile's isn't the profile's. */
export function profileOf({ settings: { profile, profileService }, client }: Session): string {
  return profile.value !== null && profileService === client.name ? profile.value : client.name;
}

/** Names the service in the line that asks nothing. */
export function namingProfile<Given extends Invocation>(invocation: Given, profile: string): Given {
  const isNamed = invocation.screen.renderOptions.serviceFlags.length > 0;
  return isNamed ? invocation : { ...invocation, argv: withFlags(invocation.argv, profileFlags(invocation, profile)) };
}

/** These belong to a line with --yes: where that is typed, another profile may be the current one. */
export function profileFlags({ screen }: Invocation, profile: string): readonly string[] {
  const { serviceFlags } = screen.renderOptions;
  return serviceFlags.length > 0 ? serviceFlags : ["--profile", profile];
}

/** Only a service of ours may send us to private addresses. Throws `usage` for an invalid network. */
export async function callbackRule(
  { target, settings }: Session,
  networks: readonly string[],
  deps: CliDeps,
): Promise<AddressRule> {
  const ofProfile = settings.allowNetwork.value?.split(",") ?? [];
  const publicRule = publicAddressRule([...networks, ...ofProfile], { isWebOnly: false });
  return (await isOurs(target, deps)) ? ANY_ADDRESS : publicRule;
}

/** A `serve` on loopback listens at these (listen-on-localhost.ts). Another program could listen at 127.0.0.2. */
const LOCALHOST: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/** The port of a tunnel or a container is at a loopback address too, and a database file may be in a container's folder. */
async function isOurs(target: ServiceTarget, { io, isServedHere, isServedElsewhere }: CliDeps): Promise<boolean> {
  if (target.kind === "file") return !(await isServedElsewhere(target.path));
  const { protocol, hostname } = new URL(target.url);
  const isAsked = protocol === "http:" && LOCALHOST.includes(hostname) && io.env.WHCB_PROXY_LOCAL !== "1";
  return isAsked && isServedHere(target.url);
}
