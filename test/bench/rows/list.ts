import { Client } from "undici";
import { compare } from "../run/measures.js";
import { median } from "../run/rounds.js";
import { RARE_RESPONSE, RESPONSE } from "../run/sample.js";
import type { Bench } from "../run/scope.js";
import { HEADERS, startBenchService } from "../run/service.js";

const SAMPLES = 60;
/** In all: a slow page is read less often. */
const LONGEST_MS = 2_000;
const PAGES = 5_000;

/** Match a fifth of all calls or more. */
const COMMON = [
  "status=FAILED",
  "status=SUCCESS",
  "statusCode=503",
  "statusCode=5xx",
  "since=2020-01-01T00:00:00Z",
  "until=2100-01-01T00:00:00Z",
  "channel=SMS",
  `messageId=${RESPONSE.messageId}`,
  `from=${RESPONSE.from.mobile}`,
  "q=come",
];
const FEW = 10;
/** Match those few, or none. */
const RARE = [
  "status=PENDING",
  "statusCode=404",
  "statusCode=none",
  "since=2100-01-01T00:00:00Z",
  "until=2020-01-01T00:00:00Z",
  "channel=VOICE",
  `messageId=${RARE_RESPONSE.messageId}`,
  `from=${RARE_RESPONSE.from.mobile}`,
  "q=never",
];

interface ListPage {
  readonly link?: readonly { readonly uri: string; readonly rel: string }[];
}

/** Pages of a long list over HTTP, and what counting it costs. */
export const list: Bench = async (scope) => {
  const database = scope.freshFile(".db");
  const count = scope.scaled(1_000_000);
  const url = "http://127.0.0.1:9/hook";
  const { countSmallUs, countLargeUs } = await scope.measure("fill", { database, url, count, failedEach: 5, rare: FEW });
  const service = await startBenchService(scope, { database, dispatch: false });
  const client = new Client(service.url);
  scope.onClose(() => client.close());

  const first = "/callbacks/demo/calls?limit=20";
  let deep = first;
  for (let page = 1; page < Math.min(PAGES, Math.floor(count / 40)); page += 1) deep = nextOf(await get(client, deep));
  const filters = [...COMMON, ...RARE];
  const ms = await readInTurn(client, [first, deep, ...filters.map((filter) => `${first}&${filter}`)]);
  const against = { against: ms(first), unit: "ms" as const };
  const filtered = (filter: string, matches: string) =>
    compare({ measure: `first page, ${filter}, of ${matches}`, ours: ms(`${first}&${filter}`), ...against, atMost: 20 });
  return [
    compare({ measure: "page 5 000 by rel=next, against the first", ours: ms(deep), ...against, atMost: 1.3 }),
    ...COMMON.map((filter) => filtered(filter, "many")),
    ...RARE.map((filter) => filtered(filter, "few or none")),
    compare({
      measure: "counts by status, against those of 1 000 calls",
      ours: (countLargeUs ?? Number.NaN) / 1_000,
      against: (countSmallUs ?? Number.NaN) / 1_000,
      unit: "ms",
      atMost: 1.5,
    }),
  ];
};

/** The median that each takes, by path. */
async function readInTurn(client: Client, paths: readonly string[]): Promise<(path: string) => number> {
  const times = new Map<string, number[]>(paths.map((path) => [path, []]));
  const spent = (path: string) => (times.get(path) ?? []).reduce((sum, ms) => sum + ms, 0);
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    for (const path of paths.filter((path) => spent(path) < LONGEST_MS)) {
      const began = performance.now();
      await get(client, path);
      times.get(path)?.push(performance.now() - began);
    }
  }
  // The first ones compile.
  return (path) => {
    const all = times.get(path) ?? [];
    return median(all.slice(Math.floor(all.length / 3)));
  };
}

async function get(client: Client, path: string): Promise<ListPage> {
  const answer = await client.request({ path, method: "GET", headers: HEADERS });
  if (answer.statusCode !== 200) throw new Error(`${path} was answered with ${answer.statusCode}`);
  return (await answer.body.json()) as ListPage;
}

function nextOf({ link = [] }: ListPage): string {
  const next = link.find(({ rel }) => rel === "next");
  if (next === undefined) throw new Error("The list ended early.");
  const { pathname, search } = new URL(next.uri, "http://127.0.0.1");
  return pathname + search;
}
