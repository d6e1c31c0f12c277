import type { ActionResult, CallAction } from "../use-cases/act-on-calls.js";
import { count, countText } from "./components/data.js";

interface ActionText {
  readonly button: string;
  title(calls: number): string;
  /** Says what it means for these calls. */
  effect(calls: number): string;
  /** Says what has been done to so many calls, or to none. */
  done(calls: number): string;
}

export const CALL_ACTIONS: Readonly<Record<CallAction, ActionText>> = {
  success: {
    button: "Mark successful",
    title: (calls) => `Mark ${count(calls, "call")} successful`,
    effect: (calls) => `The service won't send ${calls === 1 ? "it" : "them"} again.`,
    done: (calls) => `${calls === 0 ? "No call" : count(calls, "call")} ${calls > 1 ? "were" : "was"} marked successful.`,
  },
  failed: {
    button: "Mark failed again",
    title: (calls) => `Mark ${count(calls, "call")} failed again`,
    effect: (calls) =>
      `${calls === 1 ? "It can be replayed then" : "They can be replayed then"}, and the service doesn't retry by itself.`,
    done: (calls) => `${calls === 0 ? "No call" : count(calls, "call")} ${calls > 1 ? "were" : "was"} marked failed again.`,
  },
  replay: {
    button: "Replay",
    title: (calls) => `Replay ${count(calls, "call")}`,
    effect: (calls) => {
      const each = calls === 1 ? "it once" : "each of them once, in the order in which they arrived";
      return `The service sends ${each}, whether retries are enabled or not.`;
    },
    // The sentence is true for as long as it is shown.
    done: (calls) => (calls === 0 ? "No call is replayed." : `The replay of ${count(calls, "call")} was requested.`),
  },
};

/** An example: "190 calls were marked successful. 10 had changed in the meantime: left as they are." */
export function describeResult(action: CallAction, { done, changed, notFound, waiting, isCollecting }: ActionResult): string {
  if (isCollecting) return "The replay was requested.";
  const sentences = [
    CALL_ACTIONS[action].done(done),
    waiting > 0 && `${countText(waiting)} of them ${waiting === 1 ? "waits" : "wait"} for an earlier replay already.`,
    changed > 0 && `${countText(changed)} had changed in the meantime: left as ${changed === 1 ? "it is" : "they are"}.`,
    notFound > 0 && `${countText(notFound)} ${notFound === 1 ? "doesn't" : "don't"} exist any more.`,
  ];
  return sentences.filter((sentence) => sentence !== false).join(" ");
}
