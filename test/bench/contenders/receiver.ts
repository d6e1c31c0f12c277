/**
 * The endpoint of all benches: 200 to everything, but a path with "hang" is never answered, and 503 while it is down. Prints its port.
 * `GET /arrivals` is answered with what arrived; `PUT /up`, `PUT /down` and `PUT /after/50` (each answer waits 50 ms) too, and begin a new
 * count.
 */
import { createServer } from "node:http";

/** POSTs. */
export interface Arrivals {
  readonly accepted: number;
  readonly rejected: number;
  /** From the first accepted one to the last. */
  readonly ms: number;
}

let isDown = false;
let delayMs = 0;
let accepted = 0;
let rejected = 0;
let firstAt = 0;
let lastAt = 0;

const server = createServer((request, response) => {
  const { url = "", method } = request;
  if (url === "/arrivals" && method === "GET") {
    response.end(arrivals());
    return;
  }
  if (method === "PUT") {
    response.end(arrivals());
    isDown = url === "/down";
    delayMs = Number(/^\/after\/(\d+)$/.exec(url)?.[1] ?? 0);
    accepted = 0;
    rejected = 0;
    return;
  }
  request.resume();
  if (url.includes("hang")) return;
  request.on("end", () => {
    if (isDown) {
      rejected += 1;
      response.statusCode = 503;
    } else {
      lastAt = performance.now();
      if (accepted === 0) firstAt = lastAt;
      accepted += 1;
    }
    if (delayMs > 0) setTimeout(() => response.end(), delayMs);
    else response.end();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.stdout.write(`${address.port}\n`);
});

function arrivals(): string {
  return JSON.stringify({ accepted, rejected, ms: lastAt - firstAt } satisfies Arrivals);
}
