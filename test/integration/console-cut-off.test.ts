import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openStore } from "../../src/store/open-store.js";
import { describeCutOff } from "./console-cut-off.js";

let folder: string;
let databases = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "whcb-cut-off-"));
});
afterAll(() => rm(folder, { recursive: true }));

describeCutOff("SQLite", async () => {
  const database = { url: join(folder, `${databases++}.db`), clock: systemClock, secretKey: randomBytes(32) };
  return [await openStore(database), await openStore(database)];
});
