import { WhcbError } from "../../domain/errors.js";
import { DEFAULT_REPLAY_OPTIONS, type ReplayOptions, type SendingPace } from "../../runs/run-options.js";
import { withoutUndefined } from "../../wire/json/json-value.js";
import { choice, choiceOr, type FlagValues, flag, needing, value, values } from "./flag.js";
import { integer, parseCallbackUrl, parseRate } from "./flag-values.js";

export const EGRESS_PROXY = value(
  "--egress-proxy <url>",
  "send through this proxy, but for NO_PROXY (or WHCB_EGRESS_PROXY, for a URL with a login)",
  String,
);
export const DRY_RUN = flag("--dry-run", "show what would be done, and do nothing");
export const WAIT = flag("--wait", "if another run is working on the calls, wait until it ends");

export const SENDING_FLAGS = {
  concurrency: {
    ...value("--concurrency <n>", "requests at once", integer(1, 256)),
    defaultText: String(DEFAULT_REPLAY_OPTIONS.concurrency),
  },
  rate: value("--rate <n/s>", "at most so many requests a second, such as 20/s", parseRate),
  noCanary: flag("--no-canary", "don't send one call first"),
  maxFailures: {
    ...value("--max-failures <n>", "stop after this many failures in a row", integer(1)),
    defaultText: String(DEFAULT_REPLAY_OPTIONS.maxFailures),
  },
  serialBy: choice("--serial-by <what>", "keep the order within one sender or message: from or message", ["from", "message"]),
  contentType: choice("--content-type <format>", "json or xml, of a callback for which the service doesn't return it", [
    "json",
    "xml",
  ]),
  allowNetwork: values(
    "--allow-network <cidr>",
    "send to addresses in this network too, though the service isn't on this machine (or the profile's allowNetwork)",
    String,
  ),
  egressProxy: EGRESS_PROXY,
};

const TO = value(
  "--to <url>",
  "send there instead; marks nothing unless --mark is given. With --resume: again, if it holds a secret",
  parseCallbackUrl("--to"),
);

export const TARGET_FLAGS = {
  to: TO,
  ...needing([{ flag: TO }], {
    withAuth: flag("--with-auth", "with --to: send the callback's auth too"),
    mark: flag("--mark", "with --to: mark what was accepted"),
  }),
  via: choiceOr("--via <what>", "direct: send from here; service: ask the service to send", "direct", ["direct", "service"]),
};

export function readReplayOptions(given: FlagValues<typeof TARGET_FLAGS & typeof SENDING_FLAGS>): ReplayOptions {
  const { to = null, withAuth, mark } = given;
  const viaService = given.via === "service";
  if (viaService && to !== null)
    throw new WhcbError("usage", "--via service and --to can't be combined: the service sends to its callbacks only");
  return { ...readSendingFlags(given), to, withAuth, mark: to === null || mark, viaService };
}

export function readSendingFlags(given: FlagValues<typeof SENDING_FLAGS>): ReplayOptions {
  return { ...DEFAULT_REPLAY_OPTIONS, ...readSendingPace(given), contentType: given.contentType };
}

/** Has only what was given. */
export function readSendingPace(given: FlagValues<typeof SENDING_FLAGS>): Partial<SendingPace> {
  const { concurrency, rate, noCanary, maxFailures, serialBy } = given;
  return withoutUndefined({ concurrency, rate, maxFailures, serialBy, canary: noCanary ? false : undefined });
}
