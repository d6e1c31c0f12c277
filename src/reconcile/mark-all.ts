import type { MarkJob } from "./mark-job.js";
import { Marker } from "./marker.js";
import type { RunSession } from "./run-session.js";

/** Marks all of these, in chunks; stops where the session is stopped. */
export async function markAll(job: MarkJob, callIds: Iterable<string>, session: RunSession): Promise<void> {
  const marker = new Marker(job, session);
  for (const id of callIds) marker.add(id);
  await marker.finish();
}
