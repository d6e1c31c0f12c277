/** Guesses with a new user name and password each time, several at once. */
import { randomUUID } from "node:crypto";

export interface GuessHeaders {
  readonly authorization: string;
  readonly "x-api-key": string;
  readonly "x-forwarded-for"?: string;
}

export interface GuessChoices {
  /** The key is valid, or is guessed too. */
  readonly apiKey: string | ((guess: number) => string);
  readonly guesses?: number;
  readonly atOnce?: number;
  /** Returns the X-Forwarded-For of a guess. */
  readonly forwardedFor?: (guess: number) => string;
}

/** Counts how many guesses got each status, to which `login` resolves. */
export async function guessPasswords(
  login: (headers: GuessHeaders) => Promise<number>,
  { apiKey, guesses = 100, atOnce = 4, forwardedFor }: GuessChoices,
): Promise<Record<number, number>> {
  const counts: Record<number, number> = {};
  let guess = 0;
  const guessOn = async (): Promise<void> => {
    while (guess < guesses) {
      guess += 1;
      const authorization = `Basic ${Buffer.from(`${randomUUID()}:guess`).toString("base64")}`;
      const status = await login({
        authorization,
        "x-api-key": typeof apiKey === "string" ? apiKey : apiKey(guess),
        ...(forwardedFor && { "x-forwarded-for": forwardedFor(guess) }),
      });
      counts[status] = (counts[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, guessOn));
  return counts;
}
