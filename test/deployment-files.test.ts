/** Facts that Dockerfile, compose.yaml, the Debian package and their documentation share with the code. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { isGroup } from "../src/cli/args/command-spec.js";
import { loadAllCommands } from "../src/cli/commands/all.js";
import { SERVE } from "../src/cli/commands/serve/command.js";
import { EXIT_CODES } from "../src/cli/exit-codes.js";
import { LONGEST_STOP_MS } from "../src/dispatcher/dispatcher.js";
import { parsePositiveDuration } from "../src/domain/duration.js";

interface Service {
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly mem_limit?: string;
  readonly pids_limit?: number;
  readonly logging?: { readonly options: Readonly<Record<string, string>> };
  readonly read_only?: boolean;
  readonly stop_grace_period?: string;
}

const ROOT = join(import.meta.dirname, "..");
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const dockerfile = read("Dockerfile").replaceAll("\\\n", "");
const { services }: { services: Readonly<Record<string, Service>> } = parse(read("compose.yaml"), { merge: true });
const nodes = Object.entries(services).filter(([name]) => name.startsWith("node-"));
const commands = (await loadAllCommands()).flatMap((entry) =>
  isGroup(entry) ? entry.commands.map(({ name }) => `${entry.name} ${name}`) : [entry.name],
);
const port = SERVE.flags.port?.defaultText ?? "";

function instructions(name: string): string[] {
  return [...dockerfile.matchAll(new RegExp(`^${name} ((?:.*\\\\\\n)*.*)$`, "gm"))].map(([, rest = ""]) => rest);
}

function sources(): string {
  return readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => read(join("src", file)))
    .join("");
}

describe("Dockerfile", () => {
  it("builds and runs with one version of Node, of the line that a contributor gets from .nvmrc", () => {
    const [version = ""] = /(?<=^ARG NODE_VERSION=)\d+\.\d+\.\d+$/m.exec(dockerfile) ?? [];
    expect(version.split(".")[0]).toBe(read(".nvmrc").trim());
    expect(instructions("FROM").filter((image) => !/^node:\$\{NODE_VERSION\}-/.test(image))).toEqual([]);
  });

  it("copies what is there and .dockerignore lets through, all of it", () => {
    const copied = instructions("COPY")
      .filter((words) => !words.startsWith("--from"))
      .flatMap((words) => words.split(" ").slice(0, -1));
    expect(copied.map((path) => path.replace("./", "")).sort()).toEqual(
      [...read(".dockerignore").matchAll(/^!(.*)$/gm)].map(([, path]) => path).sort(),
    );
    expect(copied.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it("serves on the default port, as a user without rights, and asks for its health there", () => {
    expect(instructions("USER")).toEqual(["node"]);
    expect(instructions("EXPOSE")).toEqual([port]);
    expect(instructions("HEALTHCHECK")[0]).toContain(`http://127.0.0.1:${port}/healthz`);
  });

  it("makes a folder for its user only, and puts all files there that whcb writes, also SQLite's temporary ones", () => {
    const folder = instructions("VOLUME")[0];
    const [made = ""] = instructions("RUN").filter((words) => words.endsWith(` ${folder}`));
    expect(made).toMatch(/install --directory --mode=700 --owner=node --group=node/);
    const folders = [...(instructions("ENV")[0] ?? "").matchAll(/(\w+_(?:TMP)?DIR)=(\S+)/g)].map(([, name, path = ""]) => [
      name,
      path.split("/").slice(0, 2).join("/"),
    ]);
    expect(folders).toEqual(["WHCB_DATA_DIR", "WHCB_CONFIG_DIR", "SQLITE_TMPDIR"].map((name) => [name, folder]));
  });

  it("starts the command by which `docker compose exec` finds it too", () => {
    expect(instructions("ENTRYPOINT")).toEqual(['["whcb"]']);
    expect(instructions("RUN").join()).toContain(`ln -s /app/${JSON.parse(read("package.json")).bin.whcb} /usr/local/bin/whcb `);
  });

  it("gives flags and variables that exist", () => {
    const [command = "[]"] = instructions("CMD");
    expect(unknownFlags(JSON.parse(command))).toEqual([]);
    const variables = instructions("ENV").flatMap((words) => words.match(/WHCB_\w+/g) ?? []);
    expect(variables.filter((name) => !sources().includes(`env.${name}`))).toEqual([]);
  });
});

describe("compose.yaml", () => {
  it("runs two nodes with a read-only file system, each on a port of this machine's, at both addresses of localhost", () => {
    expect(nodes.map(([, { read_only, ports }]) => ({ read_only, ports }))).toEqual([
      { read_only: true, ports: [`127.0.0.1:8787:${port}`, `[::1]:8787:${port}`] },
      { read_only: true, ports: [`127.0.0.1:8788:${port}`, `[::1]:8788:${port}`] },
    ]);
  });

  it("gives every container limits, no capabilities but those that the database's start needs, and no way to more", () => {
    for (const [name, { cap_drop, cap_add = [], security_opt, mem_limit, pids_limit }] of Object.entries(services)) {
      const needed = name === "database" ? ["CHOWN", "DAC_OVERRIDE", "SETGID", "SETUID"] : [];
      expect({ cap_drop, cap_add, security_opt }).toEqual({
        cap_drop: ["ALL"],
        cap_add: needed,
        security_opt: ["no-new-privileges:true"],
      });
      expect([mem_limit, pids_limit]).toEqual([expect.any(String), expect.any(Number)]);
    }
  });

  it("gives a node more time to stop than its attempts in flight may take", () => {
    for (const [, { stop_grace_period = "" }] of nodes) {
      expect(parsePositiveDuration(stop_grace_period)).toBeGreaterThan(LONGEST_STOP_MS);
    }
  });

  it("limits the log of every container", () => {
    const unlimited = Object.entries(services).filter(([, { logging }]) => logging?.options["max-size"] === undefined);
    expect(unlimited).toEqual([]);
  });

  it("gives flags, and names variables, that exist", () => {
    for (const [, { command = [] }] of nodes) expect(unknownFlags(command)).toEqual([]);
    const variables = read("compose.yaml").match(/WHCB_\w+/g) ?? [];
    expect(variables.filter((name) => !sources().includes(`env.${name}`))).toEqual([]);
  });
});

describe("debian/", () => {
  const unit = read("debian/whcb.service");
  const environment = read("debian/whcb.env").replaceAll(/^#(?=\w+=)/gm, "");
  const [, home = ""] = /^u whcb - ".*" (\/\S+)$/m.exec(read("debian/sysusers.conf")) ?? [];
  const settings = (name: string) => [...unit.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, value = ""]) => value);

  it("gives flags, and names variables, that exist", () => {
    const [, flags = ""] = /^SERVE_FLAGS=(.*)$/m.exec(environment) ?? [];
    expect(unknownFlags(["serve", ...flags.split(" ")])).toEqual([]);
    const variables = `${unit}${environment}`.match(/WHCB_\w+/g) ?? [];
    expect(variables.length).toBeGreaterThan(5);
    expect(variables.filter((name) => !sources().includes(`env.${name}`))).toEqual([]);
  });

  it("comes with an environment that sets nothing", () => {
    const lines = read("debian/whcb.env").split("\n");
    expect(lines.filter((line) => line !== "" && !line.startsWith("#"))).toEqual([]);
  });

  it("keeps the data in the home of the service's user, so that its commands find the profile there", () => {
    expect(settings("User")).toEqual(["whcb"]);
    expect(settings("StateDirectory").map((name) => `/var/lib/${name}`)).toEqual([home]);
    expect(read("debian/postinst")).toContain(`install -d -m 700 -o whcb -g whcb ${home}\n`);
  });

  it("gives the service more time to stop than its attempts in flight may take", () => {
    expect(settings("TimeoutStopSec").map((seconds) => Number(seconds) * 1_000 > LONGEST_STOP_MS)).toEqual([true]);
  });

  it("starts again after everything but a command that is invalid", () => {
    expect([settings("Restart"), settings("RestartPreventExitStatus")]).toEqual([["on-failure"], [String(EXIT_CODES.usage)]]);
  });

  const { error } = spawnSync("systemd-analyze", ["--version"]);
  it.skipIf(error !== undefined)("has a unit that systemd rates 1.5 at most, on its scale from 0 to 10", () => {
    const rated = ["security", "--offline=true", "--threshold=15", "--no-pager", join(ROOT, "debian", "whcb.service")];
    const { status, stderr } = spawnSync("systemd-analyze", rated, { encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });
});

describe("docs/operations.md", () => {
  it("runs whcb in services that exist, with commands that exist", () => {
    const typed = [...read("docs/operations.md").matchAll(/^docker compose (?:exec (\S+) whcb|run --rm (\S+)) (.*)$/gm)];
    expect(typed.length).toBeGreaterThan(0);
    for (const [line, executing, running, words = ""] of typed) {
      expect(Object.keys(services)).toContain(executing ?? running);
      const found = commands.filter((command) => `${words} `.startsWith(`${command} `));
      expect([line, found.length]).toEqual([line, 1]);
    }
  });
});

function unknownFlags([command, ...words]: readonly string[]): string[] {
  expect(command).toBe("serve");
  const known = Object.values(SERVE.flags).map(({ syntax }) => syntax.split(" ")[0]);
  return words.filter((word) => word.startsWith("--") && !known.includes(word));
}
