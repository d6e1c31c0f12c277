import { chmodSync, chownSync, lchownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { readSettings } from "../../../../src/cli/settings/settings-file.js";
import { lockFile } from "../../../../src/store/sqlite/lock-database.js";
import { type CliWorld, newCliWorld, runCli, storeSettings } from "../../../support/cli/run-cli.js";
import { eventually } from "../../../support/process/whcb-process.js";
import { IS_WINDOWS, isPrivate } from "../../../support/system.js";
import { newTemporaryFolder } from "../../../support/temporary-folders.js";
import { passTime } from "../../../support/time/pass-time.js";
import { VirtualClock } from "../../../support/time/virtual-clock.js";

const SECRET = { username: "u", password: "p-secret", apiKey: "k-secret" };

function settingsOf(text: string): { readonly world: CliWorld; readonly file: string } {
  const world = newCliWorld();
  const { config } = world.paths;
  mkdirSync(config, { recursive: true });
  const file = join(config, "config.json");
  writeFileSync(file, text);
  return { world, file };
}

describe("the settings file", () => {
  test("may be missing", async () => {
    expect(await readSettings(newCliWorld().paths.config)).toEqual({ current: null, profiles: new Map(), serve: null });
  });

  test("is read as it was written, including names with dots", async () => {
    const world = newCliWorld();
    const settings = {
      current: "eu.prod",
      profiles: new Map([["eu.prod", { url: "https://x.example.com", ...SECRET }]]),
      serve: SECRET,
    };
    await storeSettings(world, () => settings);
    expect(await readSettings(world.paths.config)).toEqual(settings);
  });

  test("is readable by its owner only, and so is its folder, even if it was readable by others before", async () => {
    const world = newCliWorld();
    const { config } = world.paths;
    await storeSettings(world, (settings) => settings);
    expect(isPrivate(config)).toBe(true);
    const file = join(config, "config.json");
    expect(isPrivate(file)).toBe(true);
    chmodSync(file, 0o644);
    await storeSettings(world, (settings) => ({ ...settings, serve: SECRET }));
    expect(isPrivate(file)).toBe(true);
  });

  test.skipIf(IS_WINDOWS)("causes a warning if other users can read it", async () => {
    const world = newCliWorld();
    await storeSettings(world, (settings) => ({ ...settings, serve: SECRET }));
    const file = join(world.paths.config, "config.json");
    for (const folder of [world.paths.config, dirname(world.paths.config)]) chmodSync(folder, 0o755);
    expect((await runCli(world, ["config", "get"])).stderr).toBe("");
    chmodSync(file, 0o640);
    const warning = `warning: other users of this machine can open ${file}: chmod go-rwx ${file}\n`;
    expect((await runCli(world, ["config", "get"])).stderr).toBe(warning);
    chmodSync(world.paths.config, 0o700);
    expect((await runCli(world, ["config", "get"])).stderr).toBe("");
  });

  test.each([
    ["{ broken", "it isn't JSON"],
    ["[]", "it isn't a JSON object"],
    ['{"profiles": {"prod": {}}}', 'profile "prod" has no "url"'],
    ['{"profiles": {"prod": {"url": 5}}}', '"url" must be a string'],
    ['{"profiles": {"prod": {"url": "x", "rate": "fast"}}}', '"rate" of profile "prod" must be a number above 0'],
    ['{"serve": {"username": "u"}}', '"serve" needs username, password and apiKey'],
  ])("is reported and left unchanged if it can't be used: %s", async (text, reason) => {
    const { world, file } = settingsOf(text);
    await expect(storeSettings(world, (settings) => settings)).rejects.toMatchObject({
      code: "config",
      message: `the settings file ${file} can't be used: ${reason}`,
    });
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  test("that is invalid ends every command with exit code 4, and is left unchanged", async () => {
    const world = newCliWorld();
    mkdirSync(world.paths.config, { recursive: true });
    const file = join(world.paths.config, "config.json");
    writeFileSync(file, "{ broken", { mode: 0o600 });
    for (const argv of [
      ["calls", "list", "demo"],
      ["profiles", "use", "x"],
      ["serve", "--port", "0"],
      ["login", "http://127.0.0.1:1"],
    ]) {
      const { code, stdout, stderr } = await runCli(world, argv, { env: {} });
      expect({ argv, code, stdout }).toEqual({ argv, code: 4, stdout: "" });
      expect(stderr).toContain(`the settings file ${file} can't be used: it isn't JSON`);
    }
    expect(readFileSync(file, "utf8")).toBe("{ broken");
  });
});

describe("a change of the settings", () => {
  test("waits while another process makes one, and reads what that one has written", async () => {
    const clock = new VirtualClock();
    const world = newCliWorld({ clock });
    await storeSettings(world, (settings) => ({ ...settings, current: "a" }));
    const other = await lockFile(join(world.paths.config, "config.json.lock"));
    let read: string | null = "not yet";
    const change = storeSettings(world, (settings) => {
      read = settings.current;
      return settings;
    });
    await eventually(
      async () => clock.nextWakeAt,
      (at) => at !== null,
    );
    expect(read).toBe("not yet");
    writeFileSync(join(world.paths.config, "config.json"), '{"current":"b"}');
    await other?.release();
    await passTime(clock, change);
    expect(read).toBe("b");
  });

  test("is given up after 10 s of waiting", async () => {
    const clock = new VirtualClock();
    const world = newCliWorld({ clock, lockFile: async () => null });
    await expect(
      passTime(
        clock,
        storeSettings(world, (settings) => settings),
      ),
    ).rejects.toMatchObject({
      code: "unavailable",
      message: "another whcb has been changing the settings for 10 s",
    });
    expect(clock.monotonicMs()).toBe(10_000);
  });
});

describe("config and profiles", () => {
  async function aWorld() {
    const world = newCliWorld();
    await storeSettings(world, () => ({
      current: "local",
      profiles: new Map([["local", { url: "http://127.0.0.1:8787", ...SECRET, password: "a-long-password" }]]),
      serve: null,
    }));
    return world;
  }

  test("config get says where each value came from and masks secrets", async () => {
    expect(await runCli(await aWorld(), ["config", "get"], { env: { WHCB_API_KEY: "k" } })).toEqual({
      code: 0,
      stdout: [
        "profile\tlocal\tcurrent profile",
        "url\thttp://127.0.0.1:8787\tprofile local",
        "username\tu\tprofile local",
        "password\t••••\tprofile local",
        "apiKey\t••••\tWHCB_API_KEY",
        "callback\t\tnot set",
        "timezone\tUTC\tdefault",
        "country\t\tnot set",
        "authParameter\tAuth\tdefault",
        "bodyNames\tmessageid-messagelocation\tdefault",
        "allowNetwork\t\tnot set",
        "rate\tno limit\tdefault",
        "",
      ].join("\n"),
      stderr: "",
    });
  });

  test("config set changes one value of the profile", async () => {
    const world = await aWorld();
    expect(await runCli(world, ["config", "set", "rate", "600/m"])).toMatchObject({
      code: 0,
      stderr: "rate of profile local is set\n",
    });
    expect((await readSettings(world.paths.config)).profiles.get("local")?.rate).toBe(10);
    for (const zone of ["Mars/Olympus", "BST", "ist", "EST", "EST5EDT"])
      expect(await runCli(world, ["config", "set", "timezone", zone])).toEqual({
        ...{ code: 2, stdout: "" },
        stderr: `error: timezone: ${JSON.stringify(zone)} must be the full name of a time zone, such as "Australia/Sydney" or "UTC"\n`,
      });
    for (const zone of ["utc", "Asia/Kolkata"]) expect((await runCli(world, ["config", "set", "timezone", zone])).code).toBe(0);
    expect((await runCli(world, ["config", "set", "country", "au"])).code).toBe(0);
    expect((await readSettings(world.paths.config)).profiles.get("local")?.country).toBe("AU");
    expect((await runCli(world, ["config", "set", "country", "Australia"])).code).toBe(2);
  });

  test("config set takes a secret from stdin only", async () => {
    const world = await aWorld();
    const refused = await runCli(world, ["config", "set", "password", "hunter2"]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).not.toContain("hunter2");
    expect((await runCli(world, ["config", "set", "password", "-"], { stdin: "hunter2\n" })).code).toBe(0);
    expect((await readSettings(world.paths.config)).profiles.get("local")?.password).toBe("hunter2");
  });

  test("profiles are listed without their secrets, used and removed", async () => {
    const world = await aWorld();
    expect(await runCli(world, ["profiles", "list"])).toEqual({
      code: 0,
      stdout: "*\tlocal\thttp://127.0.0.1:8787\tu\t\n",
      stderr: "",
    });
    expect((await runCli(world, ["profiles", "list", "-o", "json"])).stdout).not.toMatch(/secret|password/);
    expect(await runCli(world, ["profiles", "use", "lcal"])).toMatchObject({
      code: 3,
      stderr: 'error: no profile "lcal"\nhint: did you mean local?\n',
    });
    expect((await runCli(world, ["profiles", "remove", "local", "--yes"])).code).toBe(0);
    expect(await runCli(world, ["profiles", "list", "-o", "json"])).toMatchObject({ code: 0, stdout: "[]\n" });
  });
});

describe("settings where everybody may write", () => {
  const isRoot = process.getuid?.() === 0;

  test.each([
    ["home/config/config.json", [], "taken"],
    ["home/config/config.json", ["home/config/config.json"], "taken"],
    ["home/config/config.json", ["home/config", "home/config/config.json"], "home/config"],
    ["home/config/config.json", ["home/config"], "home/config"],
    ["home/config", ["home/config"], "home/config"],
    ["home/.config/whcb/config.json", ["home/.config"], "home/.config"],
    ["home/config.json", ["home/config.json"], "home/config.json"],
  ])("%s, of which a stranger made %j: %s", async (path, made, expected) => {
    const folder = newTemporaryFolder("whcb-strangers-");
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    if (path.endsWith(".json")) writeFileSync(file, "{}");
    else mkdirSync(file);
    chmodSync(join(folder, "home"), 0o1777);
    // Only root can give a file away.
    if (isRoot) for (const part of made) chownSync(join(folder, part), 12_345, 12_345);
    const directory = path.endsWith(".json") ? dirname(file) : file;
    const settings = await readSettings(directory).catch((error: Error) => error.message);
    const refused = `${join(folder, expected)} belongs to another user, and others may write to its folder`;
    if (isRoot && expected !== "taken") expect(settings).toBe(refused);
    else expect(settings).toMatchObject({ current: null });
  });

  // A link in "own" leads to what a stranger made in "shared". It is relative, or leads through a folder's "..".
  test.runIf(isRoot).each([
    ["shared/config", "shared/config"],
    ["shared/link", "shared/link"],
    ["../shared/link", "shared/link"],
    ["own/folder/../../shared/link", "shared/link"],
    ["own/link-of-own", "shared/link"],
    ["own/link-to-below/../config", "shared/config"],
  ])("a link that leads to %s is refused for %s", async (target, expected) => {
    const folder = newTemporaryFolder("whcb-strangers-");
    const [own, shared] = [join(folder, "own"), join(folder, "shared")];
    for (const made of [own, join(own, "folder"), shared, join(shared, "config"), join(shared, "below")]) mkdirSync(made);
    for (const made of ["own/folder", "shared/config"]) writeFileSync(join(folder, made, "config.json"), "{}");
    symlinkSync(join(own, "folder"), join(shared, "link"));
    symlinkSync("../shared/link", join(own, "link-of-own"));
    symlinkSync(join(shared, "below"), join(own, "link-to-below"));
    symlinkSync(target.startsWith("..") ? target : `${folder}/${target}`, join(own, "config"));
    chmodSync(shared, 0o1777);
    for (const made of ["config", "link"]) lchownSync(join(shared, made), 12_345, 12_345);
    await expect(readSettings(join(own, "config"))).rejects.toThrow(`${join(folder, expected)} belongs to another user`);
  });

  test.runIf(isRoot)("a stranger's link where a group may write is refused, and what it leads to isn't changed", async () => {
    const { world, file } = settingsOf("{}");
    const [link, folder] = [join(world.paths.data, "config.json"), world.paths.data];
    mkdirSync(folder);
    symlinkSync(file, link);
    chmodSync(folder, 0o3770);
    const linked = { ...world, paths: { ...world.paths, config: folder } };
    expect(await storeSettings(linked, (settings) => ({ ...settings, current: "own" }))).toMatchObject({ current: "own" });
    lchownSync(link, 12_345, 12_345);
    const text = readFileSync(file, "utf8");
    await expect(storeSettings(linked, (settings) => ({ ...settings, current: "theirs" }))).rejects.toMatchObject({
      code: "config",
      message: `${link} belongs to another user, and others may write to its folder`,
    });
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  test.runIf(isRoot)("through more links than the system follows are refused", async () => {
    const folder = newTemporaryFolder("whcb-strangers-");
    symlinkSync(join(folder, "config"), join(folder, "config"));
    await expect(readSettings(join(folder, "config"))).rejects.toThrow("can't be used");
  });
});
