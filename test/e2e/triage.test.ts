/** `whcb triage` runs in real terminals, on an outage with two causes. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveHere } from "../support/process/serve-here.js";
import { apiOf } from "../support/process/served-api.js";
import { CTRL_C, DOWN, ENTER, ESCAPE, Terminal, type TerminalOptions } from "../support/process/terminal.js";
import { eventually, Home, type Running } from "../support/process/whcb-process.js";

/** Twelve calls have failed with 503, and five with 500. The endpoint isn't there any more. */
class Outage {
  readonly home = new Home();
  #url = "";

  async begin(): Promise<void> {
    const refusing = await this.home.listen(["--status", "503"]);
    this.#url = refusing.url;
    const created = ["--name", "demo", "--url", `${refusing.url}/hook`, "--email", "ops@example.com"];
    await this.home.whcb(["callbacks", "create", ...created], { env: { WHCB_CALLBACK_KEY: "PLANTED-KEY" } });
    await this.#fail(12);
    await refusing.stop();
    const broken = await this.answer(["--status", "500"]);
    await this.#fail(5);
    await broken.stop();
  }

  answer(flags: readonly string[] = []) {
    return this.home.listen(["--port", new URL(this.#url).port, ...flags]);
  }

  async failed(...flags: readonly string[]): Promise<readonly string[]> {
    const { stdout } = await this.home.whcb(["calls", "list", "demo", "--failed", ...flags, "-o", "ids"]);
    return stdout.split("\n").filter(Boolean);
  }

  async open(options: TerminalOptions = { columns: 100, rows: 30 }): Promise<Terminal> {
    const terminal = Terminal.whcb(this.home, ["triage", "demo"], options);
    await terminal.shows(/failed calls of demo, by status code [\s\S]*> +\d+ {2}50\d/);
    return terminal;
  }

  async #fail(count: number): Promise<void> {
    const api = apiOf(this.home);
    const before = await api.count("demo", "FAILED");
    await this.home.whcb(["trigger", "demo", "-n", String(count)]);
    await eventually(
      () => api.count("demo", "FAILED"),
      (failed) => failed === before + count,
    );
  }
}

const LONGEST_START_MS = 120_000;

describe("whcb triage", () => {
  const outage = new Outage();
  let served: Running & { url: string };

  beforeAll(async () => {
    served = await outage.home.serve(["--no-endpoint-check"]);
    await outage.begin();
  }, LONGEST_START_MS);

  afterAll(() => outage.home.leave());

  it.each([
    [60, 20],
    [200, 60],
  ])("at %i columns and %i rows goes down to one call and back", async (columns, rows) => {
    const terminal = await outage.open({ columns, rows });
    terminal.type(DOWN);
    await terminal.shows(/> +5 {2}500 Internal Server Error/);
    terminal.type(ENTER);
    await terminal.shows(/demo: 500 Internal Server Error, 5 calls\n[\s\S]*> +5 {2}all of them\n[\s\S]* sender/);
    terminal.type(ENTER);
    await terminal.shows(/> +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +500/);
    terminal.type(ENTER);
    const call = await terminal.shows(/Retries are off for this callback/);
    expect(call.split("\n").filter((line) => line.length > columns)).toEqual([]);
    terminal.resize(80, 24);
    await terminal.shows(/q quits\nr replay it {2}m mark it {2}c curl$/);
    terminal.type(ESCAPE);
    await terminal.shows("space selects");
    terminal.type("q");
    expect([(await terminal.closed()).code, terminal.isFilled]).toEqual([0, false]);
  });

  it("copies a call as curl without its key, and saves ids in a new file for this user only", async () => {
    const terminal = await outage.open();
    terminal.type("c");
    await terminal.shows("copied, if the terminal allows it");
    const copied = terminal.written.split("\u001b]52;c;")[1]?.split("\u0007")[0] ?? "";
    expect(Buffer.from(copied, "base64").toString()).toMatch(/^curl .*"\$WHCB_CALLBACK_KEY_[\dA-F]+"[^\n]*$/);
    terminal.type(`${ENTER}s`);
    await terminal.shows(
      /whcb calls list demo --failed --status-code 503 [\s\S]*-o ids >[\s\\]+whcb-ids-\d+\.txt\n[\s\S]*saved in/,
    );
    const [file = ""] = readdirSync(outage.home.folder).filter((name) => name.startsWith("whcb-ids-"));
    expect(readFileSync(outage.home.path(file), "utf8").trimEnd().split("\n")).toEqual(
      await outage.failed("--status-code", "503"),
    );
    expect(statSync(outage.home.path(file)).mode & 0o077).toBe(0);
    terminal.type(`${ENTER}q`);
    await terminal.closed();
  });

  it("needs a terminal, and names the command that doesn't", async () => {
    expect(await outage.home.whcb(["triage", "demo"])).toEqual({
      code: 2,
      stdout: "",
      stderr:
        "error: triage needs a terminal\nhint: `whcb calls list demo --failed --group-by status-code,reason` prints the groups; calls list, replay and mark-success take their values as filters\n",
    });
  });

  it("says what a dumb terminal can't do", async () => {
    const terminal = Terminal.whcb(outage.home, ["triage", "demo"], { columns: 120, env: { TERM: "dumb" } });
    await terminal.shows("error: triage needs a terminal that can position the cursor (TERM is dumb)");
    expect((await terminal.closed()).code).toBe(2);
  });

  it("does nothing once the profile has changed, by whose settings its commands would go", async () => {
    const terminal = await outage.open();
    await outage.home.whcb(["config", "set", "timezone", "Australia/Sydney"]);
    terminal.type("m");
    await terminal.shows(/error: the profile, or the current one, has changed since triage was opened[\s\S]*exit code 2/);
    await outage.home.whcb(["config", "set", "timezone", "UTC"]);
    terminal.type(`${ENTER}q`);
    await terminal.closed();
    expect(await outage.failed()).toHaveLength(17);
  });

  it("stops a replay on Ctrl-C as the command does, and goes on itself", async () => {
    await outage.answer(["--delay", "400ms"]);
    const terminal = await outage.open();
    terminal.type("a");
    await terminal.shows("Send 12 calls again? [y/N]");
    terminal.type(`y${ENTER}`);
    await terminal.shows(/[1-9] of 12/);
    terminal.type(CTRL_C);
    await terminal.shows(/stopping: requests in flight finish/);
    await terminal.shows(/next: whcb replay --resume \S+\n[\s\S]*exit code 130/);
    terminal.type(ENTER);
    await terminal.shows("? actions");
    terminal.type(CTRL_C);
    expect((await terminal.closed()).code).toBe(130);
  });

  it("says that the service doesn't answer, gives up on Ctrl-C, and reads on when it is back", async () => {
    const terminal = await outage.open();
    await served.stop("SIGKILL");
    const NO_ANSWER = /no answer from http:\S+ \(connection refused\), trying again/;
    terminal.type(ENTER);
    await terminal.shows(NO_ANSWER);
    terminal.type(CTRL_C);
    await terminal.shows("failed calls of demo, by status code");
    terminal.type("a");
    await terminal.shows(/\$ whcb replay demo [\s\S]*no answer from http:\S+ \(connection refused\), trying again/);
    terminal.type(CTRL_C);
    await terminal.shows("exit code 130");
    terminal.type(ENTER);
    await terminal.shows(/\? actions/);
    terminal.type(ENTER);
    await terminal.shows(NO_ANSWER);
    served = await outage.home.serve(["--no-endpoint-check", "--port", new URL(served.url).port]);
    await terminal.shows(/^(?![\s\S]*no answer from)[\s\S]*all of them\n[\s\S]* sender/);
    await served.stop("SIGKILL");
    terminal.type(`${ENTER}`);
    await terminal.shows(NO_ANSWER);
    terminal.type("q");
    expect((await terminal.closed()).code).toBe(0);
  });
});

describe("an outage with two causes", () => {
  const outage = new Outage();

  beforeAll(async () => {
    await serveHere(outage.home, ["--no-endpoint-check"]);
    await outage.begin();
  }, LONGEST_START_MS);

  afterAll(() => outage.home.leave());

  it("acts on the current hour's calls as far as they are shown", async () => {
    const terminal = await outage.open();
    terminal.type("\t");
    await terminal.shows(/17 failed calls of demo, by hour of the last attempt[\s\S]*> +\d+ {2}\d{4}-\d\d-\d\d \d\d:00/);
    terminal.type("m");
    await terminal.shows(/Mark \d+ calls SUCCESS\? \[y\/N\]/);
    terminal.type(`n${ENTER}`);
    await terminal.shows("nothing done");
    terminal.type(`${ENTER}${ENTER}`);
    await terminal.shows(/> +\d+ {2}all of them/);
    terminal.type("t");
    await terminal.shows(/Send \d+ calls again\? \[y\/N\]/);
    terminal.type(`n${ENTER}`);
    await terminal.shows("nothing done");
    terminal.type(`${ENTER}q`);
    await terminal.closed();
  });

  it("replays what is repaired, marks the rest, takes the mark back, and shows the commands", async () => {
    await outage.answer();
    const terminal = await outage.open();
    terminal.type("r");
    await terminal.shows(/1 failed call of demo -> http:\S+\/hook[\s\S]*Send 1 call again\? \[y\/N\]/);
    terminal.type(`n${ENTER}`);
    await terminal.shows(/nothing was done\n\nnothing done/);
    expect(await outage.failed()).toHaveLength(17);
    terminal.type(`${ENTER}t`);
    await terminal.shows("Send 10 calls again? [y/N]");
    terminal.type(`y${ENTER}`);
    await terminal.shows(/10 calls replayed in .*\n {2}accepted +10\n {2}marked +10\n[\s\S]*done/);
    terminal.type(ENTER);
    await terminal.shows(/ +5 {2}500[\s\S]*?> +2 {2}503/);
    terminal.type("k");
    await terminal.shows(/> +5 {2}500/);
    const ids = await outage.failed("--status-code", "500");
    terminal.type("m");
    await terminal.shows("Mark 5 calls SUCCESS? [y/N]");
    terminal.type(`y${ENTER}`);
    await terminal.shows(/marked +5\n/);
    expect(await outage.failed()).toHaveLength(2);
    terminal.type(`${ENTER}u`);
    await terminal.shows(/whcb undo \S+\n[\s\S]*Mark 5 calls FAILED\? \[y\/N\]/);
    terminal.type(`y${ENTER}`);
    await terminal.shows(/5 calls marked FAILED/);
    expect(await outage.failed("--status-code", "500")).toEqual(ids);
    terminal.type(ENTER);
    // The group was gone meanwhile, so no row is chosen.
    await terminal.shows(/\n +5 {2}500.*\n +2 {2}503/);
    terminal.type("k");
    await terminal.shows(/> +5 {2}500/);
    terminal.type(ENTER);
    await terminal.shows(/> +5 {2}all of them/);
    terminal.type(ENTER);
    await terminal.shows(/> +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +500/);
    terminal.type(" ");
    await terminal.shows("5 calls; 1 selected");
    terminal.type("m");
    await terminal.shows("Mark 1 call SUCCESS? [y/N]");
    terminal.type(`y${ENTER}`);
    await terminal.shows(/1 call marked SUCCESS[\s\S]*goes back/);
    terminal.type(ENTER);
    // The action ends the selection.
    await terminal.shows(/Internal Server Error, 4 calls\n/);
    terminal.type("@");
    const commands = await terminal.shows(/done, run \S+\n {2}whcb mark-success demo [0-9A-F]{32}/);
    expect(commands.split("\n").flatMap((line) => /^ {2}(whcb \S+)/.exec(line)?.[1] ?? [])).toEqual([
      "whcb mark-success",
      "whcb undo",
      "whcb mark-success",
      "whcb replay",
      "whcb replay",
    ]);
    terminal.type(`${ESCAPE}`);
    await terminal.shows("? actions");
    terminal.type("q");
    await terminal.closed();
    expect(await terminal.text()).toMatch(/to undo the last mark: whcb undo \S+/);
    const { stdout } = await outage.home.whcb(["runs", "list", "-o", "json"]);
    expect(JSON.parse(stdout).map(({ kind }: { kind: string }) => kind)).toEqual([
      ...["mark-success", "mark-failed", "mark-success", "replay"],
    ]);
    expect(terminal.written).not.toContain("PLANTED-KEY");
  });
});
