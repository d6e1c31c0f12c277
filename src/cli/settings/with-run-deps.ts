import { join } from "node:path";
import type { Deliverer } from "../../delivery/deliverer.js";
import type { RunDeps } from "../../runs/run-deps.js";
import type { CliDeps } from "../cli-deps.js";
import type { Session } from "./session.js";

export function runsDirectory(deps: CliDeps): string {
  return join(deps.paths.data, "runs");
}

/** Connects at the first send, closes at the end. */
export async function withRunDeps<Result>(
  deps: CliDeps,
  session: Session,
  maxConnections: number,
  use: (runDeps: RunDeps) => Promise<Result>,
): Promise<Result> {
  const deliverer = lazyDeliverer(() => deps.openDeliverer({ maxConnections }));
  try {
    return await use({
      client: session.client,
      deliverer,
      clock: deps.clock,
      random: deps.random,
      runsDirectory: runsDirectory(deps),
      lockFile: deps.lockFile,
      profile: session.settings.profile.value ?? session.client.name,
    });
  } finally {
    await deliverer.close();
  }
}

function lazyDeliverer(open: () => Promise<Deliverer>): Deliverer {
  let opened: Promise<Deliverer> | null = null;
  return {
    async deliver(request, signal) {
      opened ??= open();
      return (await opened).deliver(request, signal);
    },
    async close() {
      await (await opened)?.close();
    },
  };
}
