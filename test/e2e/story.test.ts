/** The main job: serve, an outage, what failed, the replay, the marks. It is done once with a process for each command. */
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";
import { serveHere } from "../support/process/serve-here.js";
import { apiOf } from "../support/process/served-api.js";
import { eventually, Home, type Running } from "../support/process/whcb-process.js";

/** What a user does in this home, by processes or in this one. */
function userOf(home: Home, by: Home | CliMachine = home) {
  return {
    async failedIds(callback: string, env: Record<string, string> = {}): Promise<string[]> {
      const { stdout, code } = await by.whcb(["calls", "list", callback, "--failed", "--all", "-o", "json"], { env });
      expect(code).toBe(0);
      return JSON.parse(stdout).map(({ id }: { id: string }) => id);
    },
    failedCount: (callback: string) => apiOf(home).count(callback, "FAILED"),
    async create(name: string, url: string): Promise<void> {
      const args = ["callbacks", "create", "--name", name, "--url", `${url}/hook`, "--email", "ops@example.com"];
      const created = await by.whcb(args);
      expect(created.code, created.stderr).toBe(0);
    },
    async trigger(name: string, count: number): Promise<void> {
      const triggered = await by.whcb(["trigger", name, "-n", String(count)]);
      expect(triggered.code, triggered.stderr).toBe(0);
    },
  };
}

const postsTo = ({ stdout }: Running): number => stdout.match(/POST/g)?.length ?? 0;

describe.concurrent("an outage", () => {
  it("is shown, replayed and settled, with one e-mail", async () => {
    await using home = new Home();
    const { failedIds, failedCount, create, trigger } = userOf(home);
    await home.serve();
    const broken = await home.listen(["--status", "503"]);
    await create("demo", broken.url);
    await trigger("demo", 200);
    await eventually(
      () => failedCount("demo"),
      (count) => count === 200,
    );
    await eventually(
      async () => readdirSync(home.path("mail")),
      (files) => files.length === 1,
    );
    await broken.stop();
    const repaired = await home.listen(["--port", new URL(broken.url).port, "--status", "200"]);
    const replay = await home.whcb(["replay", "demo", "--failed", "--yes"]);
    expect(replay.code, replay.stderr).toBe(0);
    expect(await failedIds("demo")).toEqual([]);
    expect(repaired.stdout.match(/POST/g)?.length ?? 0).toBe(200);
    expect(readdirSync(home.path("mail")).filter((file) => file.endsWith(".eml"))).toHaveLength(1);
  });

  it("that a replay settles, with retries on, isn't reported again: the next responses are sent at once", async () => {
    await using home = new Home();
    const machine = new CliMachine({}, home.paths);
    const { failedIds, create, trigger } = userOf(home, machine);
    await serveHere(home);
    const broken = await home.listen(["--status", "503"]);
    await create("demo", broken.url);
    expect((await machine.whcb(["callbacks", "update", "demo", "--retries", "on"])).code).toBe(0);
    await trigger("demo", 40);
    // Each further POST is a probe; after the fourth, the next step is 8 s.
    for (let posts = 40; posts <= 44; posts += 1) {
      await eventually(
        async () => postsTo(broken),
        (count) => count === posts,
      );
      if (posts < 44) await trigger("demo", 1);
    }
    await broken.stop();
    const repaired = await home.listen(["--port", new URL(broken.url).port, "--status", "200"]);
    const replay = await machine.whcb(["replay", "demo", "--failed", "--yes"]);
    expect(replay.code, replay.stderr).toBe(0);
    expect((await machine.whcb(["status", "demo"])).stdout).toContain("demo  checking the endpoint");
    await trigger("demo", 5);
    await eventually(
      async () => postsTo(repaired),
      (count) => count === 44 + 5,
    );
    expect(await failedIds("demo")).toEqual([]);
    expect((await machine.whcb(["status", "demo"])).stdout).toContain("demo  up");
    expect(readdirSync(home.path("mail")).filter((file) => file.endsWith(".eml"))).toHaveLength(1);
  });

  it("of two callbacks is replayed without naming a callback", async () => {
    await using home = new Home();
    const machine = new CliMachine({}, home.paths);
    const { failedIds, failedCount, create, trigger } = userOf(home, machine);
    await serveHere(home);
    const broken = await home.listen(["--status", "500"]);
    for (const name of ["one", "two"]) {
      await create(name, broken.url);
      await trigger(name, 5);
      await eventually(
        () => failedCount(name),
        (count) => count === 5,
      );
    }
    await broken.stop();
    await home.listen(["--port", new URL(broken.url).port]);
    const replay = await machine.whcb(["replay", "--failed", "--all-callbacks", "--yes"]);
    expect(replay.code, replay.stderr).toBe(0);
    expect([await failedIds("one"), await failedIds("two")]).toEqual([[], []]);
  });

  it("is retried once retries are switched on during the outage", async () => {
    await using home = new Home();
    const machine = new CliMachine({}, home.paths);
    const { failedCount, create, trigger } = userOf(home, machine);
    await serveHere(home);
    const broken = await home.listen(["--status", "503"]);
    await create("demo", broken.url);
    await trigger("demo", 3);
    await eventually(
      () => failedCount("demo"),
      (count) => count === 3,
    );
    const created = JSON.parse((await machine.whcb(["callbacks", "get", "demo", "-o", "json"])).stdout);
    expect(created.retriesEnabled).toBe(false);
    await broken.stop();
    await home.listen(["--port", new URL(broken.url).port]);
    expect((await machine.whcb(["callbacks", "update", "demo", "--retries", "on"])).code).toBe(0);
    await eventually(
      () => failedCount("demo"),
      (count) => count === 0,
    );
  });
});

