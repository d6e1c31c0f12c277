/** What the receiver says it has: ids of messages or of calls, one a line. */
import type { SeenList } from "./reconcile-plan.js";

/** Quotes, a comma or tab with what follows it, blank lines and those that begin with # are passed over; case is ignored. */
export async function readSeenList(by: SeenList["by"], lines: AsyncIterable<string> | Iterable<string>): Promise<SeenList> {
  const ids = new Set<string>();
  for await (const line of lines) {
    const [first = ""] = line.replace(/^\uFEFF/, "").split(/[,;\t]/, 1);
    const id = first.trim().replace(/^["']|["']$/g, "");
    if (id !== "" && !id.startsWith("#")) ids.add(id.toUpperCase());
  }
  return { by, ids };
}
