/**
 * A program of another user on the same machine: node neighbour.mjs URL. It learns what anybody can about the service at URL, listens on
 * the same addresses at a port of its own, whose number it prints, and tries each cookie that a browser brings as a session.
 * GET /report is what it found.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, request } from "node:http";

const { port: servicePort } = new URL(process.argv[2]);
const ADDRESSES = ["127.0.0.1", "::1"];
const NAMES = ["127.0.0.1", "localhost", "[::1]", "neighbour.localhost"];
const PATHS = [
  "/",
  "/console",
  "/console/sign-in",
  "/console/events?topic=*",
  "/console/code",
  "/console/nothing",
  "/metrics",
  "/healthz",
];

async function ask(path, name, cookie) {
  const asked = request({
    host: "127.0.0.1",
    port: servicePort,
    path,
    headers: { host: `${name}:${servicePort}`, accept: "text/html" },
  });
  if (cookie) asked.setHeader("cookie", cookie);
  const [answer] = await once(asked.end(), "response");
  let body = "";
  for await (const chunk of answer.setEncoding("utf8")) body += chunk;
  return `${answer.statusCode} ${JSON.stringify(answer.rawHeaders)} ${body}`;
}

function readProcesses() {
  const files = readdirSync("/proc").flatMap((id) => (/^\d+$/.test(id) ? [`/proc/${id}/cmdline`, `/proc/${id}/environ`] : []));
  return files.flatMap((file) => {
    try {
      return [readFileSync(file, "utf8")];
    } catch {
      return []; // another user's, or one that has ended
    }
  });
}

const found = { user: process.getuid?.(), learned: [], requests: [], sessions: [], taken: [] };

for (const address of ADDRESSES) {
  const server = createServer().listen({ host: address, port: servicePort });
  const outcome = await once(server, "listening").then(
    () => "taken",
    ({ code }) => code,
  );
  found.taken.push(`${address} ${outcome}`);
  server.close();
}

async function receive({ url, headers }, response) {
  if (url === "/report") {
    for (const path of PATHS) for (const name of NAMES) found.learned.push(await ask(path, name));
    found.learned.push(...readProcesses());
    return response.end(JSON.stringify(found));
  }
  const { host, cookie, referer, origin } = headers;
  found.requests.push({ host, cookie, referer, origin });
  for (const name of new Set([...NAMES, new URL(`http://${host}`).hostname])) {
    if (cookie && (await ask("/console", name, cookie)).includes("Manage API Callbacks")) found.sessions.push(cookie);
  }
  // A session that the neighbour knows, for a whole domain.
  const planted = createHash("sha256").update("planted").digest("base64url");
  const names = [`whcb-session-${servicePort}`, `whcb-visit-${servicePort}`];
  response.setHeader(
    "set-cookie",
    names.map((name) => `${name}=${planted}; Domain=localhost; Path=/console`),
  );
  response.setHeader("content-type", "text/html");
  response.end(
    `<h1>Neighbour</h1><img src="http://127.0.0.1:${servicePort}/console"><a href="http://127.0.0.1:${servicePort}/console">Console</a>`,
  );
}

const [first, second] = ADDRESSES.map((host) => ({ host, server: createServer(receive) }));
await once(first.server.listen(0, first.host), "listening");
const { port } = first.server.address();
await once(second.server.listen(port, second.host), "listening");
process.stdout.write(`${port}\n`);
