/** Interval, window, retention and the secret key: kept in the database, and the same for a service and for file mode. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openFileClient } from "../../src/main/open-file-client.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { eventually } from "../support/process/whcb-process.js";

let machine: CliMachine;

beforeEach(() => {
  machine = new CliMachine();
});

afterEach(() => machine.leave());

const inForce = (stderr: string) => stderr.split("\n").filter((line) => /^(retries|keeps) /.test(line));

describe("a service's settings", () => {
  test("are stored when they are given, printed at each start, and used in file mode", async () => {
    const file = machine.path("x.db");
    const first = await machine.serve([
      "--db",
      file,
      "--retry-interval",
      "7m",
      "--retry-window",
      "2h",
      "--retain-success",
      "10d",
      "--retain-mail",
      "90d",
    ]);
    await first.stop();
    await (await machine.serve(["--db", file, "--retry-interval", "6m"])).stop();
    const third = await machine.serve(["--db", file]);
    expect([first, third].map(({ io }) => inForce(io.err()))).toEqual([
      ["retries   about every 7 minutes for 2 hours", "keeps     SUCCESS calls 10d, FAILED calls 365d, e-mails 90d"],
      ["retries   about every 6 minutes for 2 hours", "keeps     SUCCESS calls 10d, FAILED calls 365d, e-mails 90d"],
    ]);
    const endpoint = await machine.listen(["--status", "503"]);
    await machine.rehearse("demo", endpoint.url, 1, ["--retries", "on"]);
    const windows = async (service: string) => {
      const calls = JSON.parse(await machine.works(["calls", "list", "demo", "--failed", "-o", "json", "--service", service]));
      return calls.map((call: { retryUntil: string; callback: { attemptedDate: string } }) => call.retryUntil);
    };
    const served = await windows(third.url);
    expect(served).toEqual([expect.stringMatching(/^\d{4}-/)]);
    expect(await windows(file)).toEqual(served);
  });

  test("aren't stored by a start that fails", async () => {
    const { port } = new URL((await machine.serve()).url);
    const file = machine.path("y.db");
    expect((await machine.whcb(["serve", "--port", port, "--db", file, "--retry-interval", "1m"])).code).toBe(5);
    const again = await machine.serve(["--db", file]);
    expect(inForce(again.io.err())).toEqual([expect.stringContaining("about every 5 minutes"), expect.any(String)]);
  });

  test("include WHCB_SECRET_KEY, which file mode uses instead of a key file", async () => {
    const file = machine.path("x.db");
    const key = randomBytes(32).toString("base64");
    const endpoint = await machine.listen();
    await machine.serve(["--db", file], { env: { WHCB_SECRET_KEY: key } });
    await machine.works(["callbacks", "create", "--name", "demo", "--url", endpoint.url, "--email", "ops@example.com"]);
    expect(existsSync(`${file}.key`)).toBe(false);
    const client = await openFileClient({ path: file, authParameter: "Auth", bodyNames: "messageid-messagelocation" }, "1.2.3", {
      WHCB_SECRET_KEY: key,
    });
    await client.close();
    await expect(
      openFileClient({ path: file, authParameter: "Auth", bodyNames: "messageid-messagelocation" }, "1.2.3"),
    ).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining("is missing"),
    });
  });
});

describe("a deleted callback", () => {
  test.each(["by the service", "in file mode"])("frees its call ids within seconds when deleted %s", async (way) => {
    const file = machine.path("x.db");
    const service = await machine.serve(["--db", file]);
    const endpoint = await machine.listen();
    await machine.rehearse("old", endpoint.url, 1);
    await machine.rehearse("other", endpoint.url, 1);
    const [id = ""] = await machine.ids("old");
    await machine.works(["callbacks", "delete", "old", "--yes", "--service", way === "in file mode" ? file : service.url]);
    const submit = () => machine.whcb(["trigger", "other", "--file", "-"], { stdin: JSON.stringify({ id }) });
    expect((await eventually(submit, ({ code }) => code === 0, 5_000)).stdout).toContain("accepted 1");
  });
});
