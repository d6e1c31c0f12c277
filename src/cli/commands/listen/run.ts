import { once } from "node:events";
import type { ParsedArgs } from "../../args/parsed-args.js";
import { EXIT_INTERRUPTED } from "../../exit-codes.js";
import type { Invocation } from "../../invocation.js";
import { safeJson } from "../../output/sanitize.js";
import type { Behaviour } from "./behaviour.js";
import { DELAY, FAIL_FIRST, FAIL_FOR, FLAKY, HANG, PORT, SEED, STATUS_CODE } from "./command.js";
import { openEndpoint, type Received } from "./listening-endpoint.js";
import { receivedJson, renderReceived } from "./received-text.js";

/** Prints what it receives until Ctrl-C, or until nobody reads its output any more. */
export async function run({ deps, args, screen }: Invocation): Promise<number> {
  const ending = new AbortController();
  const isJson = screen.format === "json" || screen.format === "ndjson";
  const isRepeat = rememberIds();
  const print = (received: Received): void => {
    const repeat = isRepeat(received);
    const line = isJson
      ? `${safeJson(receivedJson(received, repeat))}\n`
      : renderReceived(received, repeat, screen.renderOptions);
    screen.out(line).catch((error: unknown) => ending.abort(error));
  };
  const endpoint = await openEndpoint({ port: args.get(PORT), behaviour: readBehaviour(args), clock: deps.clock }, print);
  let interrupted = false;
  const stopListening = deps.io.onInterrupt(() => {
    if (interrupted) return deps.io.exitNow(EXIT_INTERRUPTED);
    interrupted = true;
    ending.abort();
  });
  try {
    // The line is data only where the output is for people; scripts read the address from stderr.
    if (isJson) screen.info(`Listening on ${endpoint.url}`);
    else await screen.out(`Listening on ${endpoint.url}\n`);
    if (!ending.signal.aborted) await once(ending.signal, "abort");
    return 0;
  } finally {
    stopListening();
    await endpoint.close();
  }
}

function readBehaviour(args: ParsedArgs): Behaviour {
  return {
    status: args.get(STATUS_CODE) ?? null,
    failFirst: args.get(FAIL_FIRST) ?? null,
    failForMs: args.get(FAIL_FOR) ?? null,
    flaky: args.get(FLAKY) ?? null,
    seed: args.get(SEED),
    delayMs: args.get(DELAY) ?? 0,
    hang: args.get(HANG),
  };
}

/** Remembers this many webhook-ids at most; what is older counts as new. */
const REMEMBERED = 100_000;

function rememberIds(): (received: Received) => boolean {
  const seen = new Set<string>();
  return ({ headers }) => {
    const id = headers["webhook-id"];
    if (typeof id !== "string") return false;
    if (seen.has(id)) return true;
    if (seen.size >= REMEMBERED) seen.clear();
    seen.add(id);
    return false;
  };
}
