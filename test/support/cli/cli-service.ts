/** The command line runs in this process, with everything real behind it: services, endpoints, sockets, files. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { CliDeps } from "../../../src/cli/cli-deps.js";
import { run } from "../../../src/cli/run.js";
import { createDeliverer } from "../../../src/delivery/undici-deliverer.js";
import { databaseMaintenance } from "../../../src/main/database-maintenance.js";
import { openDatabaseAdmin } from "../../../src/main/open-database-admin.js";
import { openFileClient } from "../../../src/main/open-file-client.js";
import { openHttpClient } from "../../../src/main/open-http-client.js";
import { startService } from "../../../src/main/start-service.js";
import { systemClock } from "../../../src/platform/clock.js";
import { systemTimers } from "../../../src/platform/running-timers.js";
import { lockFile } from "../../../src/store/sqlite/lock-database.js";
import { type CapturedIo, captureIo, type IoOptions } from "./cli-streams.js";
import { defaultFlags } from "./default-flags.js";
import { type CliResult, type CliWorld, cliDeps, newCliWorld, runCli } from "./run-cli.js";

export interface Background {
  readonly url: string;
  readonly io: CapturedIo;
  /** Sends a Ctrl-C and resolves to what the command did in all. */
  stop(): Promise<CliResult>;
}

/** It is a person's machine; leave it when done. */
export class CliMachine {
  readonly world: CliWorld;
  readonly #running = new Set<Background>();

  /** The paths may be those of a Home, whose processes run on the same files. */
  constructor(deps: Partial<CliDeps> = {}, paths = newCliWorld().paths) {
    this.world = { paths, deps: { ...realDeps(), openDatabase: (path) => openDatabaseAdmin(path, paths.data), ...deps } };
  }

  path(name: string): string {
    return join(this.world.paths.data, name);
  }

  whcb(argv: readonly string[], options?: IoOptions): Promise<CliResult> {
    return runCli(this.world, argv, options);
  }

  /** Runs `whcb`, which must end with 0, and returns its stdout. */
  async works(argv: readonly string[], options?: IoOptions): Promise<string> {
    const { code, stdout, stderr } = await this.whcb(argv, options);
    expect({ argv, code, stderr: code === 0 ? "" : stderr }).toEqual({ argv, code: 0, stderr: "" });
    return stdout;
  }

  /** Starts `serve`, `listen` or `demo --keep` and waits until it says where it listens. */
  async start(argv: readonly string[], options?: IoOptions): Promise<Background> {
    const io = captureIo(options);
    const ended = run(argv, cliDeps(this.world, io));
    let hasEnded = false;
    ended.finally(() => {
      hasEnded = true;
    });
    while (!/Listening on \S+\n/.test(io.out() + io.err())) {
      if (hasEnded) throw new Error(`it ended: ${io.out()}${io.err()}`);
      await systemClock.sleepUntil(systemClock.now() + 5);
    }
    const url = /Listening on (\S+)/.exec(io.out() + io.err())?.[1] ?? "";
    const background: Background = {
      url,
      io,
      stop: async () => {
        this.#running.delete(background);
        io.interrupt();
        return { code: await ended, stdout: io.out(), stderr: io.err() };
      },
    };
    this.#running.add(background);
    return background;
  }

  serve(argv: readonly string[] = [], options?: IoOptions): Promise<Background> {
    return this.start(["serve", ...defaultFlags(argv, { "--port": "0", "--log-level": "silent" }), ...argv], options);
  }

  listen(argv: readonly string[] = []): Promise<Background> {
    return this.start(["listen", ...defaultFlags(argv, { "--port": "0" }), ...argv]);
  }

  /** Registers a callback at this endpoint, submits responses, and waits until none is PENDING. */
  async rehearse(name: string, url: string, responses: number, flags: readonly string[] = []): Promise<void> {
    const created = ["callbacks", "create", "--name", name, "--url", `${url}/hook`, "--email", "ops@example.com", ...flags];
    await this.works(created, { env: { WHCB_CALLBACK_KEY: "PLANTED-CALLBACK-KEY" } });
    await this.works(["trigger", name, "-n", String(responses)]);
    await this.settled(name);
  }

  async settled(name: string): Promise<void> {
    while ((await this.ids(name, "--pending")).length > 0) await systemClock.sleepUntil(systemClock.now() + 10);
  }

  async ids(name: string, ...flags: readonly string[]): Promise<readonly string[]> {
    return (await this.works(["calls", "list", name, "--all", "-o", "ids", ...flags])).split("\n").filter((id) => id !== "");
  }

  async leave(): Promise<void> {
    for (const background of [...this.#running]) await background.stop();
    rmSync(join(this.world.paths.config, ".."), { recursive: true, force: true });
  }
}

function realDeps(): Partial<CliDeps> {
  return {
    openClient: (target) => (target.kind === "http" ? openHttpClient(target, {}) : openFileClient(target, "1.2.3")),
    openDeliverer: async ({ maxConnections: maxConnectionsPerOrigin, ...options }) =>
      createDeliverer({ clock: systemClock, timers: systemTimers, maxConnectionsPerOrigin, ...options }),
    lockFile,
    loadMaintenance: async () => databaseMaintenance,
    startService: (options, clock = systemClock) => startService(options, { version: "1.2.3", log: process.stderr, clock }),
  };
}
