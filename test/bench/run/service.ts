/** `whcb serve` as a contender, and how its callers let themselves in. */
import { Buffer } from "node:buffer";
import type { ChildProcess } from "node:child_process";
import type { Scope } from "./scope.js";

export const CREDENTIALS = { username: "bench", password: "bench-password", apiKey: "bench-api-key" };

export const HEADERS = {
  authorization: `Basic ${Buffer.from(`${CREDENTIALS.username}:${CREDENTIALS.password}`).toString("base64")}`,
  "x-api-key": CREDENTIALS.apiKey,
  accept: "application/json",
};

export interface ServiceOptions {
  readonly database: string;
  readonly dispatch: boolean;
}

export interface RunningBenchService {
  readonly url: string;
  readonly child: ChildProcess;
}

export async function startBenchService(scope: Scope, options: ServiceOptions): Promise<RunningBenchService> {
  const { line, child } = await scope.start("service", options);
  return { url: line, child };
}
