import { spawnSync } from "node:child_process";
import nodeModule from "node:module";
import { compare } from "../run/measures.js";
import { median } from "../run/rounds.js";
import type { Bench } from "../run/scope.js";
import { commandEnv, startBenchService, whcbOf } from "../run/service.js";

const RUNS = 15;
/** A Node that keeps what V8 compiled has the lower goals. */
const AT_MOST =
  "enableCompileCache" in nodeModule ? { version: 1.2, help: 1.5, list: 2.3 } : { version: 1.3, help: 1.7, list: 2.8 };

/** Whole processes, from spawn to exit. */
export const start: Bench = async (scope) => {
  const database = scope.freshFile(".db");
  await scope.measure("fill", { database, url: "http://127.0.0.1:9/hook", count: 20, failedEach: 1 });
  const { url } = await startBenchService(scope, { database, dispatch: false });
  const env = { ...commandEnv(scope), WHCB_URL: url };
  const whcb = whcbOf(scope);
  const commands: Record<string, readonly string[]> = {
    node: ["-e", "0"],
    version: [whcb, "--version"],
    help: [whcb, "--help"],
    list: [whcb, "calls", "list", "demo", "--limit", "20"],
  };
  const times = new Map<string, number[]>(Object.keys(commands).map((name) => [name, []]));
  for (let run = -1; run < RUNS; run += 1) {
    for (const [name, args] of Object.entries(commands)) {
      const began = performance.now();
      const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
      if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}: ${stderr}`);
      if (run >= 0) times.get(name)?.push(performance.now() - began);
    }
  }
  const ms = (name: string) => median(times.get(name) ?? []);
  const against = { against: ms("node"), unit: "ms" as const };
  return [
    compare({ measure: "whcb --version, against node -e 0", ours: ms("version"), ...against, atMost: AT_MOST.version }),
    compare({ measure: "whcb --help, against node -e 0", ours: ms("help"), ...against, atMost: AT_MOST.help }),
    compare({ measure: "whcb calls list (20 rows), against node -e 0", ours: ms("list"), ...against, atMost: AT_MOST.list }),
  ];
};
