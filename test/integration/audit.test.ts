/** Who changed what is recorded whichever way it was changed. */
import { hostname, userInfo } from "node:os";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LONGEST_ENTRY } from "../../src/domain/audit/audit-entry.js";
import { systemRandom } from "../../src/platform/random.js";
import { makeCredential } from "../../src/server/auth/credential-hashes.js";
import { filteredCalls } from "../../src/store/audit.js";
import { ACCEPTED, anAttempt } from "../support/builders.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { Visitor } from "../support/server/console-visitor.js";
import { pendingCalls, recordAttempts } from "../support/server/recorded-calls.js";
import { CALLBACK_BODY, CREDENTIALS, closeService, openService, type Service, USER } from "../support/server/server-fixture.js";

describe("the audit of a service", () => {
  let service: Service;

  beforeEach(async () => {
    service = await openService();
  });
  afterEach(() => closeService(service));

  async function ask(method: "GET" | "POST" | "PUT" | "DELETE", url: string, payload?: object, headers: object = {}) {
    const answer = await service.app.inject({
      ...{ method, url, remoteAddress: "192.0.2.7" },
      headers: { ...CREDENTIALS, accept: "application/json", ...headers },
      ...(payload && { payload }),
    });
    return { status: answer.statusCode, body: answer.body };
  }

  async function aFailedCall(): Promise<string> {
    const { id } = JSON.parse((await ask("POST", "/callbacks", CALLBACK_BODY)).body);
    await ask("POST", "/callbacks/demo/calls", { calls: [{ id: "A" }] });
    await recordAttempts(service.store, await pendingCalls(service.store, id), () => anAttempt());
    return id;
  }

  it("names the user, the way in and the address, and a call names who has marked it", async () => {
    const callbackId = await aFailedCall();
    await ask("PUT", "/callbacks/demo", { retriesEnabled: false });
    await ask("PUT", "/callbacks/demo", { retriesEnabled: false });
    expect((await ask("PUT", "/callbacks/demo", { retriesEnabled: 7 })).status).toBe(422);
    await ask("PUT", "/callbacks/demo/calls/A", { status: "SUCCESS" });
    await ask("PUT", "/callbacks/demo/calls/A", { status: "SUCCESS" });
    expect(JSON.parse((await ask("GET", "/callbacks/demo/calls/A")).body)).toMatchObject({
      settledBy: "user",
      settledByUser: USER.username,
    });
    const { status, audit } = JSON.parse((await ask("GET", "/audit?callbackId=demo&user=demo&limit=2")).body);
    const by = { user: USER.username, via: "api", address: "192.0.2.7", at: expect.any(String), callbackId, callback: "demo" };
    expect([status, audit]).toEqual([
      "1 to 2 of 3",
      [
        { id: "3", ...by, action: "calls-marked", count: 1, details: { status: "SUCCESS", settledBy: "user", callId: "A" } },
        {
          ...{ id: "2", ...by, action: "callback-changed" },
          details: { settings: [{ setting: "retriesEnabled", before: "true", after: "false" }] },
        },
      ],
    ]);
    expect(JSON.parse((await ask("GET", "/audit?user=ada")).body)).toEqual({ status: "No records found" });
    const xml = (await ask("GET", "/audit?limit=1", undefined, { accept: "application/xml" })).body;
    expect(xml).toContain("<audit><entry><id>3</id>");
    expect(xml).toContain("<details><status>SUCCESS</status><settledBy>user</settledBy><callId>A</callId></details>");
  });

  it("has what a user has done in the console, and shows it there", async () => {
    const callbackId = await aFailedCall();
    const visitor = new Visitor(service.app);
    await visitor.send("/console/sign-in", "/console/sign-in", { username: USER.username, password: USER.password });
    const confirm = `/console/callbacks/${callbackId}/confirm`;
    await visitor.send(`${confirm}?action=success&all=on&status=FAILED&from=%3Cb%3E`, confirm);
    await visitor.send(`${confirm}?action=success&call=A`, confirm);
    const { items } = await service.store.audit.list({ limit: 9, offset: 0 });
    expect(items.map(({ action, user, via, address }) => [action, user, via, address])).toEqual([
      ["calls-marked", "demo", "console", "127.0.0.1"],
      ["signed-in", "demo", "console", "127.0.0.1"],
      ["callback-created", "demo", "api", "192.0.2.7"],
    ]);
    expect((await visitor.open(`/console/callbacks/${callbackId}/calls/A`)).text).toContain("demo marked it successful");
    const hostile = { user: "<b>eve</b>", via: "api", address: "<i>", at: Date.now() } as const;
    await service.store.callbacks.delete(callbackId, 0, hostile);
    const { text, html } = await visitor.open("/console/audit?callbackId=demo&since=1h");
    expect(text).toMatch(/3 changes .* &lt;b>eve&lt;\/b> API &lt;i> demo deleted: .* demo console .* 1 call marked SUCCESS: A/);
    expect(html).not.toContain("<b>eve");
    expect((await visitor.open("/console/audit?user=nobody&since=soon")).text).toMatch(/Must be a time ago.* No changes/);
  });

  it("names who has reported attempts, and who has sent tests, also of a URL that isn't saved", async () => {
    await closeService(service);
    const tested: unknown[] = [];
    const checkEndpoint = async () => {
      tested.push((await service.store.audit.list({ limit: 1, offset: 0 })).items[0]?.action);
      return ACCEPTED;
    };
    service = await openService({ checkEndpoint });
    const callbackId = await aFailedCall();
    const attempt = { id: "A", attemptedDate: new Date().toISOString(), durationMs: 1, statusCode: 500 };
    const reported = await ask("POST", "/callbacks/demo/attempts", { sentFrom: "eve@desk", attempts: [attempt] });
    expect(reported.status).toBe(204);
    const visitor = new Visitor(service.app);
    await visitor.send("/console/sign-in", "/console/sign-in", { username: USER.username, password: USER.password });
    const form = { "auth.type": "httpheader", "auth.key": "a-typed-key", contentType: "json", removeHTML: "disabled" };
    const test = { ...form, signing: "disabled", retriesEnabled: "true", step: "test" };
    for (const [path, url] of [
      [`/console/callbacks/${callbackId}/edit`, "http://127.0.0.1:9/hook?token=s3cret"],
      ["/console/callbacks/new", "http://127.0.0.1:9/new"],
      ["/console/callbacks/new", "http://127.0.0.1:9/new"],
      ["/console/callbacks/new", "ftp://127.0.0.1:9/new"],
    ] as const)
      await visitor.send(path, path, { ...test, url });
    const { items } = await service.store.audit.list({ limit: 4, offset: 0 });
    const settings = (url: string) => ({ settings: [{ setting: "url", after: url }] });
    expect(items.map(({ user, via, action, callback, count, details }) => [user, via, action, callback, count, details])).toEqual(
      [
        ["demo", "console", "endpoint-tested", null, 2, settings("http://127.0.0.1:9/new")],
        ["demo", "console", "endpoint-tested", "demo", 1, settings("http://127.0.0.1:9/hook?token=****")],
        ["demo", "console", "signed-in", null, null, {}],
        ["demo", "api", "attempts-reported", "demo", 1, {}],
      ],
    );
    // A creation tests too, and has an entry of its own.
    expect(tested).toEqual([undefined, "endpoint-tested", "endpoint-tested", "endpoint-tested"]);
  });

  it("has no entry that is longer than the room that is kept for it", async () => {
    const sizes: number[] = [];
    const newest = async () => {
      const { audit } = JSON.parse((await ask("GET", "/audit?limit=1")).body);
      sizes.push(Buffer.byteLength(JSON.stringify(audit[0])));
      return audit[0];
    };
    const settings = (letter: string, url: string) => ({
      ...CALLBACK_BODY,
      ...{ name: letter.repeat(50), email: `${letter.repeat(58)}@b.co`, url },
    });
    const urls = [`${"中".repeat(2020)}?x`, '"'.repeat(2020), "😀".repeat(1010), "\u0001".repeat(1900)];
    await ask("POST", "/callbacks", settings("a", "http://127.0.0.1:9/"));
    let name = "a".repeat(50);
    for (const [at, path] of urls.entries()) {
      const letter = "bcde中"[at] ?? "";
      const put = await ask("PUT", `/callbacks/${name}`, settings(letter, `http://127.0.0.1:9/${path}`));
      if (put.status !== 204) continue;
      name = letter.repeat(50);
      const { action, details } = await newest();
      expect([action, details.settings[1].setting, details.settings[1].after]).toEqual([
        "callback-changed",
        "url",
        expect.stringMatching(/^http:\/\/127\.0\.0\.1:9\/.{400,}…$/),
      ]);
    }
    const withText = (text: string) => {
      const { filter } = filteredCalls({ reason: text, channel: text, messageId: text, from: text, text, answer: text });
      sizes.push(Buffer.byteLength(JSON.stringify({ filter })) + 1_024);
      return filter?.q;
    };
    expect(withText("\u0001".repeat(256))).toBe("(256 characters)");
    expect(withText("中".repeat(256))).toBe("中".repeat(256));
    expect(sizes.length).toBeGreaterThanOrEqual(5);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(LONGEST_ENTRY);
  });

  it("counts failed sign-ins by address and minute, and has no user whom nobody has added, as that may be a password", async () => {
    await service.store.credentials.save(await makeCredential({ ...USER, username: "ada" }, systemRandom, "added"), 0);
    const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString("base64")}` });
    for (const pair of ["ada:wrong", "ada:worse"])
      expect((await ask("GET", "/callbacks", undefined, basic(pair))).status).toBe(401);
    const visitor = new Visitor(service.app);
    await visitor.send("/console/sign-in", "/console/sign-in", { username: "my secret password", password: "x" });
    // It tells nothing of sign-ins without a password or with an expired token.
    await ask("GET", "/callbacks", undefined, { authorization: "Bearer expired" });
    const { items } = await service.store.audit.list({ limit: 9, offset: 0 });
    const failed = items.reduce((sum, { count }) => sum + (count ?? 0), 0);
    expect([failed, new Set(items.map(({ action, user, via, address }) => [action, user, via, address].join(" ")))]).toEqual([
      3,
      new Set(["sign-in-failed ada api 192.0.2.7", "sign-in-failed  console 127.0.0.1"]),
    ]);
  });
});

describe("whcb audit", () => {
  let machine: CliMachine;

  beforeEach(() => {
    machine = new CliMachine();
  });
  afterEach(() => machine.leave());

  it("lists what commands on the database and others have changed, also of deleted callbacks", async () => {
    const db = machine.path("x.db");
    const service = await machine.serve(["--db", db, "--no-endpoint-check"]);
    const create = ["callbacks", "create", "--url", "http://127.0.0.1:9/hook?token=s3cret", "--email", "ops@example.com"];
    await machine.works([...create, "--name", "=demo"], { env: { WHCB_CALLBACK_KEY: "PLANTED-CALLBACK-KEY" } });
    await service.stop();
    const env = { WHCB_URL: db };
    await machine.works(["users", "add", "ada"], { env: { WHCB_NEW_PASSWORD: "twelve chars" } });
    await machine.works(["callbacks", "update", "=demo", "--retries", "on"], { env });
    await machine.works(["callbacks", "pause", "=demo", "--for", "2h"], { env });
    await machine.works(["callbacks", "delete", "=demo", "--yes"], { env });

    const me = `${userInfo().username}@${hostname()}`;
    const all = JSON.parse(await machine.works(["audit", "-o", "json"], { env }));
    expect(all.map(({ user, via, address, action }: Record<string, unknown>) => [user, via, address, action])).toEqual([
      [me, "database", null, "callback-deleted"],
      [me, "database", null, "callback-paused"],
      [me, "database", null, "callback-changed"],
      [me, "database", null, "user-added"],
      ["local", "api", "127.0.0.1", "callback-created"],
      [me, "database", null, "user-added"],
    ]);
    expect(JSON.stringify(all)).not.toMatch(/s3cret|PLANTED|twelve/);
    const csv = await machine.works(
      ["audit", "--callback", "=demo", "--since", "1h", "--columns", "user,callback,change", "-o", "csv"],
      {
        env,
      },
    );
    expect(csv.split("\n").slice(0, 4)).toEqual([
      "user,callback,change",
      expect.stringMatching(/,'=demo,"deleted: name =demo, url http:\/\/127.0.0.1:9\/hook\?token=\*\*\*\*, /),
      expect.stringMatching(/,'=demo,paused until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      `${me},'=demo,changed: retriesEnabled false -> true`,
    ]);
    expect(await machine.whcb(["audit", "--user", "local", "-n", "1"], { env, columns: 150 })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/local +api +127\.0\.0\.1 +=demo +created: name =demo/),
    });
    expect(await machine.whcb(["audit", "--callback", "demmo"], { env })).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('no callback "demmo"'),
    });
  });
});
