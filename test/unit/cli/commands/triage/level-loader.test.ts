import { describe, expect, it } from "vitest";
import { LevelLoader } from "../../../../../src/cli/commands/triage/level-loader.js";
import {
  type CallsLevel,
  type Level,
  NO_ROW,
  newState,
  rowCount,
  topLevel,
  updateLevel,
} from "../../../../../src/cli/commands/triage/triage-state.js";
import type { CallPage, ListCallsQuery } from "../../../../../src/client/call-requests.js";
import type { Client } from "../../../../../src/client/client.js";
import type { GroupPart as ReadGroups } from "../../../../../src/client/group-requests.js";
import type { CallGroup, GroupKey } from "../../../../../src/domain/call-groups.js";
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

/** Loads the level, and calls `onRead` after each change of it. */
async function reload(level: Level, client: Partial<Client>, onRead: (level: Level) => void = () => undefined): Promise<Level> {
  let state = newState(level);
  const loader = new LevelLoader(
    client as Client,
    (id, change) => {
      state = updateLevel(state, id, change);
      onRead(topLevel(state));
    },
    () => 0,
  );
  await loader.load(level, 50);
  return topLevel(state);
}

type Values = CallGroup["values"];

const groupOf = (values: Values, count = 1): CallGroup => ({
  ...{ values, count, firstAttemptedAt: 0, lastAttemptedAt: 0, exampleId: null },
});

it("rows that take too much together are an error", async () => {
  const content = "x".repeat(60_000_000);
  async function* listCalls(): AsyncGenerator<CallPage> {
    const calls = ["A", "B", "C", "D", "E"].map((id) => aListedCall({ id, content }));
    yield { calls, withoutId: [], leftOut: 0, unclear: 0, total: 5 };
  }
  const said = await reload(CALLS, { listCalls }).then(({ kind }) => kind, String);
  expect(said).toContain("the list doesn't end: more than ");
});

describe("what is read again, or not all yet,", () => {
  const base = { id: 1, callback: aListedCallback(), dimension: "cause" as const, filterText: "", isLoaded: false };

  it("keeps the cursor on its group while groups are first counted", async () => {
    async function* groupCalls(): AsyncGenerator<ReadGroups> {
      yield {
        groups: [groupOf({ statusCode: 409 }, 40), groupOf({ statusCode: 503 }, 20)],
        leftOut: 0,
        total: null,
        retried: null,
      };
      yield { groups: [groupOf({ statusCode: 503 }, 180)], leftOut: 0, total: null, retried: null };
    }
    const cursors: number[] = [];
    const counted = { readAt: null, groups: [], calls: 0, otherCalls: 0 };
    const level: Level = { ...base, kind: "groups", counted, cursor: 0 };
    await reload(level, { groupCalls }, ({ cursor }) => cursors.push(cursor));
    expect(cursors).toEqual([0, 1, 1]);
  });

  it("keeps the parts of a group until all were read, and the cursor on its part", async () => {
    const [ada, bob] = [groupOf({ from: "ada" }), groupOf({ from: "bob" })];
    async function* groupCalls(_: string, { by }: { readonly by: readonly GroupKey[] }): AsyncGenerator<ReadGroups> {
      const groups = by.includes("from") ? [ada, bob] : by.includes("hour") ? [groupOf({ hour: 0 }), groupOf({ hour: 1 })] : [];
      yield { groups, leftOut: 0, total: null, retried: null };
    }
    const partOf = (group: CallGroup) => ({ dimension: "from" as const, group });
    const parts = [partOf(groupOf({ from: "cat" })), partOf(bob)];
    const level: Level = { ...base, kind: "group", group: groupOf({ statusCode: 503 }), filter: {}, parts, cursor: 2 };
    const shown: number[] = [];
    const last = await reload(level, { groupCalls }, (one) => shown.push(rowCount(one)));
    expect([shown, last]).toEqual([[3, 3, 3, 5], expect.objectContaining({ cursor: 4, isLoaded: true })]);
    expect(await reload({ ...level, cursor: 1 }, { groupCalls })).toMatchObject({ cursor: NO_ROW });
    expect(await reload({ ...level, cursor: 0 }, { groupCalls })).toMatchObject({ cursor: 0 });
  });

  it("keeps calls until their first page was read, and the cursor on its call", async () => {
    async function* listCalls(): AsyncGenerator<CallPage> {
      yield { calls: ["D", "A", "C"].map((id) => aListedCall({ id })), withoutId: [], leftOut: 0, unclear: 0, total: 3 };
    }
    const ids = ["A", "B", "C"];
    const lists: (readonly string[])[] = [];
    const read = (cursor: number) =>
      reload({ ...CALLS, ids, total: 3, cursor }, { listCalls }, (one) => one.kind === "calls" && lists.push(one.ids));
    expect(await read(0)).toMatchObject({ cursor: 1, ids: ["D", "A", "C"], total: 3 });
    expect(await read(1)).toMatchObject({ cursor: NO_ROW });
    expect(await read(2)).toMatchObject({ cursor: 2 });
    expect(lists.every((list) => list.length === 3)).toBe(true);
  });

  it("has no calls once none are listed", async () => {
    async function* listCalls(): AsyncGenerator<CallPage> {}
    const level: Level = { ...CALLS, ids: ["A"], total: 1 };
    expect(await reload(level, { listCalls })).toMatchObject({ ids: [], total: null, cursor: NO_ROW, isLoaded: true });
  });
});

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
