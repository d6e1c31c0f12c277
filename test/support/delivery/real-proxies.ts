/** Starts tinyproxy or squid on loopback. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../process/programs.js";

export const LOGIN = "ada:secret";

export interface RealProxy {
  stop(): Promise<void>;
}

export type ProxyName = "tinyproxy" | "squid";

/** Returns the program's path, or null if it isn't installed. */
export function findProxy(name: ProxyName): string | null {
  const paths = ["/usr/bin", "/usr/sbin", "/usr/local/sbin"].map((folder) => join(folder, name));
  return findProgram({ names: [name], paths, variable: `WHCB_${name.toUpperCase()}` }, process.env);
}

/** Tunnels to `tlsPorts` only, and wants LOGIN if it is tinyproxy. */
export async function startRealProxy(name: ProxyName, port: number, tlsPorts: readonly number[]): Promise<RealProxy> {
  const folder = mkdtempSync(join(tmpdir(), `whcb-${name}-`));
  // As root, squid works as a user of its own.
  chmodSync(folder, 0o777);
  const file = join(folder, "proxy.conf");
  writeFileSync(file, CONFIGS[name](port, tlsPorts, folder));
  const child = spawn(findProxy(name) ?? name, name === "squid" ? ["-N", "-f", file] : ["-d", "-c", file], { stdio: "ignore" });
  await accepting(port);
  return {
    async stop() {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      rmSync(folder, { recursive: true });
    },
  };
}

const CONFIGS: Readonly<Record<ProxyName, (port: number, tlsPorts: readonly number[], folder: string) => string>> = {
  tinyproxy: (port, tlsPorts) =>
    [
      `Port ${port}`,
      "Listen 127.0.0.1",
      "Allow 127.0.0.1",
      `BasicAuth ${LOGIN.replace(":", " ")}`,
      "LogLevel Critical",
      ...tlsPorts.map((tlsPort) => `ConnectPort ${tlsPort}`),
      "",
    ].join("\n"),
  squid: (port, tlsPorts, folder) => `
http_port 127.0.0.1:${port}
acl tls port ${tlsPorts.join(" ")}
http_access deny CONNECT !tls
http_access allow all
cache deny all
access_log none
cache_log ${folder}/cache.log
pid_filename none
coredump_dir ${folder}
`,
};

async function accepting(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const socket = connect(port, "127.0.0.1");
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the proxy doesn't start");
}
