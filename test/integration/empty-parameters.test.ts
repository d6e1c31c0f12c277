/** An empty value is an error, never "all", for each parameter and member that /openapi.json declares. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { objectOf } from "../../src/wire/json/json-value.js";
import { anAttempt } from "../support/builders.js";
import { pendingCalls, recordAttempts } from "../support/server/recorded-calls.js";
import { CALLBACK_BODY, CREDENTIALS, closeService, openService, type Service } from "../support/server/server-fixture.js";

/** Paging selects nothing. */
const MAY_BE_EMPTY = ["limit", "offset", "cursor", "sortFields", "sortOrder"];
/** Without a key no credential is sent, and an answer may have no message and no body. */
const MEMBERS_THAT_MAY_BE_EMPTY = ["auth.key", "attempts.0.statusMessage", "attempts.0.body"];

const LEASE = { run: "R1", holder: "ada@laptop", done: 0, total: 1 };
const REPORT = {
  sentFrom: "ada@laptop",
  attempts: [
    {
      id: "A",
      attemptedDate: "2026-01-09T00:00:00Z",
      durationMs: 1,
      statusCode: 503,
      statusMessage: "no",
      error: "dns",
      body: "",
    },
  ],
};
const MARK = {
  status: "FAILED",
  settledBy: "user",
  replays: REPORT,
  unlessDeliveredSince: "2026-11-24T09:31:00.000Z",
  unlessSettled: false,
  markedAt: "2026-11-24T09:31:00.000Z",
};
const MARK_SUCCESS = {
  status: "SUCCESS",
  unlessFailedSince: "2026-11-24T09:31:00.000Z",
  unlessChanged: [{ id: "A", changedDate: "2026-11-24T09:31:00.000Z" }],
};
/** Together the bodies of a schema have all its members. */
const PAUSE = { durationMs: 60_000 };
const BODIES: readonly object[] = [{ ...CALLBACK_BODY, signing: "enabled" }, MARK, MARK_SUCCESS, REPORT, LEASE, PAUSE];

let service: Service;
let operations: readonly Operation[];

interface Operation {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly parameters: readonly string[];
  /** It is null if there is none, or for a submission, which has what a person wrote or didn't. */
  readonly body: object | null;
}

beforeAll(async () => {
  service = await openService();
  await ask("POST", "/callbacks", CALLBACK_BODY);
  await ask("POST", "/callbacks/demo/calls", { calls: [{ id: "A" }, { id: "B" }] });
  const { id = "" } = (await service.store.callbacks.find("demo")) ?? {};
  await recordAttempts(service.store, await pendingCalls(service.store, id), () => anAttempt());
  const document = objectOf((await service.app.inject({ url: "/openapi.json" })).json());
  const schemas = objectOf(objectOf(document.components).schemas);
  operations = Object.entries(objectOf(document.paths)).flatMap(([path, methods]) =>
    Object.entries(objectOf(methods)).flatMap(([method, declared]) => readOperations(path, method, objectOf(declared), schemas)),
  );
});
afterAll(() => closeService(service));

/** Returns one for each body. */
function readOperations(
  path: string,
  method: string,
  { parameters, requestBody }: Readonly<Record<string, unknown>>,
  schemas: Readonly<Record<string, unknown>>,
): readonly Operation[] {
  const declared = Array.isArray(parameters) ? parameters.map(objectOf) : [];
  const { schema } = objectOf(objectOf(objectOf(requestBody).content)["application/json"]);
  const name = String(objectOf(schema).$ref).replace("#/components/schemas/", "");
  const members = Object.keys(objectOf(objectOf(schemas[name]).properties));
  const bodies = BODIES.filter((body) => Object.keys(body).every((member) => members.includes(member)));
  const missing = members.filter((member) => !bodies.some((body) => member in body));
  if (missing.length > 0) throw new Error(`${method} ${path}: no body has ${missing}`);
  return (bodies.length > 0 ? bodies : [null]).map((body) => ({
    method: method.toUpperCase() as Operation["method"],
    path: path.replace("{id}", "demo").replace("{callId}", "A").replace("{replayId}", "R1"),
    parameters: declared.filter((parameter) => parameter.in === "query").map(({ name }) => String(name)),
    body,
  }));
}

async function ask(method: Operation["method"], url: string, payload: object | string | null = null) {
  const headers = { ...CREDENTIALS, accept: "application/json", ...(payload && { "content-type": "application/json" }) };
  const answer = await service.app.inject({ method, url, headers, ...(payload && { payload }) });
  return { status: answer.statusCode, detail: answer.body === "" ? "" : String(answer.json().errorDetail ?? "") };
}

