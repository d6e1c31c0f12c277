import { describe, expect, it } from "vitest";
import { possibleActions } from "../../../../../src/cli/commands/triage/triage-actions.js";
import {
  type FrameOptions,
  isAskedWhole,
  shortCommand,
  triageFrame,
} from "../../../../../src/cli/commands/triage/triage-frame.js";
import {
  callTargetOf,
  type Level,
  newState,
  type TriageState,
  topLevel,
} from "../../../../../src/cli/commands/triage/triage-state.js";
import { PLAIN } from "../../../../../src/cli/output/screen.js";
import { aListedCall, aListedCallback } from "../../../../support/cli/listed.js";

const NOW = Date.UTC(2026, 10, 24, 12);
const callback = aListedCallback();
const base = { id: 1, cursor: 0, filterText: "", isLoaded: true, callback };
const group = {
  count: 12,
  values: { statusCode: 503, reason: "Service Unavailable" },
  firstAttemptedAt: NOW - 60_000,
  lastAttemptedAt: NOW - 5_000,
  exampleId: null,
};

function frame(state: TriageState, columns = 80, rows = 14): string {
  const options: FrameOptions = {
    palette: PLAIN,
    utc: true,
    now: NOW,
    width: columns,
    serviceFlags: [],
    actions: possibleActions(callTargetOf(topLevel(state)), null, []),
  };
  const { header, body, footer } = triageFrame(state, { columns, rows }, options);
  return `\n${[...header, ...body, ...footer].map((line) => String(line).trimEnd()).join("\n")}`;
}

const GROUPS: Level = {
  ...base,
  kind: "groups",
  dimension: "cause",
  counted: {
    groups: [group, { ...group, count: 3, values: { statusCode: null, reason: "refused" } }],
    calls: 15,
    otherCalls: 0,
    readAt: NOW,
  },
};

