/** An endpoint at a fixed port. Calls of `/broken` fail until it is repaired. */
import { once } from "node:events";
import { createServer } from "node:http";

/** Replays take long enough to be ended in the middle. */
const ANSWER_MS = 20;

export class RepairedEndpoint {
  readonly port: number;
  isRepaired = false;
  /** It is called before the answer, with each call that comes to `/broken` while that is repaired. */
  onReplayed: (callId: string) => void = () => {};
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async open(port = 0): Promise<RepairedEndpoint> {
    const server = createServer();
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the endpoint has no port");
    const endpoint = new RepairedEndpoint(server, address.port);
    server.on("request", (request, response) => {
      request.resume().on("end", () => {
        const isBroken = request.url === "/broken";
        if (isBroken && endpoint.isRepaired) endpoint.onReplayed(String(request.headers["webhook-id"]));
        setTimeout(() => response.writeHead(isBroken && !endpoint.isRepaired ? 503 : 200).end(), ANSWER_MS);
      });
    });
    return endpoint;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
