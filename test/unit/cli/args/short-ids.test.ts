import { describe, expect, test } from "vitest";
import { completeCallIds } from "../../../../src/cli/args/short-ids.js";
import { Capabilities } from "../../../../src/client/capabilities.js";
import type { Client } from "../../../../src/client/client.js";
import { aListedCall, aListedCallback } from "../../../support/cli/listed.js";

const whole = (start: string) => start.padEnd(32, "0");

/** `ids` are by callback. The callbacks in `more` have too many calls to read. */
function complete(words: readonly string[], ids: Readonly<Record<string, readonly string[]>>, more: readonly string[] = []) {
  const asked: string[] = [];
  const client = {
    capabilities: new Capabilities(),
    findCallIds: async (callbackId, prefixes) => {
      asked.push(callbackId);
      const matching = (prefix: string) => (ids[callbackId] ?? []).filter((id) => id.startsWith(prefix));
      return new Map(prefixes.map((prefix) => [prefix, { callIds: matching(prefix), hasMore: more.includes(callbackId) }]));
    },
    findCalls: async (callbackId, wanted) =>
      (ids[callbackId] ?? []).filter((id) => wanted.includes(id)).map((id) => aListedCall({ id })),
  } satisfies Partial<Client>;
  const callbacks = Object.keys(ids).map((id) => aListedCallback({ id }));
  const completed = completeCallIds(
    words,
    async () => callbacks,
    client as unknown as Client,
    () => {},
  );
  return { completed, asked };
}

describe("short ids", () => {
  test("whole ids, and ids that callers chose, ask nothing", async () => {
    const words = [whole("ABC"), "order-17", "ABCDEF0".padEnd(33, "0")];
    const { completed, asked } = complete(words, { one: [] });
    expect([await completed, asked]).toEqual([words, []]);
  });

  test("each is looked for in every callback, and the others stay as they are", async () => {
    const { completed } = complete(["ABCDEF", "order-17", "ABC123"], { one: [whole("ABC123")], two: [whole("ABCDEF")] });
    expect(await completed).toEqual([whole("ABCDEF"), "order-17", whole("ABC123")]);
  });

  test("one that calls of two callbacks begin with is ambiguous", async () => {
    const { completed } = complete(["ABCDEF"], { one: [whole("ABCDEF1")], two: [whole("ABCDEF2")] });
    await expect(completed).rejects.toMatchObject({
      code: "usage",
      message: `several calls begin with ABCDEF: ${whole("ABCDEF1")}, ${whole("ABCDEF2")}`,
      hint: "7 digits are enough",
    });
  });

  test("of many that begin with it, five are listed, and the digits tell any two apart", async () => {
    const ids = ["00", "01", "10", "1100", "1101", "2"].map((rest) => whole(`ABCDEF1234567${rest}`));
    const several = { code: "usage", message: `several calls begin with ABCDEF: ${ids.slice(0, 5).join(", ")}, …` };
    await expect(complete(["ABCDEF"], { one: ids }).completed).rejects.toMatchObject({
      ...several,
      hint: "17 digits are enough",
    });
    await expect(complete(["ABCDEF"], { one: ids }, ["one"]).completed).rejects.toMatchObject({
      ...several,
      hint: "type at least 17 digits, or the whole id: there are more than were compared",
    });
    for (const id of ids) expect(await complete([id.slice(0, 17)], { one: ids }).completed).toEqual([id]);
    await expect(complete([ids[3]?.slice(0, 16) ?? ""], { one: ids }).completed).rejects.toMatchObject({ code: "usage" });
  });

  test.each(["0123456789ABCDEF", "ABCDEF1"])(
    "%s is a beginning, or an id that a caller chose, but not one of both",
    async (digits) => {
      expect(await complete([digits], { one: [whole(digits)], two: [] }).completed).toEqual([whole(digits)]);
      expect(await complete([digits], { one: [], two: [digits] }).completed).toEqual([digits]);
      await expect(complete([digits], { one: [whole(digits)], two: [digits] }).completed).rejects.toMatchObject({
        code: "usage",
        message: `${digits} is a call that a sender named so, and may be the beginning of another one`,
      });
    },
  );

  test("one match isn't enough where not all calls were read", async () => {
    const { completed } = complete(["ABCDEF"], { one: [whole("ABCDEF")], two: [] }, ["two"]);
    await expect(completed).rejects.toMatchObject({ code: "usage", message: "too many calls to tell which one ABCDEF is" });
  });

  test("one that is too short is only ever a whole id that a caller chose", async () => {
    expect(await complete(["12345"], { one: ["12345"] }).completed).toEqual(["12345"]);
    await expect(complete(["12345"], { one: [whole("12345")] }).completed).rejects.toMatchObject({ code: "not-found" });
  });
});
