/**
 * A disk as a trace describes it. What was flushed is there after a power cut. Of everything else a part is: of a file's content pages or
 * sectors in any order, and of a folder's entries (new files and folders, renames, removals) any of them.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Random } from "../../../src/platform/random.js";
import type { TraceRecord } from "./disk-trace.js";

/** `bytes` are written at `at`; without any, the file is cut off there. */
interface ContentChange {
  readonly at: number;
  readonly bytes: Buffer | null;
}

/** A rename is one change of two names. */
type EntryChange = readonly (readonly [name: string, node: FileNode | FolderNode | null])[];

/** Returns what a power cut leaves of changes that weren't flushed. */
type Survivors = <Change>(unflushed: readonly Change[]) => readonly Change[];

/** What was done to a file or a folder, in order, and how much of it was flushed. */
class Changes<Change> {
  readonly all: Change[] = [];
  #flushed = 0;
  readonly #flushing = new Map<number, number>();

  beginFlush(number: number): void {
    this.#flushing.set(number, this.all.length);
  }

  endFlush(number: number): void {
    this.#flushed = Math.max(this.#flushed, this.#flushing.get(number) ?? 0);
  }

  get flushed(): readonly Change[] {
    return this.all.slice(0, this.#flushed);
  }

  get unflushed(): readonly Change[] {
    return this.all.slice(this.#flushed);
  }
}

class FileNode {
  readonly changes = new Changes<ContentChange>();

  contentAfterCut(survivors: Survivors, sectorBytes: number): Buffer {
    const { flushed, unflushed } = this.changes;
    return contentAfter([...flushed, ...survivors(unflushed.flatMap((change) => sectorsOf(change, sectorBytes)))]);
  }
}

class FolderNode {
  readonly changes = new Changes<EntryChange>();
  /** The entries as processes see them. */
  readonly entries = new Map<string, FileNode | FolderNode>();

  change(change: EntryChange): void {
    this.changes.all.push(change);
    applyTo(this.entries, change);
  }

  entriesAfterCut(survivors: Survivors): ReadonlyMap<string, FileNode | FolderNode> {
    const entries = new Map<string, FileNode | FolderNode>();
    for (const change of [...this.changes.flushed, ...survivors(this.changes.unflushed)]) applyTo(entries, change);
    return entries;
  }
}

/** Returns the disk as processes see it after these records, beginning with an empty folder. */
export function recordedDisk(folder: string, inode: number, records: readonly TraceRecord[]): RecordedDisk {
  const disk = new RecordedDisk(folder, inode);
  for (const record of records) disk.apply(record);
  return disk;
}

class RecordedDisk {
  readonly #root = new FolderNode();
  readonly #rootPath: string;
  readonly #byInode = new Map<number, FileNode | FolderNode>();

  /** The folder at `rootPath` was empty at first. What is done elsewhere doesn't count. */
  constructor(rootPath: string, rootInode: number) {
    this.#rootPath = rootPath;
    this.#byInode.set(rootInode, this.#root);
  }

  apply({ operation, a, b, bytes }: TraceRecord): void {
    const node = this.#byInode.get(a);
    if (operation === "F") node?.changes.beginFlush(b);
    else if (operation === "E") node?.changes.endFlush(b);
    else if (operation === "W" && node instanceof FileNode) node.changes.all.push({ at: b, bytes });
    else if (operation === "T" && node instanceof FileNode) node.changes.all.push({ at: b, bytes: null });
    else if ("CDRLU".includes(operation)) this.#changeEntries(operation, a, bytes.toString("utf8").split("\0"));
  }

  #changeEntries(operation: string, inode: number, [from = "", to = ""]: readonly string[]): void {
    const folder = this.#find(dirname(from));
    if (!(folder instanceof FolderNode)) return;
    const name = basename(from);
    const node = folder.entries.get(name);
    if (operation === "U") folder.change([[name, null]]);
    else if (operation === "C" || operation === "D") {
      // Two processes may both have created the file.
      if (node !== undefined && this.#byInode.get(inode) === node) return;
      const created = operation === "C" ? new FileNode() : new FolderNode();
      this.#byInode.set(inode, created);
      folder.change([[name, created]]);
    } else {
      if (node === undefined || dirname(from) !== dirname(to)) throw new Error(`not recorded: ${operation} ${from} ${to}`);
      folder.change([...(operation === "R" ? [[name, null] as const] : []), [basename(to), node]]);
    }
  }

  #find(path: string): FileNode | FolderNode | undefined {
    if (path === this.#rootPath) return this.#root;
    if (!path.startsWith(`${this.#rootPath}/`)) return undefined;
    const folder = this.#find(dirname(path));
    return folder instanceof FolderNode ? folder.entries.get(basename(path)) : undefined;
  }

  /** Writes the folder as a power cut leaves it. */
  writeAfterCut(folder: string, random: Random): void {
    this.#write(this.#root, folder, () => survivorsBy(random), random.fraction() < 0.5 ? 512 : 4_096);
  }

  /** Writes what was flushed, and nothing else. */
  writeFlushed(folder: string): void {
    this.#write(this.#root, folder, () => () => [], Number.POSITIVE_INFINITY);
  }

  /** Writes the folder as processes see it. */
  writeWhole(folder: string): void {
    this.#write(this.#root, folder, () => (changes) => changes, Number.POSITIVE_INFINITY);
  }

  #write(from: FolderNode, folder: string, newSurvivors: () => Survivors, sectorBytes: number): void {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const [name, node] of from.entriesAfterCut(newSurvivors())) {
      const path = join(folder, name);
      if (node instanceof FolderNode) this.#write(node, path, newSurvivors, sectorBytes);
      // SQLite makes the index of the write-ahead log again. It is mapped into memory, so what is written to it isn't recorded.
      else if (!name.endsWith("-shm")) writeFileSync(path, node.contentAfterCut(newSurvivors(), sectorBytes), { mode: 0o600 });
    }
  }
}

