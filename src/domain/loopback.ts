/** Which names and addresses mean this machine. */

const LOOPBACK_IPV4 = /^127(?:\.\d{1,3}){3}$/;

/** A host as it stands in a URL or socket: "localhost", 127.0.0.0/8, "::1" (in brackets or not), or ::ffff:127.0.0.0/104. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || name === "::1" || LOOPBACK_IPV4.test(name.replace(/^::ffff:/, ""));
}

/** False for text that isn't a URL. */
export function isLoopbackUrl(url: string): boolean {
  return URL.canParse(url) && isLoopbackHost(new URL(url).hostname);
}
