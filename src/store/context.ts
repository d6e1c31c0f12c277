import type { RetentionPolicy } from "../domain/retention.js";
import type { KeyCipher } from "./key-cipher.js";
import type { Db } from "./schema.js";

/** What every part of the store works with. */
export interface StoreContext {
  readonly db: Db;
  readonly cipher: KeyCipher;
  readonly retention: RetentionPolicy;
}
