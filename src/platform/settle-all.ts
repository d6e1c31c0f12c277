/** Waits for all, then rejects with the first failure. */
export async function settleAll(...work: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
