/** An endpoint in a process of its own that writes down each POST before it answers: path, webhook-id and status, one line each. */
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";

const [, , ledger] = process.argv;
let posts = 0;

/** By the first word of the path. */
const BEHAVIOURS = {
  ok: () => ({ status: 200, afterMs: 0 }),
  slow: () => ({ status: 200, afterMs: 100 + (posts % 5) * 50 }),
  flaky: () => ({ status: posts % 5 === 0 ? 500 : 200, afterMs: 5 }),
  down: () => ({ status: 503, afterMs: 5 }),
};

const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    if (request.method !== "POST") return response.writeHead(200).end();
    posts += 1;
    const { status, afterMs } = BEHAVIOURS[request.url.split("/")[1]]();
    appendFileSync(ledger, `${request.url} ${request.headers["webhook-id"]} ${status}\n`);
    setTimeout(() => response.writeHead(status).end(), afterMs);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => process.stdout.write(`http://127.0.0.1:${server.address().port}\n`));
