/** `whcb serve` with notices: a real receiver, a process that is killed, and starts that are refused. */
import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";
import {
  isSigned,
  NOTIFY_SECRET,
  type NoticeReceiver,
  startNoticeReceiver,
  titleOf,
} from "../support/notices/notice-receiver.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";

const PUBLIC_URL = "https://whcb.example.com";

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

describe("notices of outages", () => {
  let receiver: NoticeReceiver;

  beforeEach(async () => {
    // The first is killed while it waits for the answer.
    receiver = await startNoticeReceiver((number) => (number === 1 ? null : 204));
  });

  afterEach(() => receiver.close());

  const received = (count: number) =>
    eventually(
      async () => receiver.received,
      (notices) => notices.length >= count,
    );

  it("are sent again after kill -9, with the same id, and an e-mail follows at the end", async () => {
    const env = { ...USER_ENV, WHCB_NOTIFY: `${receiver.url}/hook/0hunter2hunter2hunter2`, WHCB_NOTIFY_SECRET: NOTIFY_SECRET };
    const here = ["--allow-network", "127.0.0.0/8,::1"];
    const flags = [...here, "--notify-recovery", "--public-url", PUBLIC_URL, "--retry-interval", "1s", "--log-level", "info"];
    const failing = await home.listen(["--status", "503"]);
    const killed = await home.serve(flags, { env });
    const api = new ServedApi(killed.url);
    const id = await api.create({ name: "demo", url: failing.url });
    await api.hand(id, [callIdOf(1), callIdOf(2)]);
    await received(1);
    await killed.stop("SIGKILL");

    const server = await home.serve(flags, { env });
    await received(2);
    await failing.stop();
    await home.listen(["--port", new URL(failing.url).port]);
    const notices = await received(3);
    expect(notices.map(titleOf)).toEqual(["outage.began demo", "outage.began demo", "outage.ended demo"]);
    expect(notices.map((notice) => isSigned(notice))).toEqual([true, true, true]);
    const [first, again, last] = notices;
    expect([again?.headers["webhook-id"], again?.body]).toEqual([first?.headers["webhook-id"], first?.body]);
    expect(JSON.parse(last?.body ?? "").data).toMatchObject({ end: "recovered", failedCalls: 2, deliveredCalls: 2 });

    const [outage] = await new ServedApi(server.url).outages(id);
    const page = `${PUBLIC_URL}/console/callbacks/${id}/outages/${outage?.id}`;
    expect([first, last].map((notice) => JSON.parse(notice?.body ?? "").data.consoleUrl)).toEqual([page, page]);
    const mails = [`outage-${outage?.id}-ended.eml`, `outage-${outage?.id}.eml`];
    await eventually(
      async () => readdirSync(home.path("mail")).filter((name) => name.endsWith(".eml")),
      (names) => names.length === 2,
    );
    expect(readdirSync(home.path("mail")).sort()).toEqual(mails);
    expect(readFileSync(home.path("mail", mails[0] ?? ""), "utf8")).toMatch(/To: ops@example\.com[\s\S]*Delivered: 2 of them/);
    for (const name of mails) expect(readFileSync(home.path("mail", name), "utf8").replace(/=\r?\n/g, "")).toContain(page);
    expect((await fetch(`${server.url}${new URL(page).pathname}`)).url).toContain("/console/sign-in?to=");
    const { stderr } = await server.stop();
    expect(stderr).toContain("A notice was sent");
    expect([killed.stderr, stderr].join()).not.toContain("hunter2");
  });
});

describe("a deleted callback", () => {
  it("whose outage was open sends its end to those who got its beginning", async () => {
    const receiver = await startNoticeReceiver(() => 204);
    const late = await startNoticeReceiver(() => 500);
    const failing = await home.listen(["--status", "503"]);
    const flags = ["--notify", `${receiver.url}/told`, "--notify", `${late.url}/late`, "--notify-recovery"];
    const server = await home.serve(flags, { env: USER_ENV });
    const api = new ServedApi(server.url);
    const id = await api.create({ name: "demo", url: failing.url });
    await api.hand(id, [callIdOf(1), callIdOf(2)]);
    await eventually(
      async () => [receiver.received.length, late.received.length, await api.count(id, "FAILED")],
      ([told = 0, tried = 0, failed = 0]) => told === 1 && tried === 1 && failed === 2,
    );
    expect((await api.fetch(`/callbacks/${id}`, { method: "DELETE" })).status).toBe(204);
    const [, ended] = await eventually(
      async () => receiver.received,
      (notices) => notices.length === 2,
    );
    expect(JSON.parse(ended?.body ?? "")).toEqual({
      type: "outage.ended",
      timestamp: expect.any(String),
      data: {
        ...{ outageId: expect.any(String), callbackId: id, callbackName: "demo", startedAt: expect.any(String), failedCalls: 2 },
        ...{
          endedAt: expect.any(String),
          durationMs: expect.any(Number),
          end: "deleted",
          statusCode: 503,
          asOf: expect.any(String),
        },
      },
    });
    await server.stop();
    expect(late.received.map(titleOf)).toEqual(["outage.began demo"]);
    expect(readdirSync(home.path("mail")).filter((name) => name.includes("-ended"))).toEqual([]);
    await Promise.all([receiver.close(), late.close()]);
  });
});

describe("a start with notices", () => {
  it.each([
    ["a secret as a flag", ["--notify", "https://hooks.slack.com/services/T0/B0/hunter2"], {}, 2, "WHCB_NOTIFY instead"],
    ["a URL that isn't one", [], { WHCB_NOTIFY: "hunter2" }, 2, "each URL of WHCB_NOTIFY must be an http or https URL"],
    ["a wrong secret for signing", [], { WHCB_NOTIFY_SECRET: "hunter2" }, 4, "WHCB_NOTIFY_SECRET must be whsec_"],
    [
      "a private address despite the public rules",
      ["--host", "0.0.0.0", "--notify", "http://10.0.0.5/hook"],
      {},
      4,
      "A URL for notices must contain a domain name",
    ],
  ] as const)("is refused with %s, and leaves nothing behind", async (_, flags, env, code, sentence) => {
    const refused = await new CliMachine({}, home.paths).whcb(["serve", "--port", "0", "--db", home.path("x.db"), ...flags], {
      env,
    });
    expect(refused).toEqual({ code, stdout: "", stderr: expect.stringContaining(sentence) });
    expect(refused.stderr).not.toContain("hunter2");
    expect(readdirSync(home.folder)).not.toContain("x.db");
  });
});
