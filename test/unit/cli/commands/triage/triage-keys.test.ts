import { describe, expect, it } from "vitest";
import { keepTyped, type PressContext, press } from "../../../../../src/cli/commands/triage/triage-keys.js";
import {
  type CallsLevel,
  type GroupLevel,
  type GroupsLevel,
  type Level,
  NO_ROW,
  newState,
  type TriageState,
  topLevel,
  updateLevel,
} from "../../../../../src/cli/commands/triage/triage-state.js";
import type { Key } from "../../../../../src/cli/full-screen/frame.js";
import type { CallStatus } from "../../../../../src/domain/call.js";
import { aListedCall, aListedCallback } from "../../../../support/cli/listed.js";

const callback = aListedCallback();
const CONTEXT: PressContext = { page: 10, callRows: 0, isAskedWhole: true, serviceFlags: [], newId: () => 99 };

function keys(text: string): Key[] {
  const named: Readonly<Record<string, Key["name"]>> = {
    "↓": "down",
    "↵": "enter",
    "⎋": "escape",
    "⇥": "tab",
    "⌫": "backspace",
    "^": "interrupt",
  };
  return [...text].map((character) => {
    const name = named[character];
    return name === undefined || name === "character" ? { name: "character", character } : { name };
  });
}

/** Returns the state after the keys, and what the last one asked for. */
function typed(state: TriageState, text: string) {
  let last = press(state, { name: "home" }, CONTEXT);
  for (const key of keys(text)) last = press(last.state, key, CONTEXT);
  return last;
}

function groups(): TriageState {
  const group = { firstAttemptedAt: 0, lastAttemptedAt: 0, exampleId: null };
  const counted = {
    groups: [
      { ...group, count: 30, values: { statusCode: 503, reason: "Service Unavailable" } },
      { ...group, count: 20, values: { statusCode: 500, reason: "Internal Server Error" } },
    ],
    calls: 50,
    otherCalls: 0,
    readAt: 0,
  };
  return newState({ id: 1, kind: "groups", callback, dimension: "cause", counted, cursor: 0, filterText: "", isLoaded: true });
}

function calls(changes: Partial<CallsLevel> = {}): TriageState {
  const content = ["yes please", "no", "yes"];
  const ids = ["A", "B", "C"];
  const lines = new Map(
    ids.map((id, index) => [id, { attemptedAt: 0, outcome: "503", from: "6140", content: content[index] ?? "" }]),
  );
  const level: Level = {
    id: 1,
    kind: "calls",
    callback,
    title: "503",
    filter: { statusCodes: [{ code: 503 }] },
    ids,
    lines,
    total: 3,
    selected: new Map(),
    cursor: 0,
    filterText: "",
    isLoaded: true,
  };
  return newState({ ...level, ...changes });
}

/** Its rows are all of them, two senders and a message. */
function group(changes: Partial<GroupLevel> = {}): TriageState {
  const [first] = (topLevel(groups()) as GroupsLevel).counted.groups;
  if (first === undefined) throw new Error("no group");
  const parts = [
    { dimension: "from" as const, group: { ...first, count: 6, values: { from: "+61412345001" } } },
    { dimension: "from" as const, group: { ...first, count: 3, values: { from: "+61412345002" } } },
    { dimension: "message" as const, group: { ...first, count: 9, values: { messageId: "M1" } } },
  ];
  const filter = { statusCodes: [{ code: 503 }] };
  const base = { id: 1, cursor: 0, filterText: "", isLoaded: true };
  return newState({ ...base, kind: "group", callback, dimension: "cause", group: first, filter, parts, ...changes });
}

describe("Ctrl-C", () => {
  it("goes back from what isn't read yet, and quits otherwise", () => {
    const group = typed(groups(), "↵").state;
    const back = typed(group, "^");
    expect([topLevel(back.state).kind, back.effect]).toEqual(["groups", { do: "reload" }]);
    expect(typed(back.state, "^").effect).toEqual({ do: "quit" });
    const list = typed(group, "↵").state;
    expect(topLevel(typed(list, "^").state).kind).toBe("group");
    expect(typed(newState({ ...(topLevel(groups()) as Level), isLoaded: false }), "^").effect).toEqual({ do: "quit" });
  });
});

describe("R", () => {
  it("reads again what is shown, which stays meanwhile", () => {
    const { state, effect } = typed(groups(), "jR");
    expect([topLevel(state), effect]).toEqual([{ ...topLevel(groups()), cursor: 1, isLoaded: false }, { do: "reload" }]);
  });
});

