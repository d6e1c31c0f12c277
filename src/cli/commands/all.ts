/** Every command, in the order of the first help page. Only declarations: a handler is loaded when its command runs. */
import type { Section } from "../spec/command-spec.js";
import { CALLBACKS } from "./callbacks.js";
import { CALLS } from "./calls.js";
import { CHECK, STATUS } from "./looking.js";
import { MARK_FAILED, MARK_SUCCESS } from "./mark.js";
import { RECONCILE, REPLAY } from "./replay.js";
import { RUNS } from "./runs.js";
import { DEMO, LISTEN, SERVE, TRIGGER } from "./serving.js";
import { COMPLETION, CONFIG, LOGIN, PROFILES } from "./settings.js";

export const SECTIONS: readonly Section[] = [
  { heading: "See what failed", entries: [STATUS, CALLS, CHECK] },
  { heading: "Put it right", entries: [REPLAY, MARK_SUCCESS, MARK_FAILED, RECONCILE, RUNS] },
  { heading: "Endpoints", entries: [CALLBACKS] },
  { heading: "Serve and rehearse", entries: [SERVE, TRIGGER, LISTEN, DEMO] },
  { heading: "Settings", entries: [LOGIN, PROFILES, CONFIG, COMPLETION] },
];