/** Returns the paths of all strings. */
function textsOf(value: unknown, path = ""): string[] {
  if (typeof value === "string") return [path];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => textsOf(member, path === "" ? name : `${path}.${name}`));
}

function withEmpty(value: unknown, path: string): unknown {
  const [name = "", ...rest] = path.split(".");
  if (path === "") return "";
  if (Array.isArray(value)) return value.map((item) => withEmpty(item, rest.join(".")));
  return { ...objectOf(value), [name]: withEmpty(objectOf(value)[name], rest.join(".")) };
}

describe("an empty value", () => {
  it("of any declared parameter is a 422 that names it, except of paging", async () => {
    const checked: string[] = [];
    for (const { method, path, parameters, body } of operations) {
      const names = parameters.flatMap((name) => (name === "id" ? [name, "id[]", "id[0]"] : [name]));
      for (const name of names.filter((one) => !MAY_BE_EMPTY.includes(one))) {
        for (const query of [`${name}=`, name, `${name}=%20%09`, `${name}=x&${name}=`]) {
          const answer = await ask(method, `${path}?${query}`, body);
          expect([method, path, query, answer]).toEqual([
            method,
            path,
            query,
            { status: 422, detail: `${name} must not be empty` },
          ]);
        }
        checked.push(`${method} ${name}`);
      }
    }
    for (const name of ["GET from", "GET groupBy", "GET prefix", "GET callbackId", "PUT id", "POST id", "POST from"])
      expect(checked).toContain(name);
  });

  it("of paging or apikey changes nothing", async () => {
    const query = [...MAY_BE_EMPTY, "apikey"].map((name) => `${name}=`).join("&");
    for (const path of ["/callbacks", "/callbacks/demo/calls", "/outages"])
      expect(await ask("GET", `${path}?${query}`)).toEqual({ status: 200, detail: "" });
  });

  it("of any other parameter is a 422, too: it may be a misspelled one", async () => {
    expect(await ask("GET", "/callbacks/demo/calls?form=")).toEqual({ status: 422, detail: "form must not be empty" });
  });

  it.each(["A,", ",A", "A,%20,B"])("in a list of ids, %s, marks none of them", async (ids) => {
    expect(await ask("PUT", `/callbacks/demo/calls?id=${ids}`, MARK)).toEqual({
      status: 422,
      detail: "id must not be empty",
    });
  });

  it("of any member of a body is a 422 that names it, except where it means something", async () => {
    for (const { method, path, parameters, body } of operations) {
      for (const member of textsOf(body)) {
        if (MEMBERS_THAT_MAY_BE_EMPTY.some((name) => member.endsWith(name))) continue;
        const url = parameters.includes("id") ? `${path}?id=A` : path;
        const { status, detail } = await ask(method, url, objectOf(withEmpty(body, member)));
        expect([method, url, member, status]).toEqual([method, url, member, 422]);
        expect(detail).toContain(member.split(".").at(-1));
      }
    }
  });

  it("has changed nothing in all these requests", async () => {
    const { id = "" } = (await service.store.callbacks.find("demo")) ?? {};
    expect(await service.store.calls.count(id)).toMatchObject({ FAILED: 2, SUCCESS: 0, PENDING: 0 });
    expect(await service.store.replays.list(id, 1)).toEqual([]);
  });
});

