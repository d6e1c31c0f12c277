import { join } from "node:path";
import type { Client } from "../../client/client.js";
import { type AddressRule, ANY_ADDRESS, publicAddressRule } from "../../delivery/address-rule.js";
import type { Deliverer } from "../../delivery/deliverer.js";
import { loopbackId } from "../../delivery/loopback-id.js";
import { isLoopbackHost } from "../../platform/loopback.js";
import type { RunDeps, RunFolder } from "../../runs/run-deps.js";
import type { Invocation } from "../args/command-spec.js";
import { SENDING_FLAGS } from "../args/sending-flags.js";
import type { CliDeps } from "../cli-deps.js";
import type { Session } from "./session.js";

export function runsDirectory(deps: CliDeps): string {
  return join(deps.paths.data, "runs");
}

export function runFolder(deps: CliDeps): RunFolder {
  return { runsDirectory: runsDirectory(deps), lockFile: deps.lockFile, clock: deps.clock };
}

/** Connects at the first send. */
export function openRunDeps(
  { args, deps }: Invocation,
  session: Session,
  { maxConnections, to = null }: Sending,
): RunDeps & AsyncDisposable {
  const addressRule = to === null ? callbackRule(session, args.get(SENDING_FLAGS.allowNetwork) ?? []) : () => ANY_ADDRESS;
  let opened: Promise<Deliverer> | null = null;
  return {
    client: session.client,
    deliverer: {
      async deliverIf(maySend, request) {
        opened ??= deps.openDeliverer({ maxConnections, addressRule: addressRule() });
        return (await opened).deliverIf(maySend, request);
      },
    },
    get addressRule() {
      return addressRule();
    },
    ...runFolder(deps),
    random: deps.random,
    profile: profileOf(session),
    async [Symbol.asyncDispose]() {
      // The sender was told why it couldn't be opened.
      const deliverer = await opened?.catch(() => null);
      await deliverer?.close();
    },
  };
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

/**
 * A service elsewhere may not send us to private addresses. Throws `usage` for an invalid network. The rule is known once the callbacks
 * were read.
 */
function callbackRule({ client, target, settings }: Session, allowNetworks: readonly string[]): () => AddressRule {
  const ofProfile = settings.allowNetwork.value?.split(",") ?? [];
  const publicRule = publicAddressRule([...allowNetworks, ...ofProfile], { isWebOnly: false });
  if (target.kind === "file") return () => ANY_ADDRESS;
  const isAtLoopback = isLoopbackHost(new URL(target.url).hostname);
  // The port of a tunnel or a container is at a loopback address, too.
  return () => (isAtLoopback && isOnThisMachine(client) ? ANY_ADDRESS : publicRule);
}

/** All of its nodes that have answered must be here. */
function isOnThisMachine(client: Client): boolean {
  const [id, ...others] = client.loopbackIds();
  return id === loopbackId() && others.length === 0;
}
