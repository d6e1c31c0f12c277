/** Looks up names and ids in the service, the journals and the settings. It throws whatever goes wrong: the caller shows nothing. */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client, ListedCall } from "../../../client/client.js";
import { isWhcbError } from "../../../domain/errors.js";
import { createFolder } from "../../../platform/files/durable-folders.js";
import { TO_REPLACE } from "../../../platform/files/excess-mode.js";
import { requireNoStrangers } from "../../../platform/files/is-own.js";
import { listRuns } from "../../../runs/journal/stored-runs.js";
import { isObject, listOf, objectOf, textOf } from "../../../wire/json/json-value.js";
import type { CliDeps } from "../../cli-deps.js";
import { runFolder } from "../../settings/open-run-deps.js";
import { resolveSettings, type ServiceFlags, toServiceTarget } from "../../settings/resolve-settings.js";
import { requireDatabaseFile } from "../../settings/session.js";
import { readSettings } from "../../settings/settings-file.js";

export interface Candidate {
  readonly value: string;
  readonly summary: string;
}

const CACHED_MS = 20_000;
const MAX_CALLS = 100;
const LIKE_A_FLAG_OR_ID = /^-|^(?:[0-9a-f]{16}|[0-9a-f]{32})$/i;

export class LiveValues {
  readonly #deps: CliDeps;

  constructor(deps: CliDeps) {
    this.#deps = deps;
  }

  /** Returns names, and the ids of nameless callbacks. */
  async callbacks(service: ServiceFlags): Promise<readonly Candidate[]> {
    const listed = await this.#ask(service, ["callbacks"], async (client) =>
      (await client.listCallbacks()).map(({ id, name }) => ({ value: id, summary: name })),
    );
    const named = listed.filter(({ summary }) => summary !== "" && !LIKE_A_FLAG_OR_ID.test(summary));
    const nameless = listed.filter((callback) => !named.includes(callback));
    return [...named.map(({ value, summary }) => ({ value: summary, summary: value })), ...nameless];
  }

  /**
   * Returns the newest calls of a callback, none if older ones may begin as is typed, and one that has the typed id, which a longer id must
   * not replace.
   */
  async calls(
    service: ServiceFlags,
    { callback, status, typed }: { callback: string; status: "FAILED" | "SUCCESS" | undefined; typed: string },
  ): Promise<readonly Candidate[]> {
    const newest = await this.#ask(service, ["calls", callback, status ?? ""], async (client) => {
      const { id } = await client.getCallback(callback);
      const found: Candidate[] = [];
      const filter = status === undefined ? {} : { status };
      for await (const { calls } of client.listCalls(id, { filter, limit: MAX_CALLS })) found.push(...calls.map(candidateOf));
      return found;
    });
    if (typed === "" || newest.some(({ value }) => value === typed)) return newest;
    // The call that is meant may be an older one, whose id begins so, too.
    if (newest.length === MAX_CALLS) return [];
    if (!newest.some(({ value }) => value.startsWith(typed))) return newest;
    const same = await this.#ask(service, ["call", callback, typed], async (client) => {
      const { id } = await client.getCallback(callback);
      return client.getCall(id, typed).then(
        (call) => [candidateOf(call)],
        (error: unknown) => {
          if (isWhcbError(error, "not-found")) return [];
          throw error;
        },
      );
    });
    return [...newest, ...same];
  }

  async runs(): Promise<readonly Candidate[]> {
    const runs = await listRuns(runFolder(this.#deps));
    return runs.map(({ runId, kind, state }) => ({ value: runId, summary: `${kind}, ${state}` }));
  }

  async profiles(): Promise<readonly Candidate[]> {
    const { profiles } = await readSettings(this.#deps.paths.config);
    return [...profiles.keys()].map((value) => ({ value, summary: "" }));
  }

  async #ask(
    flags: ServiceFlags,
    question: readonly string[],
    load: (client: Client) => Promise<readonly Candidate[]>,
  ): Promise<readonly Candidate[]> {
    const deps = this.#deps;
    const settings = resolveSettings({ flags, env: deps.io.env, settings: await readSettings(deps.paths.config) });
    const target = toServiceTarget(settings);
    const owner = target.kind === "http" ? [target.url, target.username] : [target.path];
    const cache = new CandidateCache(deps, JSON.stringify([...owner, ...question]));
    const cached = await cache.read();
    if (cached !== null) return cached;
    if (target.kind === "file") await requireDatabaseFile(target.path);
    const client = await deps.openClient(target);
    try {
      // A shell must not take a call's id for a flag.
      const found = (await load(client)).filter(({ value }) => !value.startsWith("-"));
      await cache.write(found);
      return found;
    } finally {
      await client.close();
    }
  }
}

function candidateOf({ id, status, statusCode }: ListedCall): Candidate {
  return { value: id, summary: `${status} ${statusCode ?? ""}`.trim() };
}

/** `CandidateCache` is one private file with names, ids and statuses of the last seconds. */
class CandidateCache {
  readonly #path: string;
  readonly #folder: string;
  readonly #key: string;
  readonly #now: number;

  constructor({ paths, clock }: CliDeps, question: string) {
    this.#folder = paths.data;
    this.#path = join(paths.data, "completion-cache.json");
    this.#key = createHash("sha256").update(question).digest("hex");
    this.#now = clock.now();
  }

  async read(): Promise<readonly Candidate[] | null> {
    const entry = (await this.#entries()).get(this.#key);
    if (entry === undefined) return null;
    return listOf(entry.candidates).map((one) => ({
      value: textOf(objectOf(one).value),
      summary: textOf(objectOf(one).summary),
    }));
  }

  async write(candidates: readonly Candidate[]): Promise<void> {
    const entries = await this.#entries();
    entries.set(this.#key, { at: this.#now, candidates });
    await createFolder(this.#folder);
    await writeFile(this.#path, JSON.stringify(Object.fromEntries(entries)), { mode: 0o600, flag: TO_REPLACE });
  }

  /** Leaves out old ones, and all if the file is unreadable or another process is writing it. Throws for a file that a stranger may have made. */
  async #entries(): Promise<Map<string, { readonly at: number; readonly candidates: unknown }>> {
    const entries = new Map<string, { readonly at: number; readonly candidates: unknown }>();
    requireNoStrangers(this.#path);
    const text = await readFile(this.#path, "utf8").catch(() => "{}");
    for (const [key, entry] of Object.entries(parse(text))) {
      const { at, candidates } = objectOf(entry);
      if (typeof at === "number" && at <= this.#now && this.#now - at < CACHED_MS) entries.set(key, { at, candidates });
    }
    return entries;
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
