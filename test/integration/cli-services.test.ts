/**
 * Every command that works with a service, on each kind of service: the same results, within a number of requests, and none that
 * the platform's documents don't allow.
 */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CALLBACK, CALLS, COMMAND_SERVICES, type CommandService, type OpenedService } from "../support/cli/command-services.js";
import type { RecordedRequest } from "../support/platform/recorded-platform.js";

interface Step {
  readonly title: string;
  argv(service: OpenedService, ids: readonly string[]): readonly string[];
  /** The default is 0. */
  readonly code?: number;
  readonly stdout?: RegExp;
  readonly stderr?: RegExp;
  /** It may send so many requests to the platform (21 callbacks) and to whcb serve (1 callback). */
  readonly requests: readonly [platform: number, serve: number];
  /** Ends with exit code 2 on the platform, with this on stderr. */
  readonly notOnPlatform?: RegExp;
}

/** The recorded platform's endpoint is on this machine, which only `whcb serve` may name by itself. */
const HERE = ["--allow-network", "127.0.0.1"];

/** They run in this order: later ones find what earlier ones changed. */
const STEPS: readonly Step[] = [
  { title: "callbacks list", argv: () => ["callbacks", "list"], stdout: /^Replies CRM\t/m, requests: [2, 1] },
  {
    title: "callbacks get",
    argv: () => ["callbacks", "get", CALLBACK],
    stdout: /^Name +Replies CRM\n[\s\S]*^Key +••••-KEY/m,
    requests: [4, 1],
  },
  { title: "status of all", argv: () => ["status"], stdout: /45 failed calls \(500: 45\)/, requests: [47, 3] },
  { title: "status of one", argv: () => ["status", CALLBACK], stdout: /45 failed calls \(500: 45\)/, requests: [8, 3] },
  { title: "check", argv: () => ["check"], code: 8, stdout: /^exceeded: 45 failed calls/, requests: [25, 2] },
  {
    title: "calls list",
    argv: () => ["calls", "list", CALLBACK, "--failed", "--limit", "20"],
    stdout: /^(\S+ \S+\tFAILED\t500\tInternal Server Error\t[^\n]+\n){20}$/,
    requests: [7, 3],
  },
  {
    title: "calls list with a filter that the platform doesn't know",
    argv: () => ["calls", "list", CALLBACK, "--failed", "--grep", "reply 45", "--all", "-o", "ids"],
    stdout: /^(\w{16,32}\n)?$/,
    requests: [9, 3],
  },
  {
    title: "calls get",
    argv: (_, [id = ""]) => ["calls", "get", CALLBACK, id],
    stdout: /^Call +\w{16,32}\n[\s\S]*^Status +FAILED$/m,
    requests: [12, 4],
  },
  {
    title: "callbacks update",
    argv: () => ["callbacks", "update", CALLBACK, "--email", "new@example.com"],
    stdout: /^E-mail +new@example.com$/m,
    requests: [7, 4],
  },
  {
    title: "mark-success",
    argv: (_, [first = "", second = ""]) => ["mark-success", CALLBACK, first, second, "--yes"],
    stdout: /^2 calls marked SUCCESS in /,
    // Their status, and who has the lock, are read before.
    requests: [10, 6],
  },
  {
    title: "mark-failed",
    argv: (_, [first = ""]) => ["mark-failed", CALLBACK, first, "--yes"],
    stdout: /^1 call marked FAILED in /,
    requests: [14, 9],
  },
  {
    title: "replay --dry-run",
    argv: () => ["replay", CALLBACK, "--failed", "--dry-run", ...HERE],
    stdout: /^44 failed calls of Replies CRM -> /,
    requests: [8, 4],
  },
  {
    title: "replay --since --dry-run",
    argv: () => ["replay", CALLBACK, "--failed", "--since", "6h", "--dry-run", ...HERE],
    // The recorded calls are older, also the one that was just made FAILED.
    stderr:
      /^(warning: (the service's dates have no time zone and count as UTC: |1 call just made FAILED, and not among the listed).*\n)*(dry run: nothing was sent|nothing to replay)/,
    requests: [9, 4],
  },
  {
    title: "reconcile",
    argv: ({ machine }, [, second = "", third = ""]) => {
      writeFileSync(machine.path("seen"), `${second}\n${third}\n`);
      return ["reconcile", CALLBACK, "--seen", machine.path("seen"), "--yes", ...HERE];
    },
    stdout: /balance: 44 failed = 1 seen \+ 43 accepted \+ 0 rejected /,
    requests: [20, 13],
  },
  {
    title: "replay without failed calls",
    argv: () => ["replay", CALLBACK, "--failed", "--yes", ...HERE],
    stderr: /nothing to replay/,
    requests: [10, 6],
  },
  {
    title: "replay --cancel",
    argv: () => ["replay", CALLBACK, "--cancel", "R"],
    code: 3,
    stderr: /the service has no replay R of Replies CRM/,
    requests: [5, 4],
  },
  { title: "replay --resume", argv: () => ["replay", "--resume"], stderr: /^no unfinished run\n$/, requests: [0, 0] },
  { title: "runs list", argv: () => ["runs", "list"], stdout: /reconcile\tfinished\tReplies CRM/, requests: [0, 0] },
  { title: "check afterwards", argv: () => ["check"], stdout: /^ok/, requests: [23, 2] },
  {
    title: "callbacks create",
    argv: ({ endpointUrl }) => ["callbacks", "create", "--name", "New", "--url", endpointUrl, "--email", "ops@example.com"],
    stdout: /^Name +New\nId +[0-9A-F]{16}\n/,
    requests: [1, 1],
  },
  {
    title: "callbacks update --signing on",
    argv: () => ["callbacks", "update", "New", "--signing", "on"],
    stdout: /^Signing +on\nSecret +whsec_\S{32}$/m,
    notOnPlatform: /doesn't sign deliveries\nhint: only `whcb serve` does/,
    requests: [7, 3],
  },
  {
    title: "trigger",
    argv: () => ["trigger", "New"],
    notOnPlatform: /doesn't accept responses to deliver\nhint: only `whcb serve` does\n$/,
    requests: [5, 2],
  },
  {
    title: "callbacks delete",
    argv: () => ["callbacks", "delete", "New", "--yes"],
    stderr: /^(?:service: .+\n)?callback New deleted(?:, with \d failed and \d waiting calls?)?\n$/,
    requests: [6, 3],
  },
  {
    title: "an unknown callback",
    argv: () => ["status", "Nope"],
    code: 3,
    stderr: /^error: no callback "?Nope/,
    requests: [5, 3],
  },
];

for (const service of COMMAND_SERVICES) {
  describe(`with ${service.name}`, () => {
    let opened: OpenedService;
    let ids: readonly string[];

    beforeAll(async () => {
      opened = await service.open();
      const listed = await opened.run(["calls", "list", CALLBACK, "--failed", "--all", "-o", "ids"]);
      ids = listed.stdout.trimEnd().split("\n");
    });

    afterAll(() => opened.close());

    test("all failed calls are listed, newest first", async () => {
      expect(new Set(ids).size).toBe(CALLS);
    });

    test.each(STEPS.map((step) => [step.title, step] as const))("%s", async (_, step) => {
      const before = opened.platform?.requests.length ?? 0;
      const { code, stdout, stderr, requests } = await opened.run(step.argv(opened, ids));
      const isMissing = service.kind === "platform" && step.notOnPlatform !== undefined;
      expect({ code, stderr }).toEqual({ code: isMissing ? 2 : (step.code ?? 0), stderr: expect.any(String) });
      if (isMissing) expect(stderr).toMatch(step.notOnPlatform ?? "");
      else {
        if (step.stdout) expect(stdout).toMatch(step.stdout);
        if (step.stderr) expect(stderr).toMatch(step.stderr);
      }
      expect(requests.length, requests.join("\n")).toBeLessThanOrEqual(mostRequests(service, step));
      const received = opened.platform?.requests.slice(before) ?? [];
      if (opened.platform) expect(received.length).toBe(requests.length);
      expect(received.filter(({ limit }) => limit !== null && limit > 20)).toEqual([]);
      expect(stdout + stderr).not.toContain("PLANTED-CALLBACK-KEY");
    });

    test("the endpoint received each call but the one marked and the one seen", async () => {
      // `trigger` sent another one where it works.
      expect(opened.received() - (service.kind === "serve" ? 1 : 0)).toBe(CALLS - 2);
    });

    if (service.kind === "platform") {
      test("login checks the credentials with one request", async () => {
        const { code, requests } = await opened.run(["login", "--name", "recorded", "--keep-current"]);
        expect({ code, requests }).toEqual({ code: 0, requests: [expect.stringMatching(/^GET \/callbacks\?limit=1$/)] });
        const wrong = await opened.run(["login", "--name", "wrong"], { env: { WHCB_API_KEY: "no" } });
        expect(wrong).toMatchObject({ code: 4, stderr: expect.stringContaining("API key rejected") });
      });

      test("an update sends back every setting that was read, and none that wasn't", () => {
        const [put, ...others] = (opened.platform?.requests ?? []).filter(isCallbackPut);
        expect(others).toEqual([]);
        const { retriesEnabled, ...body } = JSON.parse(put?.body ?? "");
        expect(String(retriesEnabled)).toBe("false");
        expect(body).toEqual({
          name: CALLBACK,
          url: opened.endpointUrl,
          auth: { type: expect.stringMatching(/^query(string|param)$/), key: "PLANTED-CALLBACK-KEY" },
          contentType: "xml",
          removeHTML: "enabled",
          email: "new@example.com",
          callbacks: { reply: "enabled", undeliverable: "disabled" },
        });
      });
    }
  });
}

function mostRequests({ kind }: CommandService, { requests: [platform, serve] }: Step): number {
  if (kind === "file") return 0;
  return kind === "platform" ? platform : serve;
}

function isCallbackPut({ method, path }: RecordedRequest): boolean {
  return method === "PUT" && /^\/callbacks\/\w+$/.test(path);
}