describe("moving", () => {
  it("goes from groups to one group, to its calls and to a call, and back", () => {
    const group = typed(groups(), "j↵").state;
    expect(topLevel(group)).toMatchObject({
      kind: "group",
      group: { count: 20 },
      filter: { statusCodes: [{ code: 500 }], reason: "Internal Server Error" },
    });
    expect(topLevel(typed(group, "↵").state)).toMatchObject({ kind: "calls", filter: { statusCodes: [{ code: 500 }] }, ids: [] });
    expect(topLevel(typed(calls(), "↓↓↵").state)).toMatchObject({ kind: "call", callId: "C" });
    expect(typed(group, "⎋").state.levels).toHaveLength(1);
  });

  it("acts on no group after the one under the cursor is gone, until a key moves it", () => {
    const before = groups();
    const state = updateLevel(before, 1, (level) => {
      if (level.kind !== "groups") return level;
      return { ...level, counted: { ...level.counted, groups: level.counted.groups.slice(1), calls: 20, readAt: 1 } };
    });
    for (const key of keys("mrta")) expect(press(state, key, CONTEXT).effect).toBeUndefined();
    expect(press(state, { name: "enter" }, CONTEXT).state.levels).toHaveLength(1);
    for (const key of keys("jk")) {
      const moved = press(state, key, CONTEXT).state;
      expect(topLevel(moved).cursor).toBe(0);
      const [mark = { name: "enter" }] = keys("m");
      expect(press(moved, mark, CONTEXT).effect).toMatchObject({ do: "run", action: { name: "mark" } });
    }
  });

  it("acts on no part of a group, and not on all of it, after the one under the cursor is gone", () => {
    const remaining = (state: TriageState, ...indexes: readonly number[]) =>
      updateLevel(state, 1, (level) =>
        level.kind === "group" ? { ...level, parts: level.parts.filter((_, index) => indexes.includes(index)) } : level,
      );
    const onSecond = typed(group(), "jj").state;
    expect(topLevel(remaining(onSecond, 1, 2)).cursor).toBe(1);
    const gone = remaining(onSecond, 0, 2);
    expect(topLevel(gone).cursor).toBe(NO_ROW);
    for (const key of keys("mrta↵")) expect(press(gone, key, CONTEXT)).toMatchObject({ state: { levels: [{ kind: "group" }] } });
    for (const key of keys("mrta")) expect(press(gone, key, CONTEXT).effect).toBeUndefined();
  });

  it("never leaves the rows", () => {
    expect(topLevel(typed(groups(), "jjjj").state).cursor).toBe(1);
    expect(topLevel(typed(groups(), "kk").state).cursor).toBe(0);
    expect(typed(groups(), "⎋")).toMatchObject({ state: { levels: [{ kind: "groups" }], notice: "q quits" } });
  });

  it("groups by something else with Tab", () => {
    expect(topLevel(typed(groups(), "⇥⇥").state)).toMatchObject({ dimension: "from", isLoaded: false });
  });
});

describe("a filter", () => {
  it("hides groups, and what is opened is what is seen", () => {
    const filtered = typed(groups(), "/internal↵").state;
    expect(topLevel(typed(filtered, "↵").state)).toMatchObject({ group: { count: 20 } });
    expect(topLevel(typed(filtered, "⎋").state).filterText).toBe("");
  });

  it("hides parts of a group, and then all of it, too", () => {
    const filtered = typed(group(), "/5002↵");
    expect(filtered.effect).toEqual({ do: "load" });
    const { effect } = typed(filtered.state, "m");
    const flags = effect?.do === "run" ? effect.action.command.flags : [];
    expect(flags).toEqual(["--failed", "--status-code", "503", "--from", "+61412345002"]);
    expect(topLevel(typed(filtered.state, "↵").state)).toMatchObject({ kind: "calls", filter: { from: "+61412345002" } });
    const nothing = typed(group(), "/maybe↵").state;
    expect([..."mrta↵"].map((key) => typed(nothing, key).effect)).toEqual(Array(5).fill(undefined));
  });

  it("takes what is typed at each level, none of which is an action's key", () => {
    const call = newState({
      id: 1,
      kind: "call",
      callback,
      callId: "A",
      details: null,
      cursor: 0,
      filterText: "",
      isLoaded: true,
    });
    for (const state of [groups(), group(), calls(), call])
      expect(typed(state, "/maybe").state).toEqual({
        ...state,
        isTyping: true,
        levels: [expect.objectContaining({ filterText: "maybe" })],
      });
  });

  it("types q and a instead of doing what they do", () => {
    expect(typed(groups(), "/qa")).toMatchObject({ state: { isTyping: true, levels: [{ filterText: "qa" }] } });
    expect(topLevel(typed(groups(), "/qa⌫").state).filterText).toBe("q");
  });

  it("of calls is asked of the service once it is complete", () => {
    expect(typed(calls(), "/ye").effect).toBeUndefined();
    expect(typed(calls(), "/ye↵")).toMatchObject({ effect: { do: "load" }, state: { levels: [{ ids: [], filterText: "ye" }] } });
  });
});

