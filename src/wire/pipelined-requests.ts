import type { Socket } from "node:net";

/**
 * Node goes on to parse what has already arrived, some 1 200 requests of 64 KiB, and keeps them all for as long as anything
 * holds the socket: a few dozen such clients at once would fill the heap. Node has no public way to stop that.
 */
export function ignoreFurtherRequests(socket: Socket & { readonly parser?: { onIncoming: unknown } | null }): void {
  if (socket.parser) socket.parser.onIncoming = () => 0;
}
