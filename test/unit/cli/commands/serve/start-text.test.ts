import { describe, expect, it } from "vitest";
import { describeStart } from "../../../../../src/cli/commands/serve/start-text.js";
import { EgressProxy } from "../../../../../src/delivery/egress-proxy.js";
import { DEFAULT_SEND_LIMITS, DEFAULT_SERVICE_SETTINGS } from "../../../../../src/domain/service-settings.js";

type Start = Parameters<typeof describeStart>;

const SERVICE: Start[0] = {
  settings: DEFAULT_SERVICE_SETTINGS,
  waiting: { pending: 0, failed: 0, retried: 0 },
  mailDirectory: "/data/mail",
  url: "http://127.0.0.1:8787",
  portLock: null,
  portFailure: null,
  metricsUrl: null,
  users: { removed: [], own: "same" },
  databaseId: null,
  clearTextHost: null,
  sentBefore: {},
};
const OPTIONS: Start[1] = {
  database: "/data/x.db",
  smtp: null,
  notices: { webhooks: [], secret: "", recoveryMails: false },
  limits: DEFAULT_SEND_LIMITS,
  dispatch: true,
  plan: null,
  egressProxy: null,
  authParameter: "Auth",
  bodyNames: "messageid-messagelocation",
  allowNetworks: [],
};

const described = (service: Partial<Start[0]> = {}, options: Partial<Start[1]> = {}) =>
  describeStart({ ...SERVICE, ...service }, { ...OPTIONS, ...options }, "http://127.0.0.1:8787");

describe("what serve says at its start", () => {
  it("is the database, the settings in force, what waits, where e-mails go and the console", () => {
    expect(described()).toEqual([
      "database  /data/x.db",
      "retries   about every 5 minutes for 24 hours",
      "keeps     SUCCESS calls 30d, FAILED calls 365d, e-mails 365d",
      "waiting   0 calls to send; 0 failed calls, 0 of callbacks with retries on",
      "e-mails   not sent, but written to /data/mail",
      "console   http://127.0.0.1:8787/console",
    ]);
  });

  it("names the limits of a plan", () => {
    expect(described({}, { plan: "startup" })).toContain(
      "plan      startup: 5 requests a second and 10000 a day for each API key, at most 20 rows a page",
    );
  });

  it("names what calls are sent with, if that isn't the default", () => {
    expect(described({}, { bodyNames: "messageId-location" })).toContain(
      "calls     keys of queryparam auth in ?Auth=, bodies with messageId-location",
    );
  });

  it("warns if calls were sent with something else before", () => {
    const before = { authParameter: "key", bodyNames: "messageId-location" } as const;
    expect(described({ sentBefore: before }).at(-1)).toBe(
      "warning: calls are sent with --auth-parameter Auth --body-names messageid-messagelocation now; " +
        "the last serve of this database sent them with --auth-parameter key --body-names messageId-location",
    );
    expect(described({ sentBefore: before }, before).join()).not.toContain("warning");
  });

  it("has hosts only, no password and no secret", () => {
    const url = "https://hooks.slack.com/services/T0/B0/hunter2";
    const lines = described(
      { waiting: { pending: 1, failed: 12, retried: 7 }, metricsUrl: "http://127.0.0.1:9100/metrics" },
      {
        database: "postgres://whcb:hunter2@db.example.com/whcb",
        smtp: "smtps://ada:hunter2@mail.example.com:465",
        limits: { ...DEFAULT_SEND_LIMITS, inFlightInAll: 1 },
        egressProxy: new EgressProxy({ url: "http://ada:hunter2@proxy.example.com:3128", noProxy: "" }),
        notices: {
          webhooks: [
            { url, format: "slack" },
            { url: "https://ada:hunter2@alerts.example.com:8443/hunter2", format: "json" },
          ],
          secret: "",
          recoveryMails: true,
        },
      },
    );
    expect(lines.filter((line) => !/^(retries|keeps|console)/.test(line))).toEqual([
      "database  postgres://whcb@db.example.com/whcb",
      "waiting   1 call to send; 12 failed calls, 7 of callbacks with retries on",
      "sending   at most 1 request in flight, with 64MiB of bodies",
      "proxy     endpoints and notices through proxy.example.com:3128, but for this machine and NO_PROXY",
      "e-mails   sent by mail.example.com:465",
      "notices   hooks.slack.com, alerts.example.com:8443 (not signed), an e-mail at the end of an outage",
      "metrics   http://127.0.0.1:9100/metrics, without credentials",
    ]);
    expect(lines.join()).not.toContain("hunter2");
  });

  it("names no console without an API, but that the networks of other nodes' callbacks aren't known", () => {
    const withoutApi = [
      "waiting   0 calls to send; 0 failed calls, 0 of callbacks with retries on",
      "endpoints in public networks only, though other nodes may send to more: --allow-network opens them",
      "e-mails   not sent, but written to /data/mail",
    ];
    expect(described({ users: null }).slice(3)).toEqual(withoutApi);
    expect(described({ users: null }, { allowNetworks: ["10.0.0.0/8"] }).slice(3)).toEqual([withoutApi[0], withoutApi[2]]);
  });

  it("sends nothing without a dispatcher", () => {
    expect(described({}, { dispatch: false }).slice(3)).toEqual([
      "waiting   0 calls to send; 0 failed calls, 0 of callbacks with retries on",
      "sending   off (--no-dispatch): no calls, e-mails or notices",
      "console   http://127.0.0.1:8787/console",
    ]);
  });
});
