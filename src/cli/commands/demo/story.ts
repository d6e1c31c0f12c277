/** Plays an outage, its e-mail and the replay, with the client and the engine of every command. */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Client, ListedCallback } from "../../../client/client.js";
import { ANY_ADDRESS } from "../../../delivery/address-rule.js";
import { isAcceptedStatus } from "../../../domain/attempt.js";
import type { CallStatus } from "../../../domain/call.js";
import { planReplay } from "../../../runs/plan/plan-replay.js";
import type { RunDeps } from "../../../runs/run-deps.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../../runs/run-options.js";
import { runReplay } from "../../../runs/run-replay.js";
import { createCallback, DOWN, openStageEndpoint, type Stage, submitResponses, UP, waitUntil } from "./demo-stage.js";

export interface DemoCheck {
  readonly name: string;
  readonly expected: number;
  readonly seen: number;
}

export interface Story {
  readonly checks: readonly DemoCheck[];
  readonly callback: ListedCallback;
}

const DELIVERED = 50;
const FAILED = 200;

/** Throws `unavailable` if a step takes too long. */
export async function playStory(stage: Stage): Promise<Story> {
  const { deps, client, deliverer, directory, say } = stage;
  const received = new Map<string, number>();
  const endpoint = await openStageEndpoint(stage, ({ headers, status, number }) => {
    const id = headers["webhook-id"];
    if (number > 0 && isAcceptedStatus(status) && typeof id === "string") received.set(id, (received.get(id) ?? 0) + 1);
  });
  await say(`a service at ${stage.url}, an endpoint at ${endpoint.url}`);
  // Only the replay sends them again.
  const callback = await createCallback(stage, endpoint, { name: "demo", retriesEnabled: false });
  const first = await submitResponses(stage, callback, DELIVERED);
  await waitForCalls(stage, callback, { SUCCESS: DELIVERED, FAILED: 0 });
  await say(`${DELIVERED} responses arrived and were delivered`);

  endpoint.setBehaviour(DOWN);
  await say("the endpoint goes down: it answers 503");
  const second = await submitResponses(stage, callback, FAILED);
  await waitForCalls(stage, callback, { SUCCESS: DELIVERED, FAILED });
  const mails = join(directory, "mail");
  await waitUntil(stage, "the e-mail", async () => (await countMails(mails)) > 0);
  const failed = await countCalls(client, callback, "FAILED");
  await say(`${FAILED} more responses arrived; they failed, and one e-mail to ${callback.email} was written`);

  endpoint.setBehaviour(UP);
  await say("the endpoint is back: whcb replay demo --failed");
  const engine: RunDeps = {
    client,
    deliverer,
    addressRule: ANY_ADDRESS,
    clock: stage.clock,
    random: deps.random,
    runsDirectory: join(directory, "runs"),
    profile: "demo",
    lockFile: deps.lockFile,
  };
  const plan = await planReplay(
    { callbacks: [callback.id], calls: { filter: { status: "FAILED" } }, skipRetrying: false },
    engine,
  );
  const { counts, error } = await runReplay(plan, DEFAULT_REPLAY_OPTIONS, engine);
  if (error !== null) throw error;
  const [success, left] = [await countCalls(client, callback, "SUCCESS"), await countCalls(client, callback, "FAILED")];
  const checks = [
    { name: "accepted by the service", expected: DELIVERED + FAILED, seen: new Set([...first, ...second]).size },
    { name: "failed while it was down", expected: FAILED, seen: failed },
    { name: "e-mails about the outage", expected: 1, seen: await countMails(mails) },
    { name: "replayed and accepted", expected: FAILED, seen: counts.accepted },
    { name: "marked", expected: FAILED, seen: counts.marked },
    { name: "received by the endpoint", expected: DELIVERED + FAILED, seen: received.size },
    { name: "received twice", expected: 0, seen: [...received.values()].filter((times) => times > 1).length },
    { name: "SUCCESS in the list", expected: DELIVERED + FAILED, seen: success },
    { name: "left FAILED", expected: 0, seen: left },
  ];
  return { checks, callback };
}

async function waitForCalls(
  stage: Stage,
  callback: ListedCallback,
  wanted: { readonly SUCCESS: number; readonly FAILED: number },
): Promise<void> {
  await waitUntil(stage, `${wanted.SUCCESS} SUCCESS and ${wanted.FAILED} FAILED calls`, async () => {
    const success = await countCalls(stage.client, callback, "SUCCESS");
    const failed = await countCalls(stage.client, callback, "FAILED");
    return success === wanted.SUCCESS && failed === wanted.FAILED;
  });
}

async function countCalls(client: Client, callback: ListedCallback, status: CallStatus): Promise<number> {
  let listed = 0;
  for await (const page of client.listCalls(callback.id, { filter: { status } })) listed += page.calls.length;
  return listed;
}

async function countMails(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => name.endsWith(".eml")).length;
}
