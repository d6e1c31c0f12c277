/**
 * Connections of one process to the same file write by turns. SQLite waits for a lock by blocking the whole process, so the
 * transaction that it waits for could never go on if that were in this process too.
 */
const lastTurns = new Map<string, Promise<void>>();

/** Resolves when the writers before this one have ended; the function that it gives ends the turn. */
export async function takeTurn(file: string): Promise<() => void> {
  const before = lastTurns.get(file);
  const { promise: turn, end } = openTurn();
  lastTurns.set(file, turn);
  await before;
  return () => {
    if (lastTurns.get(file) === turn) lastTurns.delete(file);
    end();
  };
}

function openTurn(): { readonly promise: Promise<void>; readonly end: () => void } {
  let end = (): void => {};
  const promise = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { promise, end };
}
