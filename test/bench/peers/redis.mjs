/** A Redis of its own in a folder, on a socket, with an append-only file. Prints the socket's path; ends with SIGTERM. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const { directory, appendfsync } = JSON.parse(process.argv[2]);
const socket = join(directory, "redis.sock");
const persistence = ["--appendonly", "yes", "--appendfsync", appendfsync, "--save", ""];
const settings = ["--port", "0", "--unixsocket", socket, "--dir", directory, "--maxmemory-policy", "noeviction"];
const redis = spawn("redis-server", [...settings, ...persistence], { stdio: "ignore" });
redis.once("error", () => process.exit(1));
redis.once("exit", () => process.exit(1));
process.once("SIGTERM", () => redis.kill("SIGKILL"));
while (!existsSync(socket)) await delay(50);
process.stdout.write(`${socket}\n`);
