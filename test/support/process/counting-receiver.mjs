/** An endpoint in a process of its own that accepts every POST and counts them by webhook-id: callIdOf's number. GET: the counts. */
import { createServer } from "node:http";

const counts = new Uint8Array(Number(process.argv[2]));
let posts = 0;
let distinct = 0;

const server = createServer((request, response) => {
  request.resume();
  if (request.method === "GET") return response.end(JSON.stringify({ posts, distinct }));
  const number = Number.parseInt(String(request.headers["webhook-id"]).slice(16), 16);
  posts += 1;
  if (counts[number] === 0) distinct += 1;
  if (counts[number] < 255) counts[number] += 1;
  response.end();
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => process.stdout.write(`http://127.0.0.1:${server.address().port}\n`));
