/** A screen reader reads a terminal's lines in the order in which they are written. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { serveHere } from "../support/process/serve-here.js";
import { CTRL_C, Terminal } from "../support/process/terminal.js";
import { Home } from "../support/process/whcb-process.js";

const home = new Home();

beforeAll(async () => {
  await serveHere(home, ["--no-endpoint-check"]);
  await home.whcb(["callbacks", "create", "--name", "demo", "--url", "http://127.0.0.1:9/hook", "--email", "ops@example.com"]);
});

afterAll(() => home.leave());

function expectLines(terminal: Terminal): void {
  for (const moving of ["\u001b", "\b"]) expect(terminal.written).not.toContain(moving);
}

it.concurrent("a prompt writes lines only, also when what is typed is corrected", async () => {
  const terminal = Terminal.whcb(home, ["callbacks", "delete", "demo", "--plain", "--no-color"], { columns: 200 });
  await terminal.shows("[y/N]");
  terminal.type("yx");
  await terminal.shows("[y/N] yx");
  terminal.type("\u007f");
  await terminal.shows(/\n(> )?y$/);
  terminal.type("\u007fn\r");
  await terminal.shows("nothing was done");
  expect((await terminal.closed()).code).toBe(0);
  expectLines(terminal);
});

it.concurrent("watch prints lines until Ctrl-C", async () => {
  const terminal = Terminal.whcb(home, ["watch", "demo"], { env: { ACCESSIBLE: "1", NO_COLOR: "1" } });
  await terminal.shows("demo");
  terminal.type(CTRL_C);
  expect((await terminal.closed()).code).toBe(130);
  expectLines(terminal);
});

it.concurrent("triage names the commands to use instead", async () => {
  const terminal = Terminal.whcb(home, ["triage", "demo", "--plain", "--no-color"], { columns: 200 });
  await terminal.shows("hint: `whcb calls list demo --failed --group-by status-code,reason` prints the groups; ");
  expect((await terminal.closed()).code).toBe(2);
  expectLines(terminal);
});
