/** Random commands to two dispatchers that share a PostgreSQL database, in virtual time. */
import fc from "fast-check";
import { anyNodesCommands, nodesOptions } from "../support/dispatcher/nodes/arbitrary-nodes.js";
import { NodesRun } from "../support/dispatcher/nodes/nodes-run.js";
import type { SharedDatabase } from "../support/dispatcher/nodes/shared-database.js";
import { requireNone } from "./dispatcher-model.js";

export function nodesProperty(database: () => SharedDatabase) {
  return fc.asyncProperty(nodesOptions, anyNodesCommands, async (options, commands) => {
    await database().clear();
    const run = await NodesRun.open(options, database());
    for (const [index, command] of commands.entries()) {
      requireNone(await run.play(command), `after command ${index}, ${JSON.stringify(command)}`);
    }
    requireNone(await run.end(), "at the end");
  });
}
