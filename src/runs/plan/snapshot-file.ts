/** The bodies of a backlog don't fit in memory, so they are on disk. The file is unlinked once it is open, so nothing stays behind. */
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ListedCall } from "../../client/client.js";
import { errorMessage, isWhcbError, WhcbError } from "../../domain/errors.js";
import { senderAddress } from "../../domain/message-response.js";
import { createOwnFolder } from "../../platform/files/durable-folders.js";
import { deliveryBody } from "../../wire/delivery-request.js";
import type { BodyOptions } from "../run-options.js";

interface CallKeys {
  readonly id: string;
  readonly from: string;
  readonly message: string;
  /** When the call was submitted, if the service says it. */
  readonly submittedAt?: number | undefined;
}

export interface PlannedCall extends CallKeys {
  readonly bytes: number;
  /** The body is in UTF-8, as the endpoint receives it. A large one is read from disk each time. */
  readBody(): Uint8Array | Promise<Uint8Array>;
}

/** Larger bodies aren't read ahead, as many calls may be waiting. */
const LARGE_BYTES = 16 * 1024;
const WRITE_AT_ONCE_BYTES = 1024 * 1024;
const LF = 0x0a;
const FIRST_LINE_BYTES = 1024;

/** A service that lists without end must not fill the disk. */
const MAX_SNAPSHOT_BYTES = 2 * 1024 ** 3;

export interface SnapshotPlace {
  readonly offset: number;
  readonly length: number;
}

export interface SnapshotOptions extends BodyOptions {
  readonly maxBytes?: number;
}

export class SnapshotFile {
  readonly bodyOptions: BodyOptions;
  readonly #file: FileHandle;
  readonly #maxBytes: number;
  #end = 0;

  private constructor(file: FileHandle, { contentType, bodyNames, maxBytes = MAX_SNAPSHOT_BYTES }: SnapshotOptions) {
    this.bodyOptions = { contentType, bodyNames };
    this.#file = file;
    this.#maxBytes = maxBytes;
  }

  /** Throws `unavailable` if the folder can't be written. */
  static async open(directory: string, name: string, options: SnapshotOptions = {}): Promise<SnapshotFile> {
    const path = join(directory, `${name}.calls`);
    try {
      await createOwnFolder(directory);
      // A crash may have left it, and it isn't read again.
      await rm(path, { force: true });
      const file = await open(path, "wx+", 0o600);
      await rm(path, { force: true });
      return new SnapshotFile(file, options);
    } catch (error) {
      throw snapshotError(error);
    }
  }

  /** `style` is the callback's. Throws `unavailable` beyond `maxBytes`. */
  async add(
    calls: readonly Pick<ListedCall, "id" | "response" | "submittedAt">[],
    style: Parameters<typeof deliveryBody>[0],
  ): Promise<readonly SnapshotPlace[]> {
    const places: SnapshotPlace[] = [];
    let texts: Buffer[] = [];
    let start = this.#end;
    for (const { id, response, submittedAt } of calls) {
      const keys = JSON.stringify({ id, from: senderAddress(response.from), message: response.messageId, submittedAt });
      const text = Buffer.from(`${keys}\n${deliveryBody(style, response, this.bodyOptions.bodyNames)}`, "utf8");
      places.push({ offset: this.#end, length: text.length });
      texts.push(text);
      this.#end += text.length;
      if (this.#end > this.#maxBytes) {
        throw new WhcbError("unavailable", `the listed calls take more than ${this.#maxBytes} bytes`, {
          hint: "list fewer at a time, with --since and --until",
        });
      }
      if (this.#end - start < WRITE_AT_ONCE_BYTES) continue;
      await writeWhole(this.#file, Buffer.concat(texts), start);
      texts = [];
      start = this.#end;
    }
    if (texts.length > 0) await writeWhole(this.#file, Buffer.concat(texts), start);
    return places;
  }

  /** Returns the calls in order. Small ones close together take one read. */
  async read(places: readonly SnapshotPlace[]): Promise<readonly PlannedCall[]> {
    const from = Math.min(...places.map(({ offset }) => offset));
    const to = Math.max(...places.map(({ offset, length }) => offset + length));
    const wanted = places.reduce((sum, { length }) => sum + length, 0);
    if (to - from > 4 * wanted || places.some(({ length }) => length > LARGE_BYTES)) {
      return Promise.all(places.map((place) => this.#readOne(place)));
    }
    const bytes = await readWhole(this.#file, { offset: from, length: to - from });
    return places.map(({ offset, length }) => smallCall(bytes.subarray(offset - from, offset - from + length)));
  }

  async #readOne(place: SnapshotPlace): Promise<PlannedCall> {
    if (place.length <= LARGE_BYTES) return smallCall(await readWhole(this.#file, place));
    const line = await readLine(this.#file, place);
    const body = { offset: place.offset + line.length + 1, length: place.length - line.length - 1 };
    return { ...keysIn(line.toString("utf8")), bytes: body.length, readBody: () => readWhole(this.#file, body) };
  }

  /** It may be closed already. */
  close(): Promise<void> {
    return this.#file.close();
  }
}

/** The first line has the keys. The rest is the body, and isn't copied. */
function smallCall(bytes: Buffer): PlannedCall {
  const end = bytes.indexOf(LF);
  const body = bytes.subarray(end + 1);
  return { ...keysIn(bytes.toString("utf8", 0, end)), bytes: body.length, readBody: () => body };
}

function keysIn(line: string): CallKeys {
  const keys: CallKeys = JSON.parse(line);
  return keys;
}

async function readLine(file: FileHandle, { offset, length }: SnapshotPlace): Promise<Buffer> {
  for (let size = FIRST_LINE_BYTES; ; size *= 4) {
    const bytes = await readWhole(file, { offset, length: Math.min(size, length) });
    const end = bytes.indexOf(LF);
    if (end !== -1) return bytes.subarray(0, end);
  }
}

async function readWhole(file: FileHandle, { offset, length }: SnapshotPlace): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) throw new WhcbError("unavailable", "the snapshot of the calls is shorter than what was written");
    done += bytesRead;
  }
  return bytes;
}

async function writeWhole(file: FileHandle, bytes: Buffer, offset: number): Promise<void> {
  try {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
      done += bytesWritten;
    }
  } catch (error) {
    throw snapshotError(error);
  }
}

function snapshotError(cause: unknown): WhcbError {
  if (isWhcbError(cause)) return cause;
  return new WhcbError("unavailable", `the snapshot of the calls can't be written: ${errorMessage(cause)}`, { cause });
}