describe("what would be ignored", () => {
  const SUCCESS = { status: "SUCCESS" };
  const marks = "/callbacks/demo/calls";

  it.each(["from=nobody", "status=PENDING", "status=FAILED", "statusCode=404", "since=2026-01-09", "q=x"])(
    "as the filter %s beside an id is a 422, and marks nothing",
    async (filter) => {
      const detail = `id and ${filter.split("=")[0]} can't be combined`;
      for (const path of [`${marks}?id=A&${filter}`, `${marks}?${filter}&id[]=A`, `${marks}/A?${filter}`])
        expect(await ask("PUT", path, SUCCESS)).toEqual({ status: 422, detail });
    },
  );

  it.each(["statuscode=503", "From=x", "dryRun=true", "callbackId=other"])(
    "as the unknown parameter %s beside an id is a 422, and marks nothing",
    async (parameter) => {
      const detail = `${parameter.split("=")[0]} is not a parameter here`;
      for (const path of [`${marks}?id=A&${parameter}`, `${marks}/A?${parameter}`])
        expect(await ask("PUT", path, SUCCESS)).toEqual({ status: 422, detail });
    },
  );

  it("as an id beside that of the path is a 422, and marks nothing", async () => {
    const detail = "id is in the path: name no other call";
    expect(await ask("PUT", `${marks}/A?id=B`, SUCCESS)).toEqual({ status: 422, detail });
  });

  it("as a member that a mark doesn't have is a 422, and marks nothing", async () => {
    const detail = "unlessSetled isn't a member of a mark";
    for (const path of [`${marks}?id=A`, `${marks}/A`])
      expect(await ask("PUT", path, { ...SUCCESS, unlessSetled: true })).toEqual({ status: 422, detail });
  });

  it("as a name that an object has twice is a 400, and changes nothing", async () => {
    const twice = { status: 400, detail: "an object of the body has a name twice" };
    const body = '{"status":"SUCCESS","status":"FAILED"}';
    for (const path of [`${marks}?id=A`, `${marks}/A`]) expect(await ask("PUT", path, body)).toEqual(twice);
    expect(await ask("PUT", "/callbacks/demo", '{"auth":{"key":"a","\\u006bey":"b"}}')).toEqual(twice);
    const deep = `{"x":${'[{"x":'.repeat(40_000)}1${"}]".repeat(40_000)}}`;
    expect(await ask("PUT", `${marks}?id=A`, deep)).toMatchObject({ status: 422 });
    expect(await ask("PUT", `${marks}?id=A`, deep.replace('"x":1', '"x":1,"x":1'))).toEqual(twice);
  });

  it.each([
    [
      { from: "nobody", statusCode: 404 },
      "from isn't a member here: the query selects the calls; statusCode isn't a member here: the query selects the calls",
    ],
    [{ id: "A" }, "id isn't a member here: the query selects the calls"],
    [{ ...LEASE, status: "FAILED" }, "status isn't a member here: the query selects the calls"],
  ])("as the selection %j in the body of a replay is a 422, and sends nothing", async (body, detail) => {
    expect(await ask("POST", "/callbacks/demo/replays?status=FAILED", body)).toEqual({ status: 422, detail });
  });

  it("has changed nothing", async () => {
    const { id = "" } = (await service.store.callbacks.find("demo")) ?? {};
    expect(await service.store.calls.count(id)).toMatchObject({ FAILED: 2, SUCCESS: 0 });
    expect(await service.store.replays.list(id, 1)).toEqual([]);
  });

  it("isn't an empty body of a replay, nor what the platform's documents have in a mark", async () => {
    expect(await ask("POST", "/callbacks/demo/replays?from=nobody", {})).toMatchObject({ status: 202 });
    const path = `${marks}?apikey=key&id=A`;
    expect(await ask("PUT", `${path}&status=SUCCESS`, SUCCESS)).toEqual({ status: 204, detail: "" });
    const xml =
      '<ns2:call xmlns:ns2="http://schemas.api.whispir.com/dap" xmlns:ns3="http://schemas.api.whispir.com"><status>FAILED</status></ns2:call>';
    const headers = { ...CREDENTIALS, accept: "application/json", "content-type": "application/vnd.whispir.api-call-v1+xml" };
    const { statusCode } = await service.app.inject({
      method: "PUT",
      url: path,
      headers,
      payload: `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n${xml}`,
    });
    expect(statusCode).toBe(204);
  });
});

describe("a replay by filter", () => {
  it.each(["form=61400000001", "statuscode=503", "ids=A", "from[]=x", "limit=1"])("with %s is a 422", async (query) => {
    const answer = await ask("POST", `/callbacks/demo/replays?status=FAILED&${query}`);
    expect(answer).toEqual({ status: 422, detail: `${query.split("=")[0]} is not a parameter here` });
  });

  it("takes every parameter that is declared for it", async () => {
    const values: Readonly<Record<string, string>> = {
      id: "A",
      status: "FAILED",
      since: "2026-01-09T00:00:00Z",
      until: "2026-01-09T00:00:00Z",
      statusCode: "503",
      reason: "no-message",
      channel: "SMS",
      messageId: "M",
      from: "x",
      q: "x",
      answer: "x",
    };
    const { parameters = [] } = operations.find(({ path, method }) => path.endsWith("/replays") && method === "POST") ?? {};
    expect(parameters.toSorted()).toEqual(Object.keys(values).toSorted());
    for (const name of parameters)
      expect(await ask("POST", `/callbacks/demo/replays?${name}=${values[name]}&apikey=`)).toEqual({ status: 202, detail: "" });
  });
});
