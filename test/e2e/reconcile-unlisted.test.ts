/**
 * A message has a reply that was delivered and one that never arrived. The delivered one can't be compared any more, so what the receiver
 * has of it must not mark the other.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openStore } from "../../src/store/open-store.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { serveHere } from "../support/process/serve-here.js";
import { apiOf } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";
import { type CountingEndpoint, countingEndpoint } from "../support/replay/replay-desk.js";
import { works } from "../support/replay/replay-outage.js";

const DAY_MS = 86_400_000;

const reply = (id: string, mobile: string) => ({
  id,
  messageId: "M-2026-10",
  from: { name: "Ada", mobile },
  responseMessage: { channel: "SMS", acknowledged: "28/11/26 10:00", content: "Yes" },
});
const DELIVERED = reply("delivered", "61491570100");
const MISSED = reply("missed", "61491570199");

const bodyOf = ({ id: _, ...body }: ReturnType<typeof reply>) => JSON.stringify(body);

let home: Home;
let endpoint: CountingEndpoint;

beforeEach(async () => {
  home = new Home();
  endpoint = await countingEndpoint((id) => ({ status: id === "delivered" ? 200 : 503 }));
  const serving = await serveHere(home, ["--no-endpoint-check"]);
  await works(home, ["callbacks", "create", "--name", "demo", "--url", endpoint.url, "--email", "ops@example.com"]);
  writeFileSync(home.path("calls.ndjson"), [DELIVERED, MISSED].map((call) => JSON.stringify(call)).join("\n"));
  await works(home, ["trigger", "demo", "--file", home.path("calls.ndjson")]);
  const api = apiOf(home);
  await eventually(
    () => Promise.all([api.count("demo", "SUCCESS"), api.count("demo", "FAILED")]),
    (counts) => counts.every((count) => count === 1),
  );
  await serving.stop();
});

afterEach(async () => {
  await endpoint.close();
  await home.leave();
});

/** Returns how many calls a list makes seen, and which it leaves open. */
async function reconcile(list: string, ...flags: readonly string[]) {
  const env = { WHCB_URL: home.path("x.db") };
  const argv = ["reconcile", "demo", "--seen", "-", "-o", "json", ...flags];
  const { stdout } = await new CliMachine({}, home.paths).whcb(argv, { stdin: list, env });
  const { seen, ambiguous, counts } = JSON.parse(stdout);
  return { seen: seen ?? counts.seen, ambiguous: ambiguous.map(({ id }: { readonly id: string }) => id) };
}

const OPEN = { seen: 0, ambiguous: ["missed"] };

it("was removed after its retention: a message id doesn't tell which reply is meant", async () => {
  const secretKey = Buffer.from(readFileSync(home.path("x.db.key"), "utf8"), "base64");
  const store = await openStore({ url: home.path("x.db"), clock: systemClock, secretKey });
  expect(await store.retention.purgeExpired(Date.now() + 31 * DAY_MS, 500)).toBe(1);
  await store.close();
  const header = "messageid,from,content";
  for (const list of ["M-2026-10\n", "messageid,content\nM-2026-10,Yes\n", `${header}\nM-2026-10,61491570199,Yes\n`]) {
    expect(await reconcile(list, "--dry-run"), list).toEqual(OPEN);
    expect(await reconcile(list, "--yes"), list).toEqual(OPEN);
  }
  expect(await reconcile(bodyOf(DELIVERED), "--dry-run", "--allow-empty")).toEqual({ seen: 0, ambiguous: [] });
  for (const list of [bodyOf(MISSED), "missed\n", `${header},acknowledged\nM-2026-10,61491570199,Yes,2026-11-28 10:00\n`]) {
    expect(await reconcile(list, "--dry-run"), list).toEqual({ seen: 1, ambiguous: [] });
  }
});

it("was erased: it agrees with every line in what was erased", async () => {
  await works(home, ["db", "erase", "--sender", "61491570100", "--yes", "--db", home.path("x.db")]);
  const table = "messageid,from,content\nM-2026-10,61491570199,Yes\n";
  for (const list of ["messageid,content\nM-2026-10,Yes\n", table, bodyOf(MISSED)]) {
    expect(await reconcile(list, "--yes"), list).toEqual(OPEN);
  }
  expect(await reconcile("missed\n", "--dry-run")).toEqual({ seen: 1, ambiguous: [] });
});
