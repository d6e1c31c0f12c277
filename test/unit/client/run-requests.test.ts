import { describe, expect, it } from "vitest";
import { clientOver } from "../../support/client/client-services.js";

it.each([
  [204, "", "taken"],
  [200, "<html>Welcome</html>", "unsupported"],
  [200, "{}", "unsupported"],
  [404, "", "unsupported"],
])(
  "a run lock that is answered %i %s is %s: only our service has them, and the lock of a file is for the others",
  async (status, body, kind) => {
    const client = clientOver({
      name: "https://service.invalid",
      basePath: "",
      send: async () => ({ status, headers: {}, body }),
      close: async () => undefined,
    });
    expect(await client.takeRunLock("CB", { run: "R", holder: "ada@host", done: 0, total: 1 })).toEqual({ kind });
  },
);

const LEASE = { run: "R", holder: "ada@host", done: 0, total: 1 };
const NO_PATH = JSON.stringify({
  errorSummary: "Not found",
  errorText: "Not Found",
  errorDetail: "The service has no such path",
});

/** Requests for a run lock get these answers in turn, and then the last one again. Lists are those of `whcb serve` or of another service. */
function clientAnswering(answers: readonly (readonly [status: number, body: string])[], isOurs = false) {
  let asked = 0;
  return clientOver({
    name: "https://service.invalid",
    basePath: "",
    async send({ path }) {
      const listed = { status: 200, headers: isOurs ? { "x-max-limit": "500" } : {}, body: '{"status":"No records found"}' };
      if (!path.endsWith("/run-lock")) return listed;
      const [status = 0, body = ""] = answers[Math.min(asked++, answers.length - 1)] ?? [];
      return { status, headers: {}, body };
    },
    close: async () => undefined,
  });
}

const ODD = [
  [404, "default backend - 404"],
  [403, "<h1>Forbidden</h1>"],
  [405, ""],
  [200, "<html>Welcome</html>"],
] as const;

describe.each(ODD)("one odd answer, %i %s, to a request for a run lock", (...odd) => {
  it("is asked for again, so a service with leases isn't taken for one without", async () => {
    expect(await clientAnswering([odd, [204, ""]]).takeRunLock("CB", LEASE)).toEqual({ kind: "taken" });
    expect(await clientAnswering([odd, [409, JSON.stringify(LEASE)]]).takeRunLock("CB", LEASE)).toEqual({
      kind: "busy",
      holder: LEASE,
    });
  });

  it.each([
    [204, ""],
    [409, JSON.stringify(LEASE)],
  ])("is a failure of a service that has answered %i before, however often it comes", async (...good) => {
    const client = clientAnswering([good, odd]);
    await client.takeRunLock("CB", LEASE);
    await expect(client.takeRunLock("CB", LEASE)).rejects.toMatchObject({ code: "unavailable" });
  });

  it("is a failure of a service whose lists are those of `whcb serve`", async () => {
    const client = clientAnswering([odd], true);
    await client.listCallbacks();
    await expect(client.takeRunLock("CB", LEASE)).rejects.toMatchObject({ code: "unavailable" });
  });
});

it("a documented 404 means that the callback is gone, or a version without leases: the lock of a file is enough", async () => {
  const client = clientAnswering([[404, NO_PATH]], true);
  await client.listCallbacks();
  expect(await client.takeRunLock("CB", LEASE)).toEqual({ kind: "unsupported" });
});
