import { expect, test } from "vitest";
import { pinoLogger } from "../../../src/platform/pino-logger.js";

function logTo(lines: string[], level: "info" | "warn" = "info") {
  return pinoLogger(level, { write: (line) => void lines.push(line) });
}

test("a line is JSON with a time, and secrets are redacted up to three levels deep", () => {
  const lines: string[] = [];
  logTo(lines).info({ callback: "demo", apiKey: "a", auth: { key: "b" }, request: { headers: { cookie: "c" } } }, "ready");
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      level: 30,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      callback: "demo",
      apiKey: "[redacted]",
      auth: { key: "[redacted]" },
      request: { headers: { cookie: "[redacted]" } },
      msg: "ready",
    },
  ]);
});

test("a line below the level isn't written", () => {
  const lines: string[] = [];
  logTo(lines, "warn").info({}, "ready");
  expect(lines).toEqual([]);
});

test("a line can't control a terminal", () => {
  const lines: string[] = [];
  logTo(lines).info({ callback: "\u009b2J\u202eexe\u001b[2J" }, "ready");
  expect(lines.join("")).toMatch(/^[\x20-\x7e]+\n$/);
  expect(lines.map((line) => JSON.parse(line).callback)).toEqual(["\u009b2J\u202eexe\u001b[2J"]);
});
