/**
 * Many endpoints in one process: /well/N answers after 20 ms, /hang/N never. It writes down when each POST came (epoch ms), and
 * how many of its endpoint it had open at most.
 */
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";

const [, , report] = process.argv;
const arrivals = [];
const open = new Map();
const mostOpen = new Map();

const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    if (request.method !== "POST") return response.writeHead(200).end();
    const { url } = request;
    arrivals.push({ url, id: request.headers["webhook-id"], at: Date.now() });
    open.set(url, (open.get(url) ?? 0) + 1);
    mostOpen.set(url, Math.max(mostOpen.get(url) ?? 0, open.get(url)));
    response.on("close", () => open.set(url, open.get(url) - 1));
    if (url.startsWith("/well/")) setTimeout(() => response.writeHead(200).end(), 20);
  });
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`http://127.0.0.1:${server.address().port}\n`));
process.on("SIGTERM", () => {
  writeFileSync(report, JSON.stringify({ arrivals, mostOpen: Object.fromEntries(mostOpen) }));
  process.exit(0);
});
