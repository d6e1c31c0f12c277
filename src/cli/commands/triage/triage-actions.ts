/** Describes what can be done with calls, as the commands that do it. */
import { type CommandWords, callbackOperand } from "../../../domain/command-line.js";
import { undoWords } from "../../output/run/next-step.js";
import { type CallTarget, filterFlags } from "./call-target.js";

export type ActionName = "one" | "ten" | "all" | "mark" | "curl" | "save" | "undo";

export interface Action {
  readonly name: ActionName;
  readonly key: string;
  readonly label: string;
  /** `short` is for a line with all of them. */
  readonly short: string;
  readonly command: CommandWords;
}

const TEN = 10;

/** `undoable` is the last run of mark-success, if it wasn't undone. */
export function possibleActions(
  target: CallTarget | null,
  undoable: string | null,
  serviceFlags: readonly string[],
): readonly Action[] {
  const forCalls = target === null ? [] : actionsOn(target, serviceFlags);
  if (undoable === null) return forCalls;
  const command = undoWords(undoable, serviceFlags);
  return [...forCalls, { name: "undo", key: "u", label: "undo the last mark", short: "undo", command }];
}

function actionsOn({ callback, calls, current }: CallTarget, serviceFlags: readonly string[]): readonly Action[] {
  const operand = callbackOperand(callback);
  const command = (name: string, ids: readonly string[] | null, more: readonly string[] = []): CommandWords => {
    const flags = "filter" in calls && ids === null ? filterFlags(calls.filter) : [];
    return { command: name, operands: [operand, ...(ids ?? [])], flags: [...flags, ...more, ...serviceFlags] };
  };
  const ids = "ids" in calls ? calls.ids : null;
  const one = current === null ? null : [current];
  // Without a call under the cursor it is the oldest.
  const limit = (number: number) => ["--limit", String(number)];
  const oldest = one === null ? limit(1) : [];
  const isOne = ids?.length === 1 && ids[0] === current;
  const whole = ids === null ? "all of them" : isOne ? "it" : `the ${ids.length} selected`;
  const selected = ids === null ? "all" : `the ${ids.length}`;
  const marksOne = isOne || (ids === null && one !== null);
  return [
    {
      name: "one",
      key: "r",
      label: one === null ? "replay the oldest" : "replay this call",
      short: one === null ? "replay 1" : "replay it",
      command: command("replay", one, oldest),
    },
    ...(isOne
      ? []
      : ([
          { name: "ten", key: "t", label: "replay the ten oldest", short: "10", command: command("replay", ids, limit(TEN)) },
          { name: "all", key: "a", label: `replay ${whole}`, short: selected, command: command("replay", ids) },
        ] as const)),
    // All calls of a list can be marked one level up: a key beside r and t must not mean them.
    {
      name: "mark",
      key: "m",
      label: ids === null && one !== null ? "mark this call SUCCESS" : `mark ${whole} SUCCESS`,
      short: `mark ${marksOne ? "it" : selected}`,
      command: command("mark-success", ids ?? one),
    },
    {
      name: "curl",
      key: "c",
      label: one === null ? "copy the oldest as curl" : "copy this call as curl",
      short: "curl",
      command: command("replay", one, [...oldest, "--dry-run", "--print-curl"]),
    },
    ...(ids === null
      ? ([
          {
            name: "save",
            key: "s",
            label: "save the ids in a file",
            short: "save",
            command: command("calls list", null, ["-o", "ids"]),
          },
        ] as const)
      : []),
  ];
}
