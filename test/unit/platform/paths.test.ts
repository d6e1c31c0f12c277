import { expect, test } from "vitest";
import { cacheFolder, pathsFrom } from "../../../src/platform/paths.js";

const ENV = { HOME: "/home/ada" };

test("files are where the platform keeps them", () => {
  expect(pathsFrom(ENV, "linux")).toEqual({ config: "/home/ada/.config/whcb", data: "/home/ada/.local/share/whcb" });
  expect(pathsFrom(ENV, "darwin")).toEqual({
    config: "/home/ada/Library/Preferences/whcb",
    data: "/home/ada/Library/Application Support/whcb",
  });
  expect(pathsFrom({ ...ENV, XDG_CONFIG_HOME: "/c", XDG_DATA_HOME: "/d" }, "linux")).toEqual({
    config: "/c/whcb",
    data: "/d/whcb",
  });
});

test("a relative path of XDG is ignored, as its rules say", () => {
  const env = { ...ENV, XDG_CONFIG_HOME: "./c", XDG_DATA_HOME: "d" };
  expect(pathsFrom(env, "linux")).toEqual({ config: "/home/ada/.config/whcb", data: "/home/ada/.local/share/whcb" });
});

test("files are in AppData on Windows, with its separators, whatever system this is", () => {
  const env = { HOME: "C:\\Users\\ada" };
  const local = "C:\\Users\\ada\\AppData\\Local\\whcb";
  expect(pathsFrom(env, "win32")).toEqual({ config: "C:\\Users\\ada\\AppData\\Roaming\\whcb", data: local });
  expect(cacheFolder(env, "win32")).toBe(`${local}\\cache`);
  const moved = { ...env, APPDATA: "D:\\roaming", LOCALAPPDATA: "D:\\local" };
  expect(pathsFrom(moved, "win32")).toEqual({ config: "D:\\roaming\\whcb", data: "D:\\local\\whcb" });
});

test("WHCB_CONFIG_DIR and WHCB_DATA_DIR come first, an empty one doesn't count", () => {
  const env = { ...ENV, XDG_CONFIG_HOME: "/c", WHCB_CONFIG_DIR: "/mine", WHCB_DATA_DIR: "" };
  expect(pathsFrom(env, "linux")).toEqual({ config: "/mine", data: "/home/ada/.local/share/whcb" });
});

test("the native module of the executable is where the platform keeps what may be deleted, or in WHCB_CACHE_DIR", () => {
  const platforms = ["linux", "darwin"] as const;
  expect(platforms.map((platform) => cacheFolder({ ...ENV, WHCB_CACHE_DIR: "" }, platform))).toEqual([
    "/home/ada/.cache/whcb",
    "/home/ada/Library/Caches/whcb",
  ]);
  expect(cacheFolder({ ...ENV, XDG_CACHE_HOME: "/c" }, "linux")).toBe("/c/whcb");
  expect(cacheFolder({ ...ENV, XDG_CACHE_HOME: "/c", WHCB_CACHE_DIR: "/mine" }, "linux")).toBe("/mine");
});
