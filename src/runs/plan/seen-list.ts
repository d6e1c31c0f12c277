/** What the receiver says it has: ids of messages or of calls, one a line. */
export interface SeenList {
  readonly by: "message" | "call";
  /** Upper case. */
  readonly ids: ReadonlySet<string>;
}

/** Ignores quotes, what follows a comma or tab, blank lines, lines that begin with #, and case. */
export async function readSeenList(by: SeenList["by"], lines: AsyncIterable<string> | Iterable<string>): Promise<SeenList> {
  const ids = new Set<string>();
  for await (const line of lines) {
    const [first = ""] = line.replace(/^\uFEFF/, "").split(/[,;\t]/, 1);
    const id = first.trim().replace(/^["']|["']$/g, "");
    if (id !== "" && !id.startsWith("#")) ids.add(id.toUpperCase());
  }
  return { by, ids };
}
