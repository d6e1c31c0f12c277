/**
 * Cuts the power: `npm run soak:power -- --cuts 500 --seed 1`. It needs Linux and a C compiler. Everything that processes write is recorded,
 * and after a cut at any place of this trace the product must keep what it has promised before. For each cut that fails, the command that
 * repeats it is printed.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { expect, it } from "vitest";
import type { Random } from "../../../src/platform/random.js";
import { readTrace } from "../../support/power/disk-trace.js";
import { recordedDisk } from "../../support/power/recorded-disk.js";
import { compileRecorder, recordTo } from "../../support/power/recorder.js";
import { Home } from "../../support/process/whcb-process.js";
import { seededRandom } from "../../support/time/seeded-random.js";
import { expectPromises } from "./after-cut.js";
import { promisedIn } from "./promised.js";
import { RecordedWork } from "./recorded-work.js";
import { RepairedEndpoint } from "./repaired-endpoint.js";

const cuts = Number(process.env.SOAK_CUTS ?? 100);
const seed = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000);
/** Folders that an earlier run has left, and the record before which the power was cut. */
const { SOAK_TRACE, SOAK_CUT } = process.env;

const CUTS_PER_TRACE = 25;

const library = compileRecorder();

it.skipIf(library === null || SOAK_TRACE !== undefined)(
  `keeps its promises after ${cuts} power cuts (seed ${seed})`,
  { timeout: 0 },
  async () => {
    const broken: string[] = [];
    for (let done = 0; done < cuts; done += CUTS_PER_TRACE) {
      const random = seededRandom(seed + done);
      const folder = await recordTrace(library ?? "", random);
      const trace = await openTrace(folder);
      const before = broken.length;
      for (let cut = done; cut < Math.min(cuts, done + CUTS_PER_TRACE); cut += 1) {
        const record = Math.floor(random.fraction() * trace.records.length);
        const reason = await trace.cutAt(record);
        if (reason !== null) broken.push(`${reason}\nnpm run soak:power -- --trace ${folder} --cut ${record} --seed ${seed}`);
      }
      process.stdout.write(`${trace.records.length} records: ${broken.length - before} cuts failed\n`);
      await trace.leave();
      if (broken.length === before) rmSync(folder, { recursive: true });
    }
    expect(broken.join("\n\n")).toBe("");
  },
);

it.runIf(SOAK_TRACE !== undefined)(`keeps its promises after the cut ${SOAK_CUT} of ${SOAK_TRACE} (seed ${seed})`, async () => {
  const trace = await openTrace(SOAK_TRACE ?? "");
  const reason = await trace.cutAt(Number(SOAK_CUT));
  await trace.leave();
  expect(reason).toBe(null);
});

/** Returns a folder with the trace, and what it takes to cut the power again. */
async function recordTrace(recorder: string, random: Random): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "whcb-power-"));
  const home = new Home();
  const endpoint = await RepairedEndpoint.open();
  const place = { home: home.folder, inode: statSync(home.folder).ino, port: endpoint.port };
  writeFileSync(join(folder, "place.json"), JSON.stringify(place));
  const env = recordTo(join(folder, "trace"), recorder);
  try {
    await new RecordedWork({ home, endpoint, env }, random).run();
    // A write that isn't recorded would be missed here.
    const whole = join(folder, "whole");
    recordedDisk(home.folder, place.inode, readTrace(env.POWER_TRACE)).writeWhole(whole);
    expect(contentsOf(whole)).toEqual(contentsOf(home.folder));
    rmSync(whole, { recursive: true });
  } finally {
    await endpoint.close();
    await home.leave();
  }
  return folder;
}

async function openTrace(folder: string) {
  const place: { home: string; inode: number; port: number } = JSON.parse(readFileSync(join(folder, "place.json"), "utf8"));
  const records = readTrace(join(folder, "trace"));
  const home = new Home(place.home);
  const endpoint = await RepairedEndpoint.open(place.port);
  return {
    records,
    /** The power is cut before this record. Returns what was promised and isn't kept, or null. */
    async cutAt(record: number): Promise<string | null> {
      const before = records.slice(0, record);
      recordedDisk(place.home, place.inode, before).writeAfterCut(home.folder, seededRandom(seed + record));
      try {
        await expectPromises(home, endpoint, promisedIn(before));
        return null;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      } finally {
        await home.leave();
      }
    },
    leave: () => endpoint.close(),
  };
}

function contentsOf(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return Object.fromEntries(paths.map((path) => [relative(folder, path), readFileSync(path, "latin1")]));
}
