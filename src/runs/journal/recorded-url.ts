/** Someone who reads a journal must not be able to try out the secrets of a URL, so the key of the hash isn't beside it. */
import { createHmac } from "node:crypto";
import { link, readFile, rm, writeFile } from "node:fs/promises";
import { sentUrl } from "../../delivery/curl-command.js";
import { errorMessage, systemErrorCode, WhcbError } from "../../domain/errors.js";
import { parseUrl } from "../../domain/mask.js";
import { requireNoStrangers } from "../../platform/files/is-own.js";
import type { Random } from "../../platform/random.js";

export interface RecordedUrl {
  /** Its secrets are masked. */
  readonly url: string;
  /** A keyed hash tells whether another URL is the same. There is none where nothing is masked. */
  readonly urlHash?: string | undefined;
}

interface KeyDeps {
  readonly runsDirectory: string;
  readonly random: Random;
}

type KeyFolder = Pick<KeyDeps, "runsDirectory">;

/** `shown` has its secrets masked. Throws `unavailable` if the key can't be read or created. */
export type RecordUrl = (url: string, shown: string) => Promise<RecordedUrl>;

/** Reads the key once, or creates it, and only if a URL needs it. */
export function urlRecorder(deps: KeyDeps): RecordUrl {
  let key: Buffer | null = null;
  return async (url, shown) => {
    if (shown === url) return { url };
    key ??= (await readKey(deps)) ?? (await createKey(deps));
    return { url: shown, urlHash: hashOf(spellingOf(url), key) };
  };
}

/** Compares what is sent to, however it is spelled. Returns false, too, if the key is gone. */
export async function isRecorded(url: string, { url: shown, urlHash }: RecordedUrl, deps: KeyFolder): Promise<boolean> {
  const spelling = spellingOf(url);
  // 0.1.0 masked only the user, which isn't sent.
  if (urlHash === undefined) return spellingOf(shown) === spelling;
  const key = await readKey(deps);
  // Earlier journals have the hash of the URL as it was given.
  return key !== null && [spelling, url].some((text) => hashOf(text, key) === urlHash);
}

function spellingOf(url: string): string {
  return parseUrl(url) === null ? url : sentUrl(url);
}

function hashOf(url: string, key: Buffer): string {
  return createHmac("sha256", key).update(url).digest("base64url");
}

const keyPath = ({ runsDirectory }: KeyFolder) => `${runsDirectory}.key`;

async function readKey(deps: KeyFolder): Promise<Buffer | null> {
  return readOwnKey(keyPath(deps)).catch((error: unknown) => {
    if (systemErrorCode(error) === "ENOENT") return null;
    throw unusableKey(error);
  });
}

async function readOwnKey(path: string): Promise<Buffer> {
  requireNoStrangers(path);
  return readFile(path);
}

/** The key is written under another name, then linked, so nobody reads half a key, and of two processes one's key counts. */
async function createKey(deps: KeyDeps): Promise<Buffer> {
  const path = keyPath(deps);
  const draft = `${path}.${Buffer.from(deps.random.bytes(6)).toString("hex")}`;
  try {
    await writeFile(draft, deps.random.bytes(32), { mode: 0o600, flag: "wx", flush: true });
    await link(draft, path).catch((error: unknown) => {
      if (systemErrorCode(error) !== "EEXIST") throw error;
    });
    return await readOwnKey(path);
  } catch (error) {
    throw unusableKey(error);
  } finally {
    await rm(draft, { force: true });
  }
}

function unusableKey(cause: unknown): WhcbError {
  return new WhcbError("unavailable", `the key of the journals can't be used: ${errorMessage(cause)}`, { cause });
}
