/** Waits that call back instead of resolving a promise: for limits on work that others do, of which most are never reached. */
export interface Timers {
  /** Calls `handler` once, `delayMs` from now. The function returned cancels it. A timer alone keeps no process alive. */
  after(delayMs: number, handler: () => void): () => void;
}

export const systemTimers: Timers = {
  after(delayMs, handler) {
    const timer = setTimeout(handler, delayMs).unref();
    return () => clearTimeout(timer);
  },
};
