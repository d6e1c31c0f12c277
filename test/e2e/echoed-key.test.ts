/** An endpoint answers with the key that it was sent, in every spelling: no part of it gets into files, e-mails and output. */
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SPELLINGS } from "../support/attack/spellings.js";
import { eventually, Home } from "../support/process/whcb-process.js";

/** At the beginning of the key and within it: its last four characters are shown. */
const MARK = "Zq8x";
const KEY = `${MARK}/+"<b>&'\\%41${MARK};-end`;
const LOGIN = Buffer.from(`ada:${KEY}`).toString("base64");
const spellings = Object.values(SPELLINGS);

let home: Home;
let endpoint: Server;
let url: string;

beforeEach(async () => {
  home = new Home();
  let posts = 0;
  endpoint = createServer((request, response) => {
    const { authorization = "", "x-whispir-callback-key": header } = request.headers;
    const parameter = new URL(request.url ?? "", "http://endpoint").searchParams.get("Auth");
    const sent = String(header ?? parameter ?? authorization.split(" ")[1]);
    const secrets = authorization.startsWith("Basic ") ? [sent, Buffer.from(sent, "base64").toString(), KEY] : [sent];
    const number = posts++;
    const spell = spellings[number % spellings.length] ?? String;
    const spelled = secrets.map(spell);
    // The last one begins in the first KiB, and ends after it.
    const body = spelled.join(" ").padEnd(1_024 - 25, ".") + spelled.at(-1);
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

it.each([
  ["queryparam", KEY, [MARK]],
  ["httpheader", KEY, [MARK]],
  ["bearertoken", KEY, [MARK]],
  ["basicauth", LOGIN, [MARK, LOGIN.slice(0, 8)]],
])("no part of a key sent as %s is kept or shown", async (type, key, parts) => {
  const service = await home.serve();
  const created = await home.whcb(
    ["callbacks", "create", "--name", "demo", "--url", url, "--email", "ops@example.com", "--auth", type],
    { env: { WHCB_CALLBACK_KEY: key } },
  );
  expect(created).toMatchObject({ code: 0 });
  const lines = spellings.map((_, index) =>
    JSON.stringify({ id: `CALL${index}`, responseMessage: { channel: "SMS", content: "hi" } }),
  );
  expect(await home.whcb(["trigger", "demo", "--file", "-"], { input: lines.join("\n") })).toMatchObject({ code: 0 });
  const list = () => home.whcb(["calls", "list", "demo", "--failed", "--all", "-o", "ids"]);
  const { stdout } = await eventually(list, (listed) => listed.stdout.split("\n").length > spellings.length);
  await eventually(
    async () => readdirSync(home.folder).includes("mail") && readdirSync(home.path("mail")),
    (mails) => mails !== false && mails.some((name) => name.endsWith(".eml") && !name.startsWith(".")),
  );
  const outputs = [created, await home.whcb(["replay", "demo", "--failed", "--yes", "--verbose", "--max-failures", "100"])];
  for (const id of stdout.trim().split("\n")) outputs.push(await home.whcb(["calls", "get", "demo", id, "-o", "json"]));
  expect(outputs.at(-1)?.stdout).toContain("****");
  outputs.push(await service.stop());
  const shown = outputs.map((output) => output.stdout + output.stderr);
  const files = readdirSync(home.folder, { recursive: true, encoding: "utf8" }).map((name) => home.path(name));
  const kept = files.filter((path) => statSync(path).isFile()).map((path) => `${path}\n${readFileSync(path, "latin1")}`);
  const sought = new Set(parts.flatMap((part) => spellings.map((spell) => spell(part))));
  for (const part of sought) for (const text of [...shown, ...kept]) expect(leakIn(text, part)).toBeNull();
});

/** What is around it. */
function leakIn(text: string, part: string): string | null {
  const at = text.indexOf(part);
  return at === -1 ? null : text.slice(Math.max(0, at - 100), at + 100);
}
