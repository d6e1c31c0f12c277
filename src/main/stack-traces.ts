import type { SourceMap } from "node:module";
import { readBuiltFile } from "../platform/files/built-file.js";

/** A line of a stack trace names a file of dist, or the bundle of the executable, the line and the column. */
const PLACE = /((?:\/[^()]*|whcb)\.cjs):(\d+):(\d+)/;

/** From here on, stack traces name files of src. Node's own support reads the map of each file that is loaded, which takes milliseconds. */
export function mapStackTraces(): void {
  const maps = new Map<string, SourceMap | null>();

  function mapOf(file: string): SourceMap | null {
    let map = maps.get(file);
    if (map === undefined) {
      map = readMap(file);
      maps.set(file, map);
    }
    return map;
  }

  Error.prepareStackTrace = (error, frames) => {
    const lines = frames.map((frame) =>
      String(frame).replace(PLACE, (place, file: string, line: string, column: string) => {
        const origin = mapOf(file)?.findEntry(Number(line) - 1, Number(column) - 1);
        if (origin === undefined || !("originalSource" in origin)) return place;
        return `${origin.originalSource.replace(/^(?:\.\.\/)+/, "")}:${origin.originalLine + 1}:${origin.originalColumn + 1}`;
      }),
    );
    return [String(error), ...lines].join("\n    at ");
  };
}

function readMap(file: string): SourceMap | null {
  try {
    // Loading it takes a millisecond.
    const { SourceMap } = process.getBuiltinModule("node:module");
    return new SourceMap(JSON.parse(String(readBuiltFile(`${file}.map`))));
  } catch {
    return null;
  }
}
