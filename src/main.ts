/** The composition root: only here and in src/main/ are real adapters built, and passed to code that knows only interfaces. */
import packageJson from "../package.json" with { type: "json" };
import type { CliDeps } from "./cli/cli-deps.js";
import { run } from "./cli/run.js";
import { enableCompileCache } from "./main/compile-cache.js";
import { mapStackTraces } from "./main/stack-traces.js";
import { systemClock } from "./platform/clock.js";
import { pathsFrom } from "./platform/paths.js";
import { systemRandom } from "./platform/random.js";
import { systemTimers } from "./platform/running-timers.js";
import { processIo } from "./platform/terminal.js";

/** Runs `argv` (without "node whcb") with this process's streams. Resolves to the exit code. */
export function main(argv: readonly string[]): Promise<number> {
  mapStackTraces();
  // Whatever is created is for this user only: databases with their side files, keys, journals and mails.
  process.umask(0o077);
  // Without a listener, Node opens a port that lets every user of the machine debug this process.
  process.on("SIGUSR1", () => undefined);
  const deps = realDeps(process);
  enableCompileCache(deps.paths.data);
  return run(argv, deps);
}

function realDeps(from: NodeJS.Process): CliDeps {
  const { version } = packageJson;
  const { env } = from;
  const paths = pathsFrom(env, from.platform);
  return {
    io: processIo(from),
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    paths,
    version,
    async openClient(target) {
      if (target.kind === "http") return (await import("./main/open-http-client.js")).openHttpClient(target, env);
      return (await import("./main/open-file-client.js")).openFileClient(target, version, env);
    },
    async openDeliverer({ maxConnections: maxConnectionsPerOrigin, ...options }) {
      const { createDeliverer } = await import("./delivery/undici-deliverer.js");
      return createDeliverer({ clock: systemClock, timers: systemTimers, maxConnectionsPerOrigin, ...options });
    },
    async lockFile(path) {
      return (await import("./store/sqlite/lock-database.js")).lockFile(path);
    },
    async isServedHere(url) {
      const { isServedHere, portPath } = await import("./store/sqlite/place-lock.js");
      return isServedHere(portPath(paths.data, url));
    },
    async isServedElsewhere(path) {
      return (await import("./store/sqlite/place-lock.js")).isServedElsewhere(path);
    },
    async openDatabase(path) {
      return (await import("./main/open-database-admin.js")).openDatabaseAdmin(path, paths.data);
    },
    async loadMaintenance() {
      return (await import("./main/database-maintenance.js")).databaseMaintenance;
    },
    async openFullScreen() {
      return (await import("./platform/full-screen.js")).enterFullScreen(from);
    },
    async openInBrowser(url) {
      return (await import("./platform/browser.js")).openInBrowser(url, from.platform, env);
    },
    async startService(options, clock = systemClock) {
      return (await import("./main/start-service.js")).startService(options, { version, log: from.stderr, clock });
    },
  };
}
