/**
 * An endpoint in a process of its own that writes down each POST before it answers: path, webhook-id, status and time, one line each.
 * SIGUSR2 ends the hanging: what hangs is answered, and so is everything after it. With a file of key and certificate it speaks TLS, and
 * closes idle connections as early as Node does by default.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";

const [, , requestLog, pemFile] = process.argv;
let posts = 0;

/** By the first word of the path. */
const BEHAVIOURS = {
  ok: () => ({ status: 200, afterMs: 0 }),
  prompt: () => ({ status: 200, afterMs: (posts % 5) * 20 }),
  slow: () => ({ status: 200, afterMs: 100 + (posts % 5) * 50 }),
  flaky: () => ({ status: posts % 5 === 0 ? 500 : 200, afterMs: 5 }),
  down: () => ({ status: 503, afterMs: 5 }),
  hang: () => ({ status: 200, afterMs: isReleased ? 0 : null }),
};

let isReleased = false;
const hanging = new Set();
process.on("SIGUSR2", () => {
  isReleased = true;
  for (const answer of hanging) answer();
  hanging.clear();
});

const receive = (request, response) => {
  request.resume();
  request.on("end", () => {
    if (request.method !== "POST") return response.writeHead(200).end();
    posts += 1;
    const { status, afterMs } = BEHAVIOURS[request.url.split("/")[1]]();
    const answer = (waitMs) => {
      appendFileSync(requestLog, `${request.url} ${request.headers["webhook-id"]} ${status} ${Date.now()}\n`);
      setTimeout(() => response.writeHead(status).end(), waitMs);
    };
    if (afterMs !== null) return answer(afterMs);
    const late = () => answer(0);
    hanging.add(late);
    response.on("close", () => hanging.delete(late));
  });
};

const pem = pemFile === undefined ? null : readFileSync(pemFile);
const server = pem === null ? createServer(receive) : createTlsServer({ key: pem, cert: pem }, receive);
if (pem === null) server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => process.stdout.write(`http${pem ? "s" : ""}://127.0.0.1:${server.address().port}\n`));
