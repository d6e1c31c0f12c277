import process from "node:process";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/**
 * Loads a package and takes away the listeners that it put on the signals that stop us. One that tidies up at the end of a process
 * raises the signal again when it has, as if nobody else listened: to a service that is stopping that is the second one.
 */
export async function withoutSignalListeners<Loaded>(load: () => Promise<Loaded>): Promise<Loaded> {
  const before = SIGNALS.map((signal) => ({ signal, listeners: new Set(process.listeners(signal)) }));
  const loaded = await load();
  for (const { signal, listeners } of before) {
    for (const listener of process.listeners(signal)) if (!listeners.has(listener)) process.off(signal, listener);
  }
  return loaded;
}
