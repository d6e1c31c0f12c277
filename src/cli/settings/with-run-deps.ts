import { join } from "node:path";
import type { Client } from "../../client/client.js";
import { type AddressRule, ANY_ADDRESS, publicAddressRule } from "../../delivery/address-rule.js";
import type { Deliverer } from "../../delivery/deliverer.js";
import { loopbackId } from "../../delivery/loopback-id.js";
import { isLoopbackHost } from "../../platform/loopback.js";
import type { RunDeps, RunFolder } from "../../runs/run-deps.js";
import type { Invocation } from "../args/command-spec.js";
import { ALLOW_NETWORK } from "../args/sending-flags.js";
import type { CliDeps } from "../cli-deps.js";
import type { Session } from "./session.js";

export function runsDirectory(deps: CliDeps): string {
  return join(deps.paths.data, "runs");
}

export function runFolder(deps: CliDeps): RunFolder {
  return { runsDirectory: runsDirectory(deps), lockFile: deps.lockFile, clock: deps.clock };
}

/** Connects at the first send, closes at the end. */
export async function withRunDeps<Result>(
  { args, deps }: Pick<Invocation, "args" | "deps">,
  session: Session,
  { maxConnections, to = null }: Sending,
  use: (runDeps: RunDeps) => Promise<Result>,
): Promise<Result> {
  const addressRule = to === null ? callbackRule(session, args.get(ALLOW_NETWORK) ?? []) : () => ANY_ADDRESS;
  const deliverer = lazyDeliverer(() => deps.openDeliverer({ maxConnections, addressRule: addressRule() }));
  try {
    return await use({
      client: session.client,
      deliverer,
      get addressRule() {
        return addressRule();
      },
      ...runFolder(deps),
      random: deps.random,
      profile: profileOf(session),
    });
  } finally {
    await deliverer.close();
  }
}

export interface Sending {
  readonly maxConnections: number;
  /** Where the user sends instead: to any address. Default: null, the callbacks' URLs. */
  readonly to?: string | null;
}

/** Its runs are resumed under this name. */
export function profileOf({ settings, client }: Session): string {
  return settings.profile.value ?? client.name;
}

/** A service elsewhere may not send us to private addresses. Throws `usage` for an invalid network. Asked once the callbacks were read. */
function callbackRule({ client, target, settings }: Session, allowNetworks: readonly string[]): () => AddressRule {
  const ofProfile = settings.allowNetwork.value?.split(",") ?? [];
  const publicRule = publicAddressRule([...allowNetworks, ...ofProfile], { webOnly: false });
  if (target.kind === "file") return () => ANY_ADDRESS;
  const isAtLoopback = isLoopbackHost(new URL(target.url).hostname);
  // The port of a tunnel or a container is at a loopback address, too.
  return () => (isAtLoopback && isOnThisMachine(client) ? ANY_ADDRESS : publicRule);
}

/** With all of its nodes that have answered. */
function isOnThisMachine(client: Client): boolean {
  const [id, ...others] = client.loopbackIds();
  return id === loopbackId() && others.length === 0;
}

function lazyDeliverer(open: () => Promise<Deliverer>): Pick<Deliverer, "deliverIf" | "close"> {
  let opened: Promise<Deliverer> | null = null;
  return {
    async deliverIf(maySend, request) {
      opened ??= open();
      return (await opened).deliverIf(maySend, request);
    },
    async close() {
      await (await opened)?.close();
    },
  };
}
