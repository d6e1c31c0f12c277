/** The order is that of the first help page, which shows the names and summaries. The rest is loaded for the command that is typed. */
import type { CommandBody, CommandEntry, CommandSpec, GroupBody, GroupSpec, Section } from "../args/command-spec.js";

export const SECTIONS: readonly Section[] = [
  {
    heading: "See what failed",
    entries: [
      entry(
        "status",
        "show what is failing, since when, what is still retried, and what to type next",
        async () => (await import("./status/command.js")).STATUS,
      ),
      entry("watch", "watch calls come in, fail and recover, live", async () => (await import("./watch/command.js")).WATCH),
      entry(
        "calls",
        "the calls of a callback: which were delivered, which failed and why",
        async () => (await import("./calls/command.js")).CALLS,
      ),
      entry(
        "outages",
        "when each endpoint was down, and how many calls failed",
        async () => (await import("./outages/command.js")).OUTAGES,
      ),
      entry("audit", "who changed what in a service, and when", async () => (await import("./audit/command.js")).AUDIT),
      entry(
        "console",
        "print the address of a service's console, and a code to sign in",
        async () => (await import("./console/command.js")).CONSOLE,
      ),
      entry(
        "check",
        "exit 8 if too many calls have failed, for cron and CI",
        async () => (await import("./check/command.js")).CHECK,
      ),
    ],
  },
  {
    heading: "Replay and settle",
    entries: [
      entry(
        "triage",
        "go through failed calls by what they have in common, and replay or mark them",
        async () => (await import("./triage/command.js")).TRIAGE,
      ),
      entry(
        "replay",
        "send failed calls to their endpoint again, and mark those that were accepted",
        async () => (await import("./replay/command.js")).REPLAY,
        ["resend"],
      ),
      entry(
        "mark-success",
        "mark calls SUCCESS without sending them; their retries end",
        async () => (await import("./mark/command.js")).MARK_SUCCESS,
      ),
      entry(
        "mark-failed",
        "mark calls FAILED again, so that they can be replayed",
        async () => (await import("./mark/command.js")).MARK_FAILED,
      ),
      entry(
        "undo",
        "take back what a run of mark-success or reconcile has marked",
        async () => (await import("./mark/command.js")).UNDO,
      ),
      entry(
        "reconcile",
        "mark the calls that your system already has, replay the rest, and print the balance",
        async () => (await import("./reconcile/command.js")).RECONCILE,
      ),
      entry(
        "runs",
        "the journal of replays and marks: who, when, which calls, and the result of each",
        async () => (await import("./runs/command.js")).RUNS,
      ),
    ],
  },
  {
    heading: "Endpoints",
    entries: [
      entry(
        "callbacks",
        "the registered endpoints: where responses go, and who gets the e-mail about an outage",
        async () => (await import("./callbacks/command.js")).CALLBACKS,
      ),
      entry(
        "test-email",
        "send the e-mail of an outage as a test, and print what the mail server says",
        async () => (await import("./test-email/command.js")).TEST_EMAIL,
      ),
    ],
  },
  {
    heading: "Serve and rehearse",
    entries: [
      entry(
        "serve",
        "run a callbacks service here: API and dispatcher in one process, on SQLite or PostgreSQL",
        async () => (await import("./serve/command.js")).SERVE,
      ),
      entry(
        "users",
        "who may use a service of your own: passwords and API keys",
        async () => (await import("./users/command.js")).USERS,
      ),
      entry("db", "maintenance of a service's database", async () => (await import("./db/command.js")).DB),
      entry("trigger", "submit responses for whcb serve to deliver", async () => (await import("./trigger/command.js")).TRIGGER),
      entry(
        "listen",
        "run a temporary endpoint that prints what it receives, to rehearse an outage",
        async () => (await import("./listen/command.js")).LISTEN,
      ),
      entry(
        "demo",
        "run an outage, its e-mail and the replay in a few seconds, and check every count",
        async () => (await import("./demo/command.js")).DEMO,
      ),
    ],
  },
  {
    heading: "Settings",
    entries: [
      entry(
        "login",
        "store a service's credentials in a profile, after trying them",
        async () => (await import("./login/command.js")).LOGIN,
      ),
      entry("profiles", "the services that you work with", async () => (await import("./profiles/command.js")).PROFILES),
      entry(
        "config",
        "the settings in force, and where each came from",
        async () => (await import("./config/command.js")).CONFIG,
      ),
      entry("completion", "print a shell's completion script", async () => (await import("./completion/command.js")).COMPLETION),
      entry("version", "print the version", async () => (await import("./version/command.js")).VERSION),
    ],
  },
];

/** Manual pages and completion need all of them. */
export function loadAllCommands(): Promise<readonly (CommandSpec | GroupSpec)[]> {
  return Promise.all(SECTIONS.flatMap(({ entries }) => entries).map(({ load }) => load()));
}

function entry(
  name: string,
  summary: string,
  loadBody: () => Promise<CommandBody | GroupBody>,
  aliases: readonly string[] = [],
): CommandEntry {
  return { name, aliases, summary, load: async () => ({ name, aliases, summary, ...(await loadBody()) }) };
}
