import { Client } from "undici";
import { compare } from "../run/measures.js";
import { median } from "../run/rounds.js";
import type { Bench, Measure } from "../run/scope.js";
import { HEADERS, startBenchService } from "../run/service.js";

const SAMPLES = 60;
const PAGES = 5_000;

interface ListPage {
  readonly link?: readonly { readonly uri: string; readonly rel: string }[];
}

/** Pages of a long list over HTTP, and what counting it costs. */
export const list: Bench = async (scope) => {
  const database = scope.freshFile(".db");
  const count = scope.scaled(1_000_000);
  const url = "http://127.0.0.1:9/hook";
  const { countSmallUs, countLargeUs } = await scope.measure("fill", { database, url, count, failedEach: 5 });
  const service = await startBenchService(scope, { database, dispatch: false });
  const client = new Client(service.url);
  scope.onClose(() => client.close());

  const first = "/callbacks/demo/calls?limit=20";
  let path = first;
  for (let page = 1; page < Math.min(PAGES, Math.floor(count / 40)); page += 1) path = nextOf(await get(client, path));
  const paths: Record<string, string> = {
    first,
    deep: path,
    "status=FAILED": `${first}&status=FAILED`,
    "statusCode=503": `${first}&statusCode=503`,
    "since and until": `${first}&since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z`,
    "channel=SMS": `${first}&channel=SMS`,
    "q=come": `${first}&q=come`,
  };
  const times = new Map<string, number[]>(Object.keys(paths).map((name) => [name, []]));
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    for (const [name, from] of Object.entries(paths)) {
      const began = performance.now();
      await get(client, from);
      times.get(name)?.push(performance.now() - began);
    }
  }
  // The first ones compile.
  const ms = (name: string) => median((times.get(name) ?? []).slice(SAMPLES / 3));
  const against = { against: ms("first"), unit: "ms" as const };
  const filtered = Object.keys(paths).slice(2);
  return [
    compare({ measure: "page 5 000 by rel=next, against the first", ours: ms("deep"), ...against, atMost: 1.3 }),
    ...filtered.map((name): Measure => compare({ measure: `first page, ${name}`, ours: ms(name), ...against, atMost: 20 })),
    compare({
      measure: "counts by status, against those of 1 000 calls",
      ours: (countLargeUs ?? Number.NaN) / 1_000,
      against: (countSmallUs ?? Number.NaN) / 1_000,
      unit: "ms",
      atMost: 1.5,
    }),
  ];
};

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
