import { createWriteStream, type WriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { finished } from "node:stream/promises";
import { withoutErrorEvents } from "../../../platform/terminal.js";

/** A new file of the user's, which is never written over another one. */
export class IdsFile {
  readonly path: string;
  readonly stream: WriteStream;
  #isCreated = false;

  constructor(name: string) {
    this.path = resolve(name);
    this.stream = withoutErrorEvents(createWriteStream(this.path, { flags: "wx", mode: 0o600 }));
    this.stream.once("open", () => {
      this.#isCreated = true;
    });
  }

  /** Resolves to false for a file that isn't whole, which is removed. `isWhole` says that nothing is left to write. */
  async close(isWhole: boolean): Promise<boolean> {
    const isWritten = await finished(this.stream.end()).then(
      () => true,
      () => false,
    );
    if (isWritten && isWhole) return true;
    if (this.#isCreated) await rm(this.path, { force: true });
    return false;
  }
}
