import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readJournal } from "../../../../src/runs/journal/journal-reader.js";
import { type RunStep, stepText } from "../../../../src/runs/journal/run-step.js";

const LINES: readonly RunStep[] = [
  { step: "session", at: 1, who: "ada@desk", bootId: "b", concurrency: 8 },
  { step: "sent", call: "A", at: 2 },
  { step: "rejected", call: "A", at: 3, ms: 12, status: 503, message: "Größer als ſonst" },
];
const WHOLE = LINES.map(stepText).join("");

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "whcb-journal-"));
  path = join(folder, "run.ndjson");
});

afterEach(() => rmSync(folder, { recursive: true }));

async function read(): Promise<{ lines: RunStep[]; length: number; lacksLineEnd: boolean }> {
  const lines: RunStep[] = [];
  const end = await readJournal(path, (line) => lines.push(line));
  return { lines, ...end };
}

describe("the reader of journals", () => {
  it("reads what was written", async () => {
    writeFileSync(path, WHOLE);
    expect(await read()).toEqual({ lines: LINES, length: Buffer.byteLength(WHOLE), lacksLineEnd: false });
  });

  it("passes over a last line torn at any byte, and says where a writer goes on", async () => {
    const bytes = Buffer.from(WHOLE);
    const lastStart = bytes.lastIndexOf("\n", -2) + 1;
    for (let cut = lastStart; cut < bytes.length - 1; cut++) {
      writeFileSync(path, bytes.subarray(0, cut));
      expect(await read()).toEqual({ lines: LINES.slice(0, -1), length: lastStart, lacksLineEnd: false });
    }
  });

  it("takes a last line that lacks nothing but its end", async () => {
    writeFileSync(path, WHOLE.slice(0, -1));
    expect(await read()).toEqual({ lines: LINES, length: Buffer.byteLength(WHOLE) - 1, lacksLineEnd: true });
  });

  it("passes over zeros that a power cut left at the end", async () => {
    writeFileSync(path, WHOLE);
    appendFileSync(path, Buffer.alloc(5_000));
    expect(await read()).toMatchObject({ lines: LINES, length: Buffer.byteLength(WHOLE) });
  });

  it("trusts no journal with a bad line between good ones", async () => {
    writeFileSync(path, `${stepText({ step: "sent", call: "A", at: 2 })}{"step":"sen\n${WHOLE}`);
    await expect(read()).rejects.toMatchObject({ code: "malformed" });
  });

  it("reads lines that span the pieces in which a file comes", async () => {
    const many = Array.from({ length: 9_000 }, (_, at): RunStep => ({ step: "sent", call: `CALL-${at}`, at }));
    writeFileSync(path, many.map(stepText).join(""));
    expect((await read()).lines).toEqual(many);
  });

  it("says that there is no such journal", async () => {
    await expect(read()).rejects.toMatchObject({ code: "not-found" });
  });
});
