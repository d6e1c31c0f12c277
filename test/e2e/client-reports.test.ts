/** What a client reports to `whcb serve` of its own attempts: it is listed, and changes nothing of what the service does. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { apiOf, callIdOf, type ServedApi } from "../support/process/served-api.js";
import { eventually, Home, type Running } from "../support/process/whcb-process.js";

const MINUTE = 60_000;
const INTERVAL_MS = 1_000;

let home: Home;
let api: ServedApi;
let failing: Running & { url: string };

beforeEach(async () => {
  home = new Home();
  failing = await home.listen(["--status", "503"]);
  await home.serve(["--retry-interval", `${INTERVAL_MS}ms`, "--no-jitter"]);
  api = apiOf(home);
  await api.create({ name: "demo", url: failing.url });
});

afterEach(() => home.leave());

function send(method: "POST" | "PUT", path: string, body: object): Promise<Response> {
  return api.fetch(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

const reportOf = (ids: readonly string[], aheadMs: number, over: object = {}) => {
  const attemptedDate = new Date(Date.now() + aheadMs).toISOString();
  return { sentFrom: "ada@desk", attempts: ids.map((id) => ({ id, attemptedDate, durationMs: 5, statusCode: 500, ...over })) };
};

interface ShownCall {
  readonly status: string;
  readonly attemptCount: number;
  readonly nextAttemptDate?: string;
  readonly callback: { readonly statusCode?: number };
}

async function callOf(id: string): Promise<ShownCall> {
  return JSON.parse(await (await api.fetch(`/callbacks/demo/calls/${id}`)).text());
}

it("doesn't delay the retries of a call, however far ahead it may be dated", async () => {
  await api.hand("demo", [callIdOf(1)]);
  await eventually(
    () => callOf(callIdOf(1)),
    ({ attemptCount }) => attemptCount > 0,
  );
  expect((await send("POST", "/callbacks/demo/attempts", reportOf([callIdOf(1)], 5 * MINUTE - 10_000))).status).toBe(204);
  const { attemptCount } = await callOf(callIdOf(1));
  // Three more, where the report would have put off the next one by five minutes.
  await eventually(
    () => callOf(callIdOf(1)),
    (call) => call.attemptCount >= attemptCount + 3,
    20_000,
  );
});

it("is rejected as a whole if one attempt is of the future or longer than a day, and its field is named", async () => {
  await api.hand("demo", [callIdOf(1), callIdOf(2)]);
  await eventually(
    () => api.count("demo", "FAILED"),
    (failed) => failed === 2,
  );
  const ids = [callIdOf(1), callIdOf(2)];
  const [fine] = reportOf(ids, 0).attempts;
  const wrong = [
    ["attemptedDate", reportOf(ids, 5 * MINUTE + 30_000).attempts[1]],
    ["durationMs", reportOf(ids, 0, { durationMs: 86_400_001 }).attempts[1]],
    ["durationMs", reportOf(ids, 0, { durationMs: 1e300 }).attempts[1]],
  ] as const;
  for (const [field, attempt] of wrong) {
    const report = { sentFrom: "ada@desk", attempts: [fine, attempt] };
    const reported = await send("POST", "/callbacks/demo/attempts", report);
    expect([reported.status, await reported.text()]).toEqual([422, expect.stringContaining(`"attempts.1.${field} must be `)]);
    const query = ids.map((id) => `id=${id}`).join("&");
    const mark = { status: "SUCCESS", settledBy: "replay", replays: report };
    const marked = await send("PUT", `/callbacks/demo/calls?${query}`, mark);
    expect([marked.status, await marked.text()]).toEqual([422, expect.stringContaining(`"replays.attempts.1.${field} must be `)]);
  }
  expect(await api.count("demo", "FAILED")).toBe(2);
  const attempts = await (await api.fetch(`/callbacks/demo/calls/${callIdOf(1)}/attempts`)).text();
  expect(attempts).not.toContain("ada@desk");
});

it("doesn't settle a call by a replay that it says wasn't accepted, and marks nothing then", async () => {
  const ids = [callIdOf(1), callIdOf(2)];
  await api.hand("demo", ids);
  await eventually(
    () => api.count("demo", "FAILED"),
    (failed) => failed === 2,
  );
  const path = `/callbacks/demo/calls?${ids.map((id) => `id=${id}`).join("&")}`;
  const mark = (...statusCodes: readonly number[]) => {
    const attempts = statusCodes.map((statusCode) => reportOf([callIdOf(2)], 0, { statusCode }).attempts[0]);
    return send("PUT", path, { status: "SUCCESS", settledBy: "replay", replays: { sentFrom: "ada@desk", attempts } });
  };
  const denied = await mark(503);
  const reason = `No attempt of call ${callIdOf(2)} in replays was accepted (200), so settledBy can't be replay`;
  expect([denied.status, await denied.text()]).toEqual([422, expect.stringContaining(reason)]);
  expect(await api.count("demo", "FAILED")).toBe(2);
  // It was sent twice, and the report leaves out the other one.
  expect((await mark(503, 200)).status).toBe(204);
  expect(await api.count("demo", "SUCCESS")).toBe(2);
});

it("leaves a call that was held its attempt when retries are switched off", async () => {
  const first = Array.from({ length: 12 }, (_, index) => callIdOf(index));
  await api.hand("demo", first);
  // A probe goes after each back-off step: what comes in between is held.
  const held = await eventually(
    async () => {
      const id = callIdOf(100 + Math.trunc(performance.now()));
      await api.hand("demo", [id]);
      return { id, ...(await callOf(id)) };
    },
    ({ status, attemptCount }) => status === "FAILED" && attemptCount === 0,
  );
  expect((await send("POST", "/callbacks/demo/attempts", reportOf([held.id], 0))).status).toBe(204);
  expect(await callOf(held.id)).toMatchObject({ attemptCount: 1, callback: { statusCode: 500 } });
  expect((await send("PUT", "/callbacks/demo", { retriesEnabled: false })).status).toBe(204);
  await eventually(
    () => callOf(held.id),
    ({ status, attemptCount, callback }) => status === "FAILED" && attemptCount === 2 && callback.statusCode === 503,
  );
});

it("a call's next attempt is never shown in the past, while its endpoint is down", async () => {
  const ids = Array.from({ length: 30 }, (_, index) => callIdOf(index));
  await api.hand("demo", ids);
  // Ten calls a round: most have been due for a while.
  const due = await eventually(
    async () => {
      const asked = Date.now();
      const calls = await Promise.all(ids.map(callOf));
      const dates = calls.flatMap(({ nextAttemptDate }) => (nextAttemptDate === undefined ? [] : [Date.parse(nextAttemptDate)]));
      expect(dates.filter((at) => at < asked)).toEqual([]);
      return dates.filter((at) => at <= Date.now()).length;
    },
    (waiting) => waiting > 10,
  );
  expect(due).toBeGreaterThan(10);
  const asked = Date.now();
  const { stdout } = await home.whcb(["calls", "list", "demo", "--failed", "--all", "-o", "json"]);
  const listed: { id: string; nextAttemptDate: string }[] = JSON.parse(stdout);
  expect(listed.filter(({ nextAttemptDate }) => Date.parse(nextAttemptDate) < asked)).toEqual([]);
  const waiting = listed.toSorted((one, other) => Date.parse(one.nextAttemptDate) - Date.parse(other.nextAttemptDate))[0];
  const shown = await home.whcb(["calls", "get", "demo", waiting?.id ?? ""]);
  expect(shown.stdout).toMatch(
    /The service sends it again (?:as soon as it is its turn|at .* \((?:now|in 1s)\)), and retries it until/,
  );
});

it("doesn't move the --until of a line to type ahead of the service's clock, which would mark what fails later", async () => {
  await api.create({ name: "once", url: failing.url, retriesEnabled: false });
  const failed = (count: number) =>
    eventually(
      () => api.count("once", "FAILED"),
      (calls) => calls === count,
    );
  await api.hand("once", [callIdOf(1), callIdOf(2)]);
  await failed(2);
  const body = reportOf([callIdOf(1)], 4 * MINUTE);
  expect((await send("POST", "/callbacks/once/attempts", body)).status).toBe(204);
  const { stderr } = await home.whcb(["mark-success", "once", "--failed"]);
  const line = /to continue, type: whcb (.*)\n/.exec(stderr)?.[1] ?? "";
  await api.hand("once", [callIdOf(3)]);
  await failed(3);
  const typed = await home.whcb(line.split(" "));
  expect([typed.code, (await api.list("once", "SUCCESS")).map(({ id }) => id)]).toEqual([0, [callIdOf(2)]]);
});