/** None, the first ones, or any of them survive, in their order. */
function survivorsBy(random: Random): Survivors {
  const kind = random.fraction();
  const share = random.fraction();
  return (changes) => {
    if (kind < 0.3) return [];
    if (kind < 0.5) return changes.slice(0, Math.ceil(share * changes.length));
    return changes.filter(() => random.fraction() < share);
  };
}

function applyTo(entries: Map<string, FileNode | FolderNode>, change: EntryChange): void {
  for (const [name, node] of change) {
    if (node === null) entries.delete(name);
    else entries.set(name, node);
  }
}

/** A file may have its new length without what was written there, so this is a change of its own, without bytes. */
function sectorsOf({ at, bytes }: ContentChange, sectorBytes: number): readonly ContentChange[] {
  if (bytes === null || sectorBytes === Number.POSITIVE_INFINITY) return [{ at, bytes }];
  const sectors: ContentChange[] = [];
  for (let start = at; start < at + bytes.length; ) {
    const end = Math.min(at + bytes.length, (Math.floor(start / sectorBytes) + 1) * sectorBytes);
    sectors.push({ at: start, bytes: bytes.subarray(start - at, end - at) });
    start = end;
  }
  return [...sectors, { at: at + bytes.length, bytes: Buffer.alloc(0) }];
}

function contentAfter(changes: readonly ContentChange[]): Buffer {
  let content = Buffer.alloc(0);
  let length = 0;
  for (const { at, bytes } of changes) {
    const end = at + (bytes?.length ?? 0);
    if (end > content.length)
      content = Buffer.concat([content, Buffer.alloc(Math.max(end, 2 * content.length) - content.length)]);
    if (bytes === null && at < length) content.fill(0, at, length);
    length = bytes === null ? at : Math.max(length, end);
    bytes?.copy(content, at);
  }
  return content.subarray(0, length);
}
