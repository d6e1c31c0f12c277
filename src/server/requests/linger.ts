/** Lets an early answer arrive: a connection that is closed on unread bytes is reset, and the reset can overtake the answer. */
import type { FastifyRequest } from "fastify";
import type { Timers } from "../../platform/clock.js";

/** What is still sent after the answer is read and dropped for so long. */
const LINGER_MS = 3000;

/** To be called before the answer to a request whose body isn't read goes out with Connection: close. */
export function lingerAfterAnswer({ raw }: FastifyRequest, timers: Timers): void {
  const { socket } = raw;
  if (raw.complete || typeof socket.destroySoon !== "function") return;
  const destroySoon = socket.destroySoon.bind(socket);
  // Node calls it when the answer is out.
  socket.destroySoon = () => {
    const cancel = timers.after(LINGER_MS, destroySoon);
    socket.once("close", cancel);
    raw.once("end", destroySoon).resume();
  };
}
