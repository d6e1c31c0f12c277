/** Ctrl-C comes while a hundred thousand lines are compared with a hundred thousand calls of one message. */
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { eventually, Home, type Running } from "../support/process/whcb-process.js";

const SIZE = 40_000;
const PAGE = 5_000;
/** Comparing takes twice as much CPU time. A page takes up to 600 ms to read, with V8's other threads. */
const MOST_CPU_MS = 1_000;
const USER = { WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
const FROM = { name: "", mri: "", mobile: "", email: "", voice: "" };

const closing: (() => void)[] = [];
let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(async () => {
  for (const close of closing.splice(0)) close();
  await home.leave();
});

/** The service lists SIZE failed calls of one message in a few pages. `onLastPage` is called when the last one was sent. */
async function openService(onLastPage: () => void) {
  const settings = { auth: { type: "httpheader", key: "k" }, contentType: "json", email: "a@b.c" };
  const callback = { id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/hook", ...settings };
  const page = (offset: number, limit: number) => {
    const calls = Array.from({ length: Math.min(limit, SIZE - offset) }, (_, index) => ({
      id: (offset + index).toString(16).padStart(32, "0"),
      messageId: "camp-1",
      status: "FAILED",
      from: FROM,
      responseMessage: { channel: "SMS", acknowledged: "24/11/26 09:30", content: `Reply ${offset + index}` },
      callback: { attemptedDate: "24/11/26 09:31", statusCode: "503" },
    }));
    const next = { uri: `/callbacks/${callback.id}/calls?offset=${offset + limit}&limit=${PAGE}`, rel: "next", method: "GET" };
    const link = offset + limit < SIZE ? [next] : [];
    return { status: `${offset + 1} to ${offset + calls.length} of ${SIZE}`, calls, link };
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://service.invalid");
    const [, , id, list, rest] = url.pathname.split("/");
    // A service that announces a page's size lists PENDING calls apart, and this one has none.
    if (url.searchParams.get("status") === "PENDING") return void response.end('{"status":"No records found"}');
    const offset = Number(url.searchParams.get("offset") ?? 0);
    const limit = url.searchParams.get("limit") === "1" ? 1 : PAGE;
    const isList = list === "calls" && rest === undefined;
    const body = isList ? page(offset, limit) : id === undefined ? { status: "1 to 1 of 1", callbacks: [callback] } : callback;
    const isKnown = isList || list === undefined;
    response.writeHead(isKnown ? 200 : 404, {
      "content-type": "application/json",
      "x-max-limit": String(PAGE),
    });
    response.end(JSON.stringify(isKnown ? body : { errorSummary: "No", errorText: "No", errorDetail: "No" }), () => {
      if (isList && offset + limit >= SIZE) onLastPage();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  return {
    url: `http://127.0.0.1:${address.port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Starts a reconcile in a folder of its own, and resolves when the service has sent its last page. */
async function startReconcile(flags: readonly string[]) {
  const listed = new AbortController();
  const service = await openService(() => listed.abort());
  closing.push(service.close);
  await home.countAsServed(service.url);
  const lines = Array.from({ length: SIZE }, (_, index) =>
    JSON.stringify({
      messageid: "camp-1",
      from: { mobile: `614915${String(index).padStart(5, "0")}` },
      responseMessage: { content: `No ${index}` },
    }),
  );
  writeFileSync(home.path("seen.ndjson"), lines.join("\n"));
  const args = ["reconcile", "demo", "--seen", home.path("seen.ndjson"), ...flags];
  const running = home.start(args, { env: { WHCB_URL: service.url, ...USER } });
  await once(listed.signal, "abort");
  return running;
}

/** The CPU time that a process has taken so far, which Linux tells; null once it has ended. */
function cpuMsOf({ child: { pid, exitCode, signalCode } }: Running): number | null {
  if (exitCode !== null || signalCode !== null) return null;
  const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const [user, system] = fields.split(" ").slice(11, 13);
  // Linux counts hundredths of a second.
  return 10 * (Number(user) + Number(system));
}

it.runIf(process.platform === "linux").each([100, 800])(
  "soon ends it and leaves no lock, %i ms of CPU time after the last page",
  async (afterMs) => {
    const running = await startReconcile(["--yes"]);
    const listedMs = cpuMsOf(running) ?? Number.NaN;
    const pressedMs = await eventually(
      async () => cpuMsOf(running) ?? Number.NaN,
      (ms) => ms >= listedMs + afterMs,
    );
    running.child.kill("SIGINT");
    let endedMs = pressedMs;
    for (let ms: number | null = pressedMs; ms !== null; ms = cpuMsOf(running)) {
      endedMs = ms;
      await delay(5);
    }
    expect(endedMs - pressedMs).toBeLessThan(MOST_CPU_MS);
    expect(await running.ended).toMatchObject({ code: 130, stdout: "" });
    expect(readdirSync(home.path("data", "runs")).filter((name) => name.endsWith(".json"))).toEqual([]);
  },
);
