/** FAILED calls on disk until it is known which are sent. The file is unlinked once open. */
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ListedCall } from "../../client/client.js";
import { errorMessage, WhcbError } from "../../domain/errors.js";

const CALLS_AT_ONCE = 20;

export class ListedCallsFile {
  readonly #file: FileHandle;
  readonly #places: { readonly id: string; readonly offset: number; readonly length: number }[] = [];
  #end = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Throws `unavailable` if the folder can't be written. */
  static async open(directory: string, name: string): Promise<ListedCallsFile> {
    const path = join(directory, `${name}.listed`);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const file = await open(path, "wx+", 0o600);
      await rm(path, { force: true });
      return new ListedCallsFile(file);
    } catch (cause) {
      throw new WhcbError("unavailable", `the listed calls can't be stored: ${errorMessage(cause)}`, { cause });
    }
  }

  async add(calls: readonly ListedCall[]): Promise<void> {
    for (const call of calls) {
      const bytes = Buffer.from(JSON.stringify({ ...call, raw: {} }), "utf8");
      await this.#file.write(bytes, 0, bytes.length, this.#end);
      this.#places.push({ id: call.id, offset: this.#end, length: bytes.length });
      this.#end += bytes.length;
    }
  }

  /** In the order in which they were added. */
  async *read(isWanted: (callId: string) => boolean): AsyncGenerator<readonly ListedCall[]> {
    const wanted = this.#places.filter(({ id }) => isWanted(id));
    for (let start = 0; start < wanted.length; start += CALLS_AT_ONCE) {
      yield await Promise.all(wanted.slice(start, start + CALLS_AT_ONCE).map((place) => this.#readCall(place)));
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #readCall({ offset, length }: { readonly offset: number; readonly length: number }): Promise<ListedCall> {
    const bytes = Buffer.allocUnsafe(length);
    const { bytesRead } = await this.#file.read(bytes, 0, length, offset);
    if (bytesRead < length) throw new WhcbError("unavailable", "the file of the listed calls is shorter than what was written");
    return JSON.parse(bytes.toString("utf8"));
  }
}
