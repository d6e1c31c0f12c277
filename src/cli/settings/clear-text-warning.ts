import { isLoopbackHost } from "../../platform/loopback.js";
import type { Invocation } from "../args/command-spec.js";

/** Warns where an address becomes known: with each command it would be noise. */
export function warnOfClearText({ screen }: Invocation, protocol: string, hostname: string): void {
  if (protocol !== "http:" || isLoopbackHost(hostname) || /\.localhost\.?$/i.test(hostname)) return;
  screen.info(
    `warning: requests to ${hostname} aren't encrypted, so others on the network may read their passwords and API keys: use https, with a proxy that ends TLS`,
  );
}

export function warnOfClearDatabase({ screen }: Invocation, host: string | null): void {
  if (host === null) return;
  screen.info(
    `warning: the connection to the database at ${host} isn't encrypted, so another program that gets in between may read and change everything: use sslmode=verify-full, or a Unix socket in a folder that is closed to others`,
  );
}