describe.concurrent("calls fixed by hand", () => {
  it("are marked by ids, from stdin, by a filter, and on the file without a server", async () => {
    await using home = new Home();
    const machine = new CliMachine({}, home.paths);
    const { failedIds, failedCount, create, trigger } = userOf(home, machine);
    const server = await serveHere(home);
    const broken = await home.listen(["--status", "503"]);
    await create("demo", broken.url);
    await trigger("demo", 9);
    await eventually(
      () => failedCount("demo"),
      (count) => count === 9,
    );
    const [first = "", second = "", third = "", fourth = ""] = await failedIds("demo");
    expect((await machine.whcb(["mark-success", "demo", first, second, "--yes"])).code).toBe(0);
    expect((await machine.whcb(["mark-success", "demo", "-", "--yes"], { stdin: `${third}\n` })).code).toBe(0);
    expect(await failedIds("demo")).toHaveLength(6);
    await server.stop();
    const env = { WHCB_URL: home.path("x.db") };
    expect(await failedIds("demo", env)).toHaveLength(6);
    await broken.stop();
    await home.listen(["--port", new URL(broken.url).port]);
    expect((await machine.whcb(["replay", "demo", fourth, "--yes"], { env })).code).toBe(0);
    expect(await failedIds("demo", env)).toHaveLength(5);
    expect((await machine.whcb(["mark-success", "demo", "--failed", "--yes"], { env })).code).toBe(0);
    expect(await failedIds("demo", env)).toEqual([]);
  });
});

describe.concurrent("bad input", () => {
  it("ends with the right exit code and a sentence that says what to do", async () => {
    await using home = new Home();
    const machine = new CliMachine({}, home.paths);
    const noServer = await machine.whcb(["calls", "list", "demo"], {
      env: { WHCB_URL: "http://127.0.0.1:9", WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" },
    });
    expect(noServer.code).toBe(5);
    expect(noServer.stderr).toContain("whcb serve");
    const server = await serveHere(home);
    const listen = await home.listen();
    expect(await machine.whcb(["calls", "list", "nobody"])).toMatchObject({ code: 3, stdout: "" });
    const wrongKey = await machine.whcb(["calls", "list", "demo"], { env: { WHCB_API_KEY: "wrong" } });
    expect(wrongKey).toMatchObject({ code: 4, stdout: "" });
    const taken = await machine.whcb(["serve", "--port", new URL(server.url).port, "--db", home.path("other.db")]);
    expect([taken.code, taken.stderr]).toEqual([5, expect.stringContaining(new URL(server.url).port)]);
    const second = await home.whcb(["serve", "--port", "0", "--db", home.path("x.db")]);
    expect([second.code, second.stderr]).toEqual([4, expect.stringContaining("already served")]);
    const elsewhere = createServer((_request, response) => response.writeHead(404).end()).listen(0, "127.0.0.1");
    await once(elsewhere, "listening");
    const address = elsewhere.address();
    const port = typeof address === "object" ? address?.port : null;
    const notFound = await machine.whcb([
      "callbacks",
      "create",
      "--name",
      "x",
      "--url",
      `http://127.0.0.1:${port}/nowhere`,
      "--email",
      "a@example.com",
    ]);
    expect(notFound.code).not.toBe(0);
    expect(notFound.stderr).toContain("404");
    elsewhere.close();
    expect((await home.whcb(["nonsense"])).code).toBe(2);
    expect(listen.stderr).not.toContain("Error");
  });
});
