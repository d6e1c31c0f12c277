import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { objectOf } from "../../src/wire/json/json-value.js";
import { ROUTE_DOCS } from "../../src/wire/openapi/route-docs.js";
import { closeService, openService, type Service } from "../support/server/server-fixture.js";
import { newTemporaryFolder } from "../support/temporary-folders.js";

/** Also left out are the console's pages, which are for people. */
const NOT_DESCRIBED: Readonly<Record<string, string>> = {
  "GET /healthz": "a load balancer reads no more than the status",
  "GET /readyz": "a load balancer reads no more than the status",
  "GET /metrics": "Prometheus has a format of its own",
  "GET /openapi.json": "it is the description",
};

let service: Service;
let text: string;
let document: Readonly<Record<string, unknown>>;

beforeAll(async () => {
  service = await openService();
  text = (await service.app.inject({ url: "/openapi.json" })).body;
  document = objectOf(JSON.parse(text));
});
afterAll(() => closeService(service));

const operations = () =>
  Object.entries(objectOf(document.paths)).flatMap(([path, methods]) =>
    Object.entries(objectOf(methods)).map(([method, operation]) => ({ method, path, ...objectOf(operation) })),
  );

/** Reads the tree that Fastify prints of its routes. */
function servedRoutes(): string[] {
  const prefixes: string[] = [];
  return service.app
    .printRoutes({ commonPrefix: false })
    .split("\n")
    .flatMap((line) => {
      const [, indent = "", part = "", methods = ""] = /^(.*?)[├└]── (\S+) \((.*)\)$/.exec(line) ?? [];
      if (part === "") return [];
      const depth = indent.length / 4;
      prefixes[depth] = (prefixes[depth - 1] ?? "") + part;
      const path = (prefixes[depth] ?? "").replace(/:(\w+)/g, "{$1}");
      return methods.split(", ").map((method) => `${method} ${path}`);
    });
}

const isPage = (route: string) =>
  (/ \/console\b/.test(route) && route !== "POST /console/code") || route.endsWith(" /favicon.ico");

describe("/openapi.json", () => {
  it("is a valid OpenAPI 3.1 document, without credentials", async () => {
    const { valid, errors } = await new Validator().validate({ ...document });
    expect({ valid, errors, version: document.openapi }).toEqual({ valid: true, errors: undefined, version: "3.1.0" });
    expect(text.length).toBeLessThan(80_000);
  });

  it("has no error or warning of Redocly's linter", async () => {
    const file = join(newTemporaryFolder("openapi-"), "openapi.json");
    writeFileSync(file, text);
    const { stdout } = await promisify(execFile)("node_modules/.bin/redocly", ["lint", file, "--format=json"], {
      env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
    }).catch((failure: { readonly stdout: string }) => failure);
    expect(JSON.parse(stdout).problems).toEqual([]);
  });

  it("describes every route but those that have a reason", () => {
    const described = operations().map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    const served = servedRoutes().filter((route) => !route.startsWith("HEAD ") && !isPage(route));
    expect([...described, ...Object.keys(NOT_DESCRIBED)].toSorted()).toEqual(served.toSorted());
  });

  it("names each operation once", () => {
    const names = operations().map((operation) => ("operationId" in operation ? operation.operationId : null));
    expect(names.toSorted()).toEqual(Object.keys(ROUTE_DOCS).toSorted());
  });

  it("says which credentials are needed, and which bodies", () => {
    const withBasic = [
      { apiKey: [], basic: [] },
      { apiKeyParameter: [], basic: [] },
    ];
    expect(document.security).toEqual([...withBasic, { apiKey: [], bearer: [] }, { apiKeyParameter: [], bearer: [] }]);
    const all = operations() as { readonly operationId?: string; readonly security?: unknown; readonly requestBody?: object }[];
    expect(all.filter(({ security }) => security !== undefined)).toMatchObject([
      { operationId: "issueToken", security: withBasic },
      { operationId: "createSignInCode", security: withBasic },
    ]);
    const bodies = all.flatMap(({ operationId, requestBody }) => (requestBody ? [{ operationId, requestBody }] : []));
    expect(bodies.filter(({ requestBody }) => objectOf(requestBody).required !== true)).toMatchObject([
      { operationId: "pauseCallback" },
      { operationId: "requestReplays" },
    ]);
  });
});
