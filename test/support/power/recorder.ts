/** Records what processes write below a folder: record-writes.c is preloaded into them. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { newTemporaryFolder } from "../temporary-folders.js";

/** Returns the library to preload, or null without a C compiler, or elsewhere than on Linux. */
export function compileRecorder(): string | null {
  const library = join(newTemporaryFolder("whcb-recorder-"), "record-writes.so");
  const source = join(import.meta.dirname, "record-writes.c");
  const options = ["-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"];
  if (process.platform === "linux" && spawnSync("cc", options, { stdio: "inherit" }).status === 0) return library;
  process.stderr.write("The power cuts are left out: they need Linux and a C compiler (cc).\n");
  return null;
}

export type RecordEnv = Readonly<Record<"LD_PRELOAD" | "POWER_TRACE" | "POWER_BOOT_ID" | "UV_USE_IO_URING", string>>;

/** Processes with this environment append to the empty file at `trace`. They find another start of the machine than after the cut. */
export function recordTo(trace: string, recorder: string): RecordEnv {
  const bootId = `${trace}-boot-id`;
  writeFileSync(trace, "");
  writeFileSync(bootId, "before the power cut\n");
  // Its rings would pass the recorder by.
  return { LD_PRELOAD: recorder, POWER_TRACE: trace, POWER_BOOT_ID: bootId, UV_USE_IO_URING: "0" };
}
