import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A customer's endpoint that keeps the bodies of the POSTs that it gets. */
export class RecordingEndpoint {
  readonly bodies: string[] = [];
  /** The answer to a POST. */
  status = 200;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      if (request.method === "POST") this.bodies.push(Buffer.concat(chunks).toString("utf8"));
      response.writeHead(request.method === "GET" ? 200 : this.status).end();
    });
  }

  static async open(): Promise<RecordingEndpoint> {
    const endpoint = new RecordingEndpoint();
    await new Promise<void>((resolve) => endpoint.#server.listen(0, "127.0.0.1", resolve));
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