describe("an action", () => {
  const command = (text: string, state = calls()) => {
    const { effect } = typed(state, text);
    return effect?.do === "run" ? [effect.action.command.operands, effect.action.command.flags] : effect;
  };

  it("means the selected calls, else all that match", () => {
    expect(command("a")).toEqual([["demo"], ["--failed", "--status-code", "503"]]);
    expect(command(" ↓ a")).toEqual([["demo", "A", "C"], []]);
    expect(command(" k a")).toEqual([["demo"], ["--failed", "--status-code", "503"]]);
  });

  it("never touches a selected call that the filter hides", () => {
    const selected = new Map([
      ["A", "yes please"],
      ["B", "no"],
      ["C", "YES"],
    ]);
    const filtered = { selected, filterText: "yes", ids: ["A", "C"] };
    expect(command("a", calls(filtered))).toEqual([["demo", "A", "C"], []]);
    expect(command("m", calls(filtered))).toEqual([["demo", "A", "C"], []]);
    // All that was selected is hidden.
    const hidden = { selected: new Map([["B", "no"]]), filterText: "yes", ids: ["A", "C"] };
    expect(command("m", calls(hidden))).toEqual([["demo", "A"], []]);
    expect(command("a", calls(hidden))).toEqual([["demo"], ["--failed", "--status-code", "503", "--grep", "yes"]]);
  });

  it("on one call is possible while that is FAILED", () => {
    const state = (status: CallStatus) => {
      const details = { call: { ...aListedCall(), status }, callback, attempts: null, reportsRetries: true, outage: null };
      return newState({
        id: 1,
        kind: "call",
        callback,
        callId: "A",
        details,
        cursor: 0,
        filterText: "",
        isLoaded: true,
      });
    };
    expect(command("m", state("FAILED"))).toEqual([["demo", "A"], []]);
    expect([..."mrcta"].map((key) => command(key, state("SUCCESS")))).toEqual([..."mrcta"].map(() => undefined));
  });

  it("runs from the list of actions too", () => {
    expect(command("?↓↓↵")).toEqual([["demo"], ["--failed", "--status-code", "503"]]);
    expect(typed(calls(), "?⎋")).toMatchObject({ state: { overlay: null } });
  });

  it("says if it isn't possible", () => {
    expect(typed(calls(), "u")).toMatchObject({ state: { notice: "not possible here: ? lists what is" } });
  });
});

describe("a running command", () => {
  const panel = { command: "whcb replay demo", output: [], progress: null, question: null, typed: "", outcome: null };
  const asked = { text: "Send? [y/N] ", isSecret: false };
  const during = (changes: object) => ({ ...calls(), panel: { ...panel, ...changes } });
  const pressed = (state: TriageState, text: string) => press(state, keys(text)[0] ?? { name: "escape" }, CONTEXT);

  it("takes a typed line as its answer, as a question on a line does; Esc and Ctrl-C are no", () => {
    const answers = [..."↵⎋^"].map((key) => pressed(during({ question: asked }), key).effect);
    expect(answers).toEqual(Array(3).fill({ do: "answer", text: "" }));
    // Text that is meant for another window may begin with the key of an action.
    const lines = ["y", "n", "ysql", "kdir my", "xy⌫⌫y"].map((text) => typed(during({ question: asked }), `${text}↵`).effect);
    expect(lines).toEqual(["y", "n", "ysql", "kdir my", "y"].map((text) => ({ do: "answer", text })));
  });

  it("takes no answer but no while the screen has no room for all that is asked", () => {
    const question = during({ question: asked, typed: "y" });
    const pressHere = (key: Key["name"]) => press(question, { name: key } as Key, { ...CONTEXT, isAskedWhole: false });
    expect(pressHere("enter")).toEqual({ state: question });
    for (const key of ["escape", "interrupt"] as const) expect(pressHere(key).effect).toEqual({ do: "answer", text: "" });
  });

  it("takes what was typed before a question for the beginning of the answer's line, but for a yes, and no line before it", () => {
    const askedAfter = (text: string, after = "y↵") => {
      const { state, effect } = typed(during({}), text);
      expect(effect).toBeUndefined();
      const panel = state.panel && { ...state.panel, question: asked, typed: keepTyped(state.panel.typed) };
      return typed({ ...state, panel }, after);
    };
    expect(askedAfter("kdir m").effect).toEqual({ do: "answer", text: "kdir my" });
    expect(askedAfter("kdir m↵").effect).toEqual({ do: "answer", text: "y" });
    expect(askedAfter("kdir m⎋").effect).toEqual({ do: "answer", text: "y" });
    expect(askedAfter("kdir m").state.panel?.typed).toBe("");
    for (const early of ["y", "YES"]) expect(askedAfter(early, "↵").effect).toEqual({ do: "answer", text: "" });
  });

  it("is stopped by Ctrl-C, and keeps the other keys from the list behind it", () => {
    expect(pressed(during({}), "^").effect).toEqual({ do: "interrupt" });
    expect(pressed(during({}), "q")).toEqual({ state: during({ typed: "q" }) });
  });

  it("takes a secret, which is typed", () => {
    const question = { text: "Auth key of demo: ", isSecret: true };
    expect(pressed(during({ question, typed: "q" }), "y").state.panel?.typed).toBe("qy");
    expect(pressed(during({ question, typed: "q" }), "↵").effect).toEqual({ do: "answer", text: "q" });
  });

  it("stays until Enter, Esc or Ctrl-C once it has ended", () => {
    const ended = during({ outcome: { text: "done", isGood: true } });
    for (const key of "↵⎋^") expect(pressed(ended, key)).toEqual({ state: { ...calls(), panel: null } });
    for (const key of "qy ") expect(pressed(ended, key)).toEqual({ state: ended });
  });
});
