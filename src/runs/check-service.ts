import type { Client } from "../client/client.js";
import { commandLine, shellQuote } from "../domain/command-line.js";
import { WhcbError } from "../domain/errors.js";
import type { RunHeader } from "./journal/run-step.js";
import { nullIfGone } from "./plan/call-scope.js";

/**
 * A profile's service may come back on another port, or as a file, and another service may be where it was. That one has none of the
 * callbacks: they must not pass for deleted. Throws `config`.
 */
export async function checkService(
  { runId, service, profile, callbacks }: RunHeader,
  client: Client,
  ownProfile: string,
): Promise<void> {
  const isSameName = service === client.name;
  const isSameProfile = profile === ownProfile;
  if ((isSameName || isSameProfile) && (await hasOneOf(callbacks, client))) return;
  if (isSameName) {
    throw new WhcbError(
      "config",
      `run ${runId} was made with ${service} (profile ${profile}), which has none of its callbacks now`,
      {
        hint: `Is another service there? If they were deleted, \`${commandLine({ command: "runs discard", operands: [runId] })}\` gives the run up.`,
      },
    );
  }
  const flag = isSameProfile || profile === service ? ["--service", service] : ["--profile", profile];
  const elsewhere = isSameProfile ? `; ${client.name} has none of its callbacks` : "";
  throw new WhcbError("config", `run ${runId} was made with ${service} (profile ${profile})${elsewhere}`, {
    hint: `Add \`${flag.map(shellQuote).join(" ")}\`.`,
  });
}

/** A copy has the callbacks too. Returns false if either service doesn't say which database it has, or no callback was read from this one. */
export function isOtherDatabase({ databaseId }: RunHeader, client: Client): boolean {
  const current = client.databaseId();
  return databaseId !== undefined && current !== null && databaseId !== current;
}

/**
 * `listed` had the calls. The question may have been open while a forwarded port was given another service. Throws `unavailable` if another
 * database answers.
 */
export async function requireSameDatabase(listed: string | null, client: Client): Promise<void> {
  if (listed === null) return;
  await client.verify();
  if (client.databaseId() === listed) return;
  throw new WhcbError("unavailable", `another database answers at ${client.name} now, so nothing was marked or sent`, {
    hint: "List its calls again.",
  });
}

async function hasOneOf(callbacks: RunHeader["callbacks"], client: Client): Promise<boolean> {
  // A callback that was deleted may have given its name to another one, which shows the service, too.
  for (const { id } of callbacks) if ((await client.getCallback(id).catch(nullIfGone)) !== null) return true;
  return false;
}
