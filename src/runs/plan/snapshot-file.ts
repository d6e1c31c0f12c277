/**
 * What the calls of a snapshot carry, on disk while the run lasts: a backlog's bodies don't fit in memory. The file has no name once it is
 * open, so that nothing of it stays behind whatever happens to this process.
 */
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { WhcbError } from "../../domain/errors.js";
import { type MessageResponse, senderAddress } from "../../domain/message-response.js";
import { type DeliveryTarget, deliveryBody } from "../../wire/delivery-request.js";
import type { PlannedCall } from "./replay-plan.js";

export interface CallToKeep {
  readonly id: string;
  readonly response: MessageResponse;
}

/** Where what a call carries lies in the file. */
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
      throw spoolError(error);
    }
  }

  /** `target` says how their bodies are written. */
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

  /** The calls at these places, in their order. Places that lie close together cost one read. */
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

/** The call's keys stand on the first line, then its body: bytes of what was read for many, handed on as they are. */
function callIn(bytes: Buffer): PlannedCall {
  const end = bytes.indexOf("\n");
  // Our own text of a moment ago: it is what `add` wrote.
  const [id = "", from = "", message = ""]: readonly string[] = JSON.parse(bytes.toString("utf8", 0, end));
  return { id, from, message, body: bytes.subarray(end + 1) };
}

async function readWhole(file: FileHandle, { offset, length }: SnapshotPlace): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) throw new WhcbError("unavailable", "the snapshot of the calls on disk is shorter than it was written");
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
    throw spoolError(error);
  }
}

function spoolError(cause: unknown): WhcbError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new WhcbError("unavailable", `the snapshot of the calls can't be written: ${reason}`, { cause });
}
