import { spawn } from "node:child_process";

/** Doesn't wait for the browser, which gets none of whcb's variables: some are secret. Returns false if there is no program for it. */
export async function openInBrowser(url: string, platform: NodeJS.Platform, env: NodeJS.ProcessEnv): Promise<boolean> {
  const [command, ...args] = openCommand(platform);
  // Windows takes names in any case.
  const given = Object.fromEntries(Object.entries(env).filter(([name]) => !/^whcb_/i.test(name)));
  const child = spawn(command, [...args, url], { detached: true, stdio: "ignore", env: given });
  return new Promise((resolve) => {
    child.once("error", () => resolve(false));
    child.once("spawn", () => {
      child.unref();
      resolve(true);
    });
  });
}

function openCommand(platform: NodeJS.Platform): readonly [command: string, ...args: string[]] {
  if (platform === "darwin") return ["open"];
  // `start` isn't used, as cmd would read the address as a command line.
  return platform === "win32" ? ["rundll32", "url.dll,FileProtocolHandler"] : ["xdg-open"];
}
