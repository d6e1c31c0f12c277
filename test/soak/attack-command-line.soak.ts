/** A hostile service against a replay, by hand: `npm run soak:attack`. Its list never ends; the figures are printed. Loopback only. */
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer } from "node:http";
import { afterEach, beforeEach, expect, it } from "vitest";
import { platformCalls, platformId } from "../support/platform/scripted-platform.js";
import { Home } from "../support/process/whcb-process.js";

const SMALL_HEAP = "--max-old-space-size=128";
const CONTENT = "x".repeat(20_000);
const ROWS = 200;
/** Far more than the command may read. */
const MOST_CALLS = 100_000;

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

it.each([
  { title: "a small total", total: () => ROWS },
  { title: "a total that grows with each page", total: (listed: number) => listed + 1_000 },
])("a replay ends although the list doesn't, with $title", async ({ total }) => {
  const rows = platformCalls(ROWS);
  let calls = 0;
  let bytes = 0;
  const callback = { id: "9837E6D82347EB5D", name: "demo", url: "http://127.0.0.1:9/", auth: { type: "httpheader", key: "k" } };
  const server = createServer((request, response) => {
    request.resume();
    const path = new URL(request.url ?? "/", "http://service.invalid").pathname;
    let document: unknown = { ...callback, contentType: "json" };
    if (path.endsWith("/calls")) {
      const responseMessage = { channel: "sms", acknowledged: "24/11/26 09:30", content: CONTENT };
      const page = rows.map((call) => ({ ...call, ...call.fields, responseMessage, id: platformId(calls++) }));
      const link = calls < MOST_CALLS ? [{ rel: "next", method: "GET", uri: `${path}?after=${calls}` }] : [];
      document = { status: `1 to ${calls} of ${total(calls)}`, calls: page, link };
    }
    const body = JSON.stringify(document);
    bytes += body.length;
    response.setHeader("content-type", "application/json").end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const began = performance.now();
  try {
    const env = {
      WHCB_URL: `http://127.0.0.1:${port}`,
      WHCB_USERNAME: "u",
      WHCB_PASSWORD: "p",
      WHCB_API_KEY: "k",
      NODE_OPTIONS: SMALL_HEAP,
    };
    const { code, stderr } = await home.whcb(["replay", "demo", "--failed", "--yes"], { env });
    const ms = Math.round(performance.now() - began);
    process.stdout.write(`${calls} calls, ${Math.round(bytes / 2 ** 20)} MiB read in ${ms} ms: ${stderr.trim()}\n`);
    expect(code).toBe(5);
    expect(stderr).toContain("the list doesn't end: ");
    expect(readdirSync(home.path("data", "runs")).filter((name) => !name.endsWith(".lock"))).toEqual([]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
