import { command } from "../../args/command-spec.js";
import { flag } from "../../args/flag.js";
import { OUTPUT_TEXT_JSON } from "../../args/shared-flags.js";

const FLAGS = { open: flag("--open", "open the address in the browser"), output: OUTPUT_TEXT_JSON };
export type ConsoleFlags = typeof FLAGS;

export const CONSOLE = command({
  details: `The code signs in the profile's user. It is valid for 5 minutes and for one use. The console is part of \`whcb serve\`; the platform has none.
On this machine, signing in leads to a host name of the session's own, below localhost, which other programs don't know: keep it to yourself.
Safari knows such names from macOS 26 on.`,
  flags: FLAGS,
  examples: [
    ["whcb console", "address and code"],
    ["whcb console --open", "open it, and type the code there"],
  ],
  load: () => import("./run.js"),
});