describe("the screen of triage", () => {
  it("shows groups, with what can be done", () => {
    expect(frame(newState(GROUPS))).toMatchInlineSnapshot(`
      "
      whcb triage  15 failed calls of demo, by status code and reason
      as of 2026-11-24 12:00:00Z
      >       12  503 Service Unavailable                             last 5s ago
               3  no answer: refused                                  last 5s ago

      ? actions  Tab groups  / filter  R refresh  @ log  q quits
      r replay 1  t 10  a all  m mark all  c curl  s save"
    `);
  });

  it("says where the cursor is in a list that is longer than the screen", () => {
    const groups = Array.from({ length: 40 }, (_, hour) => ({ ...group, values: { statusCode: hour, reason: "" } }));
    const counted = { groups, calls: 480, otherCalls: 0, readAt: null };
    expect(frame(newState({ ...GROUPS, counted, cursor: 30 } as Level))).toContain("\n31 of 40\n");
    expect(frame(newState({ ...GROUPS, counted, cursor: 30 } as Level), 80, 60)).not.toContain("31 of 40");
  });

  it("doesn't say of held calls that there was no answer", () => {
    const held = { ...group, values: { statusCode: null, reason: "not-sent" } };
    const counted = { groups: [held], calls: 12, otherCalls: 0, readAt: NOW };
    expect(frame(newState({ ...GROUPS, counted } as Level))).toMatch(/> +12 {2}no outcome yet +last/);
  });

  it("shows a group by what else its calls have in common", () => {
    const part = { dimension: "hour", group: { ...group, count: 7, values: { hour: NOW } } } as const;
    const level: Level = {
      ...base,
      kind: "group",
      dimension: "cause",
      group,
      filter: { statusCodes: [{ code: 503 }] },
      parts: [part],
      cursor: 1,
    };
    expect(frame(newState(level))).toMatchInlineSnapshot(`
      "
      whcb triage  demo: 503 Service Unavailable, 12 calls

              12  all of them
      >        7  2026-11-24 12:00Z                                     hour

      ? actions  / filter  R refresh  @ log  q quits
      r replay 1  t 10  a all  m mark all  c curl  s save"
    `);
  });

  it("shows calls, those that are selected, and how many of those the filter hides", () => {
    const line = { attemptedAt: NOW, outcome: "503 Service Unavailable", from: "61491570140", content: "yes, \u001b[2Jplease" };
    const lines = new Map([
      ["A", line],
      ["B", line],
    ]);
    const selected = new Map([
      ["A", "yes, please"],
      ["X", "no"],
    ]);
    const level: Level = {
      ...base,
      kind: "calls",
      title: "503",
      filter: {},
      ids: ["A", "B", "C"],
      lines,
      total: 3,
      selected,
      filterText: "yes",
      cursor: 1,
    };
    expect(frame(newState(level), 100)).toMatchInlineSnapshot(`
      "
      whcb triage  demo: 503, 3 calls; 1 selected, 1 more hidden by the filter
      filter: yes  (Esc removes it)
        x 2026-11-24 12:00:00Z 503 Service Unavailable  61491570140              yes, ␛[2Jplease
      >   2026-11-24 12:00:00Z 503 Service Unavailable  61491570140              yes, ␛[2Jplease
          C

      ? actions  space selects  / filter  R refresh  @ log  q quits
      r replay it  t 10  a the 1  m mark the 1  c curl"
    `);
  });

  it("shows a call with its attempts and how they differ, wrapped", () => {
    const attempt = {
      number: 1,
      attemptedAt: NOW,
      durationMs: 3,
      statusCode: 503,
      statusMessage: "Service Unavailable",
      error: null,
      cause: "first",
      body: null,
      sentFrom: null,
      isResent: false,
      retryAfterMs: null,
    } as const;
    const attempts = [attempt, { ...attempt, number: 2, statusCode: 500, statusMessage: "Oops" }];
    const details = {
      call: aListedCall({ content: "a long answer ".repeat(8).trim() }),
      callback,
      attempts,
      reportsRetries: true,
      outage: null,
    };
    const level: Level = { ...base, kind: "call", callId: details.call.id, details };
    const shown = frame(newState(level), 60, 40);
    expect(shown).toContain("How the attempts differ:\n  #2 not as #1: 503 Service Unavailable -> 500 Oops\n");
    expect(shown.split("\n").filter((row) => row.length > 60)).toEqual([]);
    expect(frame(newState({ ...level, filterText: "oops" }), 60, 40)).toMatch(
      /filter: oops {2}\(Esc removes it\)\n {2}2 {2}.* 500 {2}Oops\n {2}#2 not as .* 500 Oops\n\n/,
    );
  });

  it("shows a command that runs: the end of its output and its question, and says if more is asked than fits", () => {
    const output = Array.from({ length: 30 }, (_, index) => `line ${index}`);
    const panel = {
      command: "whcb replay demo --failed",
      output,
      progress: null,
      question: { text: "Send 12 calls again? [y/N] ", isSecret: false },
      typed: "hush",
      outcome: null,
    };
    expect(frame({ ...newState(GROUPS), panel }, 60, 10)).toMatchInlineSnapshot(`
      "
      whcb triage  15 failed calls of demo, by status code and reason
      as of 2026-11-24 12:00:00Z
      What is asked doesn't fit: make the window larger.
      line 25
      line 26
      line 27
      line 28
      line 29
      Send 12 calls again? [y/N] hush
      Esc: no; Enter isn't taken until all of it fits"
    `);
    const fitting = frame({ ...newState(GROUPS), panel: { ...panel, output: output.slice(0, 6) } }, 60, 10);
    expect(fitting).toMatch(/\n *line 0\n(?:.*\n){5}Send 12 calls again/);
    expect(fitting).not.toContain("whcb replay");
    expect(frame({ ...newState(GROUPS), panel: { ...panel, output: ["line 0"] } }, 60, 4)).toContain("make the window larger");
    expect(
      frame({ ...newState(GROUPS), panel: { ...panel, question: null, outcome: { text: "exit code 8", isGood: false } } }, 60, 8),
    ).toContain("exit code 8");
    const secret = { text: "Auth key of demo: ", isSecret: true };
    expect(frame({ ...newState(GROUPS), panel: { ...panel, question: secret } })).toContain("Auth key of demo: ••••\n");
  });

  it("continues a command on the next row, so that a row that is pasted alone is no other command", () => {
    const undo =
      "undo: whcb runs show 20261203-073744-362E5AC -o ids | whcb mark-success A9A84AEB4D849AD1 - --yes --profile copy";
    const panel = { command: "whcb undo", output: [undo], progress: null, question: null, typed: "", outcome: null };
    for (let columns = 50; columns < 120; columns++) {
      const rows = frame({ ...newState(GROUPS), panel }, columns, 12)
        .split("\n")
        .map((row) => row.trimEnd());
      const from = rows.findIndex((row) => row.startsWith("undo: "));
      const to = rows.findIndex((row) => row.endsWith("copy"));
      expect(
        rows
          .slice(from, to + 1)
          .join("\n")
          .replaceAll(" \\\n", " "),
      ).toBe(undo);
    }
  });

  it("says that Enter is taken only where all that is asked is shown, in a window of any size", () => {
    const panel = {
      command: "whcb mark-success demo --failed",
      output: ["service: http://127.0.0.1:8787", "30 failed calls of demo -> SUCCESS, last attempts from 2026-11-24 12:00:00Z"],
      progress: null,
      question: { text: "Mark 30 calls SUCCESS? [y/N] ", isSecret: false },
      typed: "y",
      outcome: null,
    };
    const words = [...panel.output, panel.question.text, "y"].join(" ").split(/\s+/).join(" ");
    const outcomes = new Set<string>();
    for (const columns of [30, 60, 100]) {
      for (let rows = 1; rows <= 14; rows++) {
        const shown = frame({ ...newState(GROUPS), panel }, columns, rows);
        const isShown = shown.split(/\s+/).join(" ").includes(words) && shown.split("\n").length - 1 <= rows;
        expect([columns, rows, isAskedWhole(panel, { columns, rows })]).toEqual([columns, rows, isShown]);
        expect([columns, rows, shown.includes("y and Enter: yes")]).toEqual([columns, rows, isShown]);
        outcomes.add(`${columns} ${isShown}`);
      }
    }
    expect(outcomes.size).toBe(6);
  });

  it("lists what is possible and what was run", () => {
    expect(frame({ ...newState(GROUPS), overlay: { kind: "actions", cursor: 5 } }, 80, 10)).toContain(
      "> s  save the ids in a file",
    );
    const ran = [
      { ranAt: NOW, command: "whcb replay demo --failed", outcome: { text: "nothing done", isGood: true } },
      { ranAt: NOW, command: "whcb mark-success demo A", outcome: { text: "exit code 8", isGood: false } },
    ];
    expect(frame({ ...newState(GROUPS), ran, overlay: { kind: "commands", cursor: 0 } })).toContain(
      "2026-11-24 12:00:00Z  exit code 8\n  whcb mark-success demo A\n2026-11-24 12:00:00Z  nothing done\n  whcb replay demo --failed",
    );
  });
});

it("a command with many ids is shown with a few of them and their number", () => {
  const ids = Array.from({ length: 5 }, (_, index) => String(index).repeat(32));
  expect(shortCommand(`whcb replay demo ${ids.join(" ")} --limit 10`)).toBe(
    `whcb replay demo ${ids.slice(0, 3).join(" ")} … (5 ids) --limit 10`,
  );
  expect(shortCommand(`whcb replay demo ${ids[0]}`)).toBe(`whcb replay demo ${ids[0]}`);
});
