import { describe, expect, it } from "vitest";
import { findHiddenUrl } from "../../../../src/runs/plan/preview-replay.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../../../src/runs/run-options.js";
import { aListedCallback } from "../../../support/cli/listed.js";

describe("findHiddenUrl", () => {
  it("has one variable, and so one URL that holds a secret", () => {
    const hidden = "https://h/?token=s3cret";
    const find = (to: string | null, ...urls: readonly string[]) => {
      const callbacks = urls.map((url, index) => aListedCallback({ id: String(index), url }));
      return findHiddenUrl(callbacks, { ...DEFAULT_REPLAY_OPTIONS, to })?.id;
    };
    expect([find(null, "https://h/"), find(null, "https://h/", hidden), find(hidden, "https://a/", "https://b/")]).toEqual([
      undefined,
      "1",
      "0",
    ]);
    expect(find("https://a/", hidden)).toBeUndefined();
    expect(() => find(null, hidden, `${hidden}2`)).toThrow(
      expect.objectContaining({
        code: "usage",
        message: "the URLs of several callbacks hold secrets, and commands have one variable for a URL",
        hint: "name one callback at a time",
      }),
    );
  });
});
