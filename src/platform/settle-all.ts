/** Waits for all of them, also when one fails. Rejects with the first failure. */
export async function settleAll(...work: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
