import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { compare, limited } from "../run/measures.js";
import { startRedis } from "../run/peers.js";
import { medians } from "../run/rounds.js";
import type { Bench, Figures, Scope } from "../run/scope.js";
import { acceptedByService } from "./accept.js";
import { throughBullmq, throughService } from "./through.js";

const LONGER_MS = 2;

/** Every flush of ours and of Redis takes longer. */
export const slowDisk: Bench = async (scope) => {
  const library = compileSlowSync(scope);
  if (library === null) return [limited({ measure: "left out: it needs Linux and a C compiler", ours: undefined, unit: "/s" })];
  const slow = scope.withEnv({ LD_PRELOAD: library, SLOW_SYNC_MS: String(LONGER_MS) });
  const everySecond = { fast: await startRedis(scope, "everysec"), slow: await startRedis(slow, "everysec") };
  const always = { fast: await startRedis(scope, "always"), slow: await startRedis(slow, "always") };
  const figures = await medians(scope.settings.rounds, {
    accept: () => acceptedByService(scope),
    acceptSlow: () => acceptedByService(slow),
    through: () => throughService(scope),
    throughSlow: () => throughService(slow),
    everySecond: () => throughBullmq(scope, everySecond.fast),
    everySecondSlow: () => throughBullmq(slow, everySecond.slow),
    always: () => throughBullmq(scope, always.fast),
    alwaysSlow: () => throughBullmq(slow, always.slow),
  });
  const against = (measure: string, ours: Figures | null, fast: Figures | null, missing: string | null) =>
    compare({
      measure: `${measure}, ${LONGER_MS} ms more a flush, against none more`,
      ours: ours?.rate,
      against: fast?.rate,
      unit: "/s",
      missing,
      cpu: { ours: ours?.cpuUs, against: fast?.cpuUs },
    });
  return [
    against("accepted", figures.acceptSlow, figures.accept, null),
    against("accepted and delivered", figures.throughSlow, figures.through, null),
    against("BullMQ, Redis flushed every second", figures.everySecondSlow, figures.everySecond, everySecond.slow.missing),
    against("BullMQ, Redis flushed always", figures.alwaysSlow, figures.always, always.slow.missing),
  ];
};

/** Path of the library to preload; null where it can't be compiled, or wouldn't be loaded. */
function compileSlowSync(scope: Scope): string | null {
  if (process.platform !== "linux") return null;
  const source = join(scope.places.home, "..", "support", "process", "slow-sync.c");
  const library = scope.freshFile(".so");
  const isCompiledBy = (compiler: string) =>
    spawnSync(compiler, ["-shared", "-fPIC", "-o", library, source, "-ldl"], { stdio: "ignore" }).status === 0;
  return ["cc", "gcc"].some(isCompiledBy) ? library : null;
}
