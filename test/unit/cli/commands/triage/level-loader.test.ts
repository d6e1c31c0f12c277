import { describe, expect, it } from "vitest";
import { LevelLoader } from "../../../../../src/cli/commands/triage/level-loader.js";
import {
  type CallsLevel,
  type Level,
  newState,
  topLevel,
  updateLevel,
} from "../../../../../src/cli/commands/triage/triage-state.js";
import type { CallPage, ListCallsQuery } from "../../../../../src/client/call-requests.js";
import type { Client } from "../../../../../src/client/client.js";
import { aListedCall, aListedCallback } from "../../../../support/cli/listed.js";

const PAGE = 500;

/** Lists so many calls, and counts the pages that were asked for. */
function listOf(calls: number) {
  const asked = { pages: 0, found: 0 };
  async function* listCalls(_: string, __: ListCallsQuery): AsyncGenerator<CallPage> {
    for (let start = 0; start < calls; start += PAGE) {
      asked.pages++;
      yield {
        calls: Array.from({ length: PAGE }, (_, index) => aListedCall({ id: `C${start + index}` })),
        withoutId: [],
        leftOut: 0,
        unclear: 0,
        total: calls,
      };
    }
  }
  async function findCalls(_: string, ids: readonly string[]) {
    asked.found += ids.length;
    return ids.map((id) => aListedCall({ id }));
  }
  let state = newState(CALLS);
  const client = { listCalls, findCalls } as Partial<Client> as Client;
  const loader = new LevelLoader(
    client,
    (id, change) => {
      state = updateLevel(state, id, change);
    },
    () => 0,
  );
  const shown = (): CallsLevel => {
    const level = topLevel(state);
    if (level.kind !== "calls") throw new Error("no calls");
    return level;
  };
  return {
    asked,
    shown,
    async moveTo(cursor: number) {
      state = updateLevel(state, 1, (level) => ({ ...level, cursor }));
      await loader.load(topLevel(state), 50);
      await loader.load(topLevel(state), 50);
    },
    change: (changes: Partial<CallsLevel>) => {
      state = updateLevel(state, 1, (level) => ({ ...level, ...changes }) as Level);
    },
  };
}

const CALLS: CallsLevel = {
  id: 1,
  kind: "calls",
  callback: aListedCallback(),
  title: "",
  filter: {},
  ids: [],
  lines: new Map(),
  total: null,
  selected: new Map(),
  cursor: 0,
  filterText: "",
  isLoaded: false,
};

describe("a list of 100 000 calls", () => {
  it("is read as far as it is shown, a page ahead", async () => {
    const { moveTo, asked, shown } = listOf(100_000);
    await moveTo(0);
    expect([asked.pages, shown().ids.length, shown().total]).toEqual([1, PAGE, 100_000]);
    await moveTo(100);
    expect(asked.pages).toBe(1);
    await moveTo(450);
    expect(asked.pages).toBe(2);
  });

  it("keeps the rows that were shown last, and reads others again", async () => {
    const { moveTo, asked, shown } = listOf(100_000);
    for (let cursor = 0; cursor < 10_000; cursor += 450) await moveTo(cursor);
    expect(shown().lines.size).toBeLessThanOrEqual(2_000);
    expect(asked.found).toBe(0);
    await moveTo(0);
    expect([asked.found, shown().lines.has("C0")]).toEqual([50, true]);
  });

  it("is listed from its beginning for another text", async () => {
    const { moveTo, asked, shown, change } = listOf(1_000);
    await moveTo(0);
    change({ filterText: "yes" });
    await moveTo(0);
    expect([asked.pages, shown().ids.length]).toEqual([2, PAGE]);
  });
});
