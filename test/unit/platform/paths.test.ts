import { expect, test } from "vitest";
import { pathsFrom } from "../../../src/platform/paths.js";

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

test("WHCB_CONFIG_DIR and WHCB_DATA_DIR come first, an empty one doesn't count", () => {
  const env = { ...ENV, XDG_CONFIG_HOME: "/c", WHCB_CONFIG_DIR: "/mine", WHCB_DATA_DIR: "" };
  expect(pathsFrom(env, "linux")).toEqual({ config: "/mine", data: "/home/ada/.local/share/whcb" });
});
