/** What the command line says while it waits, and how it ends a wait. The service and the endpoint are in this process. */
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { CTRL_C, ENTER, Terminal } from "../support/process/terminal.js";
import { Home } from "../support/process/whcb-process.js";
import { countingEndpoint, type EndpointAnswer } from "../support/replay/replay-desk.js";
import { works } from "../support/replay/replay-outage.js";

const CALLS = 12;

/** The tests wait most of the time, so they run at the same time. */
const it = test.extend("scene", async ({ task: _ }, { onCleanup }) => {
  const scene = await openScene();
  onCleanup(() => scene.close());
  return scene;
}).concurrent;

async function openScene() {
  const home = new Home();
  const calls = platformCalls(CALLS);
  const scene = {
    answer: (_number: number): EndpointAnswer => ({ status: 200 }),
    /** The service accepts these requests and never answers. */
    hangs: (_request: { readonly method: string; readonly path: string }) => false,
  };
  const endpoint = await countingEndpoint((_, number) => scene.answer(number));
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: endpoint.url, key: "k", calls }],
    onArrival: (request) => (scene.hangs(request) ? new Promise(() => {}) : Promise.resolve()),
  });
  const service = await platform.listen();
  await home.countAsServed(service.url);
  const env = { WHCB_URL: service.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  return Object.assign(scene, {
    ...{ home, calls, endpoint, service, env },
    whcb: (args: readonly string[]) => home.start(args, { env }),
    withStatus: (status: string) => calls.filter((call) => call.status === status).length,
    async close() {
      await service.close();
      await endpoint.close();
      await home.leave();
    },
  });
}

/** One of another day has its date: the tests may run at midnight. */
const TIME = String.raw`(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d`;
const REPLAY = ["replay", "demo", "--failed", "--yes"];
const isMark = ({ method, path }: { readonly method: string; readonly path: string }) =>
  method === "PUT" && path.includes("/calls?");

