/** A service whose answers cost far more than their size, against commands with a small heap. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Terminal } from "../support/process/terminal.js";
import { Home, type Outcome } from "../support/process/whcb-process.js";

const BYTES = 20_000_000;
/** The text of an answer takes a third of it. */
const HEAP_MIB = 64;
/** The text, as JSON and without, takes two thirds of it. */
const ERROR_HEAP_MIB = 96;
/** So many numbers are too many values. */
const NUMBERS_BYTES = 60_000_000;
const NUMBERS_HEAP_MIB = 160;
/** A list may keep 256 MiB of it. */
const LISTING_HEAP_MIB = 768;

let home: Home;
let stop: (() => void) | undefined;

beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  stop?.();
  await home.leave();
});

type Answer = (path: string, response: ServerResponse) => void;

async function serviceEnv(answer: Answer, heapMiB: number): Promise<Readonly<Record<string, string>>> {
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader("content-type", "application/json");
    answer(request.url ?? "", response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stop = () => {
    server.closeAllConnections();
    server.close();
  };
  const address = server.address();
  return {
    WHCB_URL: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
    WHCB_USERNAME: "u",
    WHCB_PASSWORD: "p",
    WHCB_API_KEY: "k",
    NODE_OPTIONS: `--max-old-space-size=${heapMiB}`,
  };
}

async function whcb(argv: readonly string[], answer: Answer, heapMiB = HEAP_MIB): Promise<Outcome> {
  return home.whcb(argv, { env: await serviceEnv(answer, heapMiB) });
}

/** `output` is what both streams wrote to the terminal. */
async function whcbOnTerminal(argv: readonly string[], answer: Answer, heapMiB = HEAP_MIB) {
  const terminal = Terminal.whcb(home, argv, { env: await serviceEnv(answer, heapMiB) });
  const { code } = await terminal.closed();
  return { code, output: terminal.written };
}

const fill = (unit: string, bytes = BYTES) => unit.repeat(Math.floor(bytes / unit.length));
const TOO_MANY_VALUES = "the answer has more than 3000000 values";
const NOT_JSON = "the answer isn't JSON";

describe("a large answer", () => {
  it.each([
    { name: "calls without members", body: () => `{"calls":[${fill("{},")}{}]}`, message: TOO_MANY_VALUES },
    {
      name: "numbers that are kept as text",
      body: () => `[${fill("1234567890123456.5,", NUMBERS_BYTES)}0]`,
      message: TOO_MANY_VALUES,
      heapMiB: NUMBERS_HEAP_MIB,
    },
    { name: "levels", body: () => fill("[", BYTES / 2) + fill("]", BYTES / 2), message: "the answer has more than 128 levels" },
    { name: "XML", body: () => `<a>${fill("<b/>")}</a>`, message: NOT_JSON },
  ])("of $name is an error", async ({ body, message, heapMiB }) => {
    const { code, stderr } = await whcb(["callbacks", "list"], (_, response) => response.end(body()), heapMiB);
    expect([code, stderr]).toEqual([5, expect.stringContaining(message)]);
  });

  it("is an error in pieces of unknown number", async () => {
    const { code, stderr } = await whcb(["callbacks", "list"], (_, response) => {
      response.write("[");
      for (let sent = 0; sent < BYTES; sent += 60_000) response.write(fill("{},", 60_000));
      response.end("{}]");
    });
    expect([code, stderr]).toEqual([5, expect.stringContaining(TOO_MANY_VALUES)]);
  });

  it("isn't unpacked", async () => {
    const { code, stderr } = await whcb(["callbacks", "list"], (_, response) => {
      response.setHeader("content-encoding", "gzip").end(gzipSync(`[${fill("{},")}{}]`));
    });
    expect([code, stderr]).toEqual([5, expect.stringContaining("the answer isn't UTF-8")]);
  });

  it.each([
    { status: 403, code: 4, message: "API key rejected" },
    { status: 404, code: 3, message: 'no callback "demo"' },
    { status: 413, code: 2, message: "answered 413" },
  ])("with the status $status is an error like a short one", async ({ status, code, message }) => {
    const body = `[${fill("{},")}{}]`;
    const result = await whcb(["callbacks", "get", "demo"], (path, response) => {
      if (path.includes("?")) response.end('{"status":"No records found"}');
      else response.writeHead(status).end(body);
    });
    expect(result).toMatchObject({ code, stderr: expect.stringContaining(message) });
  });
});

describe("a large error", () => {
  it.each([
    ["many parameters", () => `http://x/?${fill("&a")}`],
    ["white space", () => fill(" ")],
  ])("whose text has %s is shown like a short one", async (_, text) => {
    const { code, stderr } = await whcb(
      ["callbacks", "list"],
      (_path, response) => {
        response.writeHead(400).end(JSON.stringify({ errorSummary: "not valid", errorDetail: text() }));
      },
      ERROR_HEAP_MIB,
    );
    expect([code, stderr.length < 600]).toEqual([2, true]);
    // A machine that is slow says before that it waits.
    expect(stderr).toMatch(/^error: not valid/m);
  });
});

describe("a list that doesn't end", () => {
  const long = "x".repeat(1_000_000);
  const wide = "x".repeat(50_000);

  /** Answers any list with pages of items; by default as if there were millions more. */
  function listOf(item: (number: number) => object, perPage = 20, total = 99_999_999): Answer {
    return (path, response) => {
      const [route = "", query] = path.split("?");
      const first = Number(new URLSearchParams(query).get("after"));
      const end = first + perPage;
      const page = Array.from({ length: perPage }, (_, index) => item(first + index));
      const link = end < total ? [{ rel: "next", method: "GET", uri: `${route}?after=${end}` }] : [];
      response.end(JSON.stringify({ status: `1 to ${end} of ${total}`, [route.split("/").at(-1) ?? ""]: page, link }));
    };
  }

  it("of callbacks with long members is an error before it fills the memory", async () => {
    const answer = listOf((number) => ({ id: `C${number}`, name: `n${number}`, more: long }));
    const { code, stderr } = await whcb(["callbacks", "list"], answer, LISTING_HEAP_MIB);
    expect([code, stderr]).toEqual([5, expect.stringContaining("the list doesn't end: more than ")]);
  });

  it.each([
    ["objects", (_: number) => ({})],
    ["lists", (_: number) => [[[[[]]]]]],
    ["short texts", (number: number) => number.toString(36)],
  ])("of callbacks with a thousand %s is an error too", async (_, value) => {
    const more = (number: number) => Array.from({ length: 1_000 }, (_, index) => value(number * 1_000 + index));
    const answer = listOf((number) => ({ id: `C${number}`, more: more(number) }), 100);
    const { code, stderr } = await whcb(["callbacks", "list"], answer, LISTING_HEAP_MIB);
    expect([code, stderr]).toEqual([5, expect.stringContaining("the list doesn't end: more than ")]);
  });

  const demo = {
    id: "9837E6D82347EB5D",
    name: "demo",
    url: "http://127.0.0.1:9/",
    contentType: "json",
    auth: { type: "httpheader" },
  };

  /** Answers with its calls, beside one callback. */
  function demoWith(calls: Answer): Answer {
    return (path, response) => {
      if (path.includes("/calls")) calls(path, response);
      else response.end(JSON.stringify(demo));
    };
  }

  it("of callbacks that are read one by one is one too", async () => {
    const list = listOf((number) => ({ id: `C${number}`, name: `n${number}` }), 40, 40);
    const answer: Answer = (path, response) => {
      const [, id] = /^.callbacks.(C\d+)$/.exec(path) ?? [];
      if (id === undefined) list(path, response);
      else response.end(JSON.stringify({ ...demo, id, more: fill(long) }));
    };
    const { code, stderr } = await whcb(["status"], answer, LISTING_HEAP_MIB);
    expect([code, stderr]).toEqual([5, expect.stringContaining("the list doesn't end: more than ")]);
  });

  it.each([
    ["outages", ["status"], { startedAt: new Date(0).toISOString() }],
    ["calls", ["calls", "follow"], { callback: { attemptedDate: new Date().toISOString() } }],
    ["calls", ["mark-success", "--failed", "--dry-run"], {}],
    ["calls", ["replay", "--failed", "--dry-run"], {}],
  ])("of %s of many callbacks is an error of whcb %j", async (name, argv, item) => {
    const callbacks = listOf((number) => ({ ...demo, id: `C${number}`, name: `n${number}` }), 40, 40);
    const items = listOf((number) => ({ id: `${number}${wide}`, ...item }), 400, 400);
    const answer: Answer = (path, response) => {
      const [, id, rest] = /^.callbacks.(C\d+)(.*)$/.exec(path) ?? [];
      response.setHeader("x-max-limit", "500");
      if (path.includes(name)) items(path, response);
      else if (rest?.includes("calls")) response.end('{"status":"No records found"}');
      else if (id !== undefined) response.end(JSON.stringify({ ...demo, id }));
      else callbacks(path, response);
    };
    const { code, stderr } = await whcb(argv, answer, LISTING_HEAP_MIB);
    expect([code, stderr]).toEqual([5, expect.stringContaining("the list doesn't end: more than ")]);
  });

  it("of calls with long ids is one too", async () => {
    const answer = demoWith(listOf((number) => ({ id: `${number}${long}`, status: "FAILED" })));
    const { code, stderr } = await whcb(["mark-success", "demo", "--failed", "--dry-run"], answer, LISTING_HEAP_MIB);
    expect([code, stderr]).toEqual([5, expect.stringContaining("the list doesn't end: more than ")]);
  });

  const attemptedDate = new Date().toISOString();
  const attempted = { status: "SUCCESS", callback: { id: demo.id, attemptedDate, statusCode: "200" } };
  const attempts = [{ number: 1, attemptedDate, durationMs: 1, statusCode: 200, body: wide }];

  it.each([
    ["calls follow", ["calls", "follow", "demo"], { attempts }],
    ["reconcile", ["reconcile", "demo", "--seen", "seen.txt", "--dry-run"], { from: { mri: wide } }],
  ])("is one of whcb %s", async (_, argv, kept) => {
    writeFileSync(home.path("seen.txt"), "C1\n");
    const answer = demoWith(listOf((number) => ({ id: `C${number}`, messageId: `M${number}`, ...attempted, ...kept }), 400));
    const { code, stderr } = await whcb(argv, answer, LISTING_HEAP_MIB);
    expect([code, stderr]).toEqual([5, expect.stringContaining("the list doesn't end: more than ")]);
  });

  it("is one of a table", async () => {
    const messageId = "x".repeat(1_999);
    const answer = demoWith(listOf((number) => ({ id: `C${number}`, messageId, status: "FAILED" }), 20_000));
    const list = ["calls", "list", "demo", "--all", "--columns", "message"];
    const { code, output } = await whcbOnTerminal(list, answer, LISTING_HEAP_MIB);
    expect([code, output]).toEqual([5, expect.stringContaining("the list doesn't end: more than ")]);
  });

  /** Their texts are half as large again as the heap. */
  const LARGE_CALLS = 60;
  const SPACES = " ".repeat(500_000);
  const large = (number: number) => ({
    id: `C${number}`,
    messageId: "M",
    status: "SUCCESS",
    from: { mri: "somebody" },
    responseMessage: { content: `${number}${long}${SPACES}` },
  });

  it("keeps of calls of a megabyte what a table shows", async () => {
    const { code, output } = await whcbOnTerminal(["calls", "list", "demo", "--all"], demoWith(listOf(large, 5, LARGE_CALLS)));
    expect([code, output.slice(-100)]).toEqual([0, expect.stringContaining(`${LARGE_CALLS} calls of demo`)]);
  });

  it("keeps of calls of a megabyte what watch shows", async () => {
    const calls = demoWith(listOf((number) => ({ ...large(number), status: "FAILED" }), 5));
    const answer: Answer = (path, response) => {
      response.setHeader("x-max-limit", "500");
      if (/^.outages|=SUCCESS|=PENDING/.test(path)) response.end('{"status":"No records found"}');
      else calls(path, response);
    };
    const watch = home.start(["watch", "demo"], { env: await serviceEnv(answer, HEAP_MIB) });
    await watch.says(/demo: 99999999 failed/);
    expect((await watch.stop("SIGINT")).stderr).toBe("");
  });

  it("keeps of calls of a megabyte what reconcile compares", async () => {
    writeFileSync(home.path("seen.txt"), "C1\n");
    const answer = demoWith(listOf(large, 5, LARGE_CALLS));
    const { code, stderr } = await whcb(["reconcile", "demo", "--seen", "seen.txt", "--dry-run"], answer);
    expect([code, stderr]).toEqual([0, expect.stringContaining("nothing to reconcile")]);
  });
});

it("a page may have more calls than a function takes arguments", async () => {
  const calls = Array.from({ length: 130_000 }, (_, number) => ({ id: `C${number}`, status: "FAILED" }));
  const { code, output } = await whcbOnTerminal(
    ["calls", "list", "demo", "--all", "--columns", "id"],
    (path, response) => {
      const isList = path.includes("/calls");
      response.end(JSON.stringify(isList ? { status: "1 to 130000 of 130000", calls } : { id: "demo", name: "demo" }));
    },
    LISTING_HEAP_MIB,
  );
  expect([code, output.slice(-100)]).toEqual([0, expect.stringContaining("130000 calls of demo")]);
});

it("a call with thousands of attempts is shown in a time that grows with their number", async () => {
  const attempts = Array.from({ length: 20_000 }, (_, index) => ({ number: index + 1, durationMs: 1, statusMessage: "refused" }));
  const { code, stdout } = await whcb(["calls", "get", "demo", "A1"], (path, response) => {
    const item = { id: path.includes("/calls") ? "A1" : "demo", name: "demo" };
    const isList = path.includes("?") || path.endsWith("/outages");
    response.end(JSON.stringify(path.endsWith("/attempts") ? { attempts } : isList ? { status: "No records found" } : item));
  });
  expect([code, stdout.split("\n").filter((line) => line.includes("refused")).length]).toEqual([0, 20_000]);
});

it("more ids for a short id than the service may return are an error that says so", async () => {
  const callIds = Array.from({ length: 300_000 }, (_, index) => `ABCDEF${String(index).padStart(26, "0")}`);
  const { code, stderr } = await whcb(["calls", "get", "demo", "ABCDEF"], (path, response) => {
    response.end(JSON.stringify(path.includes("call-ids") ? { callIds } : { id: "demo", name: "demo" }));
  });
  expect([code, stderr]).toEqual([2, expect.stringContaining("several calls begin with ABCDEF")]);
});
