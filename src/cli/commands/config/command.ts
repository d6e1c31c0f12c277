import type { CommandSpec, GroupSpec } from "../../args/command-spec.js";
import { COLUMNS, OUTPUT, OUTPUT_TEXT_JSON } from "../../args/output-flags.js";
import { SHELLS } from "../completion/shells.js";
import { KEEP_CURRENT, LOGIN_NAME, USERNAME } from "../login/login-flags.js";

export const LOGIN: CommandSpec = {
  name: "login",
  operands: [["[service]", "its URL, or a database file"]],
  summary: "keep a service's credentials in a profile, after trying them",
  details: `On a terminal it asks for what is missing; without one, user, password and API key come from WHCB_USERNAME, WHCB_PASSWORD and
WHCB_API_KEY. They are tried against the service before they are kept (0600), and go to this service's origin only.
A database file needs none.`,
  flags: [LOGIN_NAME, USERNAME, KEEP_CURRENT],
  examples: [
    ["whcb login https://api.au.whispir.com", "asks for user, password and API key"],
    ["whcb login --name prod https://api.au.whispir.com", "a name of one's own"],
    ["whcb login ./x.db", "work on a file, with no server running"],
  ],
  load: () => import("../login/run.js"),
};

export const PROFILES: GroupSpec = {
  name: "profiles",
  summary: "the services that one works against",
  commands: [
    {
      name: "list",
      summary: "list the profiles",
      flags: [OUTPUT, COLUMNS],
      examples: [["whcb profiles list", "names, addresses, which is current"]],
      load: async () => ({ run: (await import("../profiles/run.js")).listProfiles }),
    },
    {
      name: "use",
      operands: [["<profile>", "its name"]],
      summary: "make a profile the current one",
      flags: [],
      examples: [["whcb profiles use prod", "the next commands go there"]],
      load: async () => ({ run: (await import("../profiles/run.js")).useProfile }),
    },
    {
      name: "remove",
      operands: [["<profile>", "its name"]],
      summary: "forget a profile and its credentials",
      flags: [],
      examples: [["whcb profiles remove old", "its credentials are gone"]],
      load: async () => ({ run: (await import("../profiles/run.js")).removeProfile }),
    },
  ],
  examples: [["whcb profiles use prod", "the next commands go there"]],
};

export const CONFIG: GroupSpec = {
  name: "config",
  summary: "the settings that count, and where each came from",
  commands: [
    {
      name: "get",
      operands: [["[name]", "one of: profile, url, username, password, apiKey, callback, timezone, rate"]],
      summary: "show settings and where they came from; secrets are masked",
      flags: [OUTPUT_TEXT_JSON],
      examples: [
        ["whcb config get", "all of them"],
        ["whcb config get url", "one"],
      ],
      load: async () => ({ run: (await import("./run.js")).getConfig }),
    },
    {
      name: "set",
      operands: [
        ["<name>", "one of: url, username, callback, timezone, rate; password and apiKey with -"],
        ["<value>", 'the value; "" removes it; - reads it from stdin or a prompt'],
      ],
      summary: "change a setting of the profile",
      flags: [],
      examples: [
        ["whcb config set callback demo", "the default callback"],
        ["whcb config set timezone Australia/Sydney", "the zone of the platform's dates"],
        ["whcb config set rate 10/s", "what the plan allows"],
        ["whcb config set password - < password.txt", "secrets come from stdin or a prompt"],
      ],
      load: async () => ({ run: (await import("./run.js")).setConfig }),
    },
    {
      name: "path",
      summary: "print the settings file's path",
      flags: [],
      examples: [["whcb config path", "where it is"]],
      load: async () => ({ run: (await import("./run.js")).printPath }),
    },
  ],
  examples: [["whcb config get", "what counts, and where it came from"]],
};

export const COMPLETION: CommandSpec = {
  name: "completion",
  operands: [["<shell>", SHELLS.join(", ")]],
  summary: "print a shell's completion script",
  flags: [],
  examples: [
    ['eval "$(whcb completion bash)"', "bash, in .bashrc"],
    ['eval "$(whcb completion zsh)"', "zsh, in .zshrc"],
    ["whcb completion fish | source", "fish, in config.fish"],
    ["whcb completion powershell | Out-String | Invoke-Expression", "PowerShell, in $PROFILE"],
  ],
  load: () => import("../completion/run.js"),
};
