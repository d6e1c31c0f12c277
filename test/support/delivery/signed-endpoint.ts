/** An endpoint that verifies each delivery with the official package of Standard Webhooks. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";

export interface SignedPost {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly isVerified: boolean;
}

export class SignedEndpoint {
  readonly posts: SignedPost[] = [];
  /** What isn't signed with it is answered with 401. */
  secret = "";
  /** The status for what is signed. */
  status = 200;
  readonly #server = createServer(async (request, response) => {
    if (request.method === "GET") return response.end();
    const { headers } = request;
    const body = await buffer(request);
    const isVerified = isSignedWith(this.secret, { headers, body });
    this.posts.push({ headers, body, isVerified });
    // It repeats its secret, which nothing of ours may show.
    return response.writeHead(isVerified ? this.status : 401).end(`checked with ${this.secret}`);
  });

  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

export function isSignedWith(secret: string, { headers, body }: Pick<SignedPost, "headers" | "body">): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>, { jsonParse: false });
    return true;
  } catch {
    return false;
  }
}
