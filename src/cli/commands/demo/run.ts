import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT_BUG, EXIT_DONE } from "../../exit-codes.js";
import type { Invocation } from "../../invocation.js";
import { playDemo } from "./play-demo.js";

/** The story in a folder of its own, which is removed whatever happens. */
export async function run({ deps, screen }: Invocation): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "whcb-demo-"));
  try {
    const checks = await playDemo(deps, directory, (line) => void screen.out(`${line}\n`));
    const { palette } = screen.renderOptions;
    const wrong = checks.filter(({ expected, seen }) => expected !== seen);
    const width = Math.max(...checks.map(({ name }) => name.length));
    const lines = checks.map(({ name, expected, seen }) =>
      expected === seen
        ? `${palette.good("ok")}     ${name.padEnd(width)}  ${seen}`
        : `${palette.bad("wrong")}  ${name.padEnd(width)}  expected ${expected}, saw ${seen}`,
    );
    await screen.out(`\n${lines.join("\n")}\n`);
    screen.info(wrong.length === 0 ? "every count is as it must be" : `${wrong.length} of ${checks.length} counts are wrong`);
    return wrong.length === 0 ? EXIT_DONE : EXIT_BUG;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
