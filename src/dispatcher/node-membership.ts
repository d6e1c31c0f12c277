import { formatDuration } from "../domain/duration.js";
import { WhcbError } from "../domain/errors.js";
import type { ServiceSettings } from "../domain/service-settings.js";
import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import { type Random, timeOrderedId } from "../platform/random.js";
import { type Joined, MEMBER_MS, type MemberStore } from "../store/nodes/members.js";
import { RunLoop } from "./run-loop.js";

export interface NodeSurroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface Membership {
  readonly settings: ServiceSettings;
  leave(): Promise<void>;
}

const RENEW_MS = MEMBER_MS / 3;

/**
 * Makes this process one of the nodes on a PostgreSQL database (docs/operations.md, Several nodes). Throws `config` if nodes with
 * other settings run. `onLost` is called at most once, when this node can't go on.
 */
export async function joinNodes(
  members: MemberStore,
  changes: Partial<ServiceSettings>,
  onLost: (reason: WhcbError) => void,
  { clock, random, logger }: NodeSurroundings,
): Promise<Membership> {
  const id = timeOrderedId(clock.now(), random);
  const joined = await members.joinNodes(id, changes);
  if (joined.kind !== "joined") throw refusalOf(joined, changes);
  const { settings } = joined;
  const roles = await members.listCreators();
  if (roles.length > 0)
    logger.warn({ roles }, "Other roles may create objects in the database's schema: revoke this right of theirs");
  let isLost = false;
  let isNewerReported = true;

  const endMembership = (reason: WhcbError) => {
    isLost = true;
    onLost(reason);
    return null;
  };
  const renew = async () => {
    if (isLost) return null;
    const { isMember, newer } = await members.renewMember(id);
    if (newer === "incompatible") return endMembership(TOO_NEW);
    if (newer === "compatible" && isNewerReported) {
      isNewerReported = false;
      logger.warn({}, "A newer whcb has migrated the database, compatibly: this node works on it; start the newer whcb here too");
    }
    if (!isMember) {
      // All settings are compared, because nodes that began meanwhile may have others.
      const again = await members.rejoinNodes(id, settings);
      if (again.kind !== "joined") return endMembership(refusalOf(again, settings));
    }
    return clock.now() + RENEW_MS;
  };
  const loop = new RunLoop(renew, {
    clock,
    pollMs: RENEW_MS,
    onError: (error) => logger.warn({ err: error }, "The database doesn't answer this node; trying again"),
  });
  loop.start();
  return {
    settings,
    async leave() {
      await loop.stop();
      await members.leaveMembers(id).catch((error: unknown) => {
        logger.warn({ err: error }, "The database still lists this node, until it expires");
      });
    },
  };
}

const TOO_NEW = new WhcbError("config", "a newer whcb has migrated the database, so this node has stopped", {
  hint: "start the newer whcb here too",
});

const FLAGS: readonly (readonly [keyof ServiceSettings, string])[] = [
  ["intervalMs", "--retry-interval"],
  ["windowMs", "--retry-window"],
  ["retainSuccessMs", "--retain-success"],
  ["retainFailedMs", "--retain-failed"],
  ["retainMailMs", "--retain-mail"],
];

function refusalOf(refused: Exclude<Joined, { kind: "joined" }>, changes: Partial<ServiceSettings>): WhcbError {
  if (refused.kind === "busy") {
    return new WhcbError("config", `${refused.task} is changing the database`, { hint: "start again when it has ended" });
  }
  const { running } = refused;
  const differing = FLAGS.filter(([name]) => changes[name] !== undefined && changes[name] !== running[name]);
  const describe = (settings: Partial<ServiceSettings>) =>
    differing.map(([name, flag]) => `${flag} ${formatDuration(settings[name] ?? 0)}`).join(" and ");
  return new WhcbError("config", `running nodes use ${describe(running)}, and this one has ${describe(changes)}`, {
    hint: "leave the flag out, or stop all nodes first; a node that was killed counts for 15 seconds",
  });
}

/** Keeps nodes from starting until it is released. Throws `config` while nodes run. */
export async function keepNodesOut(
  members: MemberStore,
  task: string,
  clock: Clock,
  random: Random,
): Promise<{ release(): Promise<void> }> {
  const id = timeOrderedId(clock.now(), random);
  if (!(await members.joinAlone(id, task))) {
    throw new WhcbError("config", "nodes run on the database: they hold responses in memory", {
      hint: "stop every whcb serve on it, then run this again; a node that was killed counts for 15 seconds",
    });
  }
  let isAlone = true;
  const renew = async () => {
    isAlone &&= (await members.renewMember(id)).isMember;
    return clock.now() + RENEW_MS;
  };
  const loop = new RunLoop(renew, { clock, pollMs: RENEW_MS, onError() {} });
  loop.start();
  return {
    async release() {
      await loop.stop();
      await members.leaveMembers(id);
      if (!isAlone)
        throw new WhcbError("unavailable", "a node may have started meanwhile", { hint: "stop it, then run this again" });
    },
  };
}
