import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Returns what is in use once all garbage is collected. */
export function heapBytes(): number {
  setFlagsFromString("--expose_gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
}
