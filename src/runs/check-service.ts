import type { Client } from "../client/client.js";
import { commandLine, shellQuote } from "../domain/command-line.js";
import { advise, WhcbError } from "../domain/errors.js";
import { compareDatabase, madeElsewhere } from "./journal/other-runs.js";
import type { RunHeader } from "./journal/run-step.js";
import { nullIfGone } from "./plan/call-scope.js";

/**
 * A profile's service may come back on another port, or as a file, and another service may be where it was. That one has none of the
 * callbacks: they must not pass for deleted. Throws `config`.
 */
export async function checkService(run: RunHeader, client: Client, ownProfile: string): Promise<void> {
  const { runId, service, profile, callbacks } = run;
  const isSameName = service === client.name;
  const isSameProfile = profile === ownProfile;
  const isThere = await hasOneOf(callbacks, client);
  // A database may be served at several addresses.
  const isSameDatabase = compareDatabase(run, client) === "same";
  if ((isSameName || isSameProfile || isSameDatabase) && isThere) return;
  if (isSameName || isSameDatabase) {
    const discard = { command: commandLine({ command: "runs discard", operands: [runId] }), when: "if they were deleted" };
    throw new WhcbError(
      "config",
      `run ${runId} was made with ${service} (profile ${profile}), which has none of its callbacks now`,
      advise`Is another service there? If they were deleted, ${discard} gives the run up.`,
    );
  }
  const flag = isSameProfile || profile === service ? ["--service", service] : ["--profile", profile];
  const elsewhere = isSameProfile ? `; ${client.name} has none of its callbacks` : "";
  throw new WhcbError("config", `run ${runId} was made with ${service} (profile ${profile})${elsewhere}`, {
    hint: `Add \`${flag.map(shellQuote).join(" ")}\`.`,
  });
}

/** Throws `config` if the run was made with another database: its marks can't be taken back on this one. */
export function requireMarkedHere(run: RunHeader, client: Client): void {
  if (compareDatabase(run, client) !== "other") return;
  throw new WhcbError("config", `run ${run.runId} was ${madeElsewhere(run)}`, {
    hint: "`whcb mark-failed` with ids marks single calls",
  });
}

export async function hasOneOf(callbacks: RunHeader["callbacks"], client: Client): Promise<boolean> {
  // A callback that was deleted may have given its name to another one, which shows the service, too.
  for (const { id } of callbacks) if ((await client.getCallback(id).catch(nullIfGone)) !== null) return true;
  return false;
}
