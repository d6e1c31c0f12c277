/** Runs scripts of package.json beside each other, shows what each wrote, and fails if one does. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

async function run(script) {
  const child = spawn(process.execPath, [process.env.npm_execpath, "run", "--silent", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  process.stdout.write(output);
  if (code !== 0) process.exitCode = 1;
}

await Promise.all(process.argv.slice(2).map(run));
