/** Looks, with the product's own commands, for what was promised before a power cut and isn't kept after it. */
import { existsSync, readFileSync } from "node:fs";
import { expect } from "vitest";
import { apiOf, type ServedApi, storedProfile } from "../../support/process/served-api.js";
import { eventually, type Home } from "../../support/process/whcb-process.js";
import { unknownCalls } from "../../support/replay/replay-kills.js";
import { works } from "../../support/replay/replay-outage.js";
import type { Promised } from "./promised.js";
import { SERVE } from "./recorded-work.js";
import type { RepairedEndpoint } from "./repaired-endpoint.js";

interface ShownRun {
  readonly runId: string;
  readonly kind: string;
  readonly state: string;
}

/** Throws what doesn't work any more, or what is lost. Everything that it starts in `home` has ended then. */
export async function expectPromises(home: Home, endpoint: RepairedEndpoint, promised: Promised): Promise<void> {
  endpoint.isRepaired = true;
  await expectStored(home, promised);
  const port = promised.ports.at(-1) ?? "0";
  const serving = home.start(["serve", "--port", port, ...SERVE]);
  try {
    await serving.says(/Listening on/);
    await expectListed(home, promised);
    await expectRuns(home, endpoint, promised);
    await expectSent(home, promised);
  } finally {
    await serving.stop();
  }
}

function expectNone(lost: string, items: readonly unknown[]): void {
  if (items.length > 0) throw new Error(`${lost}: ${JSON.stringify(items)}`);
}

/** Compares what is on disk before the service starts again. */
async function expectStored(home: Home, { ports, settings, users, backups }: Promised): Promise<void> {
  if (ports.length > 0) await works(home, ["db", "check", "--db", home.path("data", "whcb.db")]);
  const profile = existsSync(home.path("config", "config.json")) ? storedProfile(home) : {};
  // A later start may have stored its own lock, and not have said so yet.
  for (const { portLock: _, ...stored } of settings.slice(-1)) expect(profile).toMatchObject(stored);
  if (users.length > 0) {
    const listed = (await works(home, ["users", "list", "--db", home.path("data", "whcb.db"), "-o", "ids"])).split("\n");
    expectNone(
      "lost users",
      users.filter((name) => !listed.includes(name)),
    );
  }
  for (const backup of backups) await works(home, ["db", "check", "--db", home.path(backup)]);
}

/** Compares what the service lists. */
async function expectListed(home: Home, promised: Promised): Promise<void> {
  const api = apiOf(home);
  const known: { callbacks?: { id: string }[] } = JSON.parse(await (await api.fetch("/callbacks?limit=500")).text());
  const callbacks = (known.callbacks ?? []).map(({ id }) => id);
  expectNone(
    "lost callbacks",
    promised.callbacks.filter((id) => !callbacks.includes(id)),
  );
  const statuses = await statusesOf(api, promised.callbacks);
  expectNone(
    "lost calls",
    promised.accepted.filter((id) => !statuses.has(id)),
  );
  expectNone(
    "lost successes",
    promised.success.filter((id) => statuses.get(id) !== "SUCCESS"),
  );
  const outages = (await Promise.all(promised.callbacks.map((id) => api.outages(id)))).flat();
  const notified = outages.filter(({ notifiedAt }) => notifiedAt !== undefined).map(({ id }) => id);
  expectNone(
    "lost notices",
    promised.notified.filter((id) => !notified.includes(id) || !isWholeMail(home.path("data", "mail", `outage-${id}.eml`))),
  );
}

/** A run that was shown as ended is as it was. An interrupted one goes on, and sends nothing twice. */
async function expectRuns(home: Home, endpoint: RepairedEndpoint, { runs, replayed, callbacks }: Promised): Promise<void> {
  if (runs.length + replayed.length === 0) return;
  const listed: readonly ShownRun[] = JSON.parse(await works(home, ["runs", "list", "-o", "json"]));
  for (const run of runs)
    expect(listed).toContainEqual(expect.objectContaining({ runId: run.runId, counts: expect.objectContaining(run.counts) }));
  const sentAgain: string[] = [];
  endpoint.onReplayed = (id) => {
    if (replayed.includes(id)) sentAgain.push(id);
  };
  const replays = listed.filter(({ kind }) => kind === "replay");
  for (const { runId, state } of replays) {
    if (state !== "unfinished") continue;
    // The database's file is a copy here, so the run is confirmed.
    const { code, stdout, stderr } = await home.whcb(["replay", "--resume", runId, "--yes"]);
    if (code !== 0 && code !== 8) throw new Error(`replay --resume ended with ${code}: ${stdout}${stderr}`);
  }
  expectNone("sent again", sentAgain);
  const unknown = (await Promise.all(replays.map(({ runId }) => unknownCalls(home, runId)))).flat();
  const statuses = await statusesOf(apiOf(home), callbacks);
  expectNone(
    "replayed, and neither SUCCESS nor unknown",
    replayed.filter((id) => statuses.get(id) !== "SUCCESS" && !unknown.includes(id)),
  );
}

/** Nothing waits any more that is to be sent. */
async function expectSent(home: Home, { callbacks, requested }: Promised): Promise<void> {
  await eventually(
    async () => {
      const statuses = await statusesOf(apiOf(home), callbacks);
      const waiting = [...statuses].filter(
        ([id, status]) => status === "PENDING" || (status === "FAILED" && requested.includes(id)),
      );
      return waiting.map(([id]) => id);
    },
    (waiting) => waiting.length === 0,
  );
}

/** A call may be sent meanwhile, so SUCCESS is read last. */
async function statusesOf(api: ServedApi, callbacks: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const statuses = new Map<string, string>();
  for (const callback of callbacks)
    for (const status of ["PENDING", "FAILED", "SUCCESS"] as const)
      for (const { id } of await api.list(callback, status)) statuses.set(id, status);
  return statuses;
}

function isWholeMail(path: string): boolean {
  return (
    existsSync(path) && /No other e-mail about this outage follows(?: while it lasts)?\.\s*$/.test(readFileSync(path, "utf8"))
  );
}
