/** A client generated from /openapi.json. `npm run prism` runs it through Prism, which compares every request and answer with the document. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import createClient from "openapi-fetch";
import openapiTypescript, { astToString } from "openapi-typescript";
import { afterAll, beforeAll, expect, it } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";
import type { paths } from "../support/client/generated-api.js";
import { HEADERS, USER_ENV } from "../support/process/served-api.js";
import { eventually } from "../support/process/whcb-process.js";

let machine: CliMachine;
let url: string;
let prism: ChildProcess | null = null;

beforeAll(async () => {
  machine = new CliMachine();
  ({ url } = await machine.serve([], { env: USER_ENV }));
});
afterAll(async () => {
  prism?.kill();
  await machine.leave();
});

async function startPrism(): Promise<string> {
  prism = spawn("prism", ["proxy", `${url}/openapi.json`, url, "--errors", "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for (let output = ""; ; ) {
    const [text] = await once(prism.stdout as NodeJS.ReadableStream, "data");
    output += text;
    const [address] = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(output.replaceAll(url, "")) ?? [];
    if (address !== undefined) return address;
  }
}

it("has the types of the document: `npm run openapi:types` writes them", async () => {
  const types = astToString(await openapiTypescript(await (await fetch(`${url}/openapi.json`)).text()));
  await expect(types).toMatchFileSnapshot("../support/client/generated-api.d.ts");
});

it("creates a callback, sees an outage, replays, marks and deletes", async () => {
  const baseUrl = process.env.WHCB_PRISM === undefined ? url : await startPrism();
  const client = createClient<paths, "application/json">({ baseUrl, headers: HEADERS });
  const violations: string[] = [];
  client.use({
    onResponse({ response, schemaPath }) {
      const found = response.headers.get("sl-violations");
      if (found !== null) violations.push(`${schemaPath}: ${found}`);
    },
  });
  const broken = await machine.listen(["--status", "503"]);
  const path = { id: "demo" };

  const created = await client.POST("/callbacks", {
    body: {
      name: "demo",
      url: `${broken.url}/hook`,
      auth: { type: "httpheader", key: "key-of-the-callback" },
      contentType: "json",
      email: "ops@example.com",
      callbacks: { reply: "enabled", undeliverable: "enabled" },
    },
  });
  expect(created.data).toMatchObject({ name: "demo", retriesEnabled: false });
  expect((await client.PUT("/callbacks/{id}", { params: { path }, body: { email: "night@example.com" } })).response.status).toBe(
    204,
  );

  const calls = ["A", "B", "C", "D"].map((id) => ({ id, messageId: `m-${id}`, customParameters: { order: id } }));
  const submitted = await client.POST("/callbacks/{id}/calls", { params: { path }, body: { calls } });
  expect(submitted.data).toEqual({ calls: calls.map(({ id }) => ({ id })), accepted: calls.length });
  const list = async (status: "FAILED" | "SUCCESS") => {
    const { data } = await client.GET("/callbacks/{id}/calls", { params: { path, query: { status, expand: "attempts" } } });
    return data?.calls ?? [];
  };
  const failed = await eventually(
    () => list("FAILED"),
    ({ length }) => length === 4,
  );
  expect(failed.map(({ attempts }) => attempts?.[0]?.statusCode)).toEqual([503, 503, 503, 503]);
  const outages = await client.GET("/outages", { params: { query: { callbackId: "demo" } } });
  expect(outages.data?.outages).toMatchObject([{ callbackId: created.data?.id, state: "open", failedCalls: 4 }]);
  expect((await client.GET("/callbacks/{id}", { params: { path } })).data?.state).toBe("failing");
  const query = { groupBy: "statusCode" };
  const groups = await client.GET("/callbacks/{id}/calls", { params: { path, query } });
  expect(groups.data?.groups).toMatchObject([{ statusCode: 503, count: 4 }]);

  await broken.stop();
  await machine.listen(["--port", new URL(broken.url).port]);
  const replay = await client.POST("/callbacks/{id}/replays", { params: { path, query: { id: ["A", "B"] } } });
  expect(replay.data).toMatchObject({ total: 2, accepted: 2 });
  const replayId = replay.data?.id ?? "";
  const ended = await eventually(
    () => client.GET("/callbacks/{id}/replays/{replayId}", { params: { path: { ...path, replayId } } }),
    ({ data }) => data?.state === "finished",
  );
  expect(ended.data).toMatchObject({ succeeded: 2, failed: 0, cancelled: 0, left: 0 });
  const marked = await client.PUT("/callbacks/{id}/calls", {
    params: { path, query: { id: ["A", "C"] } },
    body: { status: "SUCCESS", unlessSettled: true },
  });
  expect(marked.data).toEqual({ status: "SUCCESS", left: ["A"] });
  expect(marked.response.headers.get("content-type")).toBe("application/json");
  const one = { params: { path: { ...path, callId: "D" } } };
  expect((await client.PUT("/callbacks/{id}/calls/{callId}", { ...one, body: { status: "SUCCESS" } })).response.status).toBe(204);
  expect((await client.GET("/callbacks/{id}/calls/{callId}", one)).data).toMatchObject({ status: "SUCCESS", settledBy: "user" });
  expect((await client.GET("/callbacks/{id}/calls/{callId}/attempts", one)).data?.attempts).toHaveLength(1);
  expect([await list("FAILED"), (await list("SUCCESS")).length]).toEqual([[], 4]);

  expect((await client.DELETE("/callbacks/{id}", { params: { path } })).response.status).toBe(204);
  const gone = await client.GET("/callbacks/{id}", { params: { path } });
  expect([gone.response.status, gone.error?.errorSummary]).toEqual([404, "Not found"]);
  expect((await client.GET("/callbacks", { params: { query: {} } })).data).toMatchObject({ status: "No records found" });
  const token = await client.POST("/auth");
  expect(token.data?.token).toBeTypeOf("string");
  expect(violations).toEqual([]);
});
