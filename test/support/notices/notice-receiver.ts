/** A receiver of notices on loopback, and the check that Standard Webhooks asks of it. */
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Certificate } from "../delivery/certificate.js";

export const NOTIFY_SECRET = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;

export interface ReceivedNotice {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface NoticeReceiver {
  readonly url: string;
  readonly received: readonly ReceivedNotice[];
  close(): Promise<void>;
}

/** `answer`: the status for the request with this number, from 1; null: none comes. A certificate must be for localhost. */
export async function startNoticeReceiver(
  answer: (number: number) => number | null = () => 204,
  certificate?: Certificate,
): Promise<NoticeReceiver> {
  const received: ReceivedNotice[] = [];
  const handle: RequestListener = async (request, response) => {
    const body = await text(request);
    received.push({ path: request.url ?? "", headers: request.headers, body });
    const status = answer(received.length);
    if (status !== null) response.writeHead(status).end();
  };
  const server = certificate === undefined ? createServer(handle) : createTlsServer(certificate, handle);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: certificate === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    received,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Written from the specification: the signed content is id.timestamp.body. */
export function isSigned({ headers, body }: ReceivedNotice, secret = NOTIFY_SECRET): boolean {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const content = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const expected = `v1,${createHmac("sha256", key).update(content).digest("base64")}`;
  return String(headers["webhook-signature"]).split(" ").includes(expected);
}

/** Returns a title such as "outage.began demo". */
export function titleOf({ body }: ReceivedNotice): string {
  const { type, data } = JSON.parse(body);
  return `${type} ${data.callbackName}`;
}
