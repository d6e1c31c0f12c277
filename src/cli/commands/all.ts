/** In the order of the first help page. */
import type { Section } from "../args/command-spec.js";
import { CALLBACKS } from "./callbacks/command.js";
import { CALLS } from "./calls/command.js";
import { CHECK } from "./check/command.js";
import { COMPLETION } from "./completion/command.js";
import { CONFIG } from "./config/command.js";
import { CONSOLE } from "./console/command.js";
import { DB } from "./db/command.js";
import { DEMO } from "./demo/command.js";
import { LISTEN } from "./listen/command.js";
import { LOGIN } from "./login/command.js";
import { MARK_FAILED, MARK_SUCCESS } from "./mark/command.js";
import { PROFILES } from "./profiles/command.js";
import { RECONCILE } from "./reconcile/command.js";
import { REPLAY } from "./replay/command.js";
import { RUNS } from "./runs/command.js";
import { SERVE } from "./serve/command.js";
import { STATUS } from "./status/command.js";
import { TRIAGE } from "./triage/command.js";
import { TRIGGER } from "./trigger/command.js";
import { USERS } from "./users/command.js";
import { VERSION } from "./version/command.js";
import { WATCH } from "./watch/command.js";

export const SECTIONS: readonly Section[] = [
  { heading: "See what failed", entries: [STATUS, WATCH, CALLS, CONSOLE, CHECK] },
  { heading: "Replay and settle", entries: [TRIAGE, REPLAY, MARK_SUCCESS, MARK_FAILED, RECONCILE, RUNS] },
  { heading: "Endpoints", entries: [CALLBACKS] },
  { heading: "Serve and rehearse", entries: [SERVE, USERS, DB, TRIGGER, LISTEN, DEMO] },
  { heading: "Settings", entries: [LOGIN, PROFILES, CONFIG, COMPLETION, VERSION] },
];
