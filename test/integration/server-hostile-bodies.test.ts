/** Bodies that cost far more than their size: a real service with a small heap stays up and answers others. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { hostileBody } from "../support/attack/hostile-bodies.js";
import { ServedApi, USER_ENV } from "../support/process/served-api.js";
import { Home, type Running } from "../support/process/whcb-process.js";

const BYTES = 10_400_000;

let home: Home;
let service: Running & { readonly url: string };
let api: ServedApi;

beforeEach(async () => {
  home = new Home();
  service = await home.serve(["--no-endpoint-check", "--no-dispatch"], {
    env: { ...USER_ENV, NODE_OPTIONS: "--max-old-space-size=256" },
  });
  api = new ServedApi(service.url);
  await api.create({ name: "demo", url: "http://127.0.0.1:9/" });
});
afterEach(() => home.leave());

it.each([
  [
    ["JSON of empty objects", 4],
    ["JSON of distinct names", 2],
  ],
  [
    ["XML text", 1],
    ["XML name", 1],
    ["XML attributes", 1],
    ["XML instruction with attributes", 1],
    ["NDJSON line of empty objects", 1],
  ],
] as const)("reads %j at once in 256 MiB", async (...attacks) => {
  const answers = attacks.flatMap(([name, count]) => {
    const { type, make, statuses } = hostileBody(name);
    const body = make(BYTES);
    return Array.from({ length: count }, async () => {
      const answer = await api.fetch("/callbacks/demo/calls", { method: "POST", headers: { "content-type": type }, body });
      return statuses.includes(answer.status) ? [] : [name, answer.status, await answer.text()];
    });
  });
  expect((await Promise.all(answers)).flat()).toEqual([]);
  expect((await api.readiness()).status).toBe(200);
});
