/**
 * Runs scripts of package.json beside each other, and fails if one does. What the first writes is seen at once, what another one writes
 * when that ends. A browser and a process that waits leave time to the others.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

async function run(script, index) {
  const child = spawn(process.execPath, [process.env.npm_execpath, "run", "--silent", script], {
    stdio: ["ignore", index === 0 ? "inherit" : "pipe", "inherit"],
  });
  const [output, [code]] = await Promise.all([child.stdout ? text(child.stdout) : "", once(child, "close")]);
  process.stdout.write(output);
  if (code !== 0) process.exitCode = 1;
}

await Promise.all(process.argv.slice(2).map(run));
