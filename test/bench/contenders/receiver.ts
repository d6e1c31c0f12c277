/** The endpoint of all benches: 200 to everything, but a path with "hang" is never answered. Prints its port. */
import { createServer } from "node:http";

const server = createServer((request, response) => {
  request.resume();
  if (!request.url?.includes("hang")) request.on("end", () => response.end());
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.stdout.write(`${address.port}\n`);
});
