/** An endpoint answers with the key and the URL's secrets that it was sent, in every spelling: no part of them gets into files, e-mails and output. */
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SPELLINGS } from "../support/attack/spellings.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { eventually, Home } from "../support/process/whcb-process.js";

/** The key begins with it and has it again, but not at its end, because the last four characters are shown. */
const MARK = "Zq8x";
const KEY = `${MARK}/+"<b>&'\\%41${MARK};-end`;
const LOGIN = Buffer.from(`ada:${KEY}`).toString("base64");
const spellings = Object.values(SPELLINGS);

let home: Home;
let endpoint: Server;
let url: string;
let secretsInUrl: readonly string[];

beforeEach(async () => {
  home = new Home();
  secretsInUrl = [];
  let posts = 0;
  endpoint = createServer((request, response) => {
    const { authorization = "", "x-whispir-callback-key": header } = request.headers;
    const parameter = new URL(request.url ?? "", "http://endpoint").searchParams.get("Auth");
    const sent = String(header ?? parameter ?? authorization.split(" ")[1]);
    const secrets = [...secretsInUrl, sent];
    if (authorization.startsWith("Basic ")) secrets.push(Buffer.from(sent, "base64").toString(), KEY);
    const number = posts++;
    const spell = spellings[number % spellings.length] ?? String;
    const spelled = secrets.map(spell);
    // The last one begins in the first KiB, and ends after it.
    const body = `it is true ${spelled.join(" ")}`.padEnd(1_024 - 25, ".") + spelled.at(-1);
    response.writeHead(request.method === "GET" ? 200 : 500, `no ${secrets.at(-1)}`).end(body);
  }).listen(0, "127.0.0.1");
  await once(endpoint, "listening");
  const address = endpoint.address();
  if (address === null || typeof address === "string") throw new Error("The endpoint has no port.");
  url = `http://127.0.0.1:${address.port}/hook`;
});

afterEach(async () => {
  await home.leave();
  endpoint.closeAllConnections();
  endpoint.close();
});

/** Returns all that commands print while the endpoint rejects a call for each spelling, and a replay of them. */
async function showAll(created: readonly string[], key: string): Promise<readonly string[]> {
  const service = await home.serve();
  const options = ["--name", "demo", "--email", "ops@example.com", ...created];
  const outputs = [await home.whcb(["callbacks", "create", ...options], { env: { WHCB_CALLBACK_KEY: key } })];
  expect(outputs[0]).toMatchObject({ code: 0 });
  const lines = spellings.map((_, index) =>
    JSON.stringify({ id: `CALL${index}`, responseMessage: { channel: "SMS", content: "hi" } }),
  );
  expect(await home.whcb(["trigger", "demo", "--file", "-"], { input: lines.join("\n") })).toMatchObject({ code: 0 });
  const machine = new CliMachine({}, home.paths);
  const list = () => machine.whcb(["calls", "list", "demo", "--failed", "--all", "-o", "ids"]);
  const { stdout } = await eventually(list, (listed) => listed.stdout.split("\n").length > spellings.length);
  await eventually(
    async () => readdirSync(home.folder).includes("mail") && readdirSync(home.path("mail")),
    (mails) => mails !== false && mails.some((name) => name.endsWith(".eml") && !name.startsWith(".")),
  );
  outputs.push(await home.whcb(["replay", "demo", "--failed", "--yes", "--verbose", "--max-failures", "100"]));
  for (const id of stdout.trim().split("\n")) outputs.push(await machine.whcb(["calls", "get", "demo", id, "-o", "json"]));
  expect(outputs.at(-1)?.stdout).toContain("****");
  outputs.push(await service.stop());
  return outputs.map((output) => output.stdout + output.stderr);
}

function keptFiles(): readonly string[] {
  const files = readdirSync(home.folder, { recursive: true, encoding: "utf8" }).map((name) => home.path(name));
  return files.filter((path) => statSync(path).isFile()).map((path) => `${path}\n${readFileSync(path, "latin1")}`);
}

function expectNone(texts: readonly string[], parts: readonly string[]): void {
  const sought = new Set(parts.flatMap((part) => spellings.map((spell) => spell(part))));
  for (const part of sought) for (const text of texts) expect(leakIn(text, part)).toBeNull();
}

it.each([
  ["queryparam", KEY, [MARK]],
  ["httpheader", KEY, [MARK]],
  ["bearertoken", KEY, [MARK]],
  ["basicauth", LOGIN, [MARK, LOGIN.slice(0, 8)]],
])("no part of a key sent as %s is kept or shown", async (type, key, parts) => {
  const shown = await showAll(["--url", url, "--auth", type], key);
  expectNone([...shown, ...keptFiles()], parts);
});

it("no part of a secret in the URL is shown, or kept but as the URL", async () => {
  const token = `${MARK}/+"<b>&'\\%41${MARK};-end`;
  secretsInUrl = [`${MARK}-0123456789abcdefghij-${MARK}`, token];
  const secretUrl = `${url}/${secretsInUrl[0]}?unicode=true&token=${encodeURIComponent(token)}`;
  const shown = await showAll(["--url", secretUrl, "--auth", "httpheader"], "a-key-of-the-callback");
  expectNone([...shown, ...keptFiles().filter((file) => !/^\S+x\.db/.test(file)), rowsBesidesUrls()], [MARK]);
  // A word that the URL has too stays readable.
  expect(shown.join("")).toContain("it is true");
});

function rowsBesidesUrls(): string {
  const database = new Database(home.path("x.db"), { readonly: true });
  const names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'callbacks'").pluck().all();
  const rows = names.flatMap((name) => database.prepare(`SELECT * FROM "${name}"`).raw().all());
  database.close();
  expect(rows.length).toBeGreaterThan(spellings.length);
  return JSON.stringify(rows, (_, value) => (value?.type === "Buffer" ? Buffer.from(value.data).toString() : value));
}

/** Returns what is around it, or null. */
function leakIn(text: string, part: string): string | null {
  const at = text.indexOf(part);
  return at === -1 ? null : text.slice(Math.max(0, at - 100), at + 100);
}
