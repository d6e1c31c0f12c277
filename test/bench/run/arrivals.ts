/** What the receiver (contenders/receiver.ts) is asked. */
import { request } from "undici";
import type { Arrivals } from "../contenders/receiver.js";

export async function readArrivals(receiver: string): Promise<Arrivals> {
  const answer = await request(`${receiver}/arrivals`);
  return (await answer.body.json()) as Arrivals;
}

/** Resolves with what arrived until then; a new count begins. */
export async function turnEndpoint(receiver: string, state: "up" | "down" | `after/${number}`): Promise<Arrivals> {
  const answer = await request(`${receiver}/${state}`, { method: "PUT" });
  return (await answer.body.json()) as Arrivals;
}
