/**
 * The bodies of a snapshot's calls, on disk during the run: a backlog's don't fit in memory. The file is unlinked once it is open, so that
 * nothing stays behind whatever happens to this process.
 */
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage, WhcbError } from "../../domain/errors.js";
import { type MessageResponse, senderAddress } from "../../domain/message-response.js";
import { type DeliveryTarget, deliveryBody } from "../../wire/delivery-request.js";

export interface PlannedCall {
  readonly id: string;
  /** As the endpoint receives it, in UTF-8. */
  readonly body: Uint8Array;
  /** Whose order may be kept (`serialBy`). */
  readonly from: string;
  readonly message: string;
}

export interface CallToKeep {
  readonly id: string;
  readonly response: MessageResponse;
}

/** Where a call is in the file. */
export interface SnapshotPlace {
  readonly offset: number;
  readonly length: number;
}

export class SnapshotFile {
  readonly #file: FileHandle;
  #end = 0;
  #isOpen = true;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Throws `unavailable` where the folder can't be written. */
  static async open(directory: string, name: string): Promise<SnapshotFile> {
    const path = join(directory, `${name}.calls`);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const file = await open(path, "wx+", 0o600);
      await rm(path, { force: true });
      return new SnapshotFile(file);
    } catch (error) {
      throw snapshotError(error);
    }
  }

  /** `target` determines the format of the bodies. */
  async add(calls: readonly CallToKeep[], target: BodyStyle): Promise<readonly SnapshotPlace[]> {
    const texts = calls.map(({ id, response }) => {
      const keys = JSON.stringify([id, senderAddress(response.from), response.messageId]);
      return Buffer.from(`${keys}\n${deliveryBody(target, response)}`, "utf8");
    });
    const places = texts.map(({ length }) => {
      const place = { offset: this.#end, length };
      this.#end += length;
      return place;
    });
    const [first] = places;
    if (first === undefined) return places;
    await writeWhole(this.#file, Buffer.concat(texts), first.offset);
    return places;
  }

  /** The calls at these places, in their order. Places close together take one read. */
  async read(places: readonly SnapshotPlace[]): Promise<readonly PlannedCall[]> {
    const from = Math.min(...places.map(({ offset }) => offset));
    const to = Math.max(...places.map(({ offset, length }) => offset + length));
    const wanted = places.reduce((sum, { length }) => sum + length, 0);
    if (to - from > 4 * wanted) {
      return Promise.all(places.map(async (place) => callIn(await readWhole(this.#file, place))));
    }
    const bytes = await readWhole(this.#file, { offset: from, length: to - from });
    return places.map(({ offset, length }) => callIn(bytes.subarray(offset - from, offset - from + length)));
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#file.close();
  }
}

type BodyStyle = Pick<DeliveryTarget, "contentType" | "removeHtml">;

/** The first line has the call's keys, the rest is its body: a view of the bytes that were read, not a copy. */
function callIn(bytes: Buffer): PlannedCall {
  const end = bytes.indexOf("\n");
  // Written by `add`.
  const [id = "", from = "", message = ""]: readonly string[] = JSON.parse(bytes.toString("utf8", 0, end));
  return { id, from, message, body: bytes.subarray(end + 1) };
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
  return new WhcbError("unavailable", `the snapshot of the calls can't be written: ${errorMessage(cause)}`, { cause });
}