describe.concurrent("in a pipe", () => {
  it("a replay says until when the endpoint asks to wait, and goes on", async ({ scene }) => {
    scene.answer = (number) => (number === 2 ? { status: 503, headers: { "retry-after": "3" } } : { status: 200 });
    const { code, stderr } = await scene.whcb(REPLAY).ended;
    expect(code, stderr).toBe(0);
    const says = `sending: 2 of 12.*, the endpoint asks to wait until ${TIME} \\(503, Retry-After: 3\\), since ${TIME}; Ctrl-C stops, \`whcb replay --resume \\S+ --service \\S+\` continues\n`;
    expect(stderr).toMatch(new RegExp(says));
  });

  it("a replay says that the endpoint doesn't answer", async ({ scene }) => {
    scene.answer = (number) => ({ status: 200, delayMs: number === 1 ? 3_500 : 0 });
    const { stderr } = await scene.whcb(REPLAY).ended;
    expect(stderr).toMatch(new RegExp(`waiting for the endpoint's answer since ${TIME}, until ${TIME} at most\n`));
  });

  it("a replay that has waited says what the run before it may have sent when it was killed", async ({ scene }) => {
    scene.answer = (number) => ({ status: 200, delayMs: number > 1 ? 10_000 : 0 });
    const killed = scene.whcb([...REPLAY, "--concurrency", "3"]);
    await killed.says(/waiting for the endpoint's answer/);
    const waiting = scene.whcb([...REPLAY, "--wait", "--concurrency", "12"]);
    await waiting.says(/waiting: /);
    scene.answer = () => ({ status: 200 });
    await killed.stop("SIGKILL");
    const { stderr } = await waiting.ended;
    expect(stderr).toMatch(/^note: .* finishes it.*\. A new run sends up to [1-3] calls? of it a second time$/m);
  });

  it.for([
    ["status", "demo"],
    ["replay", "demo", "--failed", "--dry-run"],
    ["mark-success", "demo", "--failed", "--dry-run"],
  ])("%s says how much is read at the plan's rate", async (args, { scene }) => {
    scene.calls.push(...platformCalls(100).slice(CALLS));
    const { stderr } = await scene.home.whcb(args, { env: { ...scene.env, WHCB_RATE: "1" } });
    expect(stderr).toMatch(
      /^(?:service: .+\n)?reading (failed )?calls( of demo)?(: \d+ of 100)?( \(503: \d+\))? \(limit of 1 request a second\)\n/,
    );
    expect(stderr).toMatch(/: \d+ of 100 (\(503: \d+\) )?\(limit/);
  });

  it("--verbose shows the POSTs to the endpoint", async ({ scene }) => {
    const { stderr } = await scene.whcb([...REPLAY, "--verbose"]).ended;
    expect(
      stderr.match(new RegExp(`^POST ${scene.endpoint.url}\\S* for call [0-9A-F]{32} -> 200 \\(\\d+ ms\\)$`, "gm")),
    ).toHaveLength(CALLS);
  });

  it("status says that the service doesn't answer, and gives up after 15 s", async ({ scene }) => {
    scene.hangs = () => true;
    const startedAt = Date.now();
    const { code, stderr } = await scene.whcb(["status"]).ended;
    expect(stderr).toMatch(new RegExp(`waiting for the service's answer since ${TIME}, until ${TIME} at most\n`));
    expect([code, stderr]).toEqual([5, expect.stringContaining("error: ")]);
    expect(Date.now() - startedAt).toBeLessThan(20_000);
  });
});

describe.concurrent("Ctrl-C", () => {
  it("leaves marks that aren't answered within 10 s to --resume", async ({ scene }) => {
    scene.hangs = isMark;
    const replaying = scene.whcb(REPLAY);
    await replaying.says(/sending: 12 of 12|marking: 0 of 12/);
    const stoppedAt = Date.now();
    const { code, stdout } = await replaying.stop("SIGINT");
    const tookMs = Date.now() - stoppedAt;
    expect([code, tookMs > 9_000, tookMs < 15_000, scene.withStatus("SUCCESS")]).toEqual([130, true, true, 0]);
    expect(stdout).toMatch(/\n {2}not marked yet +12\n/);
    scene.hangs = () => false;
    await works(scene.home, ["replay", "--resume"], { env: scene.env });
    expect([scene.withStatus("SUCCESS"), scene.endpoint.received.length]).toEqual([CALLS, CALLS]);
  });

  it("lets POSTs in flight end, however long the marks before them take", async ({ scene }) => {
    scene.answer = (number) => ({ status: 200, delayMs: number > 6 ? 13_000 : 0 });
    const replaying = scene.whcb([...REPLAY, "--concurrency", "3"]);
    await replaying.says(/waiting for the endpoint's answer/);
    const { code, stdout } = await replaying.stop("SIGINT");
    expect(code).toBe(130);
    expect(stdout).not.toContain("unknown");
    expect(scene.withStatus("SUCCESS")).toBe(scene.endpoint.received.length);
  });
});

describe.concurrent.each(["watch", "triage"])("on a terminal, %s with a service that accepts and never answers", (command) => {
  it.for([
    ["q", 0, [command]],
    [CTRL_C, 130, [command, "demo"]],
  ] as const)("ends at once by %j", async ([key, code, args], { scene }) => {
    scene.hangs = () => true;
    const terminal = Terminal.whcb(scene.home, args, { env: scene.env });
    await terminal.shows(/waiting for the service/);
    const pressedAt = Date.now();
    terminal.type(key);
    expect((await terminal.closed()).code).toBe(code);
    expect(Date.now() - pressedAt).toBeLessThan(2_000);
  });

  it("recovers by itself", async ({ scene }) => {
    const terminal = Terminal.whcb(scene.home, [command, "demo"], { env: scene.env, columns: 120 });
    await terminal.shows(/12 failed|503/);
    scene.hangs = () => true;
    if (command === "triage") terminal.type("R");
    await terminal.shows(/no answer from|waiting for the service/, 30_000);
    scene.hangs = () => false;
    await terminal.shows(/^(?![\s\S]*(no answer from|waiting for the scene.service))[\s\S]*(12 failed|503)/, 40_000);
    terminal.type("q");
    await terminal.closed();
  });
});

describe.concurrent("a question on a terminal", () => {
  it.for([`y${ENTER}`, `y${ENTER}y${ENTER}`, "y", "mkdir m"])(
    "isn't answered by what was typed before it: %j",
    async (early, { scene }) => {
      const terminal = Terminal.whcb(scene.home, ["mark-success", "demo", "--failed"], { env: scene.env, columns: 120 });
      terminal.type(early);
      await terminal.shows("Mark 12 calls SUCCESS? [y/N]");
      // The end of a text for another window isn't an answer either.
      if (!early.endsWith(ENTER)) {
        terminal.type(`y${ENTER}`);
        await terminal.shows(/\[y\/N\] y\n[\s\S]+\nMark 12 calls SUCCESS\? \[y\/N\]$/);
      }
      terminal.type(ENTER);
      await terminal.shows("nothing was done");
      expect([(await terminal.closed()).code, scene.withStatus("SUCCESS")]).toEqual([0, 0]);
    },
  );
});

describe.concurrent("whcb login", () => {
  it("asks before the service answers, and shows nothing that is typed early", async ({ scene }) => {
    scene.hangs = () => true;
    const shell = Terminal.whcb(scene.home, ["login", scene.service.url], { columns: 120 });
    await shell.shows("User:");
    shell.type(`ada${ENTER}early-password${ENTER}early-key${ENTER}early-typing`);
    await shell.shows(/User: ada\nPassword: \nAPI key: \n[\s\S]*waiting for the service's answer/);
    expect(shell.written).not.toContain("early");
    shell.type(CTRL_C);
    expect((await shell.closed()).code).toBe(130);
  });

  it("stores what was typed once the service has accepted it", async ({ scene }) => {
    const shell = Terminal.whcb(scene.home, ["login", scene.service.url], { columns: 120 });
    await shell.shows("User:");
    for (const answer of ["u", "p", "k"]) shell.type(answer + ENTER);
    await shell.shows(/profile \S+ works with/);
    expect((await shell.closed()).code).toBe(0);
  });
});
