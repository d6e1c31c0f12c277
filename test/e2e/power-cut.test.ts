/** A power cut that leaves nothing but what was flushed. `npm run soak:power` cuts at any moment, and leaves parts of the rest. */
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readTrace } from "../support/power/disk-trace.js";
import { recordedDisk } from "../support/power/recorded-disk.js";
import { compileRecorder, recordTo } from "../support/power/recorder.js";
import { apiOf } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";
import { idsOf, replayOutage, works } from "../support/replay/replay-outage.js";
import { newTemporaryFolder } from "../support/temporary-folders.js";

const recorder = compileRecorder();

it.skipIf(recorder === null)("keeps what commands and the service have stored, in new folders too", async () => {
  await using home = new Home();
  const inode = statSync(home.folder).ino;
  const trace = join(newTemporaryFolder("whcb-trace-"), "trace");
  const recorded = { env: recordTo(trace, recorder ?? "") };
  const serving = home.start(["serve", "--port", "0", "--no-endpoint-check"], recorded);
  await serving.says(/Listening on/);
  const outage = await replayOutage(home, 3, undefined, { isServed: true });
  await eventually(
    () => apiOf(home).outages("demo"),
    (outages) => outages.some(({ notifiedAt }) => notifiedAt !== undefined),
  );
  await works(home, ["replay", "demo", "--failed", "--yes"], recorded);
  await outage.close();
  await serving.stop("SIGKILL");

  const before = filesOf(home);
  rmSync(home.folder, { recursive: true });
  recordedDisk(home.folder, inode, readTrace(trace)).writeFlushed(home.folder);
  expect(filesOf(home)).toEqual(before);
  await works(home, ["db", "check", "--db", home.path("data", "whcb.db")]);
  const env = { WHCB_URL: home.path("data", "whcb.db") };
  const succeeded = await idsOf(home, ["calls", "list", "demo", "--success"], { env });
  expect(new Set(succeeded)).toEqual(new Set(outage.callIds));
});

/** Returns settings, keys, journals and e-mails with their contents. */
function filesOf(home: Home): Readonly<Record<string, string>> {
  const paths = readdirSync(home.folder, { recursive: true, encoding: "utf8" }).sort();
  const stored = paths.filter((path) => /(config\.json|\.key|\.ndjson|\.eml)$/.test(path));
  return Object.fromEntries(stored.map((path) => [path, readFileSync(home.path(path), "utf8")]));
}
