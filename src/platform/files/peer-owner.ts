import { closeSync, openSync, readSync } from "node:fs";
import { isIPv4, type Socket } from "node:net";

type Ends = Pick<Socket, "localAddress" | "localPort" | "remoteAddress" | "remotePort">;

/** A socket's owner doesn't change, and the system takes milliseconds to find it. */
const KNOWN = new WeakMap<Ends, number | null>();

/** The system fills at most a page at once, with whole rows. */
const READ_BYTES = 65_536;

/**
 * Returns the user of this machine's socket that is at the other end of the connection. It is null if that is another machine, or the system
 * doesn't tell. Linux says 0 of one that its program hasn't accepted yet.
 */
export function peerOwner(socket: Ends): number | null {
  const known = KNOWN.get(socket);
  if (known !== undefined) return known;
  const owner = findOwner(socket);
  KNOWN.set(socket, owner);
  return owner;
}

/** A connection by IPv4 may have an IPv6 socket at either end. */
function findOwner({ localAddress = "", localPort = 0, remoteAddress = "", remotePort = 0 }: Ends): number | null {
  const [far, near] = [bytesOf(remoteAddress), bytesOf(localAddress)];
  const ownerFrom = (start: number, table: string) =>
    ownerIn(table, `${inTable(far.slice(start), remotePort)} ${inTable(near.slice(start), localPort)}`);
  return (isIPv4(unmapped(remoteAddress)) ? ownerFrom(IPV4_PREFIX.length, "tcp") : null) ?? ownerFrom(0, "tcp6");
}

const IPV4_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

function unmapped(address: string): string {
  return address.replace(/^::ffff:/, "");
}

/** Returns the 16 bytes of an address as IPv6. */
function bytesOf(address: string): readonly number[] {
  const ipv4 = unmapped(address);
  if (isIPv4(ipv4)) return [...IPV4_PREFIX, ...ipv4.split(".").map(Number)];
  const [start = [], end = []] = address
    .replace(/%.*/, "")
    .split("::")
    .map((groups) => groups.split(":").filter((group) => group !== ""));
  const zeros = Array<string>(8 - start.length - end.length).fill("0");
  return [...start, ...zeros, ...end].map((group) => Number.parseInt(group, 16)).flatMap((group) => [group >> 8, group & 0xff]);
}

/** Writes the address as the numbers that the machine takes each four of its bytes for. */
function inTable(bytes: readonly number[], port: number): string {
  const numbers = [...new Uint32Array(Uint8Array.from(bytes).buffer)];
  return `${numbers.map((number) => toHex(number, 8)).join("")}:${toHex(port, 4)}`;
}

function toHex(number: number, digits: number): string {
  return number.toString(16).toUpperCase().padStart(digits, "0");
}

/** Reads the system's table only as far as needed, as it has a row for each socket of the machine. Returns null without such a row. */
function ownerIn(table: string, ends: string): number | null {
  let file: number;
  try {
    file = openSync(`/proc/self/net/${table}`, "r");
  } catch {
    return null;
  }
  try {
    const row = new RegExp(`: ${ends} (?:\\S+ +){4}(\\d+) `);
    const bytes = Buffer.alloc(READ_BYTES);
    for (;;) {
      const length = readSync(file, bytes);
      if (length === 0) return null;
      const found = row.exec(bytes.toString("latin1", 0, length));
      if (found) return Number(found[1]);
    }
  } finally {
    closeSync(file);
  }
}
